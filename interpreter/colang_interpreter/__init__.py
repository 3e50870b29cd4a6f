"""Compile and run Colang programs."""
