"""Migrate Colang 1.0 and 2.0-alpha to 2.x.

`migrate` changes a folder in place and is what other tools call; `plan` does the same for files in memory and
writes nothing; `verify_migration` proves a result; `migrate_text` and `migrate_fragment` do one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colang_migrate.findings import Finding, TextResult
    from colang_migrate.folder import Options, Plan, plan
    from colang_migrate.journal import MigrateError
    from colang_migrate.migration import (
        convert_colang_1_syntax,
        convert_colang_2alpha_syntax,
        migrate,
        plan_path,
        write,
    )
    from colang_migrate.report import Report
    from colang_migrate.text import migrate_fragment, migrate_text
    from colang_migrate.verify.verification import Verification, verify_migration

_HOMES = {
    "Finding": "findings",
    "MigrateError": "journal",
    "Options": "folder",
    "Plan": "folder",
    "Report": "report",
    "TextResult": "findings",
    "Verification": "verify.verification",
    "convert_colang_1_syntax": "migration",
    "convert_colang_2alpha_syntax": "migration",
    "migrate": "migration",
    "migrate_fragment": "text",
    "migrate_text": "text",
    "plan": "folder",
    "plan_path": "migration",
    "verify_migration": "verify.verification",
    "write": "migration",
}

__all__ = [
    "Finding",
    "MigrateError",
    "Options",
    "Plan",
    "Report",
    "TextResult",
    "Verification",
    "convert_colang_1_syntax",
    "convert_colang_2alpha_syntax",
    "migrate",
    "migrate_fragment",
    "migrate_text",
    "plan",
    "plan_path",
    "verify_migration",
    "write",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
