"""What the standard library is called; `colang.project.loader` reads it by these names without importing it."""

from __future__ import annotations

from collections.abc import Mapping

#: Packages that hold modules; a module `core` is the resource ``core.co``.
LIBRARY_ROOTS: tuple[str, ...] = ("colang_interpreter.library",)

#: What paths of library files begin with when they are reported.
LIBRARY_LABEL = "<library>"

#: Import paths of the reference's package, and where the same modules are here; first match first. Section 8.8.
ALIASES: Mapping[str, tuple[str, ...]] = {"nemoguardrails/library": ("rails", "")}


def spellings(path: str) -> list[str]:
    """The names a library module may have for an import path.

    >>> spellings("core")
    ['core']
    >>> spellings("nemoguardrails/library/self_check/facts")
    ['nemoguardrails/library/self_check/facts', 'rails/self_check/facts', 'self_check/facts']
    """
    names = [path]
    for prefix, folders in ALIASES.items():
        if path == prefix or path.startswith(prefix + "/"):
            rest = path[len(prefix) + 1 :]
            names.extend("/".join(part for part in (folder, rest) if part) for folder in folders)
    return [name for name in names if name]
