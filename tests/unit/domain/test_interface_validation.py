"""Bound arguments are held against the interface: every problem, with its place."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pathlib
import uuid
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from farcall.authoring import Range
from farcall.authoring.schemas import schema_of
from farcall.authoring.signature import describe
from farcall.domain.interface import Interface
from farcall.domain.validation import PROBLEMS_LIMIT, problems_of
from farcall.payload import BlobView, encode, plain


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(TypedDict, total=False):
    depth: int


@dataclasses.dataclass
class Body:
    mass: Annotated[float, Range(0)]
    at: Point
    name: str | None = None


UTC = datetime.UTC
FITTING: list[tuple[Any, Any]] = [
    (int, 3),
    (int, 2**90),
    (int, np.int8(3)),
    (float, 3),
    (float, float("nan")),
    (float, float("-inf")),
    (float, np.float32(0.5)),
    (complex, 1 + 2j),
    (complex, 1.5),
    (bool, True),
    (str, "ä"),
    (bytes, b"\x00\xff"),
    (bytes, bytearray(b"ab")),
    (datetime.date, datetime.date(2026, 1, 2)),
    (datetime.datetime, datetime.datetime(2026, 1, 2, 3, 4, 5, 6, UTC)),
    (datetime.datetime, datetime.datetime(2026, 1, 2)),  # noqa: DTZ001  # naive on purpose
    (datetime.time, datetime.time(1, 2, 3)),
    (datetime.timedelta, datetime.timedelta(days=-1, seconds=3, microseconds=5)),
    (datetime.timedelta, datetime.timedelta()),
    (decimal.Decimal, decimal.Decimal("1.10")),
    (uuid.UUID, uuid.UUID(int=5)),
    (Colour, Colour.GREEN),
    (Literal["a", 1], 1),
    (None, None),
    (Any, {"x": [1, None, (2,)]}),
    (list[int], [1, 2]),
    (list[int], range(3)),
    (list[list[float]], [[1.0], []]),
    (tuple[int, str], (1, "a")),
    (tuple[float, ...], (1.0, 2)),
    (set[str], {"a", "b"}),
    (frozenset[int], frozenset({1})),
    (dict[str, int], {"a": 1}),
    (dict[int, str], {1: "a"}),
    (dict[tuple[int, int], str], {(1, 2): "a"}),
    (dict, {1.5: 2}),
    (int | None, None),
    (Annotated[float, Range(0, 1)] | None, 0.5),
    (npt.NDArray[np.float64], np.zeros((2, 3))),
    (np.ndarray[tuple[int, Literal[3]], np.dtype[np.floating]], np.zeros((2, 3), "f4")),
    (npt.NDArray[np.float64], [[1.0, 2.0]]),
    (np.ndarray, np.array(["a"])),
    (Body, Body(1.0, Point(1.0))),
    (Point, Point(1.0, 2.0)),
    (Options, {"depth": 3}),
]


@pytest.mark.parametrize(("hint", "value"), FITTING)
def test_a_value_of_the_type_fits(hint: Any, value: Any) -> None:
    assert problems_of(_read(hint), plain(encode(value)), "x") == []


REFUSED: list[tuple[Any, Any, list[str]]] = [
    (int, 2.0, ["x: expected int, got float 2.0"]),
    (int, True, ["x: expected int, got bool True"]),
    (float, "3", ["x: expected float, got str '3'"]),
    (float, False, ["x: expected float, got bool False"]),
    (float, None, ["x: expected float, got None"]),
    (bool, 1, ["x: expected bool, got int 1"]),
    (str, b"a", []),  # base64 is text too; the worker sees the difference
    (bytes, "not base64!", ["x: expected bytes, got str 'not base64!'"]),
    (complex, "1j", ["x: expected complex, got str '1j'"]),
    (datetime.date, "tomorrow", ["x: expected date, got str 'tomorrow'"]),
    (datetime.timedelta, "P", ["x: expected timedelta, got str 'P'"]),
    (decimal.Decimal, "a", ["x: expected Decimal, got str 'a'"]),
    (uuid.UUID, "a", ["x: expected UUID, got str 'a'"]),
    (None, 1, ["x: expected None, got int 1"]),
    (Colour, "blue", ["x: expected one of 1, 'g', got str 'blue'"]),
    (Literal[1], True, ["x: expected one of 1, got bool True"]),
    (Annotated[float, Range(0, 9)], -1, ["x: -1 is less than the minimum of 0"]),
    (Annotated[float, Range(0, 9)], 10, ["x: 10 is greater than the maximum of 9"]),
    (Annotated[float, Range(0, 9)], float("inf"), ["x: inf is greater than the maximum of 9"]),
    (Annotated[float, Range(0, 9)], float("nan"), ["x: nan is not within 0 to 9"]),
    (Annotated[float, Range(0)] | None, -1, ["x: -1 is less than the minimum of 0"]),
    (Annotated[float | None, Range(0)], -1, ["x: -1 is less than the minimum of 0"]),
    (int | str, [1], ["x: expected int | str, got a list of 1"]),
    (list[int], {"a": 1}, ["x: expected list[int], got a dict of 1"]),
    (
        list[int],
        [1, "a", 2, None],
        ["x[1]: expected int, got str 'a'", "x[3]: expected int, got None"],
    ),
    (list[list[int]], [[1], [2, "a"]], ["x[1][1]: expected int, got str 'a'"]),
    (tuple[int, str], (1,), ["x: expected 2 items, got 1"]),
    (tuple[int, str], ("a", 1), ["x[0]: expected int, got str 'a'", "x[1]: expected str, got int 1"]),
    (dict[str, int], {"a": "b"}, ["x[\"a\"]: expected int, got str 'b'"]),
    (dict[int, str], {"k": "a"}, ['x["k"]: expected int as key']),
    (npt.NDArray[np.float64], np.zeros(2, "i4"), ["x: expected an array of float64, got one of int32"]),
    (npt.NDArray[np.floating], np.zeros(2, "i4"), ["x: expected an array of floating, got one of int32"]),
    (
        np.ndarray[tuple[int, Literal[3]], np.dtype[np.float64]],
        np.zeros((2, 2)),
        ["x: expected an array of shape (any, 3), got (2, 2)"],
    ),
    (np.ndarray, "a", ["x: expected ndarray, got str 'a'"]),
    (np.ndarray, [[1, "a"]], ["x[0][1]: expected a number of the array, got str 'a'"]),
    (float, np.zeros(3), ["x: expected float, got an array of float64 and shape (3,)"]),
    (
        Body,
        {"mass": -1, "at": {"x": "a", "z": 1}},
        [
            'x["mass"]: -1 is less than the minimum of 0',
            'x["at"]["x"]: expected float, got str \'a\'',
            'x["at"]["z"]: there is no such member',
        ],
    ),
    (Body, {"mass": 1}, ["x: 'at' is missing"]),
    (Options, {"depth": "a"}, ["x[\"depth\"]: expected int, got str 'a'"]),
]


@pytest.mark.parametrize(("hint", "value", "problems"), REFUSED)
def test_every_problem_is_told_with_its_place(hint: Any, value: Any, problems: list[str]) -> None:
    assert [str(problem) for problem in problems_of(_read(hint), plain(encode(value)), "x")] == problems


def test_an_item_that_is_there_twice_is_no_set() -> None:
    assert [str(p) for p in problems_of(_read(set[int]), [1, 1], "x")] == [
        "x[1]: int 1 is there twice, and this is a set"
    ]


def test_what_travels_as_a_blob_is_held_against_its_kind(tmp_path: pathlib.Path) -> None:
    array = plain(encode(np.zeros((4, 4)), blobs=Kept(), blob_threshold_bytes=16))
    text = BlobView("blake3:00", 9, "str")

    assert problems_of(_read(npt.NDArray[np.float64]), array, "x") == []
    assert problems_of(_read(str), text, "x") == []
    assert problems_of(_read(bytes), BlobView("blake3:00", 9, "bytearray"), "x") == []
    assert problems_of(_read(pathlib.Path), BlobView("blake3:00", 9, "file", name="a"), "x") == []
    assert [str(p) for p in problems_of(_read(npt.NDArray[np.int8]), array, "x")] == [
        "x: expected an array of int8, got one of float64"
    ]
    assert [str(p) for p in problems_of(_read(bytes), text, "x")] == ["x: expected bytes, got str of 9 bytes"]


class Kept:
    """A sink that has no use for what it is given."""

    def put(self, data: bytes | memoryview) -> str:
        return f"blake3:{bytes(data[:1]).hex() * 32}"


def test_arguments_are_checked_all_at_once() -> None:
    def f(time: Annotated[float, Range(0)], *args: int, flag: bool = False, **more: float) -> None: ...

    interface = Interface.parse(describe(f))

    assert interface.validate({"time": 1.0, "args": [1], "flag": True, "more": {"a": 2}}) == []
    assert [
        str(p) for p in interface.validate({"time": -1, "args": [1, "b"], "flag": 0, "more": {"a": "c"}, "z": 1})
    ] == [
        "time: -1 is less than the minimum of 0",
        "args[1]: expected int, got str 'b'",
        "flag: expected bool, got int 0",
        "more[\"a\"]: expected float, got str 'c'",
        "z: there is no such member",
    ]
    assert [str(p) for p in interface.validate({"args": []})] == ["'time' is missing"]


def test_results_are_checked_too() -> None:
    def f() -> list[int]: ...  # type: ignore[empty-body]  # only its signature counts

    interface = Interface.parse(describe(f))

    assert interface.validate_result([1]) == []
    assert [str(p) for p in interface.validate_result(["a"])] == ["result[0]: expected int, got str 'a'"]


def test_very_many_problems_are_cut() -> None:
    problems = problems_of(_read(list[int]), ["a"] * 10_000, "x")

    assert len(problems) == PROBLEMS_LIMIT + 1
    assert problems[-1].message == "there are further problems"


_leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["a", "b"])
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)
_hints = st.sampled_from(
    [
        int,
        float,
        bool,
        str,
        None,
        Annotated[float, Range(-1, 1)],
        Annotated[int, Range(0)],
        Annotated[int | None, Range(0)],
        Annotated[float, Range(0)] | None,
        list[int],
        list[float],
        list[float | None],
        list[Annotated[float, Range(0)]],
        dict[str, float],
        dict[str, list[int]],
        tuple[int, float],
        Literal["a", 1],
        Literal[None, 2],
        int | str,
        float | None,
        list[int] | dict[str, float] | None,
        Options,
        Any,
    ]
)


@settings(max_examples=1500)
@given(hint=_hints, value=_values)
def test_the_fast_way_and_the_slow_way_agree(hint: Any, value: Any) -> None:
    def f(x: Any) -> None: ...

    document = describe(f)
    document["parameters"][0]["schema"] = schema_of(hint)
    interface = Interface.parse(document)

    assert bool(interface.validate({"x": value})) == bool(problems_of(_read(hint), value, "x"))


@settings(max_examples=500)
@given(hint=_hints, value=_values)
def test_what_fits_is_valid_by_the_standard_too(hint: Any, value: Any) -> None:
    """Any JSON Schema validator may be pointed at an interface; nan is the one thing that JSON cannot say."""
    if "nan" in repr(value) or "inf" in repr(value) or problems_of(_read(hint), value, "x"):
        return

    assert Draft202012Validator(_read(hint)).is_valid(value)


def _read(hint: Any) -> dict[str, Any]:
    return Interface.parse({"parameters": [{"name": "x", "schema": schema_of(hint)}]}).parameters[0].schema
