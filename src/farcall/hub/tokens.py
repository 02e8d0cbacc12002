"""The text of a token: ``farcall_pat_``, 32 random bytes in base 62, and a checksum that tells a typo from a stranger.

The checksum also lets scanners for leaked secrets recognise a token without asking the hub.
"""

from __future__ import annotations

import zlib

from blake3 import blake3

PREFIX = "farcall_pat_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS = frozenset(_ALPHABET)
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # of 256 bits in base 62
_CHECK_LENGTH = 6  # of 32 bits in base 62


def make(random_bytes: bytes) -> str:
    """The token of 32 random bytes."""
    if len(random_bytes) != _SECRET_BYTES:
        raise ValueError(f"a token takes {_SECRET_BYTES} random bytes")
    secret = _base62(int.from_bytes(random_bytes, "big"), _SECRET_LENGTH)
    return f"{PREFIX}{secret}{_check(secret)}"


def well_formed(token: str) -> bool:
    """Whether the text can be a token at all."""
    body = token.removeprefix(PREFIX)
    if not token.startswith(PREFIX) or len(body) != _SECRET_LENGTH + _CHECK_LENGTH or not _CHARACTERS.issuperset(body):
        return False
    return _check(body[:_SECRET_LENGTH]) == body[_SECRET_LENGTH:]


def digest(token: str) -> bytes:
    """What the store keeps of a token: 32 bytes. The token has 256 bits of entropy, so a fast hash is the right one."""
    return blake3(token.encode()).digest()


def _check(secret: str) -> str:
    return _base62(zlib.crc32(f"{PREFIX}{secret}".encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
