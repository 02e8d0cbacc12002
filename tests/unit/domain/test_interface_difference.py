"""What `SignatureChanged` shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest

from farcall.authoring import Doc, Range, Term, Unit
from farcall.authoring.signature import describe
from farcall.domain.difference import difference
from farcall.domain.interface import Interface


@dataclasses.dataclass
class One:
    x: int
    y: int = 1


@dataclasses.dataclass
class Two:
    y: float
    z: int = 1


Two.__name__ = "One"


def between(old: Any, new: Any) -> list[str]:
    return difference(Interface.parse(describe(old)), Interface.parse(describe(new))).splitlines()


def base(time: Annotated[float, Unit("s"), Range(0, 100)], steps: int = 10) -> float: ...  # type: ignore[empty-body]  # only its signature counts


def test_an_interface_does_not_differ_from_itself_nor_by_its_prose() -> None:
    def new(time: Annotated[float, Unit("s"), Range(0, 100), Doc("new words")], steps: int = 10) -> float:
        """New words."""
        return time

    assert between(base, base) == []
    assert between(base, new) == []


def test_each_change_is_one_readable_part() -> None:
    def new(
        time: Annotated[float, Unit("ms"), Range(0)], *, steps: int = 20, fast: bool = False
    ) -> Annotated[float, Unit("m")]:
        return 1.0

    assert between(base, new) == [
        "time: unit ms, was s; bounds at least 0, was 0 to 100",
        "steps: passed as keyword only, was positional or keyword; default 20, was 10",
        "added: fast: bool = False",
        "result: unit m, was none",
    ]


def test_another_term_is_a_change() -> None:
    def old(x: Annotated[float, Term("https://example.org/a")]) -> float: ...  # type: ignore[empty-body]  # as above
    def new(x: Annotated[float, Term("https://example.org/a"), Term("urn:x:b")]) -> float: ...  # type: ignore[empty-body]

    assert between(old, new) == ["x: terms https://example.org/a, urn:x:b, was https://example.org/a"]
    assert Interface.parse(describe(old)) != Interface.parse(describe(new))


def test_removed_renamed_and_reordered_parameters() -> None:
    def new(steps: int, time: Annotated[float, Unit("s"), Range(0, 100)]) -> Iterator[float]:
        yield time

    def other(seconds: Annotated[float, Unit("s"), Range(0, 100)], steps: int = 10) -> float: ...  # type: ignore[empty-body]  # as above

    assert between(base, new) == [
        "steps: now required",
        "order: steps, time, was time, steps",
        "result: a stream of items, was one value",
    ]
    assert between(base, other) == ["removed: time: float [s]", "added: seconds: float [s]"]


def _list(x: list[int]) -> None: ...


def _bounded_list(x: list[Annotated[int, Range(0)]]) -> None: ...


def _one(x: One) -> None: ...


def _two(x: Two) -> None: ...


def _optional(x: int = 1) -> None: ...


def _true(x: Any = True) -> None: ...


def _literal_one(x: Literal["a"] | Annotated[float, Unit("m")]) -> None: ...


def _literal_two(x: Literal["a"] | Annotated[float, Unit("s")]) -> None: ...


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (_list, _bounded_list, "x: items: bounds at least 0, was none"),
        (
            _one,
            _two,
            "x: field x removed; field y: type float, was int; field z added; field y now required",
        ),
        (_list, _optional, "x: type int, was list[int]; no longer required (default 1)"),
        (_optional, _true, "x: type Any, was int; default True, was 1"),
        (_literal_one, _literal_two, "x: option 2: unit s, was m"),
    ],
)
def test_changes_further_inside_are_found(old: Any, new: Any, line: str) -> None:
    assert between(old, new) == [line]


def test_whenever_the_digests_differ_there_is_something_to_read() -> None:
    functions: list[Any] = [base, _list, _bounded_list, _one, _two, _optional, _true, _literal_one, _literal_two]

    for old in functions:
        for new in functions:
            same = Interface.parse(describe(old)) == Interface.parse(describe(new))
            assert (between(old, new) == []) is same
