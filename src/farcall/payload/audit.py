"""The limits that msgspec does not keep by itself: how deep values are nested, and no timestamps of msgpack's own.

A look at the bytes suffices for nearly all small payloads; only the others are walked.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec

from farcall.payload.codes import CONTAINERS, MAX_DEPTH, Code
from farcall.payload.errors import MalformedPayload

_LOOK_BELOW_BYTES: Final = 16 * 1024
_CONTAINER_OPENERS: Final = bytes([*range(0x80, 0xA0), 0xC7, 0xC8, 0xC9, *range(0xD4, 0xD9), *range(0xDC, 0xE0)])
_SCALARS: Final = frozenset({int, float, str, bool, type(None), bytes})
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _CONTAINER_OPENERS)


class _Extension:
    __slots__ = ("body", "code")

    def __init__(self, code: int, body: memoryview) -> None:
        self.code = code
        self.body = body


_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_Extension)


def audit(data: bytes | memoryview) -> None:
    """Raises MalformedPayload, or what msgspec raises, if the payload breaks a limit; silent otherwise."""
    size = len(data)
    if size <= _LOOK_BELOW_BYTES:
        raw = data if isinstance(data, bytes) else bytes(data)
        if b"\xff" not in raw or not (b"\xd6\xff" in raw or b"\xd7\xff" in raw or b"\xc7\x0c\xff" in raw):
            # Every level needs a byte that may open a container.
            if size <= MAX_DEPTH or len(raw.translate(None, _OTHERS)) <= MAX_DEPTH:
                return
    _walk(data)


def _walk(data: bytes | memoryview) -> None:
    level: list[Any] = [_decoder.decode(data)]
    for depth in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is list:
                deeper += _children(value, depth)
            elif kind is dict:
                deeper += _children(value, depth)
                deeper += _children(value.values(), depth)
            elif kind is _Extension:
                deeper += _inside(value)
            elif kind is datetime:
                raise MalformedPayload("msgpack timestamps are not used; dates and times have extensions of their own")
        level = deeper
        if not level:
            return
    raise MalformedPayload(f"values are nested more than {MAX_DEPTH} deep")


def _children(values: Collection[Any], depth: int) -> Collection[Any]:
    """What is to be looked at next: not a list of scalars, which most long lists are, unless it is too deep itself."""
    return () if depth < MAX_DEPTH and set(map(type, values)) <= _SCALARS else values


def _inside(extension: _Extension) -> list[Any]:
    """The values in an extension, as its direct children."""
    if extension.code not in CONTAINERS:
        return []
    inner = _decoder.decode(extension.body)
    parts = inner if type(inner) is list else [inner]
    if extension.code == Code.RECORD:
        return [item for part in parts for item in (part.values() if type(part) is dict else [part])]
    if extension.code == Code.NAMED_TUPLE:
        return [item for part in parts for item in (part if type(part) is list else [part])]
    return parts
