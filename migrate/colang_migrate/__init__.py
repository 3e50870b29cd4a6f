"""Migrate Colang 1.0 and 2.0-alpha to 2.x."""
