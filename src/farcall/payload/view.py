"""A look into a payload without numpy, without the author's types and without touching large data.

`plain` gives what is held against a JSON Schema; `blob_digests` the blobs that a payload names.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, TypeAlias

import msgspec

from farcall.payload import arrays
from farcall.payload.audit import audit
from farcall.payload.blobs import BlobReference
from farcall.payload.codes import BLOB_MAGIC, CONTAINERS, Code
from farcall.payload.decode import decode
from farcall.payload.dtypes import FORMATS, check_header
from farcall.payload.errors import MalformedPayload
from farcall.payload.values import ArrayView, BlobView

_COMPLEX: Final = Struct(">dd")
_PLAIN: Final = frozenset({int, float, str, bool, type(None)})


def plain(data: bytes | memoryview) -> Any:
    """The payload as JSON would have it, to be validated: objects have text keys, NaN and huge integers stay numbers.

    Complex numbers are [re, im]; dates, times, spans (ISO 8601), decimals and UUIDs are text; bytes are base64; sets
    and tuples are lists; records and named tuples are objects; enum members are their values; a file is its name.
    Arrays become an ArrayView, blobs a BlobView. Raises MalformedPayload.
    """
    return _guarded(data, _plain)


def blob_digests(data: bytes | memoryview) -> list[tuple[str, int]]:
    """Digest and size in bytes of every blob that the payload names, each once, in order; raises MalformedPayload."""
    raw = data if isinstance(data, bytes) else bytes(data)
    if BLOB_MAGIC not in raw:
        return []
    found: dict[str, int] = {}

    def extension(code: int, body: memoryview) -> None:
        if code == Code.BLOB:
            reference = BlobReference.unpack(body)
            if found.setdefault(reference.digest, reference.size) != reference.size:
                raise MalformedPayload(f"blob {reference.digest} is given two sizes")
        elif code in CONTAINERS:
            decoder.decode(body)

    decoder = msgspec.msgpack.Decoder(ext_hook=extension)
    _guarded(raw, decoder.decode)
    return list(found.items())


def _guarded(data: bytes | memoryview, look: Callable[[Any], Any]) -> Any:
    try:
        audit(data)
        return look(data)
    except MalformedPayload:
        raise
    except RecursionError:
        raise MalformedPayload("values are nested too deeply for the stack") from None
    except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
        raise MalformedPayload(str(error) or type(error).__name__) from None


def _plain(data: bytes | memoryview) -> Any:
    return _jsonlike(_decoder.decode(data))


def _jsonlike(value: Any) -> Any:
    """What msgspec gave, with text keys only and bytes as base64. Changes containers in place."""
    kind = type(value)
    if kind is dict:
        if not set(map(type, value)) <= {str}:
            raise MalformedPayload("a msgpack map has text keys; other dicts have an extension of their own")
        if not set(map(type, value.values())) <= _PLAIN:
            for key, item in value.items():
                if type(item) not in _PLAIN:
                    value[key] = _jsonlike(item)
    elif kind is list:
        if not set(map(type, value)) <= _PLAIN:
            for index, item in enumerate(value):
                if type(item) not in _PLAIN:
                    value[index] = _jsonlike(item)
    elif kind is bytes:
        return b64encode(value).decode()
    return value


def _list(body: memoryview, what: str, length: int | None = None) -> list[Any]:
    items = _plain(body)
    if type(items) is not list or (length is not None and len(items) != length):
        raise MalformedPayload(f"{what} is malformed")
    return items


_View: TypeAlias = Callable[[memoryview], Any]


def _whole(code: int) -> _View:
    """For scalars: as decoding says, then as text."""
    header = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}

    def view(body: memoryview) -> Any:
        size = len(body)
        opener = bytes((header[size], code)) if size in header else b"\xc9" + size.to_bytes(4, "big") + bytes((code,))
        return decode(opener + bytes(body))

    return view


def _text_of(code: int, text: Callable[[Any], Any]) -> _View:
    whole = _whole(code)
    return lambda body: text(whole(body))


def _map(body: memoryview) -> dict[str, Any]:
    flat = _list(body, "a dict")
    if len(flat) % 2:
        raise MalformedPayload("a dict has a key without a value")
    return {_key(key): item for key, item in zip(flat[::2], flat[1::2], strict=True)}


def _key(key: Any) -> str:
    return key if isinstance(key, str) else msgspec.json.encode(key, enc_hook=repr).decode()


def _record(body: memoryview) -> dict[str, Any]:
    title, fields = _list(body, "a record", 2)
    if not isinstance(title, str) or type(fields) is not dict:
        raise MalformedPayload("a record is malformed")
    return fields


def _named_tuple(body: memoryview) -> dict[str, Any]:
    _, names, items = _list(body, "a named tuple", 3)
    if type(names) is not list or type(items) is not list or not all(isinstance(name, str) for name in names):
        raise MalformedPayload("a named tuple is malformed")
    return dict(zip(names, items, strict=True))


def _range(body: memoryview) -> dict[str, Any]:
    span = _whole(Code.RANGE)(body)
    return {"start": span.start, "stop": span.stop, "step": span.step}


def _file(body: memoryview) -> Any:
    return _list(body, "a file", 2)[0]


def _array(body: memoryview) -> ArrayView:
    dtype, shape, _ = arrays.split(body)
    return ArrayView(_dtype_text(dtype), shape)


def _dtype_text(dtype: Any) -> str:
    return dtype if isinstance(dtype, str) else msgspec.json.encode(dtype).decode()


def _scalar(body: memoryview) -> Any:
    parts = _decoder.decode(body)
    if type(parts) is not list or len(parts) != 2:
        raise MalformedPayload("a scalar is malformed")
    kind, data = parts
    if kind in ("U", "S"):
        return _jsonlike(data)
    dtype, _, size = check_header([kind, []])
    if not isinstance(data, bytes) or len(data) != size:
        raise MalformedPayload("a scalar is malformed")
    if isinstance(dtype, list):
        return ArrayView(_dtype_text(dtype), ())
    order = ">" if dtype[0] == ">" else "<"
    if dtype[1:] in FORMATS:
        parts = Struct(order + FORMATS[dtype[1:]] * (2 if dtype[1] == "c" else 1)).unpack(data)
        return list(parts) if dtype[1] == "c" else parts[0]
    return ArrayView(dtype, ())


def _blob(body: memoryview) -> BlobView:
    reference = BlobReference.unpack(body)
    reference.check()
    kind, *rest = reference.what
    array = ArrayView(_dtype_text(rest[0]), tuple(rest[1])) if kind == "array" else None
    return BlobView(reference.digest, reference.size, kind, array, rest[0] if kind == "file" else None)


def _extension(code: int, body: memoryview) -> Any:
    view = _VIEWS.get(code)
    if view is None:
        raise MalformedPayload(f"extension {code} is not known to this version")
    return view(body)


_VIEWS: Final[dict[int, _View]] = {
    Code.BIG_INT: _whole(Code.BIG_INT),
    Code.COMPLEX: _text_of(Code.COMPLEX, lambda value: [value.real, value.imag]),
    Code.BYTEARRAY: lambda body: b64encode(body).decode(),
    Code.TUPLE: lambda body: _list(body, "a tuple"),
    Code.SET: lambda body: _list(body, "a set"),
    Code.FROZENSET: lambda body: _list(body, "a set"),
    Code.MAP: _map,
    Code.DATE: _text_of(Code.DATE, str),
    Code.TIME: _text_of(Code.TIME, lambda value: value.isoformat()),
    Code.DATETIME: _text_of(Code.DATETIME, lambda value: value.isoformat()),
    Code.TIMEDELTA: _text_of(Code.TIMEDELTA, msgspec.to_builtins),
    Code.DECIMAL: _text_of(Code.DECIMAL, str),
    Code.UUID: _text_of(Code.UUID, str),
    Code.ENUM: lambda body: _list(body, "an enum", 3)[2],
    Code.RECORD: _record,
    Code.NAMED_TUPLE: _named_tuple,
    Code.RANGE: _range,
    Code.FILE: _file,
    Code.ARRAY: _array,
    Code.SCALAR: _scalar,
    Code.BLOB: _blob,
}

_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_extension)
