"""The numbers of the format, as docs/reference/payload.md publishes them. Codes are never reused."""

from typing import Final


class Code:
    """Codes of msgpack extension types. What each body holds is written in docs/reference/payload.md.

    Plain integers: msgspec takes no others.
    """

    BIG_INT: Final = 1
    COMPLEX: Final = 2
    BYTEARRAY: Final = 3
    TUPLE: Final = 4
    SET: Final = 5
    FROZENSET: Final = 6
    MAP: Final = 7
    DATE: Final = 8
    TIME: Final = 9
    DATETIME: Final = 10
    TIMEDELTA: Final = 11
    DECIMAL: Final = 12
    UUID: Final = 13
    ENUM: Final = 14
    RECORD: Final = 15
    NAMED_TUPLE: Final = 16
    RANGE: Final = 17
    FILE: Final = 18
    ARRAY: Final = 19
    SCALAR: Final = 20
    BLOB: Final = 32
    REF: Final = 33  # reserved: the result of another invocation as an argument; refused until it is built


CONTAINERS: Final = frozenset(
    {Code.TUPLE, Code.SET, Code.FROZENSET, Code.MAP, Code.ENUM, Code.RECORD, Code.NAMED_TUPLE}
)
"""Extension types whose body is a msgpack value in which further values, and so blobs, may be found."""

MAX_DEPTH: Final = 100
"""How deep values may be nested; a scalar at the top has depth 0. Readers need several stack frames for each level."""

BLOB_THRESHOLD_BYTES: Final = 256 * 1024
"""Leaves larger than this travel as blobs, and enter the canonical form by digest."""

BLOB_MAGIC: Final = b"\xc1blob\xc1"
"""Opens the body of every blob reference. 0xc1 opens no msgpack value, so a search for it has few false hits."""
