"""The host: everything around a machine that knows asyncio, clocks, threads and Python actions."""
