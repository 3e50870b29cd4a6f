"""What callers of the message API can do wrong, under the names they know."""

from __future__ import annotations


class InvalidStateError(ValueError):
    """The `state` of a call is none."""


class RailTypeNotConfiguredError(ValueError):
    """`check` was asked for rails that the configuration does not have."""


class StreamingNotSupportedError(ValueError):
    """Streaming is not possible with this configuration."""
