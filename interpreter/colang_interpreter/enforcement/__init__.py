"""What a project's rails really enforce: which flows check messages, in which order, and what cannot work.

Start at `enforced`. Nothing of the project is executed; conversations have no part in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colang_interpreter.enforcement.model import Enforcement, Rail

if TYPE_CHECKING:
    from colang.project import Project

__all__ = ["Enforcement", "Rail", "enforced"]


def enforced(project: Project) -> Enforcement:
    r"""What is enforced in a project of either dialect.

    Example:
        >>> from colang import Project
        >>> files = {
        ...     "main.co": "define subflow check words\n  $bad = execute has_bad_word\n  if $bad\n    stop\n",
        ...     "config.yml": "models: []\nrails: {input: {flows: [check words, check wrods]}}\n",
        ... }
        >>> for rail in enforced(Project.from_texts(files)).rails:
        ...     print(rail.kind, rail.call, rail.line, rail.problems)
        input check words 1 ('no file of the project has the action `has_bad_word`, and it is not built in',)
        input check wrods 0 ('no flow is named `check wrods`; did you mean `check words`?',)
    """
    if project.version == "2.x":
        from colang_interpreter.enforcement.reading_v2 import read
    else:
        from colang_interpreter.enforcement.reading_v1 import read
    return read(project)
