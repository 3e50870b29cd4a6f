"""Benchmarks: side by side with the reference (`python -m benchmarks`), and growth laws (`growth.py`)."""
