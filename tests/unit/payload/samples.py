"""Types and strategies that the tests of the codec share."""

import dataclasses
import datetime
import decimal
import enum
import math
import struct
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from farcall.payload import digest_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Shape(enum.Enum):
    POINT = None
    PAIR = (1, 2)


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Track:
    name: str
    points: list[Point]
    colour: Colour
    marks: set[int] = dataclasses.field(default_factory=set)


class Reading(msgspec.Struct, frozen=True):
    at: datetime.datetime
    value: float | None = None


class Span(NamedTuple):
    start: int
    stop: int


class Memory:
    """Blobs in a dict: a sink and a source."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, data: bytes | memoryview) -> str:
        digest = digest_of(data)
        self.held[digest] = bytes(data)
        return digest

    def open(self, digest: str, size: int) -> bytes:
        return self.held[digest]


def _bits(array: Any) -> bytes:
    parts = np.array(array).reshape(-1)
    if parts.dtype.kind in "fc":
        size = parts.dtype.itemsize // (2 if parts.dtype.kind == "c" else 1)
        parts = parts.view(f"{parts.dtype.byteorder}f{size}")
        parts[np.isnan(parts)] = np.nan
    return parts.tobytes()


def same(left: Any, right: Any) -> bool:
    """Equal and of the same types all the way down, NaN equal to NaN of whatever sign, dicts in the same order."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray | np.generic):
        if left.dtype != right.dtype or left.shape != right.shape:
            return False
        if left.dtype.names is not None:
            return all(same(left[name], right[name]) for name in left.dtype.names)
        return _bits(left) == _bits(right)
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, complex):
        return same(left.real, right.real) and same(left.imag, right.imag)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left.items(), right.items(), strict=True))
    if isinstance(left, set | frozenset):
        return len(left) == len(right) and all(any(same(a, b) for b in right) for a in left)
    if isinstance(left, decimal.Decimal):
        return str(left) == str(right)
    if isinstance(left, datetime.datetime | datetime.time):
        zones_agree = left.tzinfo is right.tzinfo or left.tzinfo == right.tzinfo
        return left.replace(tzinfo=None) == right.replace(tzinfo=None) and left.fold == right.fold and zones_agree
    return bool(left == right)


ZONES = st.one_of(
    st.none(),
    st.sampled_from([ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), datetime.UTC]),
    st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)).map(datetime.timezone),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

HASHABLE_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.complex_numbers(),
    TEXT,
    st.binary(max_size=20),
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(timezones=ZONES),
    st.timedeltas(),
    st.decimals().filter(lambda number: not number.is_snan()),  # which Python cannot hash
    st.uuids(),
    st.builds(range, st.integers(), st.integers(), st.integers(1, 2**70)),
)


def _numbers(code: str) -> st.SearchStrategy[Any]:
    return hnp.from_dtype(np.dtype(code))


NUMPY_SCALARS = st.one_of(
    *map(_numbers, ["?", "i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "M8[ns]", "m8[D]"]),
    TEXT.map(np.str_),
    st.binary(max_size=9).map(np.bytes_),
)
HASHABLE = st.recursive(
    HASHABLE_SCALARS,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=8,
)

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
    hnp.byte_string_dtypes(min_len=1),
    hnp.unicode_string_dtypes(endianness="?", min_len=1),
)
STRUCTURED = st.builds(
    lambda plain, align: np.dtype([(f"f{index}", *field) for index, field in enumerate(plain)], align=align),
    st.lists(st.tuples(DTYPES) | st.tuples(DTYPES, st.just((2,))), min_size=1, max_size=3),
    st.booleans(),
)
ARRAYS = hnp.arrays(DTYPES | STRUCTURED, hnp.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4))

VALUES = st.recursive(
    HASHABLE | st.binary(max_size=20).map(bytearray) | ARRAYS | NUMPY_SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(TEXT, inner, max_size=4),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.sets(HASHABLE, max_size=4),
    ),
    max_leaves=12,
)
