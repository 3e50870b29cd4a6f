"""Records behave like frozen dataclasses: construction, equality, copies, and what they refuse."""

from __future__ import annotations

import copy
import dataclasses
import sys
import threading
from typing import Any

import pytest

from colang.records import Draft, Record, changed, fields, fresh


class Place(Record, kw_only=False):
    line: int
    column: int = 1


class Named(Record):
    """Two fields, the second with a default."""

    name: str
    place: Place | None = None

    @property
    def loud(self) -> str:
        return self.name.upper()


class Longer(Named):
    more: tuple[int, ...] = ()
    name: str = "nobody"  # a field of the base gets a default


NAMED: Any = Named
PLACE: Any = Place


def test_fields_come_from_the_bases_first() -> None:
    assert fields(Longer) == ("name", "place", "more")
    assert fields(Named(name="a")) == ("name", "place")


def test_construction() -> None:
    assert (Place(3).line, Place(3).column, Place(3, 4).column) == (3, 1, 4)
    assert Named(name="a").loud == "A"
    made = Longer(more=(1,))
    assert (made.name, made.place, made.more) == ("nobody", None, (1,))
    # A class is not fooled by the constructor that its base got when it was used first.
    assert Named(name="b").name == "b"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: NAMED(), "missing 1 required keyword-only argument: 'name'"),
        (lambda: NAMED(nmae="a"), "unexpected keyword argument 'nmae'"),
        (lambda: NAMED("a"), "positional argument"),
        (lambda: PLACE(), "missing 1 required positional argument: 'line'"),
        (lambda: changed(Place(1), row=2), "unexpected keyword argument 'row'"),
    ],
)  # fmt: skip
def test_wrong_arguments(make: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        make()


def test_equality_needs_the_same_class() -> None:
    assert Place(1) == Place(1, 1)
    assert hash(Place(1)) == hash(Place(1, 1))
    assert Place(1) != Place(2)
    assert Named(name="nobody") != Longer()
    assert Place(1) != (1, 1)


def test_nothing_can_be_set() -> None:
    place: Any = Place(1)
    with pytest.raises(AttributeError, match="Place is frozen: 'line' cannot be set"):
        place.line = 2
    with pytest.raises(AttributeError, match="Place is frozen: 'line' cannot be deleted"):
        del place.line
    with pytest.raises(AttributeError):
        place.other = 1
    assert place == Place(1)


def test_copies() -> None:
    named = Named(name="a", place=Place(2))
    assert copy.copy(named) == copy.deepcopy(named) == named
    assert changed(named, place=None) == Named(name="a")
    if sys.version_info >= (3, 13):
        assert copy.replace(named, name="b").name == "b"


def test_it_reads_like_the_call_that_made_it() -> None:
    named = Named(name="a", place=Place(2))
    assert repr(named) == "Named(name='a', place=Place(line=2, column=1))"
    assert eval(repr(named)) == named


def test_threads_may_be_first_together() -> None:
    for _ in range(50):

        class Fresh(Record):
            value: int

        made: list[int] = []
        start = threading.Barrier(4)

        def make(kind: type[Any] = Fresh, start: Any = start, made: list[Any] = made) -> None:
            start.wait()
            made.append(kind(value=7).value)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [7] * 4


class Page(Draft):
    title: str
    lines: list[str] = fresh(factory=list)
    number: int = 0


def test_a_draft_can_be_changed() -> None:
    page = Page("one")
    page.title = "two"
    page.lines.append("a")
    assert page == Page("two", ["a"])
    assert (Page("x").lines, Page("x", number=3).number) == ([], 3)
    assert copy.deepcopy(page) == page
    assert copy.deepcopy(page).lines is not page.lines
    assert repr(page) == "Page(title='two', lines=['a'], number=0)"


def test_a_draft_has_no_hash_and_no_other_fields() -> None:
    page: Any = Page("one")
    with pytest.raises(TypeError, match="unhashable"):
        hash(page)
    with pytest.raises(AttributeError):
        page.other = 1


def test_the_functions_for_dataclasses_know_them() -> None:
    longer = Longer(name="a", place=Place(2), more=(1,))
    assert dataclasses.is_dataclass(longer)
    assert [each.name for each in dataclasses.fields(longer)] == ["name", "place", "more"]
    assert [each.name for each in dataclasses.fields(Named)] == ["name", "place"]
    assert dataclasses.replace(longer, more=()) == Longer(name="a", place=Place(2))
    assert dataclasses.asdict(longer) == {
        "name": "a",
        "place": {"line": 2, "column": 1},
        "more": (1,),
    }
    assert dataclasses.asdict(Page("x")) == {"title": "x", "lines": [], "number": 0}
