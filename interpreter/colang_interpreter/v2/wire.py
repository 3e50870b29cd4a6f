"""Saved states: a conversation as JSON and back (section 7.6 of the Colang 2.x specification).

The document holds positions, variables, actions, counters and the seed; never code, flows or settings. It is
bound to the digest of its program. Everything read is validated field by field: a document from outside can
at worst describe an odd conversation, never run anything.

Layout (version 1), all lists compact:
    flows      names of flows, referred to by number
    instances  [flow, uid, status, parent, place, heads, locals, arguments, more?]
    actions    [uid, name, arguments, status, context, creator uid, users, foreign]
    activations [reference, count, {owner: share}, running]
    heap       containers that several places share
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colang_interpreter.errors import StateError
from colang_interpreter.sealing import opened, seal
from colang_interpreter.v2.errors import ColangRuntimeError
from colang_interpreter.v2.wire_format import VERSION
from colang_interpreter.v2.wire_reader import read
from colang_interpreter.v2.wire_writer import written
from colang_interpreter.values import ExpressionError

if TYPE_CHECKING:
    from colang_interpreter.v2.program import Program
    from colang_interpreter.v2.state import State


def dump(state: State) -> str:
    """The state as JSON text.

    Raises:
        StateError: A variable holds an object that cannot be saved.
    """
    return seal(written(state))


def duplicate(state: State) -> State:
    """An independent copy of a conversation; objects that cannot be saved are shared with it."""
    foreign: list[Any] = []
    document = written(state, foreign)
    return read(state.program, document, foreign)


def restore(program: Program, blob: str | bytes) -> State:
    """The state that `dump` saved.

    Raises:
        StateError: The document is too large, damaged, of an unknown version, or belongs to another program.
    """
    document = opened(blob, dialect="2.x", version=VERSION, program=program.digest)
    try:
        return read(program, document)
    except StateError:
        raise
    except (
        KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError, RecursionError,
        ExpressionError, ColangRuntimeError,
    ) as error:  # fmt: skip
        raise StateError(f"the saved state is damaged: {type(error).__name__}: {error}") from None
