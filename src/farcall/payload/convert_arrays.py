"""Decoded values to arrays and scalars of numpy."""

from __future__ import annotations

import sys
import typing
from functools import partial
from typing import Any

from farcall.payload.errors import WrongType
from farcall.payload.misfit import Converter, wrong


def numpy_converter(cls: type, parameters: dict[Any, Any]) -> Converter | None:
    """The converter of a class of numpy's, or None if it is neither array nor scalar."""
    np = sys.modules["numpy"]
    if issubclass(cls, np.ndarray):
        dtypes = [typing.get_args(hint) for hint in parameters.values() if typing.get_origin(hint) is np.dtype]
        scalar = next((args[0] for args in dtypes if args and isinstance(args[0], type)), None)
        return partial(_array, np, scalar)
    if issubclass(cls, np.generic):
        return partial(_numpy_scalar, np, cls)
    return None


def _array(np: Any, scalar: Any, value: Any, place: str) -> Any:
    array = value
    if not isinstance(value, np.ndarray):
        if not isinstance(value, (list, tuple, int, float, complex, np.generic)):
            raise wrong(value, place, "an array")
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, OverflowError):
            raise wrong(value, place, "an array of equally long rows") from None
        if array.dtype.hasobject:
            raise wrong(value, place, "an array of plain items")
    if scalar is None or issubclass(array.dtype.type, scalar):
        return array
    if issubclass(scalar, np.generic) and _concrete(np, scalar):
        # A list was never of any precision; an array's is kept or widened, never narrowed.
        casting = "safe" if array is value else "same_kind"
        if np.can_cast(array.dtype, scalar, casting):
            return array.astype(scalar)
    raise WrongType(place, f"an array of {scalar.__name__} is wanted, not of {array.dtype}")


def _concrete(np: Any, scalar: Any) -> bool:
    return (not scalar.__subclasses__() and scalar is not np.generic) or scalar in (
        np.float64,
        np.complex128,
        np.int64,
        np.bool_,
    )


def _numpy_scalar(np: Any, cls: Any, value: Any, place: str) -> Any:
    if isinstance(value, cls):
        return value
    if isinstance(value, (bool, int, float, complex, str, bytes)) and _concrete(np, cls):
        try:
            made = cls(value)
        except (TypeError, ValueError, OverflowError):
            raise wrong(value, place, cls.__name__) from None
        if made == value or value != value:
            return made
        if isinstance(value, (float, complex)) and isinstance(made, (np.floating, np.complexfloating)):
            return made
    raise wrong(value, place, cls.__name__)
