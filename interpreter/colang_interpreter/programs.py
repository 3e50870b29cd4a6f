"""From a project to a program that runs, for either dialect."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from colang import Project
    from colang.config import RailsConfig
    from colang_interpreter.v2.program import Program

_COMPILERS = {
    "1.0": "colang_interpreter.v1.program",
    "2.x": "colang_interpreter.v2.program",
}


def compile(
    project: Project | RailsConfig, *, compat: Literal["nemoguardrails"] | None = None
) -> Program:
    r"""Compile a project, or the one a configuration was loaded from, once and for all conversations.

    Args:
        project: What to compile.
        compat: Keep the quirks of the reference that programs could depend on; `Program.compat` lists them.

    Raises:
        CompileError: Something in it is an error; `diagnostics` lists all findings.

    Example:
        >>> import colang
        >>> project = colang.Project.load({"main.co": "flow main\n  match Ping()\n"})
        >>> compile(project).version
        '2.x'
    """
    config: Any = None
    source: Any = project
    if hasattr(source, "colang_version"):  # a RailsConfig, perhaps changed since it was loaded
        config, source = source, source.project
    module = _COMPILERS[source.version]
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"this installation has no machine for Colang {source.version}")
    program: Program = importlib.import_module(module).compile_project(
        source, compat=compat is not None
    )
    if config is None:
        return program
    changed: Program = dataclasses.replace(cast(Any, program), settings=config)
    return changed
