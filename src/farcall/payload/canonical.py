"""The one form of a payload that digests are taken of.

Works on bytes, so that a hub canonicalises what it cannot decode. Dicts are sorted, integers and lengths are spelt
shortest, leaves above the protocol's threshold stand there by digest. Everything else is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from farcall.payload.audit import audit
from farcall.payload.blobs import BlobReference
from farcall.payload.codes import BLOB_THRESHOLD_BYTES, CONTAINERS, Code
from farcall.payload.digests import digest_of
from farcall.payload.errors import MalformedPayload

Ext = msgspec.msgpack.Ext
_encoder: Final = msgspec.msgpack.Encoder(order="deterministic")


def canonical(data: bytes | memoryview) -> bytes:
    """The canonical form of a payload; equal values have equal ones, whatever order their dicts and sets were in.

    Raises MalformedPayload.
    """
    try:
        audit(data)
        value = _decoder.decode(data)
        if len(data) > BLOB_THRESHOLD_BYTES:
            value = _by_digest(value)
        return _encoder.encode(value)
    except MalformedPayload:
        raise
    except RecursionError:
        raise MalformedPayload("values are nested too deeply for the stack") from None
    except (ValueError, TypeError, MemoryError) as error:
        raise MalformedPayload(str(error)) from None


def _extension(code: int, body: memoryview) -> Ext:
    if code == Code.MAP:
        return Ext(code, _sorted_pairs(body))
    if code in (Code.SET, Code.FROZENSET):
        return Ext(code, _sorted_items(body))
    if code in CONTAINERS:
        inner = _decoder.decode(body)
        return Ext(code, _encoder.encode(_by_digest(inner) if len(body) > BLOB_THRESHOLD_BYTES else inner))
    return _leaf_by_digest(code, body) if len(body) > BLOB_THRESHOLD_BYTES else Ext(code, bytes(body))


def _sorted_items(body: memoryview) -> bytes:
    items = [_encoder.encode(_by_digest(item)) for item in _list(body)]
    return _join(sorted(items), len(items))


def _sorted_pairs(body: memoryview) -> bytes:
    flat = _list(body)
    if len(flat) % 2:
        raise MalformedPayload("a dict has a key without a value")
    pairs = [
        (_encoder.encode(key), _encoder.encode(_by_digest(item)))
        for key, item in zip(flat[::2], flat[1::2], strict=True)
    ]
    return _join([part for pair in sorted(pairs) for part in pair], len(flat))


def _list(body: memoryview) -> list[Any]:
    items = _decoder.decode(body)
    if type(items) is not list:
        raise MalformedPayload("a set or dict is malformed")
    return items


def _join(packed: list[bytes], length: int) -> bytes:
    """An array of items that are encoded already."""
    empty = _encoder.encode([None] * length)
    return empty[: len(empty) - length] + b"".join(packed)


def _by_digest(value: Any) -> Any:
    """The value with its large texts and bytes replaced by references; what is in extensions was seen to before."""
    kind = type(value)
    if kind is list:
        return [_by_digest(item) for item in value]
    if kind is dict:
        return {key: _by_digest(item) for key, item in value.items()}
    if kind is bytes and len(value) > BLOB_THRESHOLD_BYTES:
        return _reference(value, ["bytes"])
    if kind is str and len(value) * 4 > BLOB_THRESHOLD_BYTES:
        raw = value.encode()
        return _reference(raw, ["str"]) if len(raw) > BLOB_THRESHOLD_BYTES else value
    return value


def _reference(data: bytes | memoryview, what: list[Any]) -> Ext:
    return Ext(Code.BLOB, BlobReference(digest_of(data), len(data), what).pack())


def _leaf_by_digest(code: int, body: memoryview) -> Ext:
    split = _LARGE.get(code)
    if split is None:
        return Ext(code, bytes(body))
    data, what = split(body)
    return _reference(data, what) if len(data) > BLOB_THRESHOLD_BYTES else Ext(code, bytes(body))


def _split_array(body: memoryview) -> tuple[memoryview, list[Any]]:
    length = int.from_bytes(body[:4], "big")
    header = _decoder.decode(body[4 : 4 + length])
    if not isinstance(header, list):
        raise MalformedPayload("the header of an array is a list")
    return body[4 + length :], ["array", *header]


def _split_file(body: memoryview) -> tuple[bytes, list[Any]]:
    parts = _list(body)
    if len(parts) != 2 or not isinstance(parts[1], bytes):
        raise MalformedPayload("a file is malformed")
    return parts[1], ["file", parts[0]]


_LARGE: Final[dict[int, Callable[[memoryview], tuple[bytes | memoryview, list[Any]]]]] = {
    Code.BYTEARRAY: lambda body: (body, ["bytearray"]),
    Code.ARRAY: _split_array,
    Code.FILE: _split_file,
}

_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_extension)
