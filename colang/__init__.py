"""Colang toolchain: the language front end."""
