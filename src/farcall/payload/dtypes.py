"""The element types of arrays as the format writes them. Needs no numpy.

A plain type is written as numpy's `dtype.str`; a structured one as ``[item size, [[name, type, offset, shape], …]]``.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, Final, TypeAlias

from farcall.payload.errors import MalformedPayload

Dtype: TypeAlias = str | list[Any]

_UNITS: Final = "Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as"
_PLAIN: Final = re.compile(
    r"\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]|[<>]c(?:8|16)"
    rf"|[<>][mM]8(?:\[(?:[1-9]\d{{0,8}})?(?:{_UNITS})\])?"
    r"|\|[SV][1-9]\d{0,8}|[<>]U[1-9]\d{0,7}"
)
FORMATS: Final = {
    "b1": "?",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
    "c8": "f",
    "c16": "d",
}
"""Formats of the struct module for the types that it knows; complex numbers are two of them."""

MAX_DIMENSIONS: Final = 32
_MAX_LENGTH: Final = 2**62


def item_size(dtype: Dtype) -> int:
    """Bytes of one item; raises MalformedPayload for what is no type of the format."""
    if isinstance(dtype, str):
        return _plain_size(dtype)
    return _structured_size(dtype)


def is_plain(text: str) -> bool:
    """Whether the format writes a plain type like this."""
    return _PLAIN.fullmatch(text) is not None


def check_header(header: object) -> tuple[Dtype, tuple[int, ...], int]:
    """Type, shape and size in bytes from what a payload says of an array; raises MalformedPayload."""
    if not isinstance(header, list) or len(header) != 2:
        raise MalformedPayload("the header of an array is a list of type and shape")
    dtype, shape = header
    if not isinstance(dtype, (str, list)):
        raise MalformedPayload("the type of an array is malformed")
    size = item_size(dtype)
    lengths = _check_shape(shape)
    return dtype, lengths, size * prod(lengths)


def _check_shape(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        raise MalformedPayload(f"a shape is a list of at most {MAX_DIMENSIONS} lengths")
    if not all(type(length) is int and 0 <= length < _MAX_LENGTH for length in shape):
        raise MalformedPayload("a shape holds lengths")
    return tuple(shape)


def _plain_size(text: str) -> int:
    if not is_plain(text):
        raise MalformedPayload(f"not a type of array items: {text!r:.60}")
    digits = re.match(r"\d+", text[2:])
    size = int(digits[0]) if digits else 0
    return 4 * size if text[1] == "U" else size


def _structured_size(dtype: list[Any]) -> int:
    if len(dtype) != 2 or type(dtype[0]) is not int or not isinstance(dtype[1], list):
        raise MalformedPayload("a structured type is a list of item size and fields")
    total: int = dtype[0]
    fields = dtype[1]
    if not 0 < total < 2**31 or not fields:
        raise MalformedPayload("a structured type has an impossible size, or no fields")
    names: set[str] = set()
    end = 0
    for field in fields:
        if not isinstance(field, list) or len(field) != 4:
            raise MalformedPayload("a field is a list of name, type, offset and shape")
        name, plain, offset, shape = field
        if not isinstance(name, str) or not name or name in names:
            raise MalformedPayload("the names of fields are texts, each given once")
        if not isinstance(plain, str) or type(offset) is not int or offset < end:
            raise MalformedPayload("fields are plain, in order, and do not overlap")
        names.add(name)
        end = offset + _plain_size(plain) * prod(_check_shape(shape))
    if end > total:
        raise MalformedPayload("fields reach beyond their item")
    return total
