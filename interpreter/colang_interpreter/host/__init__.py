"""The host: everything around a machine that knows asyncio, clocks, threads and Python actions.

Start at `bot.Bot` and `session.Session`. Below them `loop.Conversation` is the outer loop of one conversation; it
asks `rules` what an event means in a dialect, has `running` run Python actions, `channels` perform speech and
timers, and reaches the machine through a `log.Tape` only.
"""
