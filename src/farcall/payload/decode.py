"""Bytes to values. The bytes are hostile: whatever they hold, nothing is executed; only MalformedPayload is raised."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from struct import Struct
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from farcall.payload import arrays, times
from farcall.payload.audit import audit
from farcall.payload.blobs import BlobReference, BlobSource
from farcall.payload.codes import BLOB_MAGIC, Code
from farcall.payload.convert import convert, without_enums
from farcall.payload.dtypes import Dtype, check_header
from farcall.payload.errors import BlobMissing, MalformedPayload
from farcall.payload.values import EnumValue, FileContent, RawArray, Record, RecordTuple

_LOOK_BELOW_BYTES: Final = 16 * 1024
_ENUM: Final = bytes((Code.ENUM,))
_FILE: Final = bytes((Code.FILE,))
_COMPLEX: Final = Struct(">dd")


def decode(
    data: bytes | memoryview,
    *,
    type: Any = None,  # noqa: A002  # the word callers expect
    blobs: BlobSource | None = None,
    files: Path | None = None,
    where: str = "value",
) -> Any:
    """The value of a payload, converted to the type hint `type` if one is given.

    Without a hint, dataclasses and Structs become a `Record`, named tuples a `RecordTuple`, enum members their values.
    Files become `FileContent`, or real files in the directory `files`. Arrays can be
    written to; they lie on what `blobs` gives, if that can be, too.
    Raises MalformedPayload (WrongType if only the hint does not fit, naming the place from `where` on; BlobMissing if
    a blob is named and `blobs` is None), what `blobs` raises, and OSError if a file cannot be written.
    """
    if (type is None and blobs is None and files is None) or _needs_no_options(data):
        if type is None:
            return _guarded(data, _plain_reader.decoder.decode)
        return _guarded(data, lambda payload: convert(_plain_reader.decoder.decode(payload), type, where))
    reader = _Reader(blobs, files, keep_enums=type is not None)
    if type is None:
        return _guarded(data, reader.decoder.decode)

    def typed(payload: bytes | memoryview) -> Any:
        made = convert(reader.decoder.decode(payload), type, where)
        return without_enums(made) if reader.met_enums else made

    return _guarded(data, typed)


def _needs_no_options(data: bytes | memoryview) -> bool:
    """Whether a look at the bytes shows that there is no enum, file or blob: then one reader serves all."""
    return (
        isinstance(data, bytes)
        and len(data) < _LOOK_BELOW_BYTES
        and _ENUM not in data
        and _FILE not in data
        and BLOB_MAGIC not in data
    )


def decode_raw(data: bytes | memoryview) -> Any:
    """As `decode`, but arrays are a `RawArray`, enum members an `EnumValue`, blobs their `BlobReference`."""
    return _guarded(data, _RawReader(None, None, keep_enums=True).decoder.decode)


def _guarded(data: bytes | memoryview, read: Callable[[Any], Any]) -> Any:
    try:
        audit(data)
        return read(data)
    except _SourceFailed as failure:
        raise failure.error from None
    except MalformedPayload:
        raise
    except RecursionError:
        raise MalformedPayload("values are nested too deeply for the stack") from None
    except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
        raise MalformedPayload(str(error) or error.__class__.__name__) from None


class _SourceFailed(Exception):
    """Carries what the source of blobs raised past the handlers that take errors for malformed bytes."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class _Reader:
    """One decoding."""

    def __init__(self, blobs: BlobSource | None, files: Path | None, *, keep_enums: bool) -> None:
        self._blobs = blobs
        self.files = files
        self.keep_enums = keep_enums
        self.met_enums = False
        self.decoder = msgspec.msgpack.Decoder(ext_hook=self._extension)

    def _extension(self, code: int, body: memoryview) -> Any:
        handler = _HANDLERS.get(code)
        if handler is None:
            raise MalformedPayload(f"extension {code} is not known to this version")
        return handler(self, body)

    def open(self, reference: BlobReference) -> bytes | memoryview:
        if self._blobs is None:
            raise BlobMissing(f"the payload names blob {reference.digest}, and there is no source of blobs here")
        try:
            data = self._blobs.open(reference.digest, reference.size)
        except Exception as error:  # noqa: BLE001  # it goes through as it is
            raise _SourceFailed(error) from None
        if len(data) != reference.size:
            raise MalformedPayload(f"blob {reference.digest} has {len(data)} bytes instead of {reference.size}")
        return data

    def list_of(self, body: memoryview, what: str, length: int | None = None) -> list[Any]:
        items = self.decoder.decode(body)
        if type(items) is not list or (length is not None and len(items) != length):
            raise MalformedPayload(f"{what} is malformed")
        return items

    def file(self, name: object, data: bytes | memoryview) -> FileContent | Path:
        if not isinstance(name, str):
            raise MalformedPayload("the name of a file is text")
        content = FileContent(name, data)
        return content if self.files is None else content.save(self.files)


class _RawReader(_Reader):
    """Makes nothing that needs numpy, a source of blobs or the author's types."""

    def _extension(self, code: int, body: memoryview) -> Any:
        handler = _RAW_HANDLERS.get(code)
        return super()._extension(code, body) if handler is None else handler(self, body)


_Handler: TypeAlias = Callable[[_Reader, memoryview], Any]


def _big_int(reader: _Reader, body: memoryview) -> int:
    value = int.from_bytes(body, "big", signed=True)
    if -(2**63) <= value < 2**64 or len(body) != value.bit_length() // 8 + 1:
        raise MalformedPayload("an integer is not in its one spelling")
    return value


def _complex(reader: _Reader, body: memoryview) -> complex:
    if len(body) != _COMPLEX.size:
        raise MalformedPayload("a complex number is two floats")
    return complex(*_COMPLEX.unpack(body))


def _bytearray(reader: _Reader, body: memoryview) -> bytearray:
    return bytearray(body)


def _tuple(reader: _Reader, body: memoryview) -> tuple[Any, ...]:
    return tuple(reader.list_of(body, "a tuple"))


def _set(reader: _Reader, body: memoryview) -> set[Any]:
    return set(reader.list_of(body, "a set"))


def _frozenset(reader: _Reader, body: memoryview) -> frozenset[Any]:
    return frozenset(reader.list_of(body, "a set"))


def _map(reader: _Reader, body: memoryview) -> dict[Any, Any]:
    flat = reader.list_of(body, "a dict")
    if len(flat) % 2:
        raise MalformedPayload("a dict has a key without a value")
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _date(reader: _Reader, body: memoryview) -> Any:
    return times.unpack_date(_ascii(body))


def _time(reader: _Reader, body: memoryview) -> Any:
    return times.unpack_time(reader.decoder.decode(body))


def _datetime(reader: _Reader, body: memoryview) -> Any:
    return times.unpack_datetime(reader.decoder.decode(body))


def _timedelta(reader: _Reader, body: memoryview) -> Any:
    return times.unpack_timedelta(reader.decoder.decode(body))


def _decimal(reader: _Reader, body: memoryview) -> Decimal:
    text = _ascii(body)
    value = Decimal(text)
    if str(value) != text:
        raise MalformedPayload("a decimal is not in its one spelling")
    return value


def _uuid(reader: _Reader, body: memoryview) -> UUID:
    return UUID(bytes=bytes(body))


def _range(reader: _Reader, body: memoryview) -> range:
    parts = reader.list_of(body, "a range", 3)
    if not all(type(part) is int for part in parts):
        raise MalformedPayload("a range has three integers")
    return range(*parts)


def _enum(reader: _Reader, body: memoryview) -> Any:
    title, name, value = reader.list_of(body, "an enum", 3)
    if not isinstance(title, str) or not isinstance(name, str):
        raise MalformedPayload("an enum is malformed")
    if not reader.keep_enums:
        return value
    reader.met_enums = True
    return EnumValue(title, name, value)


def _record(reader: _Reader, body: memoryview) -> Record:
    title, fields = reader.list_of(body, "a record", 2)
    if not isinstance(title, str) or type(fields) is not dict or not all(isinstance(name, str) for name in fields):
        raise MalformedPayload("a record is malformed")
    return Record(title, fields)


def _named_tuple(reader: _Reader, body: memoryview) -> RecordTuple:
    title, names, items = reader.list_of(body, "a named tuple", 3)
    if not isinstance(title, str) or type(names) is not list or type(items) is not list or len(names) != len(items):
        raise MalformedPayload("a named tuple is malformed")
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise MalformedPayload("a named tuple names its fields, each once")
    return RecordTuple.of(title, tuple(names), items)


def _file(reader: _Reader, body: memoryview) -> Any:
    name, data = reader.list_of(body, "a file", 2)
    if not isinstance(data, bytes):
        raise MalformedPayload("a file is malformed")
    return reader.file(name, data)


def _array(reader: _Reader, body: memoryview) -> Any:
    return arrays.build(*arrays.split(body))


def _scalar(reader: _Reader, body: memoryview) -> Any:
    dtype, data = _scalar_parts(reader, body)
    if dtype in ("U", "S"):
        return arrays.text_scalar(str(dtype), data)
    return arrays.build_scalar(dtype, bytes(data, "utf-8") if isinstance(data, str) else data)


def _scalar_parts(reader: _Reader, body: memoryview) -> tuple[Dtype, str | bytes]:
    kind, data = reader.list_of(body, "a scalar", 2)
    if (kind == "U" and isinstance(data, str)) or (kind == "S" and isinstance(data, bytes)):
        return kind, data
    dtype, _, size = check_header([kind, []])
    if not isinstance(data, bytes) or len(data) != size:
        raise MalformedPayload("a scalar is malformed")
    return dtype, data


def _raw_array(reader: _Reader, body: memoryview) -> RawArray:
    return RawArray(*arrays.split(body))


def _raw_scalar(reader: _Reader, body: memoryview) -> RawArray:
    dtype, data = _scalar_parts(reader, body)
    return RawArray(dtype, (), data.encode() if isinstance(data, str) else data, scalar=True)


def _raw_blob(reader: _Reader, body: memoryview) -> BlobReference:
    reference = BlobReference.unpack(body)
    reference.check()
    return reference


def _blob(reader: _Reader, body: memoryview) -> Any:
    reference = BlobReference.unpack(body)
    reference.check()
    return _BLOBS[reference.what[0]](reader, reference)


def _blob_array(reader: _Reader, reference: BlobReference) -> Any:
    dtype, shape, _ = check_header(list(reference.what[1:]))
    return arrays.build(dtype, shape, reader.open(reference))


def _blob_file(reader: _Reader, reference: BlobReference) -> Any:
    return reader.file(reference.what[1], reader.open(reference))


def _reference(reader: _Reader, body: memoryview) -> Any:
    raise MalformedPayload("the payload refers to the result of another invocation, which this version does not do yet")


def _ascii(body: memoryview) -> str:
    return str(body, "ascii")


_BLOBS: Final[dict[str, Callable[[_Reader, BlobReference], Any]]] = {
    "bytes": lambda reader, reference: bytes(reader.open(reference)),
    "bytearray": lambda reader, reference: bytearray(reader.open(reference)),
    "str": lambda reader, reference: str(reader.open(reference), "utf-8"),
    "array": _blob_array,
    "file": _blob_file,
}

_HANDLERS: Final[dict[int, _Handler]] = {
    Code.BIG_INT: _big_int,
    Code.COMPLEX: _complex,
    Code.BYTEARRAY: _bytearray,
    Code.TUPLE: _tuple,
    Code.SET: _set,
    Code.FROZENSET: _frozenset,
    Code.MAP: _map,
    Code.DATE: _date,
    Code.TIME: _time,
    Code.DATETIME: _datetime,
    Code.TIMEDELTA: _timedelta,
    Code.DECIMAL: _decimal,
    Code.UUID: _uuid,
    Code.ENUM: _enum,
    Code.RECORD: _record,
    Code.NAMED_TUPLE: _named_tuple,
    Code.RANGE: _range,
    Code.FILE: _file,
    Code.ARRAY: _array,
    Code.SCALAR: _scalar,
    Code.BLOB: _blob,
    Code.REF: _reference,
}

_RAW_HANDLERS: Final[dict[int, _Handler]] = {Code.ARRAY: _raw_array, Code.SCALAR: _raw_scalar, Code.BLOB: _raw_blob}

_plain_reader: Final = _Reader(None, None, keep_enums=False)
