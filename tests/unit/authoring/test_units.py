from __future__ import annotations

import subprocess
import sys
import time
from fractions import Fraction

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.authoring.units import UnitError, check_unit, from_text, is_quantity, magnitude, unit_of

_PAIRS = [("min", "s"), ("km/h", "m/s"), ("degF", "K"), ("inch", "cm"), ("V/Hz**0.5", "mV/Hz**(1/2)")]


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("2 min", "s", 120.0),
        ("0.3 km", "m", 300.0),
        ("36 km/h", "m/s", 10.0),
        ("25 degC", "K", 298.15),
        ("25 °C", "K", 298.15),
        ("5 delta_degC", "K", 5.0),
        ("5/s", "Hz", 5.0),
        ("50 %", "dimensionless", 0.5),
        ("3 m²", "cm^2", 30_000.0),
        ("3 kg·m/s²", "N", 3.0),
        ("2 W/(m^2 K)", "W/m**2/K", 2.0),
        ("1 V/Hz**0.5", "mV/Hz**(1/2)", 1000.0),
        ("-1.5e3 mm", "m", -1.5),
        ("5 kEUR", "EUR", 5000.0),
    ],
)
def test_text_is_converted_exactly(text: str, unit: str, number: float) -> None:
    assert float(from_text(text, unit)) == number  # type: ignore[arg-type]  # none of them is complex


def test_complex_numbers_stand_in_parentheses() -> None:
    assert from_text("(3+4j) kohm", "ohm") == 3000 + 4000j


def test_decibels_are_converted_though_their_scale_is_no_line() -> None:
    assert from_text("30 dBm", "mW") == pytest.approx(1000)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("2 kg", "s", "2 kg is a mass, this parameter is in s (time)"),
        ("2 m/s", "s", "2 m/s is length / time, this parameter is in s (time)"),
        ("1 A", "m/s", "1 A is an electric current, this parameter is in m/s (length / time)"),
        ("1 s", "%", "1 s is a time, this parameter is in % (a plain number)"),
        ("5 USD", "EUR", "5 USD is money in USD, this parameter is in EUR (money in EUR)"),
        ("2 mnte", "s", "there is no unit 'mnte'; did you mean 'minute'?"),
        ("2 metre/secnd", "m/s", "there is no unit 'secnd' in 'metre/secnd'; did you mean 'second'?"),
        ("2", "s", "'2' has no unit: leave the quotes off for a number in s, or write '2 s'"),
        ("two minutes", "s", "'two minutes' does not read as a number with a unit, such as '2 s'"),
        ("inf m", "m", "'inf m' does not read as a number with a unit, such as '2 m'"),
        (
            "5 degC",
            "delta_degC",
            "5 degC cannot be converted to delta_degC: one is a difference of temperatures, the other a temperature",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(text: str, unit: str, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        from_text(text, unit)
    assert str(caught.value) == message


@pytest.mark.parametrize("unit", ["m", "m/s", "1/s", "kg*m**2/s**2", "W/(m**2 K)", "degC", "µm", "Ω", "%", "m²", "EUR"])
def test_units_as_people_write_them_are_taken(unit: str) -> None:
    check_unit(unit)


@pytest.mark.parametrize(
    "hostile",
    [
        "m**99999999",
        "m**99**99**99",
        "(Qm**99)**99*(Qm**99)**99",
        "m " * 50,
        "1e999999999 m",
        "9" * 99 + "m",
        "(" * 49 + "m" + ")" * 49,
        "a/" * 50,
        "a" * 100,
        "x" * 1_000_000,
        "1" * 1_000_000 + " m",
        "__import__('os').abort()",
        "m.__class__",
        "\x00m",
        "m\n\n**\n2**2**2",
    ],
)
def test_hostile_texts_are_refused_in_no_time(hostile: str) -> None:
    check_unit("m")  # pint is loaded
    started = time.perf_counter()
    for refuse in (check_unit, lambda text: from_text(text, "m"), lambda text: from_text(f"1 {text}", "m")):
        try:
            refuse(hostile)
        except UnitError as error:
            assert len(str(error)) < 400
        else:
            assert hostile.endswith("m")  # many digits are a number
    assert time.perf_counter() - started < 0.5


def test_each_refusal_is_an_exception_of_its_own() -> None:
    found = []
    for _ in range(2):
        with pytest.raises(UnitError) as caught:
            check_unit("secnd")
        found.append(caught.value)
    assert found[0] is not found[1]


@given(st.decimals(-(10**9), 10**9, places=4), st.sampled_from(_PAIRS[:4]))
def test_what_is_converted_and_back_is_the_same_number(number: object, pair: tuple[str, str]) -> None:
    there = from_text(f"{number} {pair[0]}", pair[1])
    assert isinstance(there, Fraction)
    scale = from_text(f"1 {pair[0]}", pair[1]) - from_text(f"0 {pair[0]}", pair[1])  # type: ignore[operator]  # fractions
    assert (there - from_text(f"0 {pair[0]}", pair[1])) / scale == Fraction(str(number))  # type: ignore[operator]


@given(st.floats(-1e6, 1e6), st.sampled_from(_PAIRS[:5]))
def test_text_and_quantity_agree(number: float, pair: tuple[str, str]) -> None:
    quantity = pint.Quantity(number, pair[0])
    assert float(from_text(f"{number!r} {pair[0]}", pair[1])) == pytest.approx(  # type: ignore[arg-type]
        magnitude(quantity, pair[1]), rel=1e-12, abs=1e-12
    )


def test_a_quantity_is_what_its_own_registry_makes_of_it() -> None:
    registry = pint.UnitRegistry()
    registry.define("smoot = 1.7018 m")
    assert magnitude(registry.Quantity(2, "smoot"), "m") == pytest.approx(3.4036)
    with pytest.raises(UnitError, match=r"2 kilogram is a mass, this parameter is in m \(length\)"):
        magnitude(registry.Quantity(2, "kg"), "m")


def test_a_quantity_is_told_from_what_is_none() -> None:
    assert is_quantity(pint.UnitRegistry().Quantity(1, "m"))
    assert not any(map(is_quantity, (1.0, "1 m", [1], None)))


def test_the_unit_of_a_text_is_what_stands_behind_the_number() -> None:
    assert unit_of("2 min") == "min"
    assert unit_of("2") == unit_of("min") == ""


def test_units_cost_nothing_until_one_is_asked_about() -> None:
    code = (
        "import sys, typing, farcall, farcall.client.function, farcall.guest.serving\n"
        "from farcall.authoring.conversion import converter, result_check\n"
        "from farcall.authoring.schemas import schema_of\n"
        "schema = schema_of(typing.Annotated[float, farcall.Unit('s'), farcall.Range(0, 9)])\n"
        "assert converter(schema)(2.0, 'time') == 2.0 and result_check(schema)(2.0, 'result') == 2.0\n"
        "assert 'pint' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
