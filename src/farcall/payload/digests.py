"""Digests of bytes and of expressions (BLAKE3, 256 bits)."""

import re
from typing import Final

from blake3 import blake3

from farcall.payload.errors import MalformedPayload

PREFIX: Final = "blake3:"
_TEXT: Final = re.compile(r"blake3:[0-9a-f]{64}")
_TOGETHER_BYTES: Final = 8 * 1024 * 1024  # below this the threads take longer to start than they save
_TOGETHER: Final = 4
_EXPRESSION: Final = b"farcall expression 1\x00"


def digest_bytes(data: bytes | bytearray | memoryview) -> bytes:
    """The 32 raw bytes of the digest."""
    return blake3(data).digest()


def digest_of(data: bytes | bytearray | memoryview) -> str:
    """The digest as text: ``blake3:`` and 64 hexadecimal digits. Several processors make that of much data."""
    return PREFIX + blake3(data, max_threads=_TOGETHER if len(data) > _TOGETHER_BYTES else 1).hexdigest()


def digest_text(raw: bytes) -> str:
    """The text of 32 raw bytes."""
    return PREFIX + raw.hex()


def digest_raw(text: object) -> bytes:
    """The 32 raw bytes of a digest's text; raises MalformedPayload."""
    if not isinstance(text, str) or _TEXT.fullmatch(text) is None:
        raise MalformedPayload(f"not a digest: {text!r:.100}")
    return bytes.fromhex(text[len(PREFIX) :])


def expression_digest(version: bytes, arguments: bytes) -> bytes:
    """32 bytes that name an expression. `version` is the version's digest, `arguments` a payload in canonical form.

    Hashed are a label that no other digest begins with, the length of `version` (8 bytes, big endian), and both parts.
    """
    return blake3(_EXPRESSION + len(version).to_bytes(8, "big") + version + arguments).digest()
