"""Interface documents read off signatures."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import json
import pathlib
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, TypeVar, Union

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from farcall.authoring import Doc, Range, Unit
from farcall.authoring.schemas import UnsupportedType, schema_of
from farcall.authoring.signature import SignatureError, describe

Seconds = Annotated[float, Unit("s"), Range(0, 1000), Doc("how long")]
UserId = NewType("UserId", int)
T = TypeVar("T")
N = TypeVar("N", bound=int)


_FROZENSET = {"type": "array", "uniqueItems": True, "x-type": "frozenset"}


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Odd(enum.Enum):
    PAIR = (1, 2)


class Bits(enum.Flag):
    A = 1


@dataclasses.dataclass
class Node:
    value: int
    weight: Annotated[float, Unit("kg")] = 1.0
    children: list[Node] = dataclasses.field(default_factory=list)


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Row(msgspec.Struct, kw_only=True):
    a: int
    b: int = 3
    c: str


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


def test_the_interface_of_the_first_example() -> None:
    def free_fall(time: Seconds) -> Annotated[float, Unit("m/s")]:
        """Velocity of a body after falling for `time`."""
        return 9.81 * time

    assert describe(free_fall) == {
        "parameters": [
            {
                "name": "time",
                "kind": "positional_or_keyword",
                "schema": {
                    "type": "number",
                    "x-type": "float",
                    "x-unit": "s",
                    "minimum": 0,
                    "maximum": 1000,
                    "description": "how long",
                },
                "required": True,
            }
        ],
        "result": {"type": "number", "x-type": "float", "x-unit": "m/s"},
        "stream": False,
        "doc": "Velocity of a body after falling for `time`.",
        "signature": "(time: float [s]) -> float [m/s]",
    }


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (int, {"type": "integer", "x-type": "int"}),
        (bool, {"type": "boolean", "x-type": "bool"}),
        (None, {"type": "null", "x-type": "none"}),
        (Any, {"x-type": "any"}),
        (object, {"x-type": "any"}),
        (T, {"x-type": "any"}),
        (N, {"type": "integer", "x-type": "int"}),
        (UserId, {"type": "integer", "x-type": "int"}),
        (np.float64, {"type": "number", "x-type": "float"}),
        (np.int8, {"type": "integer", "x-type": "int"}),
        (np.bool_, {"type": "boolean", "x-type": "bool"}),
        (list, {"type": "array", "x-type": "list"}),
        (list[int], {"type": "array", "x-type": "list", "items": {"type": "integer", "x-type": "int"}}),
        (Sequence[int], {"type": "array", "x-type": "list", "items": {"type": "integer", "x-type": "int"}}),
        (
            set[str],
            {"type": "array", "uniqueItems": True, "x-type": "set", "items": {"type": "string", "x-type": "str"}},
        ),
        (tuple[int, ...], {"type": "array", "x-type": "tuple", "items": {"type": "integer", "x-type": "int"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "x-type": "tuple",
                "prefixItems": [{"type": "integer", "x-type": "int"}, {"type": "string", "x-type": "str"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (dict, {"type": "object", "x-type": "dict", "x-keys": {"x-type": "any"}}),
        (
            Mapping[str, float],
            {"type": "object", "x-type": "dict", "additionalProperties": {"type": "number", "x-type": "float"}},
        ),
        (Literal["a", "b"], {"enum": ["a", "b"], "x-type": "str"}),
        (Literal[1, None], {"enum": [1, None]}),
        (Colour, {"enum": [1, "g"], "x-type": "enum", "title": "Colour", "x-members": {"RED": 1, "GREEN": "g"}}),
        (Odd, {"x-type": "any", "title": "Odd"}),
        (np.ndarray, {"type": "array", "x-type": "array"}),
        (npt.NDArray[np.float32], {"type": "array", "x-type": "array", "x-dtype": "float32"}),
        (
            np.ndarray[tuple[int, Literal[3]], np.dtype[np.int64]],
            {"type": "array", "x-type": "array", "x-shape": [None, 3], "x-dtype": "int64"},
        ),
    ],
)
def test_hints_become_schemas(hint: Any, expected: dict[str, Any]) -> None:
    assert schema_of(hint) == expected


@pytest.mark.parametrize(
    ("hint", "name"),
    [
        (complex, "complex"),
        (bytes, "bytes"),
        (datetime.date, "date"),
        (datetime.datetime, "datetime"),
        (datetime.time, "time"),
        (datetime.timedelta, "timedelta"),
        (decimal.Decimal, "decimal"),
        (uuid.UUID, "uuid"),
        (pathlib.Path, "path"),
        (frozenset[int], "frozenset"),
        (np.complex128, "complex"),
    ],
)
def test_every_type_has_its_word(hint: Any, name: str) -> None:
    assert schema_of(hint)["x-type"] == name


@pytest.mark.parametrize("hint", [Optional[int], Union[int, None], int | None])  # noqa: UP007, UP045  # all spellings
def test_optional_in_all_its_spellings_is_one_schema(hint: Any) -> None:
    assert schema_of(hint) == {"anyOf": [{"type": "integer", "x-type": "int"}, {"type": "null", "x-type": "none"}]}


def test_records_name_their_fields_and_which_are_required() -> None:
    node, row, point, options = (schema_of(cls) for cls in (Node, Row, Point, Options))

    assert (node["x-kind"], node["required"], node["title"]) == ("dataclass", ["value"], "Node")
    assert node["properties"]["weight"]["x-unit"] == "kg"
    assert node["properties"]["children"]["items"] == {"x-type": "any", "title": "Node"}
    assert (row["x-kind"], sorted(row["required"])) == ("struct", ["a", "c"])
    assert (point["x-kind"], list(point["properties"]), point["required"]) == ("namedtuple", ["x", "y"], ["x"])
    assert (options["x-type"], options["required"]) == ("dict", ["depth"])


def test_every_kind_of_parameter_is_told() -> None:
    def f(a: int, /, b: int, *args: int, c: int = 1, **kwargs: int) -> None: ...

    document = describe(f)

    assert [(p["name"], p["kind"], p["required"]) for p in document["parameters"]] == [
        ("a", "positional_only", True),
        ("b", "positional_or_keyword", True),
        ("args", "var_positional", False),
        ("c", "keyword_only", False),
        ("kwargs", "var_keyword", False),
    ]
    assert document["signature"] == "(a: int, /, b: int, *args: int, c: int = 1, **kwargs: int) -> None"


def test_defaults_that_json_gives_back_are_values_and_others_are_shown() -> None:
    marker = object()

    def f(
        a: int = 1,
        b: float = float("inf"),
        c: list[int] = [1, 2],  # noqa: B006  # a default that JSON knows
        d: tuple[int, ...] = (1, 2),
        e: Any = marker,
        g: int = 2**80,
        h: Colour = Colour.RED,
    ) -> None: ...

    defaults = {p["name"]: p.get("default", p.get("default_repr")) for p in describe(f)["parameters"]}
    shown = [p["name"] for p in describe(f)["parameters"] if "default_repr" in p]

    assert defaults["a"] == 1
    assert defaults["c"] == [1, 2]
    assert shown == ["b", "d", "e", "g", "h"]
    assert defaults["d"] == "(1, 2)"
    assert " at 0x" not in defaults["e"]
    json.dumps(describe(f), allow_nan=False)


def test_none_as_default_makes_a_parameter_optional() -> None:
    def f(x: Annotated[float, Unit("s"), Doc("time")] = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    schema = describe(f)["parameters"][0]["schema"]

    assert [branch["x-type"] for branch in schema["anyOf"]] == ["float", "none"]
    assert schema["description"] == "time"


def test_what_yields_is_a_stream_of_its_items() -> None:
    def a(n: int) -> Iterator[int]:
        yield n

    def b() -> Generator[str, None, int]:
        yield ""
        return 1

    async def c() -> AsyncIterator[float]:
        yield 1.0

    def d() -> Iterable[int]:
        yield 1

    def e():  # type: ignore[no-untyped-def]  # unannotated on purpose
        yield 1

    def f() -> Iterator[int]:
        return iter([1])

    told = [(describe(fn)["stream"], describe(fn)["result"]["x-type"]) for fn in (a, b, c, d, e, f)]

    assert told == [(True, "int"), (True, "str"), (True, "float"), (True, "int"), (True, "any"), (True, "int")]


def test_what_returns_an_iterable_or_is_awaited_is_no_stream() -> None:
    def a() -> Iterable[int]:
        return [1]

    async def b() -> int:
        return 1

    assert [(describe(fn)["stream"], describe(fn)["result"]["x-type"]) for fn in (a, b)] == [
        (False, "list"),
        (False, "int"),
    ]


def test_the_signature_of_what_was_wrapped_counts() -> None:
    def inner(x: int) -> int:
        return x

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    assert describe(outer) == describe(inner)


def test_an_annotation_from_an_enclosing_function_is_found() -> None:
    @dataclasses.dataclass
    class Local:
        x: int

    def f(item: Local) -> int:
        return Local(item.x).x

    assert describe(f)["parameters"][0]["schema"]["title"] == "Local"


def _unresolvable(x: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # wrong on purpose


def _thread(x: list[threading.Thread]) -> None: ...


def _callback(x: Callable[[], int]) -> None: ...


def _range_of_text(x: Annotated[str, Range(0, 1)]) -> None: ...


def _range_of_list(x: Annotated[list[float], Range(0, 1)]) -> None: ...


def _flag(x: Bits) -> None: ...


def _bytes_literal(x: Literal[b"a"]) -> None: ...


def _no_type(x: Annotated[int, {"any": "metadata"}], y: [1, 2]) -> None: ...  # type: ignore[valid-type]  # on purpose


def _bad_result() -> threading.Lock: ...  # type: ignore[empty-body]  # on purpose


def _yields_int() -> int:  # type: ignore[misc]  # wrong on purpose
    yield 1


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (_unresolvable, "_unresolvable(): the annotation of parameter 'x' cannot be resolved: name 'Missing'"),
        (_thread, "_thread(): parameter 'x': Thread cannot travel"),
        (_callback, "_callback(): parameter 'x': "),
        (_range_of_text, "_range_of_text(): parameter 'x': Range is for int and float"),
        (_range_of_list, "put it on the items"),
        (_flag, "Bits is a Flag"),
        (_bytes_literal, "Literal[b'a'] cannot travel"),
        (_no_type, "parameter 'y'"),
        (_bad_result, "_bad_result(): the"),
        (_yields_int, "_yields_int(): the result: it yields"),
    ],
)
def test_what_cannot_travel_is_refused_naming_function_and_parameter(fn: Callable[..., Any], words: str) -> None:
    with pytest.raises(SignatureError) as caught:
        describe(fn)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_has_no_signature_is_refused() -> None:
    with pytest.raises(SignatureError, match="it has no signature to read"):
        describe(dict.pop)


def test_a_field_that_cannot_travel_is_named() -> None:
    @dataclasses.dataclass
    class Job:
        thread: threading.Thread

    with pytest.raises(UnsupportedType, match=r"in Job\.thread: Thread cannot travel"):
        schema_of(Job)


def test_describing_a_plain_function_imports_neither_numpy_nor_msgspec() -> None:
    program = (
        "import sys\n"
        "from farcall.authoring import function\n"
        "from farcall.authoring.signature import describe\n"
        "def f(a: int, b: list[float] = [1.0]) -> dict[str, int]: ...\n"
        "describe(function(f))\n"
        "print([name for name in ('numpy', 'msgspec') if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
