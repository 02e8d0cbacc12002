"""Values to bytes."""

from __future__ import annotations

import mmap
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from struct import Struct
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from farcall.payload import arrays, times
from farcall.payload.blobs import BlobReference, BlobSink
from farcall.payload.canonical import canonical as canonical_form
from farcall.payload.codes import BLOB_THRESHOLD_BYTES, MAX_DEPTH, Code
from farcall.payload.errors import Unencodable
from farcall.payload.values import EnumValue, FileContent, RawArray, Record, RecordTuple

Ext = msgspec.msgpack.Ext
_PLAIN_SCALARS: Final = frozenset({int, float, str, bool, type(None), bytes})
_PLAIN_KINDS: Final = _PLAIN_SCALARS | {list, dict}
_ONLY_TEXT: Final = frozenset({str})
_COMPLEX: Final = Struct(">dd")
_encoder: Final = msgspec.msgpack.Encoder()


def encode(
    value: object,
    *,
    where: str = "value",
    blobs: BlobSink | None = None,
    blob_threshold_bytes: int = BLOB_THRESHOLD_BYTES,
    canonical: bool = False,
) -> bytes:
    """The payload of a value; what comes out of `decode` is equal and of the same types.

    Leaves of more than `blob_threshold_bytes` go to `blobs`, if given, after everything else was found in order.
    `canonical` gives the form that digests are taken of: dicts sorted, large leaves by digest.
    Raises Unencodable, naming the place from `where` on, and what `blobs` raises.
    """
    data = _encode(value, where, blobs, blob_threshold_bytes)
    return canonical_form(data) if canonical else data


def _encode(value: object, where: str, blobs: BlobSink | None, threshold: int) -> bytes:
    if _is_plain(value, 0):
        try:
            data = _encoder.encode(value)
        except (OverflowError, UnicodeEncodeError, ValueError):
            pass  # a huge integer, or broken text: the writer below sees to it, or says where
        else:
            if blobs is None or len(data) <= threshold:
                return data
    try:
        return _Writer(None if blobs is None else threshold, blobs).write(value)
    except _Refused as refusal:
        raise Unencodable(refusal.place(where), refusal.type_name, refusal.reason) from None


def _is_plain(value: object, depth: int) -> bool:
    """Whether msgspec alone encodes the value so that it comes back as it was."""
    kind = type(value)
    if kind is dict:
        if not set(map(type, value)) <= _ONLY_TEXT:  # type: ignore[call-overload]  # it is a dict
            return False
        items: Iterable[object] = value.values()  # type: ignore[attr-defined]  # it is a dict
    elif kind is list:
        items = value  # type: ignore[assignment]  # it is a list
    else:
        return kind in _PLAIN_SCALARS
    kinds = set(map(type, items))
    if kinds <= _PLAIN_SCALARS:
        return depth < MAX_DEPTH
    if not kinds <= _PLAIN_KINDS or depth >= MAX_DEPTH:
        return False
    return all(_is_plain(item, depth + 1) for item in items if type(item) in (list, dict))


class _Refused(Exception):
    """Something cannot travel; on its way up every container adds where it was."""

    def __init__(self, type_name: str, reason: str) -> None:
        super().__init__(type_name, reason)
        self.type_name = type_name
        self.reason = reason
        self._steps: list[str] = []

    def within(self, step: str) -> _Refused:
        self._steps.append(step)
        return self

    def place(self, where: str) -> str:
        steps = self._steps[::-1]
        if len(steps) > 12:
            steps = [*steps[:10], " … ", *steps[-1:]]
        return where + "".join(steps)


Tree: TypeAlias = Any
"""What msgspec encodes as it is meant: None, bool, small int, float, str, bytes, list, dict with str keys, Ext."""


class _Writer:
    """One encoding. Leaves that become blobs are collected first, put when all is known to be in order, and then the
    tree is built again with their digests.
    """

    def __init__(self, threshold: int | None, sink: BlobSink | None) -> None:
        self._threshold = threshold
        self._sink = sink
        self._depth = 0
        self._pending: dict[int, tuple[object, bytes | memoryview]] = {}
        self._put: dict[int, tuple[str, int]] = {}

    def write(self, value: object) -> bytes:
        data = self._bytes(value)
        if self._pending and self._sink is not None:
            for key, (_, buffer) in self._pending.items():
                self._put[key] = (self._sink.put(buffer), len(buffer))
            data = self._bytes(value)
        return data

    def _bytes(self, value: object) -> bytes:
        try:
            return self.pack(self.tree(value))
        except RecursionError:
            raise _Refused(type(value).__name__, "it is nested too deeply for the stack") from None

    def tree(self, value: object) -> Tree:
        kind = type(value)
        handler = _HANDLERS.get(kind)
        if handler is None:
            handler = _handler_of(value, kind)
        return handler(self, value)

    def pack(self, tree: Tree) -> bytes:
        try:
            return _encoder.encode(tree)
        except (ValueError, OverflowError) as error:
            raise _Refused(type(tree).__name__, f"it is too large: {error}") from None

    def ext(self, code: int, body: Tree) -> Ext:
        return Ext(code, self.pack(body))

    def leaf(self, value: object, size: int, read: Callable[[], bytes | memoryview], what: list[Any]) -> Ext | None:
        """A reference to a blob in the leaf's place, or None if it stays where it is."""
        if self._threshold is None or size <= self._threshold:
            return None
        known = self._put.get(id(value))
        if known is None:
            buffer = read()
            self._pending[id(value)] = (value, buffer)
            known = ("blake3:" + "0" * 64, len(buffer))
        return Ext(Code.BLOB, BlobReference(known[0], known[1], what).pack())

    def items(self, values: Iterable[object], step: Callable[[int], str]) -> list[Tree]:
        self.enter(values)
        made: list[Tree] = []
        tree = self.tree
        for value in values:
            try:
                made.append(tree(value))
            except _Refused as refusal:
                raise refusal.within(step(len(made))) from None
        self._depth -= 1
        return made

    def fields(self, owner: object, values: Iterable[tuple[str, object]], form: str) -> dict[str, Tree]:
        self.enter(owner)
        made: dict[str, Tree] = {}
        for name, value in values:
            try:
                if not name.isascii():
                    _text(self, name)
                made[name] = self.tree(value)
            except _Refused as refusal:
                raise refusal.within(form.format(name)) from None
        self._depth -= 1
        return made

    def enter(self, value: object) -> None:
        if self._depth >= MAX_DEPTH:
            reason = f"values may be nested {MAX_DEPTH} deep (does it contain itself?)"
            raise _Refused(type(value).__name__, reason)
        self._depth += 1


_Handler: TypeAlias = Callable[[_Writer, Any], Tree]


def _as_is(writer: _Writer, value: object) -> Tree:
    return value


def _integer(writer: _Writer, value: int) -> Tree:
    if -(2**63) <= value < 2**64:
        return value
    return Ext(Code.BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _text(writer: _Writer, value: str) -> Tree:
    if not value.isascii():
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:
            raise _Refused("str", f"character {error.start} is half of a surrogate pair, which is no text") from None
    else:
        size = len(value)
    return writer.leaf(value, size, value.encode, ["str"]) or value


def _bytes(writer: _Writer, value: bytes) -> Tree:
    return writer.leaf(value, len(value), lambda: value, ["bytes"]) or value


def _bytearray(writer: _Writer, value: bytearray) -> Tree:
    reference = writer.leaf(value, len(value), lambda: bytes(value), ["bytearray"])
    return reference or Ext(Code.BYTEARRAY, bytes(value))


def _list(writer: _Writer, value: list[Any]) -> Tree:
    return writer.items(value, "[{}]".format)


def _tuple(writer: _Writer, value: tuple[Any, ...]) -> Tree:
    return writer.ext(Code.TUPLE, writer.items(value, "[{}]".format))


def _set(code: int) -> _Handler:
    def handler(writer: _Writer, value: set[Any] | frozenset[Any]) -> Tree:
        trees = writer.items(value, lambda _: "{…}")
        packed = sorted(writer.pack(tree) for tree in trees)
        return Ext(code, _array_header(len(packed)) + b"".join(packed))

    return handler


def _array_header(length: int) -> bytes:
    if length < 16:
        return bytes((0x90 | length,))
    return b"\xdc" + length.to_bytes(2, "big") if length < 2**16 else b"\xdd" + length.to_bytes(4, "big")


def _dict(writer: _Writer, value: dict[Any, Any]) -> Tree:
    if set(map(type, value)) <= _ONLY_TEXT:
        return writer.fields(value, value.items(), '["{}"]')
    writer.enter(value)
    pairs: list[Tree] = []
    for key, item in value.items():
        try:
            pairs.append(_key(writer, key))
        except _Refused as refusal:
            raise refusal.within(f"{{key {key!r:.40}}}") from None
        try:
            pairs.append(writer.tree(item))
        except _Refused as refusal:
            raise refusal.within(f"[{key!r:.40}]") from None
    writer._depth -= 1
    return writer.ext(Code.MAP, pairs)


def _key(writer: _Writer, key: object) -> Tree:
    """Keys stay inside: a dict is of no use until all its keys are there."""
    inline = _Writer(None, None)
    inline._depth = writer._depth
    return inline.tree(key)


def _mapping_of_library(writer: _Writer, value: Any) -> Tree:
    return _dict(writer, dict(value))


def _complex(writer: _Writer, value: complex) -> Tree:
    return Ext(Code.COMPLEX, _COMPLEX.pack(value.real, value.imag))


def _moment(code: int) -> _Handler:
    def handler(writer: _Writer, value: datetime | time) -> Tree:
        try:
            parts = times.pack_moment(value)
        except Exception as error:  # noqa: BLE001  # a tzinfo is somebody's code
            raise _Refused(type(value).__name__, str(error)) from None
        return writer.ext(code, parts)

    return handler


def _date(writer: _Writer, value: date) -> Tree:
    return Ext(Code.DATE, value.isoformat().encode())


def _timedelta(writer: _Writer, value: timedelta) -> Tree:
    return writer.ext(Code.TIMEDELTA, [value.days, value.seconds, value.microseconds])


def _decimal(writer: _Writer, value: Decimal) -> Tree:
    return Ext(Code.DECIMAL, str(value).encode())


def _uuid(writer: _Writer, value: UUID) -> Tree:
    return Ext(Code.UUID, value.bytes)


def _range(writer: _Writer, value: range) -> Tree:
    return writer.ext(Code.RANGE, [_integer(writer, part) for part in (value.start, value.stop, value.step)])


def _enum(writer: _Writer, value: Enum) -> Tree:
    return _enum_parts(writer, type(value).__name__, getattr(value, "_name_", None) or "", value.value)


def _enum_value(writer: _Writer, value: EnumValue) -> Tree:
    return _enum_parts(writer, value.title, value.name, value.value)


def _enum_parts(writer: _Writer, title: str, name: str, value: object) -> Tree:
    (tree,) = writer.items([value], lambda _: ".value")
    return writer.ext(Code.ENUM, [title, name, tree])


def _record(writer: _Writer, value: Record) -> Tree:
    return writer.ext(Code.RECORD, [value._title, writer.fields(value, value.items(), ".{}")])


def _dataclass(writer: _Writer, value: Any) -> Tree:
    present = [
        (field.name, getattr(value, field.name)) for field in dataclass_fields(value) if hasattr(value, field.name)
    ]
    return writer.ext(Code.RECORD, [type(value).__name__, writer.fields(value, present, ".{}")])


def _struct(writer: _Writer, value: msgspec.Struct) -> Tree:
    named = ((name, getattr(value, name)) for name in value.__struct_fields__)
    present = [(name, item) for name, item in named if item is not msgspec.UNSET]
    return writer.ext(Code.RECORD, [type(value).__name__, writer.fields(value, present, ".{}")])


def _named_tuple(writer: _Writer, value: Any) -> Tree:
    names = list(value._fields)
    title = value._title if type(value) is RecordTuple else type(value).__name__
    items = writer.items(tuple(value), lambda index: f".{names[index]}")
    return writer.ext(Code.NAMED_TUPLE, [title, names, items])


def _path(writer: _Writer, value: Path) -> Tree:
    try:
        size = value.stat().st_size
        name = _text(_Writer(None, None), value.name)
        reference = writer.leaf(value, size, lambda: _map_file(value), ["file", name])
        return reference or writer.ext(Code.FILE, [name, value.read_bytes()])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _Refused(type(value).__name__, f"a path travels as the file's content: {value}: {reason}") from None


def _map_file(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _file_content(writer: _Writer, value: FileContent) -> Tree:
    name = _text(_Writer(None, None), value.name)
    reference = writer.leaf(value, value.size, lambda: value.data, ["file", name])
    return reference or writer.ext(Code.FILE, [name, bytes(value.data)])


def _numpy(writer: _Writer, value: Any) -> Tree:
    np = arrays.numpy_of(value)
    kind = type(value)
    try:
        if kind is np.str_:
            return writer.ext(Code.SCALAR, ["U", _text(_Writer(None, None), str(value))])
        if kind is np.bytes_:
            return writer.ext(Code.SCALAR, ["S", bytes(value)])
        if kind is not np.ndarray and kind is not np.memmap and not isinstance(value, np.generic):
            raise ValueError(f"a {kind.__name__} is more than an array; send np.asarray of it, or its parts")
        header = arrays.header_of(value)
    except ValueError as error:
        raise _Refused(_name_of(kind), str(error)) from None
    if isinstance(value, np.generic):
        return writer.ext(Code.SCALAR, [header[0], bytes(arrays.buffer_of(value))])
    reference = writer.leaf(value, value.nbytes, lambda: arrays.buffer_of(value), ["array", *header])
    return reference or Ext(Code.ARRAY, arrays.pack(header, arrays.buffer_of(value)))


def _raw_array(writer: _Writer, value: RawArray) -> Tree:
    if value.scalar:
        items = bytes(value.items)
        return writer.ext(Code.SCALAR, [value.dtype, items.decode() if value.dtype == "U" else items])
    header = [value.dtype, list(value.shape)]
    reference = writer.leaf(value, len(value.items), lambda: value.items, ["array", *header])
    return reference or Ext(Code.ARRAY, arrays.pack(header, value.items))


def _blob_reference(writer: _Writer, value: BlobReference) -> Tree:
    return Ext(Code.BLOB, value.pack())


def _handler_of(value: object, kind: type) -> _Handler:
    """The handler of a type that is not in the table: a class of its author's, or of numpy."""
    if isinstance(value, Enum):
        return _enum
    if is_dataclass(value) and kind.__dataclass_params__ is not None and not isinstance(value, type):  # type: ignore[attr-defined]  # dataclasses have it
        return _dataclass
    if isinstance(value, msgspec.Struct):
        return _struct
    if isinstance(value, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        return _named_tuple
    if isinstance(value, Path):
        return _path
    if arrays.numpy_of(value) is not None:
        return _numpy
    raise _Refused(_name_of(kind), _advice(value))


def _name_of(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _advice(value: object) -> str:
    if isinstance(value, type) or callable(value):
        return "code does not travel as a value"
    for base in (dict, list, tuple, set, frozenset, str, bytes, int, float, complex, datetime, date):
        if isinstance(value, base):
            return f"a subclass of {base.__name__} would lose what it adds; send {base.__name__}(…) of it"
    if hasattr(value, "__next__"):
        return "an iterator cannot travel; send list(…) of it"
    return "this type cannot travel; send a dataclass, a dict, or an array made from it"


_HANDLERS: Final[dict[type, _Handler]] = {
    type(None): _as_is,
    bool: _as_is,
    float: _as_is,
    int: _integer,
    str: _text,
    bytes: _bytes,
    bytearray: _bytearray,
    list: _list,
    tuple: _tuple,
    set: _set(Code.SET),
    frozenset: _set(Code.FROZENSET),
    dict: _dict,
    OrderedDict: _mapping_of_library,
    defaultdict: _mapping_of_library,
    Counter: _mapping_of_library,
    complex: _complex,
    datetime: _moment(Code.DATETIME),
    time: _moment(Code.TIME),
    date: _date,
    timedelta: _timedelta,
    Decimal: _decimal,
    UUID: _uuid,
    range: _range,
    Record: _record,
    RecordTuple: _named_tuple,
    EnumValue: _enum_value,
    FileContent: _file_content,
    RawArray: _raw_array,
    BlobReference: _blob_reference,
}
