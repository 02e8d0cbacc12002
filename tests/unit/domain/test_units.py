from __future__ import annotations

from typing import Annotated, Any

import pint
import pytest

from farcall import Range, Term, Unit
from farcall.authoring.signature import describe
from farcall.domain.interface import Interface, InterfaceError
from farcall.domain.units import check_units, converted, has_units


def _interface(function: Any) -> Interface:
    return Interface.parse(describe(function))


def fall(
    time: Annotated[float, Unit("s"), Range(0, 100)],
    *heights: Annotated[float, Unit("m")],
    plain: float = 0.0,
    **more: Annotated[float, Unit("kg")],
) -> Annotated[float, Unit("m/s")]:
    return time


def test_only_what_is_written_with_a_unit_is_converted() -> None:
    bound = {"time": "2 min", "heights": ["1 km", 2.0], "plain": "2 m", "more": {"mass": pint.Quantity(5, "g")}}
    arguments, problems = converted(_interface(fall), bound)
    assert not problems
    assert arguments == {"time": 120.0, "heights": [1000.0, 2.0], "plain": "2 m", "more": {"mass": 0.005}}
    assert bound["time"] == "2 min"


def test_every_argument_that_cannot_be_converted_is_told() -> None:
    bound = {"time": "2 kg", "heights": [1.0, "2 s"], "more": {"mass": "1 m"}}
    _, problems = converted(_interface(fall), bound)
    assert list(map(str, problems)) == [
        "time: 2 kg is a mass, this parameter is in s (time)",
        "heights[1]: 2 s is a time, this parameter is in m (length)",
        'more["mass"]: 1 m is a length, this parameter is in kg (mass)',
    ]


def test_an_interface_says_what_of_it_is_in_a_unit() -> None:
    def none(x: float) -> list[float]:
        return [x]

    def result_only(x: float) -> list[Annotated[float, Unit("m")]]:
        return [x]

    assert list(_interface(fall).converters) == ["time", "heights", "more"]
    assert [has_units(_interface(each)) for each in (fall, none, result_only)] == [True, False, True]


def test_a_declared_unit_that_is_none_is_named_with_its_parameter() -> None:
    def wrong_parameter(x: list[Annotated[float, Unit("secnd")]]) -> None: ...
    def wrong_result(x: float) -> Annotated[float, Unit("m**99999999")]:
        return x

    check_units(_interface(fall))
    with pytest.raises(InterfaceError, match=r"parameter 'x': there is no unit 'secnd'; did you mean 'second'\?"):
        check_units(_interface(wrong_parameter))
    with pytest.raises(InterfaceError, match=r"the result: .* is not written as units are"):
        check_units(_interface(wrong_result))


@pytest.mark.parametrize("terms", [[], "https://x.org", ["ftp://x.org"], ["https://x.org"] * 17, [3]])
def test_terms_that_are_no_addresses_make_no_interface(terms: object) -> None:
    with pytest.raises(InterfaceError, match="x-term"):
        Interface.parse({"parameters": [{"name": "x", "schema": {"x-term": terms}}]})


@pytest.mark.parametrize("unit", ["", " ", "m" * 101, 3])
def test_units_that_are_no_short_texts_make_no_interface(unit: object) -> None:
    with pytest.raises(InterfaceError, match="x-unit"):
        Interface.parse({"parameters": [{"name": "x", "schema": {"x-unit": unit}}]})


def test_terms_come_back_as_they_were_declared() -> None:
    def f(x: Annotated[float, Term("https://example.org/a"), Term("urn:x:b")]) -> None: ...

    hint = Interface.from_json(_interface(f).to_json()).signature().parameters["x"].annotation
    assert hint.__metadata__ == (Term("https://example.org/a"), Term("urn:x:b"))


@pytest.mark.parametrize("address", ["ftp://x.org", "x.org", "https://", "https://a b", "https://x/" + "a" * 300, 3])
def test_a_term_is_an_address(address: Any) -> None:
    with pytest.raises(TypeError, match="Term takes an address"):
        Term(address)
