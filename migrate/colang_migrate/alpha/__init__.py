"""Colang 2.0-alpha to 2.x (migration, section 17): rewrites over the tokens of a file, one subject a module."""

from colang_migrate.alpha.engine import migrate_alpha

__all__ = ["migrate_alpha"]
