"""`variable` and `result`: two marks that make a plain script a function, while it still runs unchanged by itself.

Here is what they do when the script runs by itself: they check, and give back what they were given. When the script is
served, whoever serves it reads the marks off its source (`farcall.guest.script_reading`).
"""

from __future__ import annotations

import numbers
import types
import typing
from collections.abc import Iterable
from typing import Any, TypeVar, overload

from farcall.authoring.spelling import bounds_text

_T = TypeVar("_T")
_TOWER: dict[Any, type] = {int: numbers.Integral, float: numbers.Real, complex: numbers.Complex}
_SHOWN_CHARACTERS = 60


@overload
def variable(
    default: None,
    /,
    *,
    name: str = ...,
    type: Any = ...,
    min: float | None = ...,
    max: float | None = ...,
    unit: str = ...,
    doc: str = ...,
    choices: Iterable[Any] = ...,
    term: str = ...,
) -> Any: ...
@overload
def variable(
    default: _T,
    /,
    *,
    name: str = ...,
    type: Any = ...,
    min: float | None = ...,
    max: float | None = ...,
    unit: str = ...,
    doc: str = ...,
    choices: Iterable[Any] = ...,
    term: str = ...,
) -> _T: ...
def variable(
    default: Any,
    /,
    *,
    name: str = "",
    type: Any = None,  # noqa: A002  # the words that authors expect, here and below
    min: float | None = None,  # noqa: A002
    max: float | None = None,  # noqa: A002
    unit: str = "",
    doc: str = "",
    choices: Iterable[Any] = (),
    term: str = "",
) -> Any:
    """A value that callers of the served script may give: ``time = farcall.variable(200.0, name="time", unit="s")``.

    When the script runs by itself it returns `default`. `name` may be left out where the value is assigned to a name.
    The type is that of the default, unless `type` says another one (``float``, ``list[float]``, ``numpy.ndarray``);
    a whole number for a ``float`` comes back as a float. `min` and `max` are inclusive, and like the value in `unit`.
    `choices` lists the only values that are taken, `doc` is one sentence for callers, `term` the address of a term that
    says what it means. Raises TypeError if the default is not of the type, ValueError if it is out of the bounds or not
    among the choices.
    """
    return fitting(f"variable {name!r}" if name else "the variable", default, type, min, max, tuple(choices))


def result(
    value: _T,
    /,
    *,
    name: str = "",
    type: Any = None,  # noqa: A002
    min: float | None = None,  # noqa: A002
    max: float | None = None,  # noqa: A002
    unit: str = "",
    doc: str = "",
    term: str = "",
) -> _T:
    """A value that callers of the served script get: ``farcall.result(v, name="velocity", unit="m/s")``.

    Returns `value`. `name` may be left out where the value is a plain name, or what comes back is assigned to one.
    The type is not said unless by `type`, but what has a `unit` is a number or an array of numbers, and what has bounds
    is a number. The other keywords are those of `variable`. Reported twice, the last value counts. A `pathlib.Path`
    travels as the file's content. Raises TypeError and ValueError as `variable` does.
    """
    if not (unit and hasattr(value, "magnitude")):  # a quantity of pint's is converted by whoever serves the script
        label = f"result {name!r}" if name else "the result"
        if unit and type is None and not _is_measured(value):
            raise TypeError(
                f"{label} is {_shown(value)}, a {_type_name(value)}, and with a unit it is a number or an array of "
                "numbers, unless type= says what else, such as type=list[float]"
            )
        fitting(label, value, type, min, max, ())
    return value


def fitting(
    label: str, value: Any, kind: Any, minimum: float | None, maximum: float | None, choices: tuple[Any, ...]
) -> Any:
    """`value`, made a float or complex where `kind` is that and it is a simpler number.

    Raises TypeError or ValueError, with one sentence that begins with `label`. What is no single number is not held
    against the bounds here.
    """
    if kind is not None:
        value = _of_kind(label, value, kind)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        # Written so that nan is within no bounds.
        number: Any = value
        if not ((minimum is None or number >= minimum) and (maximum is None or number <= maximum)):
            bounds = bounds_text({"minimum": minimum, "maximum": maximum})
            raise ValueError(f"{label} is {_shown(value)}; its bounds are {bounds}")
    if choices and value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"{label} is {_shown(value)}, which is none of its choices: {listed}")
    return value


def _of_kind(label: str, value: Any, kind: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _of_any_kind(label, value, kind)
    if origin is typing.Annotated:
        return _of_kind(label, value, typing.get_args(kind)[0])
    plain = origin or kind
    if plain is Any or not isinstance(plain, type):
        return value  # Any, Literal and their like: only whoever serves the script looks at those
    if plain is bool:
        fits = type(value).__name__ in ("bool", "bool_")  # numpy's too
    elif plain in _TOWER:
        fits = isinstance(value, _TOWER[plain]) and not isinstance(value, bool)
        if fits and isinstance(value, int) and plain is not int:
            return plain(value)
    else:
        fits = isinstance(value, plain)
    if not fits:
        wanted = getattr(kind, "__name__", str(kind)) if origin is None else str(kind)
        raise TypeError(f"{label} is {_shown(value)}, a {type(value).__name__}, and its type is {wanted}")
    return value


def _type_name(value: object) -> str:
    return type(value).__name__  # where `type` is a parameter it cannot be asked


def _is_measured(value: Any) -> bool:
    if getattr(value, "ndim", 0):
        return getattr(getattr(value, "dtype", None), "kind", "") in ("i", "u", "f", "c")
    return isinstance(value, numbers.Real) and type(value).__name__ not in ("bool", "bool_")


def _of_any_kind(label: str, value: Any, kind: Any) -> Any:
    for branch in typing.get_args(kind):
        try:
            return _of_kind(label, value, branch)
        except TypeError:
            continue
    raise TypeError(f"{label} is {_shown(value)}, a {type(value).__name__}, and its type is {kind}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
