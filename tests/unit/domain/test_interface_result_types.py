"""Records of other parties come back as something of the same shape, and nothing of theirs is executed."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import subprocess
import sys
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.authoring.schemas import schema_of
from farcall.domain.interface import Interface
from farcall.domain.result_types import annotation_type, python_type
from farcall.payload import decode, encode


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Point(NamedTuple):
    x: float
    y: float


@dataclasses.dataclass
class Body:
    at: Point
    colour: Colour
    tags: set[str] = dataclasses.field(default_factory=set)


class Options(TypedDict):
    depth: int


def type_of(hint: Any) -> Any:
    return python_type(_read(schema_of(hint)))


def _read(schema: dict[str, Any]) -> dict[str, Any]:
    return Interface.parse({"result": schema}).result


def test_a_record_comes_back_in_its_shape() -> None:
    body = decode(encode(Body(Point(1.0, 2.0), Colour.GREEN, {"a"})), type=type_of(Body))

    assert repr(body) == "Body(at=Point(x=1.0, y=2.0), colour=<Colour.GREEN: 'g'>, tags={'a'})"
    assert body.at == (1.0, 2.0)
    assert body.colour is type_of(Colour).GREEN


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 3),
        (list[float], [1.0]),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2)),
        (set[int], {1}),
        (frozenset[int], frozenset({1})),
        (dict[int, str], {1: "a"}),
        (dict, {1.5: None}),
        (int | None, None),
        (Literal["a", 1], 1),
        (datetime.date, datetime.date(2026, 1, 2)),
        (Options, {"depth": 1}),
        (Any, (1, {2})),
        (complex, 1j),
    ],
)
def test_plain_values_come_back_equal_and_of_the_same_type(hint: Any, value: Any) -> None:
    made = decode(encode(value), type=type_of(hint))

    assert made == value
    assert type(made) is type(value)


def test_an_interface_knows_the_type_of_its_result() -> None:
    interface = Interface.parse({"result": schema_of(Point)})

    assert repr(decode(encode(Point(1.0, 2.0)), type=interface.result_type)) == "Point(x=1.0, y=2.0)"


def test_arrays_tell_their_own_type() -> None:
    array = decode(encode(np.arange(3)), type=type_of(np.ndarray))

    assert array.tolist() == [0, 1, 2]
    assert annotation_type(_read(schema_of(np.ndarray))) is np.ndarray


def test_signatures_show_arrays_without_importing_numpy() -> None:
    program = (
        "import sys\n"
        "from farcall.domain.interface import Interface\n"
        "document = {'result': {'type': 'array', 'x-type': 'array'}}\n"
        "print(Interface.parse(document).signature(), 'numpy' in sys.modules)\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "() -> numpy.ndarray False"


def test_equal_schemas_give_the_same_class() -> None:
    assert type_of(Body) is type_of(Body)
    assert type_of(list[Body]) == type_of(list[Body])


@pytest.mark.parametrize(
    "name", ["class", "__init__", "_x", "a b", "x=__import__('os')", "a\nb", "ä", "", "1a", "mro", "None"]
)
def test_names_that_are_no_plain_identifiers_make_no_class(name: str) -> None:
    record: dict[str, Any] = {"type": "object", "x-type": "record", "title": "R", "properties": {name: {}}}
    titled = {"type": "object", "x-type": "record", "title": name, "properties": {}}
    members = {"enum": [1], "x-type": "enum", "title": "E", "x-members": {name: 1}}

    for schema in (record, titled, members):
        made = python_type(_read(schema))
        assert made is Any or (name == "mro" and schema is not members)


@given(names=st.lists(st.text(max_size=8), max_size=4, unique=True), title=st.text(max_size=8), kind=st.booleans())
def test_no_names_do_more_than_stay_generic(names: list[str], title: str, kind: bool) -> None:
    record: dict[str, Any] = {
        "type": "object",
        "x-type": "record",
        "title": title,
        "x-kind": "namedtuple" if kind else "dataclass",
        "properties": {name: {} for name in names},
    }
    members = {"enum": [0], "x-type": "enum", "title": title, "x-members": dict.fromkeys(names, 0)}

    for schema in (record, members):
        python_type(schema | {"properties": {name: {"x-type": "any"} for name in names}})
