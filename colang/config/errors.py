"""Exceptions of settings; all are ValueErrors. Section 4 of the settings, names as users of the reference know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from colang.diagnostics import Diagnostic
from colang.source import Source


class ConfigurationError(ValueError):
    """A configuration cannot be used. `diagnostics` holds all errors, with file and position."""

    def __init__(self, message: str = "", diagnostics: Sequence[Diagnostic] = ()) -> None:
        """Take over a message and the findings it was made of."""
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class InvalidModelConfigurationError(ConfigurationError):
    """The settings of a model are not valid, for example the variable with its key is not set."""


class InvalidRailsConfigurationError(ConfigurationError):
    """The settings of rails are not valid, for example a rail names a flow that does not exist."""


class StreamingNotSupportedError(InvalidRailsConfigurationError):
    """Streaming was asked for and the settings do not allow it."""


class RailTypeNotConfiguredError(InvalidRailsConfigurationError):
    """A kind of rails was asked for that the settings do not have."""


class InvalidStateError(ValueError):
    """A state given from outside cannot be used."""


class ColangParsingError(ConfigurationError):
    """A Colang file cannot be parsed; the message names file, line and cause of each error."""


def worded(diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source]) -> str:
    """Findings as the message of an exception, one line each: file, line, message, advice."""
    lines: list[str] = []
    for finding in diagnostics:
        path = finding.path or "<config>"
        source = sources.get(path)
        where = f", line {source.position(finding.span.start).line}" if source else ""
        advice = f" ({finding.help})" if finding.help else ""
        lines.append(f"{path}{where}: {finding.message}{advice}")
    return "\n".join(lines)
