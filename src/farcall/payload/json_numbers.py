"""Numbers that JSON cannot write, as text."""

from math import inf, isfinite, nan
from typing import Any, Final

_SAFE: Final = 2**53
_SPECIAL: Final = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
_LONGEST_BITS: Final = 14_000
"""Python refuses to write longer integers in decimal; they are written in hexadecimal."""


def show_int(value: int) -> int | str:
    """The integer, as text if it is beyond 2^53, where JSON readers lose digits."""
    if -_SAFE <= value <= _SAFE:
        return value
    return str(value) if value.bit_length() <= _LONGEST_BITS else hex(value)


def read_int(value: Any) -> int:
    """The reverse of `show_int`; takes 2.0 for 2. Raises ValueError."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and value.isascii() and value.strip() == value and "_" not in value:
        return int(value, 16) if value.lstrip("-").startswith("0x") else int(value)
    raise ValueError("an integer is wanted")


def show_float(value: float) -> float | str:
    """The number, as text if it is not finite."""
    if isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def read_float(value: Any) -> float:
    """The reverse of `show_float`; takes integers. Raises ValueError."""
    if type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            raise ValueError("the number is too large for a float") from None
    if type(value) is str and value in _SPECIAL:
        return _SPECIAL[value]
    raise ValueError("a number is wanted")
