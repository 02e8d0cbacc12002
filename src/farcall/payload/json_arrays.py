"""Arrays as nested lists and back, by the standard library alone: a hub has no numpy."""

from __future__ import annotations

import struct
from math import prod
from typing import Any, Final

from farcall.payload.dtypes import FORMATS, Dtype, check_header, is_plain
from farcall.payload.errors import MalformedPayload
from farcall.payload.json_numbers import read_float, read_int, show_float, show_int
from farcall.payload.values import RawArray

_NAMES: Final = {
    "bool": "|b1",
    "int8": "|i1",
    "uint8": "|u1",
    **{f"{kind}{8 * size}": f"<{kind[0]}{size}" for kind in ("int", "uint") for size in (2, 4, 8)},
    **{f"float{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "complex64": "<c8",
    "complex128": "<c16",
    "integer": "<i8",
    "signedinteger": "<i8",
    "unsignedinteger": "<u8",
    "floating": "<f8",
    "inexact": "<f8",
    "complexfloating": "<c16",
}


def has_lists(dtype: Dtype) -> bool:
    """Whether items of this type have a form in JSON; the others are shown as base64 of their bytes."""
    return isinstance(dtype, str) and (dtype[1:] in FORMATS or dtype[1:2] in ("U", "S"))


def to_lists(array: RawArray) -> Any:
    """Nested lists of the items, or the single item of an array without dimensions."""
    items = _items(str(array.dtype), array.items, prod(array.shape))
    for length in reversed(array.shape[1:]):
        items = [items[start : start + length] for start in range(0, len(items), length)] if length else []
    if 0 in array.shape:
        return _empty(array.shape)
    return items if array.shape else items[0]


def _empty(shape: tuple[int, ...]) -> list[Any]:
    length, *rest = shape
    if not length or not rest:
        return []
    if length > 1_000_000:
        raise MalformedPayload("an empty array is too long to be written as lists")
    return [_empty(tuple(rest)) for _ in range(length)]


def _items(dtype: str, data: bytes | memoryview, count: int) -> list[Any]:
    order = ">" if dtype[0] == ">" else "<"
    kind = dtype[1]
    if kind in "US":
        size = len(data) // count if count else 0
        raw = [bytes(data[start : start + size]) for start in range(0, len(data), size)] if size else []
        coding = "latin-1" if kind == "S" else ("utf-32-be" if order == ">" else "utf-32-le")
        return [item.decode(coding).rstrip("\0") for item in raw]
    parts = 2 * count if kind == "c" else count
    values = struct.unpack(f"{order}{parts}{FORMATS[dtype[1:]]}", data)
    if kind == "b":
        return list(values)
    shown = [show_float(value) for value in values] if kind in "fc" else [show_int(value) for value in values]
    return [list(pair) for pair in zip(shown[::2], shown[1::2], strict=True)] if kind == "c" else shown


def from_lists(nested: Any, dtype: str | None, shape: tuple[int, ...] | None = None) -> RawArray:
    """The array of nested lists; `dtype` is a name of numpy's or of the format, or None to go by the items.

    `shape` is for empty arrays, whose lists do not tell. Raises ValueError.
    """
    lengths, flat = _flatten(nested)
    plain = _dtype(dtype, flat)
    if plain[1] == "c":
        if flat and lengths[-1:] != (2,):
            raise ValueError("complex numbers are [re, im]")
        lengths = lengths[:-1] if flat else lengths
    items = _pack(plain, flat)
    if shape is not None and not flat:
        lengths = shape
    if plain[1] in "US" and plain[2:] == "":
        width = max((len(item) for item in items), default=0) or 4
        plain += str(width // 4 if plain[1] == "U" else width)
        items = [item.ljust(width, b"\0") for item in items]
    data = b"".join(items)
    _, _, size = check_header([plain, list(lengths)])
    if size != len(data):
        raise ValueError("the lists do not fit the shape")
    return RawArray(plain, lengths, data)


def _flatten(nested: Any) -> tuple[tuple[int, ...], list[Any]]:
    lengths: list[int] = []
    level = [nested]
    while level and all(type(item) is list for item in level):
        length = len(level[0])
        if any(len(item) != length for item in level):
            raise ValueError("the rows of an array are equally long")
        lengths.append(length)
        level = [item for row in level for item in row]
    return tuple(lengths), level


def _dtype(name: str | None, flat: list[Any]) -> str:
    if name in _NAMES:
        return _NAMES[name]
    if name in ("str_", "bytes_", "character"):
        return "|S" if name == "bytes_" else "<U"
    if name is not None and is_plain(name) and has_lists(name):
        return name
    if name is not None:
        raise ValueError(f"arrays of {name} have no lists in JSON")
    kinds = set(map(type, flat))
    if kinds == {bool}:
        return "|b1"
    if kinds == {int}:
        return "<i8"
    if kinds == {str} and not all(item in ("NaN", "Infinity", "-Infinity") for item in flat):
        return "<U"
    return "<f8"


def _pack(dtype: str, flat: list[Any]) -> list[bytes]:
    order = ">" if dtype[0] == ">" else "<"
    kind = dtype[1]
    if kind in "US":
        if not all(isinstance(item, str) for item in flat):
            raise ValueError("an array of text has text items")
        coding = "latin-1" if kind == "S" else ("utf-32-be" if order == ">" else "utf-32-le")
        raw = [item.encode(coding) for item in flat]
        width = int(dtype[2:] or 0) * (4 if kind == "U" else 1)
        if width and any(len(item) > width for item in raw):
            raise ValueError(f"texts are longer than {dtype}")
        return [item.ljust(width, b"\0") for item in raw]
    if kind == "b":
        if not all(type(item) is bool for item in flat):
            raise ValueError("an array of truth values has true and false")
        return [bytes(flat)]
    values = [read_float(item) for item in flat] if kind in "fc" else [read_int(item) for item in flat]
    try:
        return [struct.pack(f"{order}{len(values)}{FORMATS[dtype[1:]]}", *values)]
    except (struct.error, OverflowError) as error:
        raise ValueError(f"an item does not fit {dtype}: {error}") from None
