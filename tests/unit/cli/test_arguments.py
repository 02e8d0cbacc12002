"""KEY=VALUE on the command line, by the types of the interface."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import numpy as np
import pytest
from numpy.typing import NDArray

from farcall.authoring import Unit
from farcall.authoring.signature import describe
from farcall.cli import arguments
from farcall.domain.interface import Interface


def _interface(function: Any) -> Interface:
    return Interface.parse(describe(function))


def everything(
    number: float,
    text: str,
    count: int = 3,
    day: date = date(2026, 1, 31),
    names: list[str] = [],  # noqa: B006  # never changed
    kind: Literal["a", "b"] = "a",
    maybe: int | None = None,
    unsaid: Any = None,
) -> None:
    """Parameters of many types."""


def _given(*pairs: str) -> dict[str, Any]:
    return arguments.from_pairs(_interface(everything), pairs)


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("number=1.5", 1.5),
        ("number=2", 2.0),
        ('number="NaN"', pytest.approx(float("nan"), nan_ok=True)),
        ("count=7", 7),
        ("count=123456789012345678901234567890", 123456789012345678901234567890),
        ("text=7", "7"),
        ("text=", ""),
        ("text=a=b", "a=b"),
        ("day=2026-02-01", date(2026, 2, 1)),
        ('names=["x", "y"]', ["x", "y"]),
        ("kind=b", "b"),
        ("maybe=null", None),
        ("maybe=4", 4),
        ("unsaid=hello", "hello"),
        ("unsaid=[1, 2]", [1, 2]),
        ('unsaid:={"a": 1}', {"a": 1}),
        ('text:="7"', "7"),
    ],
)
def test_values_are_read_by_the_type_of_their_parameter(pair: str, value: Any) -> None:
    [read] = _given(pair).values()
    assert read == value
    assert type(read) is type(value) or isinstance(value, type(pytest.approx(1)))


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        (["number"], "is not KEY=VALUE$"),
        (["3"], "did you mean number=3?"),
        (["=3"], "is not KEY=VALUE"),
        (["number=1", "number=2"], "given twice"),
        (["number=fast"], "number: 'fast' does not read as float"),
        (["count:=x"], "count: 'x' is not JSON"),
        (["day=soon"], "day: "),
        (["text=@missing.txt"], "there is no file missing.txt"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_name(pairs: list[str], complaint: str) -> None:
    with pytest.raises(click.BadParameter, match=complaint):
        _given(*pairs)


def _fall(
    time: Annotated[float, Unit("s")],
    steps: Annotated[int, Unit("ms")] = 1,
    heights: Annotated[list[float] | None, Unit("m")] = None,
    field: Annotated[NDArray[np.float64] | None, Unit("m")] = None,
) -> None: ...


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("time=2 min", 120.0),
        ('time:="2 min"', 120.0),
        ("time=2", 2.0),
        ('time="NaN"', pytest.approx(float("nan"), nan_ok=True)),
        ("steps=2 s", 2000),
        ('heights=["1 km", 2]', [1000.0, 2.0]),
    ],
)
def test_a_number_with_its_unit_is_converted(pair: str, value: Any) -> None:
    (given,) = arguments.from_pairs(_interface(_fall), [pair]).values()
    assert given == value
    assert type(given) is type(value) or given != given


def test_an_array_is_given_as_numbers_with_units(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[["1 km", 2], [3, "4 cm"]]')
    given = arguments.from_pairs(_interface(_fall), [f"field=@{tmp_path}/a.json"])
    assert given["field"].tolist() == [[1000.0, 2.0], [3.0, 0.04]]


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("time=2 kg", r"time: 2 kg is a mass, this parameter is in s \(time\)"),
        ("time=2 mnte", "time: there is no unit 'mnte'; did you mean 'minute'"),
        ("time=soon", "time: 'soon' does not read as a number with a unit, such as '2 s'"),
        ("steps=0.5 us", "steps: 0.5 us is 0.0005 ms, and this parameter takes whole numbers"),
        ('heights=["1 km", "2 s"]', r"heights\[1\]: 2 s is a time"),
    ],
)
def test_a_number_whose_unit_does_not_fit_is_refused(pair: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message):
        arguments.from_pairs(_interface(_fall), [pair])


def test_a_file_gives_an_array_text_bytes_or_json(tmp_path: Path) -> None:
    def take(array: np.ndarray, raw: bytes, text: str, numbers: list[int], file: Path) -> None: ...

    np.save(tmp_path / "a.npy", np.arange(3))
    (tmp_path / "b").write_bytes(b"\x00\xff")
    (tmp_path / "c.txt").write_text("line\n")
    (tmp_path / "d.json").write_text("[1, 2]")
    names = {"array": "a.npy", "raw": "b", "text": "c.txt", "numbers": "d.json", "file": "b"}
    given = arguments.from_pairs(_interface(take), [f"{key}=@{tmp_path / name}" for key, name in names.items()])
    assert given["array"].tolist() == [0, 1, 2]
    assert given["raw"] == b"\x00\xff"
    assert given["text"] == "line\n"
    assert given["numbers"] == [1, 2]
    assert given["file"] == tmp_path / "b"


def test_a_pickled_array_is_not_opened(tmp_path: Path) -> None:
    def take(array: np.ndarray) -> None: ...

    np.save(tmp_path / "evil.npy", np.array([object()], dtype=object), allow_pickle=True)
    with pytest.raises(click.BadParameter, match="cannot be read"):
        arguments.from_pairs(_interface(take), [f"array=@{tmp_path / 'evil.npy'}"])


def test_variadic_arguments_are_given_as_list_and_object() -> None:
    def many(first: int, *rest: int, **more: float) -> None: ...

    interface = _interface(many)
    given = arguments.from_pairs(interface, ["first=1", "rest=[2, 3]", "a=4", "b=5"])
    assert arguments.split(interface, given) == ([1, 2, 3], {"a": 4.0, "b": 5.0})


def test_positional_only_arguments_go_by_position() -> None:
    def strict(first: int, /, second: int) -> None: ...

    interface = _interface(strict)
    assert arguments.split(interface, {"first": 1, "second": 2}) == ([1], {"second": 2})


def test_a_filled_in_template_is_read_back(tmp_path: Path) -> None:
    interface = _interface(everything)
    made = arguments.template(interface)
    assert made["count"] == 3
    assert made["kind"] == "a"
    path = tmp_path / "arguments.json"
    path.write_text(json.dumps(made))
    given = arguments.from_file(interface, str(path))
    assert given["number"] == 0.0
    assert "day" not in given, "its default is no JSON: only the function can fill it in"


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_file_that_holds_no_object_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "arguments.json"
    path.write_text(content)
    with pytest.raises(click.BadParameter, match=r"arguments\.json"):
        arguments.from_file(_interface(everything), str(path))
