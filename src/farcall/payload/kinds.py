"""How each kind of value is written: a table from types to handlers."""

from __future__ import annotations

import mmap
from collections import Counter, OrderedDict, defaultdict
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from struct import Struct
from typing import Any, Final
from uuid import UUID

import msgspec

from farcall.payload import arrays, times
from farcall.payload.blobs import BlobReference
from farcall.payload.codes import Code
from farcall.payload.values import EnumValue, FileContent, RawArray, Record, RecordTuple
from farcall.payload.writer import Handler, Refused, Tree, Writer, check_text

Ext = msgspec.msgpack.Ext
_ONLY_TEXT: Final = frozenset({str})
_COMPLEX: Final = Struct(">dd")


def _as_is(writer: Writer, value: object) -> Tree:
    return value


def _integer(writer: Writer, value: int) -> Tree:
    if -(2**63) <= value < 2**64:
        return value
    return Ext(Code.BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _text(writer: Writer, value: str) -> Tree:
    return writer.leaf(value, check_text(value), value.encode, ["str"]) or value


def _bytes(writer: Writer, value: bytes) -> Tree:
    return writer.leaf(value, len(value), lambda: value, ["bytes"]) or value


def _bytearray(writer: Writer, value: bytearray) -> Tree:
    reference = writer.leaf(value, len(value), lambda: bytes(value), ["bytearray"])
    return reference or Ext(Code.BYTEARRAY, bytes(value))


def _list(writer: Writer, value: list[Any]) -> Tree:
    return writer.items(value, "[{}]".format)


def _tuple(writer: Writer, value: tuple[Any, ...]) -> Tree:
    return writer.ext(Code.TUPLE, writer.items(value, "[{}]".format))


def _set(code: int) -> Handler:
    def handler(writer: Writer, value: set[Any] | frozenset[Any]) -> Tree:
        trees = writer.items(value, lambda _: "{…}")
        packed = sorted(writer.pack(tree) for tree in trees)
        return Ext(code, _array_header(len(packed)) + b"".join(packed))

    return handler


def _array_header(length: int) -> bytes:
    if length < 16:
        return bytes((0x90 | length,))
    return b"\xdc" + length.to_bytes(2, "big") if length < 2**16 else b"\xdd" + length.to_bytes(4, "big")


def _dict(writer: Writer, value: dict[Any, Any]) -> Tree:
    if set(map(type, value)) <= _ONLY_TEXT:
        return writer.fields(value, value.items(), '["{}"]')
    writer.enter(value)
    keys = writer.inline()  # a dict is of no use until all its keys are there
    pairs: list[Tree] = []
    for key, item in value.items():
        try:
            pairs.append(keys.tree(key))
        except Refused as refusal:
            raise refusal.within(f"{{key {key!r:.40}}}") from None
        try:
            pairs.append(writer.tree(item))
        except Refused as refusal:
            raise refusal.within(f"[{key!r:.40}]") from None
    writer.leave()
    return writer.ext(Code.MAP, pairs)


def _mapping_of_library(writer: Writer, value: Any) -> Tree:
    return _dict(writer, dict(value))


def _complex(writer: Writer, value: complex) -> Tree:
    return Ext(Code.COMPLEX, _COMPLEX.pack(value.real, value.imag))


def _moment(code: int) -> Handler:
    def handler(writer: Writer, value: datetime | time) -> Tree:
        try:
            parts = times.pack_moment(value)
        except Exception as error:  # noqa: BLE001  # a tzinfo is somebody's code
            raise Refused(type(value).__name__, str(error)) from None
        return writer.ext(code, parts)

    return handler


def _date(writer: Writer, value: date) -> Tree:
    return Ext(Code.DATE, value.isoformat().encode())


def _timedelta(writer: Writer, value: timedelta) -> Tree:
    return writer.ext(Code.TIMEDELTA, [value.days, value.seconds, value.microseconds])


def _decimal(writer: Writer, value: Decimal) -> Tree:
    return Ext(Code.DECIMAL, str(value).encode())


def _uuid(writer: Writer, value: UUID) -> Tree:
    return Ext(Code.UUID, value.bytes)


def _range(writer: Writer, value: range) -> Tree:
    return writer.ext(Code.RANGE, [_integer(writer, part) for part in (value.start, value.stop, value.step)])


def _enum(writer: Writer, value: Enum) -> Tree:
    return _enum_parts(writer, type(value).__name__, getattr(value, "_name_", None) or "", value.value)


def _enum_value(writer: Writer, value: EnumValue) -> Tree:
    return _enum_parts(writer, value.title, value.name, value.value)


def _enum_parts(writer: Writer, title: str, name: str, value: object) -> Tree:
    (tree,) = writer.items([value], lambda _: ".value")
    return writer.ext(Code.ENUM, [title, name, tree])


def _record(writer: Writer, value: Record) -> Tree:
    return writer.ext(Code.RECORD, [value._title, writer.fields(value, value.items(), ".{}")])


def _dataclass(writer: Writer, value: Any) -> Tree:
    present = [
        (field.name, getattr(value, field.name)) for field in dataclass_fields(value) if hasattr(value, field.name)
    ]
    return writer.ext(Code.RECORD, [type(value).__name__, writer.fields(value, present, ".{}")])


def _struct(writer: Writer, value: msgspec.Struct) -> Tree:
    named = ((name, getattr(value, name)) for name in value.__struct_fields__)
    present = [(name, item) for name, item in named if item is not msgspec.UNSET]
    return writer.ext(Code.RECORD, [type(value).__name__, writer.fields(value, present, ".{}")])


def _named_tuple(writer: Writer, value: Any) -> Tree:
    names = list(value._fields)
    title = value._title if type(value) is RecordTuple else type(value).__name__
    items = writer.items(tuple(value), lambda index: f".{names[index]}")
    return writer.ext(Code.NAMED_TUPLE, [title, names, items])


def _path(writer: Writer, value: Path) -> Tree:
    try:
        size = value.stat().st_size
        name = _text(writer.inline(), value.name)
        reference = writer.leaf(value, size, lambda: _map_file(value), ["file", name])
        return reference or writer.ext(Code.FILE, [name, value.read_bytes()])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Refused(type(value).__name__, f"a path travels as the file's content: {value}: {reason}") from None


def _map_file(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _file_content(writer: Writer, value: FileContent) -> Tree:
    name = _text(writer.inline(), value.name)
    reference = writer.leaf(value, value.size, lambda: value.data, ["file", name])
    return reference or writer.ext(Code.FILE, [name, bytes(value.data)])


def _numpy(writer: Writer, value: Any) -> Tree:
    np = arrays.numpy_of(value)
    kind = type(value)
    try:
        if kind is np.str_:
            # str() of numpy's own text drops the NUL characters at its end.
            return writer.ext(Code.SCALAR, ["U", _text(writer.inline(), str.__str__(value))])
        if kind is np.bytes_:
            return writer.ext(Code.SCALAR, ["S", bytes(value)])
        if kind is not np.ndarray and kind is not np.memmap and not isinstance(value, np.generic):
            raise ValueError(f"a {kind.__name__} is more than an array; send np.asarray of it, or its parts")
        header = arrays.header_of(value)
    except ValueError as error:
        raise Refused(_name_of(kind), str(error)) from None
    if isinstance(value, np.generic):
        return writer.ext(Code.SCALAR, [header[0], bytes(arrays.buffer_of(value))])
    reference = writer.leaf(value, value.nbytes, lambda: arrays.buffer_of(value), ["array", *header])
    return reference or Ext(Code.ARRAY, arrays.pack(header, arrays.buffer_of(value)))


def _raw_array(writer: Writer, value: RawArray) -> Tree:
    if value.scalar:
        items = bytes(value.items)
        return writer.ext(Code.SCALAR, [value.dtype, items.decode() if value.dtype == "U" else items])
    header = [value.dtype, list(value.shape)]
    reference = writer.leaf(value, len(value.items), lambda: value.items, ["array", *header])
    return reference or Ext(Code.ARRAY, arrays.pack(header, value.items))


def _blob_reference(writer: Writer, value: BlobReference) -> Tree:
    return Ext(Code.BLOB, value.pack())


def handler_of(value: object) -> Handler:
    """How values of this kind are written; raises Refused."""
    return _HANDLERS.get(type(value)) or _handler_of_class(value, type(value))


def _handler_of_class(value: object, kind: type) -> Handler:
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
    raise Refused(_name_of(kind), _advice(value))


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


_HANDLERS: Final[dict[type, Handler]] = {
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
