"""What `variable` and `result` do in a script that runs by itself."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farcall.authoring import result, variable


def test_a_variable_is_its_default_and_a_result_is_its_value() -> None:
    values: list[Any] = [200.0, 3, 1j, True, "text", None, [1, 2], {"a": 1}, (1, 2)]
    for value in values:
        assert variable(value, name="x") is value
        assert result(value, name="y") is value


def test_a_whole_number_for_a_float_becomes_a_float_as_it_would_for_a_caller() -> None:
    made = variable(200, name="time", type=float)
    assert (made, type(made)) == (200.0, float)
    assert type(variable(2, type=complex)) is complex


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, int),
        (np.float64(1), float),
        (np.int32(1), int),
        (np.bool_(True), bool),
        (None, float | None),
        ([1.0], list[float]),
        (np.zeros(3), np.ndarray),
        (Path("x"), Path),
        ("anything", Any),
    ],
)
def test_a_default_of_the_type_that_is_said_is_taken(value: Any, kind: Any) -> None:
    made = variable(value, name="x", type=kind)
    assert made is value or made == value


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("200", float, "variable 'x' is '200', a str, and its type is float"),
        (True, int, "variable 'x' is True, a bool, and its type is int"),
        (2.5, int, "variable 'x' is 2.5, a float, and its type is int"),
        ("a", float | None, "variable 'x' is 'a', a str, and its type is float | None"),
        ((1, 2), list[int], "variable 'x' is (1, 2), a tuple, and its type is list[int]"),
    ],
)
def test_a_default_of_another_type_than_is_said_is_refused(value: Any, kind: Any, said: str) -> None:
    with pytest.raises(TypeError) as caught:
        variable(value, name="x", type=kind)
    assert str(caught.value) == said


@pytest.mark.parametrize("value", [-1, 1001.0, math.nan, math.inf])
def test_a_number_outside_its_bounds_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"variable 'time' is .*; its bounds are 0 to 1000$"):
        variable(value, name="time", min=0, max=1000)
    with pytest.raises(ValueError, match=r"result 'time' is .*; its bounds are 0 to 1000$"):
        result(value, name="time", min=0, max=1000)


def test_bounds_are_inclusive() -> None:
    assert variable(0, min=0, max=1) == 0
    assert variable(1, min=0, max=1) == 1


def test_a_default_that_is_none_of_the_choices_is_refused() -> None:
    assert variable("fast", choices=("fast", "exact")) == "fast"
    with pytest.raises(ValueError, match="the variable is 'slow', which is none of its choices: 'fast', 'exact'"):
        variable("slow", choices=("fast", "exact"))


def test_a_script_by_itself_loads_neither_numpy_nor_the_client() -> None:
    program = (
        "import sys, farcall\n"
        "farcall.result(farcall.variable(1.0, name='x', min=0, unit='s', doc='d', term='https://t'), name='y')\n"
        "print([name for name in sys.modules if name.startswith(('numpy', 'pint', 'farcall.client', 'asyncio'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "value", [1, 2.5, np.float32(1), np.float64(2), np.zeros(3), np.ones((2, 2), int), np.array([1j])], ids=repr
)
def test_a_result_with_a_unit_is_a_number_or_an_array_of_numbers(value: Any) -> None:
    assert result(value, name="length", unit="m") is value


@pytest.mark.parametrize("value", ["2 m", True, None, [1.0], 1j, np.array(["a"]), np.True_], ids=repr)
def test_a_result_with_a_unit_that_is_nothing_of_that_kind_asks_for_its_type(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^result 'length' is .*, and with a unit .* type=list\[float\]$"):
        result(value, name="length", unit="m")
    assert result(value, name="length", unit="m", type=type(value)) is value


def test_a_result_with_a_unit_may_be_a_quantity_which_is_left_as_it_is() -> None:
    import pint

    quantity = pint.UnitRegistry()("2 km")
    assert result(quantity, name="length", unit="m", type=float, max=10) is quantity
    with pytest.raises(TypeError, match="its type is float"):
        result(quantity, name="length", type=float)
