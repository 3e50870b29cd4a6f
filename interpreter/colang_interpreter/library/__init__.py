"""The standard library: `.co` modules and the Python actions behind them."""
