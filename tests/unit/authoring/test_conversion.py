from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from farcall import Doc, Range, Unit
from farcall.authoring.conversion import (
    TEXTS_LIMIT,
    Unfit,
    argument_check,
    converter,
    declared_units,
    result_check,
)
from farcall.authoring.schemas import schema_of
from farcall.authoring.signature import describe
from farcall.authoring.spelling import details_text
from farcall.domain.validation import problems_of

Q = pint.UnitRegistry().Quantity
Seconds = Annotated[float, Unit("s")]


def converted(hint: Any, value: Any) -> Any:
    convert = converter(schema_of(hint))
    assert convert is not None
    return convert(value, "x")


def checked(hint: Any, value: Any) -> Any:
    check = result_check(schema_of(hint))
    assert check is not None
    return check(value, "result")


@dataclass
class Point:
    x: Annotated[float, Unit("m")]
    label: str = ""


class Fall(NamedTuple):
    velocity: Annotated[float, Unit("m/s"), Range(0, 100)]
    time: Seconds


class Body(msgspec.Struct):
    mass: Annotated[float, Unit("kg")]


@pytest.mark.parametrize(
    ("hint", "given", "number"),
    [
        (Seconds, 2.0, 2.0),
        (Seconds, 2, 2),
        (Seconds, "2 min", 120.0),
        (Seconds, Q(2, "min"), 120.0),
        (Annotated[int, Unit("s")], "2.5 min", 150),
        (Annotated[int, Unit("cm")], Q(0.29, "m"), 29),  # 28.999999999999996 in floats
        (Annotated[float, Unit("cm")], "0.29 m", 29.0),
        (Annotated[complex, Unit("ohm")], "(1+2j) kohm", 1000 + 2000j),
        (Annotated[complex, Unit("ohm")], "2 kohm", 2000 + 0j),
        (Seconds | None, "2 min", 120.0),
        (Annotated[float | None, Unit("s")], "2 min", 120.0),
        (Annotated[float | None, Unit("s")], None, None),
        (Annotated[int | float, Unit("s")], "2 min", 120.0),
        (list[Seconds], ["1 min", 2.0, Q(3, "ms")], [60.0, 2.0, 0.003]),
        (Annotated[list[float], Unit("s")], ["1 min", 2.0], [60.0, 2.0]),
        (Annotated[list[float], Unit("s")], Q([1.0, 2.0], "min"), [60.0, 120.0]),
        (Annotated[list[list[int]], Unit("s")], Q([[1, 2], [3, 4]], "min"), [[60, 120], [180, 240]]),
        (Annotated[tuple[float, float], Unit("m")], ("1 km", 2.0), (1000.0, 2.0)),
        (Annotated[tuple[float, float], Unit("m")], Q([1.0, 2.0], "km"), (1000.0, 2000.0)),
        (Annotated[set[float], Unit("m")], {"1 km", 2.0}, {1000.0, 2.0}),
        (dict[str, Seconds], {"a": "1 min", "b": 2.0}, {"a": 60.0, "b": 2.0}),
        (Point, Point("1 km", "far"), Point(1000.0, "far")),  # type: ignore[arg-type]  # as callers may write it
        (Point, {"x": "1 km", "label": "far"}, {"x": 1000.0, "label": "far"}),
        (Annotated[NDArray[np.float64], Unit("m")], [["1 km", 2.0], [3, "4 cm"]], [[1000.0, 2.0], [3, 0.04]]),
        (Annotated[Any, Unit("s")], Q(2, "min"), 120.0),
    ],
)
def test_values_with_units_become_plain_numbers_of_the_type_that_is_taken(hint: Any, given: Any, number: Any) -> None:
    found = converted(hint, given)
    assert found == number
    assert repr(found) == repr(number)


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (Annotated[str, Unit("s")], "2 min"),
        (Annotated[float | str, Unit("s")], "2 min"),
        (Annotated[Any, Unit("s")], "2 min"),
        (Annotated[int, Unit("s")], "9007199254740993"),
        (Seconds, "NaN"),
        (Seconds, "Infinity"),
    ],
)
def test_text_stays_where_text_is_taken_and_where_json_writes_numbers_as_text(hint: Any, text: str) -> None:
    assert converted(hint, text) is text


@pytest.mark.parametrize("value", [[1.0, 2.0], (1, 2), {"a": 1.0}, np.arange(3.0), Point(1.0)])
def test_what_needs_no_conversion_is_the_very_same_object(value: Any) -> None:
    hint = {list: list[Seconds], tuple: tuple[Seconds, ...], dict: dict[str, Seconds], Point: Point}.get(
        type(value), Annotated[NDArray[np.float64], Unit("m")]
    )
    assert converted(hint, value) is value


@pytest.mark.parametrize(
    ("hint", "given", "message"),
    [
        (Seconds, "2 kg", "x: 2 kg is a mass, this parameter is in s (time)"),
        (Seconds, Q(2, "kg"), "x: 2 kilogram is a mass, this parameter is in s (time)"),
        (list[Seconds], ["1 s", "2 kg"], "x[1]: 2 kg is a mass, this parameter is in s (time)"),
        (Point, {"x": "1 s"}, 'x["x"]: 1 s is a time, this parameter is in m (length)'),
        (Annotated[int, Unit("s")], "0.25 s", "x: 0.25 s is 0.25 s, and this parameter takes whole numbers"),
        (Annotated[int, Unit("s")], Q(math.nan, "s"), "x: nan second is nan s, and this parameter takes whole numbers"),
        (Seconds, "1e999 s", "x: 1e999 s is too large a number in s"),
        (Seconds, "(1+2j) s", "x: (1+2j) s is a complex number, and this parameter takes real ones"),
        (
            Annotated[NDArray[np.int64], Unit("s")],
            Q(np.array([0.5, 1]), "s"),
            "x: not all of its numbers are whole in s, and this parameter takes whole numbers",
        ),
        (
            Annotated[list[float], Unit("m")],
            Q(np.ones(3), "kg"),
            "x: an array in kilogram is a mass, this parameter is in m (length)",
        ),
    ],
)
def test_what_cannot_be_converted_is_told_with_its_place(hint: Any, given: Any, message: str) -> None:
    with pytest.raises(Unfit) as caught:
        converted(hint, given)
    assert str(caught.value) == message


def test_an_array_converts_as_a_whole_and_keeps_its_precision() -> None:
    hint = Annotated[NDArray[Any], Unit("m")]
    for dtype in (np.float32, np.float64):
        found = converted(hint, Q(np.array([[1, 2], [3, 4]], dtype=dtype), "km"))
        assert found.dtype == dtype
        assert (found == np.array([[1000, 2000], [3000, 4000]])).all()
    whole = converted(Annotated[NDArray[np.int64], Unit("m")], Q(np.array([0.5, 2.0]), "km"))
    assert whole.dtype == np.int64
    assert whole.tolist() == [500, 2000]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_an_array_and_its_numbers_one_by_one_convert_alike(values: list[float]) -> None:
    hint = Annotated[list[float], Unit("K")]
    at_once = converted(hint, Q(np.array(values), "degF"))
    one_by_one = converted(hint, [f"{value!r} degF" for value in values])
    assert at_once == pytest.approx(one_by_one, rel=1e-12, abs=1e-9)


def test_numbers_as_text_are_bounded_in_count_and_in_units() -> None:
    with pytest.raises(Unfit, match="more than 10000 numbers"):
        converted(list[Seconds], ["1 s"] * (TEXTS_LIMIT + 1))
    with pytest.raises(Unfit, match="64 different units"):
        converted(list[Seconds], [f"1 s*m**{n % 30}/m**{n % 30}*kg**{n // 30}/kg**{n // 30}" for n in range(1, 99)])


@pytest.mark.parametrize("hint", [float, list[float], dict[str, str], Annotated[float, Range(0, 1)]])
def test_an_interface_without_units_converts_nothing(hint: Any) -> None:
    assert converter(schema_of(hint)) is None


@pytest.mark.parametrize("hint", [float, list[float], Any])
def test_a_result_without_units_and_bounds_is_not_looked_at(hint: Any) -> None:
    assert result_check(schema_of(hint)) is None


# -- results -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "value", "fitted"),
    [
        (Annotated[float, Unit("m/s")], 5.0, 5.0),
        (Annotated[float, Unit("m/s")], Q(36, "km/h"), 10.0),
        (Annotated[float, Unit("m/s")], "36 km/h", "36 km/h"),  # a function gives numbers, or is wrong
        (Fall, Fall(Q(36, "km/h"), 1.0), Fall(10.0, 1.0)),  # type: ignore[arg-type]  # as above
        (Point, Point(Q(1, "km")), Point(1000.0)),  # type: ignore[arg-type]  # as above
        (Body, Body(Q(1, "g")), Body(0.001)),  # type: ignore[arg-type]  # as above
        (Annotated[float, Range(0, 1)], np.float64(0.5), 0.5),
        (Annotated[float, Range(0)], math.inf, math.inf),
        (Annotated[float | None, Range(0, 1)], None, None),
    ],
)
def test_results_become_plain_numbers_within_their_bounds(hint: Any, value: Any, fitted: Any) -> None:
    assert checked(hint, value) == fitted


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (Annotated[float, Range(0, 1)], 2.0, "result: 2.0 is greater than the maximum of 1"),
        (Annotated[float, Range(0, 1)], np.float32(-2), "result: -2.0 is less than the minimum of 0"),
        (Annotated[float, Range(0, 1)], math.nan, "result: nan is not within 0 to 1"),
        (Annotated[float, Range(0, 1)], math.inf, "result: inf is greater than the maximum of 1"),
        (Annotated[int, Range(0, 1)], 10**400, "result: the number is greater than the maximum of 1"),
        (Annotated[float | None, Range(0, 1)], 2.0, "result: 2.0 is greater than the maximum of 1"),
        (
            Annotated[float, Unit("m/s"), Range(0, 10)],
            Q(72, "km/h"),
            "result: 20.0 is greater than the maximum of 10 m/s",
        ),
        (
            Annotated[float, Unit("m/s")],
            Q(1, "kg"),
            "result: 1 kilogram is a mass, this result is in m/s (length / time)",
        ),
        (list[Annotated[float, Range(0, 1)]], [0.5, 1.5], "result[1]: 1.5 is greater than the maximum of 1"),
        (dict[str, Annotated[float, Range(0, 1)]], {"a": 1.5}, 'result["a"]: 1.5 is greater than the maximum of 1'),
        (Fall, Fall(200.0, 1.0), "result.velocity: 200.0 is greater than the maximum of 100 m/s"),
    ],
)
def test_a_result_that_does_not_fit_is_told_with_its_place(hint: Any, value: Any, message: str) -> None:
    with pytest.raises(Unfit) as caught:
        checked(hint, value)
    assert str(caught.value) == message


def test_every_unit_of_a_schema_is_found() -> None:
    assert list(declared_units(schema_of(dict[str, Fall]))) == ["m/s", "s"]


# -- details -----------------------------------------------------------------------------------------------------------


def test_details_are_a_line_for_each_parameter_and_each_result() -> None:
    def fall(time: Annotated[float, Unit("s"), Range(0), Doc("How\x1b[31m long")], more: int = 3) -> Fall: ...  # type: ignore[empty-body]  # only its signature counts

    assert details_text(describe(fall)).splitlines() == [
        r"time             float [s], at least 0  How\x1b[31m long",
        "more             int = 3",
        "result.velocity  float [m/s], 0 to 100",
        "result.time      float [s]",
    ]


def test_there_are_no_details_where_the_signature_says_it_all() -> None:
    def plain(x: Annotated[float, Unit("s")], y: int = 3) -> float:
        return x

    assert details_text(describe(plain)) == ""


# -- arguments, where they arrive --------------------------------------------------------------------------------------

Share = Annotated[float, Range(0, 1)]


def held(hint: Any, value: Any) -> str:
    """What the worker has against an argument; empty if nothing."""
    check = argument_check([{"name": "x", "schema": schema_of(hint)}])
    assert check is not None
    try:
        check({"x": value})
    except Unfit as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (Share, 1.0, ""),
        (Share, 1, ""),
        (Share, 1.5, "x: 1.5 is greater than the maximum of 1"),
        (Share, math.nan, "x: nan is not within 0 to 1"),
        (Annotated[float, Range(0, 1), Unit("m")], -1.0, "x: -1.0 is less than the minimum of 0 m"),
        (Share | None, None, ""),
        (Share | None, 2.0, "x: 2.0 is greater than the maximum of 1"),
        (Share | str, "2.0", ""),
        (list[Share], [0.1] * 50, ""),
        (list[Share], [0.1, 7.0], "x[1]: 7.0 is greater than the maximum of 1"),
        (list[Share], [0.1, math.nan], "x[1]: nan is not within 0 to 1"),
        (set[Share], {0.1, 7.0}, "x[1]: 7.0 is greater than the maximum of 1"),
        (tuple[int, Share], (7, 7.0), "x[1]: 7.0 is greater than the maximum of 1"),
        (dict[str, Share], {"a": 7.0}, 'x["a"]: 7.0 is greater than the maximum of 1'),
        (Fall, Fall(200.0, 1.0), "x.velocity: 200.0 is greater than the maximum of 100 m/s"),
        (Annotated[int, Range(0, 5)] | Annotated[float, Range(-1, 1)], -0.5, ""),
    ],
)
def test_arguments_are_held_against_their_bounds_where_they_arrive(hint: Any, value: Any, said: str) -> None:
    assert held(hint, value) == said


def test_arguments_of_variadic_parameters_are_held_against_their_bounds() -> None:
    def total(*parts: Share, **named: Share) -> float:
        return sum(parts) + sum(named.values())

    check = argument_check(describe(total)["parameters"])
    assert check is not None
    check({"parts": [0.5, 1], "named": {"a": 1.0}})
    with pytest.raises(Unfit, match=r"parts\[1\]: 3 is greater"):
        check({"parts": [0.5, 3]})
    with pytest.raises(Unfit, match=r'named\["a"\]: 3.0 is greater'):
        check({"named": {"a": 3.0}})


def test_what_has_no_bounds_is_not_looked_at() -> None:
    assert argument_check([{"name": "x", "schema": schema_of(Seconds)}]) is None


@given(st.one_of(st.floats(), st.integers()))
def test_worker_and_hub_agree_about_bounds(value: float) -> None:
    schema = schema_of(Share)
    assert bool(held(Share, value)) == bool(problems_of(schema, value, "x"))
