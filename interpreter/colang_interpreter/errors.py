"""Errors that embedders meet, whichever dialect runs."""

from __future__ import annotations


class StateError(Exception):
    """A state cannot be saved or restored; the text says why."""
