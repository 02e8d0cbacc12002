"""Units as texts, and numbers with units: what they mean, by pint, which is imported when the first one is asked about.

Texts come from authors and callers, so pint sees none before it was found short and of a simple shape: it evaluates
what it reads. Texts are converted in fractions, so that ``0.3 km`` is exactly 300 m. A quantity of pint's is converted
by the registry that it belongs to, and comes out as its owner would see it.
"""

from __future__ import annotations

import difflib
import re
import sys
import threading
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

Number: TypeAlias = Fraction | float | complex

TEXT_LIMIT: Final = 100  # characters of a unit, or of a number with its unit
_EXPONENT_LIMIT: Final = 30
_REMEMBERED: Final = 1024
# pint knows no money, since rates change: each currency is a dimension of its own, converted into no other.
_CURRENCIES: Final = ("AUD", "BRL", "CAD", "CHF", "CNY", "EUR", "GBP", "INR", "JPY", "KRW", "SEK", "USD")

_NAME = r"(?:[^\W\d_]|[%‰°℃℉])[\w°]*"
_POWER = r"(?: ?\*\* ?(?:[-+]?\d{1,2}(?:\.\d{1,3})?|\( ?[-+]?\d{1,2}(?:\.\d{1,3}| ?/ ?[1-9]\d?)? ?\)))?"
_FACTOR = f"{_NAME}{_POWER}"
_BETWEEN = r"(?: ?\*(?!\*) ?| ?/ ?| )"
_GROUP = rf"\( ?{_FACTOR}(?:{_BETWEEN}{_FACTOR})* ?\){_POWER}"
_UNIT: Final = re.compile(f"(?:1 ?/ ?)?(?:{_FACTOR}|{_GROUP})(?:{_BETWEEN}(?:{_FACTOR}|{_GROUP}))*")
_REAL = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3}(?!\d)|(?!\d|[eE][-+]?\d))"
_QUANTITY: Final = re.compile(rf"({_REAL}|\([-+.\deEj]{{1,60}}\)) ?(?:\*(?!\*))? ?(.*)")
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT: Final = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_SIGNS: Final = str.maketrans({"·": "*", "⋅": "*", "×": "*", "−": "-"})
_NOUNS: Final = {
    "[current]": "electric current",
    "[luminosity]": "luminous intensity",
    "[substance]": "amount of substance",
}


class UnitError(ValueError):
    """A unit or a quantity that cannot be meant, or not there; the message says why, and what would do."""


def check_unit(text: str) -> None:
    """Raises UnitError if `text` is no unit that values can be declared in."""
    _unit(text)


def is_quantity(value: object) -> bool:
    """Whether it is a quantity of pint's, of whatever registry; False at once where nobody has imported pint."""
    pint = sys.modules.get("pint")
    return pint is not None and isinstance(value, pint.Quantity)


def unit_of(text: str) -> str:
    """The unit in ``2 min``, as it stands there; empty if there is none."""
    found = _QUANTITY.fullmatch(_plain(text)) if len(text) <= TEXT_LIMIT else None
    return found[2] if found is not None else ""


def from_text(text: str, unit: str, what: str = "this parameter") -> Number:
    """The number of ``2 min`` in `unit`; a fraction, unless there is no exact one. Raises UnitError about `what`."""
    if len(text) > TEXT_LIMIT:
        raise UnitError(f"a number with its unit has at most {TEXT_LIMIT} characters, not {len(text)}")
    found = _QUANTITY.fullmatch(_plain(text))
    if found is None:
        raise UnitError(f"{text!r} does not read as a number with a unit, such as '2 {unit}'")
    number, source = _number(found[1], text), found[2]
    if not source:
        raise UnitError(f"{text!r} has no unit: leave the quotes off for a number in {unit}, or write '{text} {unit}'")
    return _converted(number, f"1{source}" if source.startswith("/") else source, unit, text, what)


def magnitude(quantity: Any, unit: str, what: str = "this parameter") -> Any:
    """The number, or array of numbers, of pint's `quantity` in `unit`; raises UnitError about `what`."""
    import pint

    check_unit(unit)  # before a registry of the caller's evaluates it
    try:
        return quantity.to(_plain(unit)).magnitude
    except pint.DimensionalityError:
        raise UnitError(_wrong_dimension(_shown(quantity), dict(quantity.dimensionality), unit, what)) from None
    except Exception as error:  # noqa: BLE001  # pint raises half of what Python has
        raise UnitError(f"{_shown(quantity)} cannot be converted to {unit}: {error}") from None


def _shown(quantity: Any) -> str:
    if getattr(quantity.magnitude, "shape", ()):
        return f"an array in {quantity.units}"
    text = f"{quantity}"
    return text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 1]}…"


# -- texts -------------------------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """The same with ASCII signs and single blanks."""
    powered = _SUPERSCRIPT.sub(lambda found: f"**{found[0].translate(_SUPERSCRIPTS)}", text)
    return " ".join(powered.translate(_SIGNS).replace("^", "**").split())


def _number(digits: str, text: str) -> Number:
    try:
        return complex(digits) if digits.startswith("(") else Fraction(digits)
    except ValueError:
        raise UnitError(f"{text!r} does not begin with a number") from None


def _converted(number: Number, source: str, unit: str, text: str, what: str) -> Number:
    line = _line(source, unit)
    if line is None:
        dimensions = dict(_unit(source).dimensionality)
        if dimensions != dict(_unit(unit).dimensionality):
            raise UnitError(_wrong_dimension(text, dimensions, unit, what))
        return _bent(number, source, unit, text)
    scale, offset = line
    if isinstance(number, complex):
        return number * float(scale) + float(offset)
    return number * scale + offset


@lru_cache(maxsize=_REMEMBERED)
def _line(source: str, target: str) -> tuple[Fraction | float, Fraction | float] | None:
    """(a, b) such that x in `source` is a x + b in `target`; None if the conversion is no line, or is none at all."""
    units = _unit(source), _unit(target)
    registry = _registry()
    try:
        with _LOCK:
            zero, one, two = (registry.convert(Fraction(number), *units) for number in range(3))
    except Exception:  # noqa: BLE001  # as above; other dimensions, and logarithms, which know no fractions
        return None
    scale = one - zero
    return (scale, zero) if abs(two - one - scale) <= abs(scale) * Fraction(1, 10**12) else None


def _bent(number: Number, source: str, unit: str, text: str) -> float:
    """What is no line, as decibels are, is converted in floats."""
    try:
        registry = _registry_of_floats()
        with _LOCK:
            plain = number if isinstance(number, complex) else float(number)
            return float(registry.Quantity(plain, _plain(source)).to(_plain(unit)).magnitude)
    except Exception as error:  # noqa: BLE001  # as above
        if _unit(source).dimensionality == _unit("kelvin").dimensionality:
            raise UnitError(_mixed_scales(text, unit)) from None
        raise UnitError(f"{text} cannot be converted to {unit}: {error}") from None


# -- units -------------------------------------------------------------------------------------------------------------

_LOCK: Final = threading.Lock()  # a registry fills its own caches


def _unit(text: str) -> Any:
    found = _parsed(text)
    if isinstance(found, UnitError):
        raise UnitError(str(found))  # a new one: an exception collects tracebacks
    return found


@lru_cache(maxsize=_REMEMBERED)
def _parsed(text: str) -> Any:
    """pint's unit, or the UnitError that says why there is none."""
    if len(text) > TEXT_LIMIT:
        return UnitError(f"a unit has at most {TEXT_LIMIT} characters, not {len(text)}")
    plain = _plain(text)
    if not _UNIT.fullmatch(plain):
        return UnitError(f"{text!r} is not written as units are: 'm/s', 'kg*m**2/s**2', 'W/(m**2 K)', '1/s'")
    registry = _registry()
    try:
        with _LOCK:
            unit = registry.parse_units(plain)
            exponents = [abs(exponent) for _, exponent in unit._units.items()]
            if max(exponents, default=0) > _EXPONENT_LIMIT:
                return UnitError(f"{text!r} has an exponent above {_EXPONENT_LIMIT}")
            unit.dimensionality  # noqa: B018  # found now, or never
    except Exception:  # noqa: BLE001  # as above
        return UnitError(_unknown(text, plain))
    return unit


def _unknown(text: str, plain: str) -> str:
    registry = _registry()
    for name in re.findall(_NAME, plain):
        if not _is_known(registry, name):
            near = difflib.get_close_matches(name, _names(), n=1) or difflib.get_close_matches(
                name.lower(), _names(), n=1
            )
            hint = f"; did you mean {near[0]!r}?" if near else "; units are those of pint, such as 'm/s' or 'degC'"
            inside = "" if name == text else f" in {text!r}"
            return f"there is no unit {name!r}{inside}{hint}"
    return f"{text!r} is no unit that can be worked with"


def _is_known(registry: Any, name: str) -> bool:
    try:
        with _LOCK:
            return bool(registry.parse_units(name))
    except Exception:  # noqa: BLE001  # as above
        return False


def _wrong_dimension(shown: str, dimensions: dict[str, Any], unit: str, what: str) -> str:
    wanted = dict(_unit(unit).dimensionality)
    if dimensions == wanted:
        return _mixed_scales(shown, unit)
    return f"{shown} is {_article(_spelt(dimensions))}, {what} is in {unit} ({_spelt(wanted)})"


def _mixed_scales(shown: str, unit: str) -> str:
    return f"{shown} cannot be converted to {unit}: one is a difference of temperatures, the other a temperature"


def _article(dimension: str) -> str:
    if dimension == "a plain number" or not dimension.replace(" ", "").isalpha() or dimension.startswith("money"):
        return dimension
    return f"{'an' if dimension[0] in 'aeiou' else 'a'} {dimension}"


def _spelt(dimensions: dict[str, Any]) -> str:
    """``length / time``."""
    over = [_power(name, exponent) for name, exponent in dimensions.items() if exponent > 0]
    under = [_power(name, -exponent) for name, exponent in dimensions.items() if exponent < 0]
    if not over and not under:
        return "a plain number"
    return " / ".join([" · ".join(over) or "1", *under])


def _power(name: str, exponent: Any) -> str:
    noun = _NOUNS.get(name, name.strip("[]").replace("_", " "))
    return noun if exponent == 1 else f"{noun}^{float(exponent):g}"


@cache
def _registry() -> Any:
    with _LOCK:
        import pint

        registry: Any = pint.UnitRegistry(non_int_type=Fraction)
        for code in _CURRENCIES:
            registry.define(f"{code} = [money_in_{code}]")
        return registry


@cache
def _registry_of_floats() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


@cache
def _names() -> list[str]:
    return [name for name in _registry() if len(name) > 1]
