"""Identifiers: how they are made, written and read.

An invocation id is 48 bits of wall time in milliseconds followed by 128 random bits. It is made by the caller, sorts by
creation time, and is its own idempotency key. On the wire it is 22 raw bytes; in text it is ``inv_`` and 36 characters
of Crockford's base 32 in lower case.
"""

from __future__ import annotations

from blake3 import blake3

INVOCATION_ID_BYTES = 22
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_TEXT_LENGTH = 36
_PREFIX = "inv_"
_KEYED_PREFIX = b"\xff" * 6


class MalformedId(ValueError):
    """The text is no invocation id."""


def invocation_id(wall_seconds: float, random_bytes: bytes) -> bytes:
    """Make an id from wall time (seconds since 1970) and 16 random bytes."""
    if len(random_bytes) != 16:
        raise ValueError("an invocation id takes 16 random bytes")
    return int(wall_seconds * 1000).to_bytes(6, "big") + random_bytes


def keyed_id(handle: str, key: str) -> bytes:
    """The id of a request that carries an idempotency key: the same for the same caller and key, at any time."""
    digest = blake3(f"farcall.key\0{handle}\0{key}".encode()).digest(16)
    return _KEYED_PREFIX + digest


def is_keyed(identifier: bytes) -> bool:
    """Whether the id was made from a key: then it says nothing of time."""
    return identifier[:6] == _KEYED_PREFIX


def created_seconds(identifier: bytes) -> float:
    """Wall time, in seconds since 1970, at which the id says it was made."""
    return int.from_bytes(identifier[:6], "big") / 1000


def to_text(identifier: bytes) -> str:
    """``inv_…`` for 22 raw bytes."""
    number = int.from_bytes(identifier, "big")
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_TEXT_LENGTH - 1), -1, -5)]
    return _PREFIX + "".join(digits)


def from_text(text: str) -> bytes:
    """The 22 raw bytes of ``inv_…``; raises MalformedId."""
    body = text.removeprefix(_PREFIX).lower()
    if len(body) != _TEXT_LENGTH or not text.startswith(_PREFIX):
        raise MalformedId(f"{text[:60]!r} is no invocation id; they look like inv_ and {_TEXT_LENGTH} characters")
    number = 0
    for character in body:
        value = _VALUES.get(character)
        if value is None:
            raise MalformedId(f"{text[:60]!r} is no invocation id: {character!r} does not occur in one")
        number = number << 5 | value
    if number >> (8 * INVOCATION_ID_BYTES):
        raise MalformedId(f"{text[:60]!r} is no invocation id: its number is too large")
    return number.to_bytes(INVOCATION_ID_BYTES, "big")
