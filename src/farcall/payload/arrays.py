"""numpy arrays and scalars to bytes and back. numpy is imported only when such a value is met."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from farcall.payload.dtypes import MAX_DIMENSIONS, Dtype, check_header, is_plain
from farcall.payload.errors import MalformedPayload

if TYPE_CHECKING:
    import numpy as np

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder()
_COPY_BELOW_BYTES: Final = 64 * 1024
"""Unaligned arrays below this size are copied, since numpy is slow on unaligned memory; larger ones stay views."""


def numpy_of(value: object) -> Any:
    """The numpy module if `value` is one of its arrays or scalars, else None; never imports it."""
    np = sys.modules.get("numpy")
    return np if np is not None and isinstance(value, (np.ndarray, np.generic)) else None


def header_of(array: np.ndarray[Any, Any] | np.generic) -> list[Any]:
    """[dtype, shape]; raises ValueError saying why such items cannot travel."""
    if array.ndim > MAX_DIMENSIONS:
        raise ValueError(f"arrays have at most {MAX_DIMENSIONS} dimensions")
    return [describe(array.dtype), list(array.shape)]


def describe(dtype: np.dtype[Any]) -> Dtype:
    """The type of array items as the format writes it; raises ValueError for what cannot travel."""
    if dtype.names is None:
        if not is_plain(dtype.str):
            raise ValueError(f"items of type {dtype} cannot travel")
        return dtype.str
    fields: list[Any] = []
    end = 0
    for name in dtype.names:
        inner, offset = dtype.fields[name][:2]  # type: ignore[index]  # a dtype with names has fields
        base, shape = inner.subdtype or (inner, ())
        if base.names is not None or not is_plain(base.str):
            raise ValueError(f"field {name!r} of type {base} cannot travel")
        if offset < end:
            raise ValueError(f"field {name!r} overlaps another, or is out of order")
        end = offset + inner.itemsize
        fields.append([name, base.str, offset, list(shape)])
    if not fields:
        raise ValueError("a structured type without fields cannot travel")
    return [dtype.itemsize, fields]


def buffer_of(array: np.ndarray[Any, Any] | np.generic) -> memoryview:
    """The items in C order as bytes; a view if they lie so already. Gaps between fields are zeros."""
    import numpy as np

    whole = np.asarray(array)
    if whole.dtype.names is not None:
        gapless = np.zeros(whole.shape, whole.dtype)  # what lies in the gaps is somebody's old memory
        for name in whole.dtype.names:
            gapless[name] = whole[name]
        whole = gapless
    flat = np.ascontiguousarray(whole).reshape(-1)
    return flat.view(np.uint8).data if flat.size else memoryview(b"")


def pack(header: list[Any], data: bytes | memoryview) -> bytes:
    """The body of an array: length of the header (4 bytes, big endian), header, items."""
    head = _encoder.encode(header)
    return b"".join((len(head).to_bytes(4, "big"), head, data))


def split(body: memoryview) -> tuple[Dtype, tuple[int, ...], memoryview]:
    """Type, shape and items from the body of an array; raises MalformedPayload unless all fit together."""
    length = int.from_bytes(body[:4], "big")
    if len(body) < 4 + length:
        raise MalformedPayload("an array was cut off")
    dtype, shape, size = check_header(_decoder.decode(body[4 : 4 + length]))
    items = body[4 + length :]
    if len(items) != size:
        raise MalformedPayload(f"an array of {size} bytes comes with {len(items)}")
    return dtype, shape, items


def build(dtype: Dtype, shape: tuple[int, ...], items: bytes | memoryview) -> np.ndarray[Any, Any]:
    """An array that can be written to, on these very items if they can be; raises MalformedPayload."""
    try:
        import numpy as np
    except ImportError:
        raise MalformedPayload("the payload holds an array, and numpy is not installed here") from None
    try:
        made_of = _numpy_dtype(np, dtype)
        if 0 in shape:
            array = np.empty(shape, made_of)
        else:
            array = np.frombuffer(items, made_of).reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedPayload(f"an array is malformed: {error}") from None
    _check_items(np, array)
    if not array.flags.writeable or (not array.flags.aligned and array.nbytes < _COPY_BELOW_BYTES):
        return array.copy()
    return array


def build_scalar(dtype: Dtype, data: bytes) -> Any:
    """A numpy scalar; raises MalformedPayload."""
    return build(dtype, (), data)[()]


def text_scalar(kind: str, text: str | bytes) -> Any:
    """numpy's own str ("U") or bytes ("S") scalar."""
    try:
        import numpy as np
    except ImportError:
        raise MalformedPayload("the payload holds a numpy scalar, and numpy is not installed here") from None
    return np.str_(text) if kind == "U" else np.bytes_(text)


def _numpy_dtype(np: Any, dtype: Dtype) -> Any:
    if isinstance(dtype, str):
        return np.dtype(dtype)
    total, fields = dtype
    return np.dtype(
        {
            "names": [name for name, _, _, _ in fields],
            "formats": [(plain, tuple(shape)) if shape else plain for _, plain, _, shape in fields],
            "offsets": [offset for _, _, offset, _ in fields],
            "itemsize": total,
        }
    )


def _check_items(np: Any, array: Any) -> None:
    """Bytes that are no bool and numbers that are no character would only fail, or worse, once they are used."""
    if array.dtype.names is not None:
        for name in array.dtype.names:
            _check_items(np, array[name])
    elif array.size and array.dtype.kind == "b":
        if array.view(np.uint8).max() > 1:
            raise MalformedPayload("an array of truth values holds others")
    elif array.size and array.dtype.kind == "U":
        points = np.ascontiguousarray(array).reshape(-1).view(array.dtype.byteorder + "u4")
        if points.max() > 0x10FFFF:
            raise MalformedPayload("an array of text holds numbers that are no characters")
