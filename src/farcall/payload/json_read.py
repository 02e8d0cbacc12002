"""JSON values to payloads, by the schema of the interface.

What JSON writes as another type (dates, bytes, arrays …) must be readable as what the schema says. What JSON has itself
is passed on even if it does not fit: validation of the payload then tells all that is wrong at once, with paths.
"""

from __future__ import annotations

import dataclasses
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from farcall.payload import times
from farcall.payload.blobs import BlobReference
from farcall.payload.codes import MAX_DEPTH
from farcall.payload.digests import digest_raw
from farcall.payload.dtypes import check_header
from farcall.payload.encode import encode
from farcall.payload.errors import MalformedPayload, Unencodable, WrongType
from farcall.payload.json_arrays import from_lists
from farcall.payload.json_numbers import read_float, read_int
from farcall.payload.values import EnumValue, FileContent, RawArray, Record, RecordTuple

Schema: TypeAlias = dict[str, Any]
BlobSize: TypeAlias = Callable[[str], int]
_ANY: Final[Schema] = {"x-type": "any"}


def from_json(
    value: Any, schema: Schema | None = None, *, where: str = "value", blob_size: BlobSize | None = None
) -> bytes:
    """The payload of a JSON value that follows `schema`, or marks its types itself.

    ``{"$blob": digest}`` may stand anywhere; `blob_size` tells the bytes of a blob whose size is not given beside it.
    Raises WrongType naming the place.
    """
    try:
        return encode(_Reader(blob_size).read(value, schema or _ANY, where, 0), where=where)
    except Unencodable as error:
        raise WrongType(error.place, error.reason) from None
    except RecursionError:
        raise WrongType(where, "values are nested too deeply") from None


class _Reader:
    def __init__(self, blob_size: BlobSize | None) -> None:
        self._blob_size = blob_size

    def read(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise WrongType(place[:200], f"values are nested more than {MAX_DEPTH} deep")
        if type(value) is dict and "$blob" in value:
            return self._guard(self._blob, value, schema, place, depth)
        if type(value) is dict and "$type" in value:
            return self._guard(self._marked, value, schema, place, depth)
        if "anyOf" in schema:
            return self._any_of(value, schema["anyOf"], place, depth)
        reader = _TYPED.get(schema.get("x-type", "any"), _Reader._any)
        return self._guard(reader.__get__(self), value, schema, place, depth)

    def _guard(self, reader: Callable[..., Any], value: Any, schema: Schema, place: str, depth: int) -> Any:
        try:
            return reader(value, schema, place, depth)
        except MalformedPayload as error:
            if isinstance(error, WrongType):
                raise
            raise WrongType(place, str(error)) from None
        except (ValueError, TypeError, ArithmeticError, KeyError) as error:
            wanted = schema.get("x-type", "any")
            named = f"not readable as {wanted}" if wanted != "any" else "malformed"
            raise WrongType(place, f"{value!r:.60} is {named}: {error}") from None

    def _any_of(self, value: Any, branches: list[Schema], place: str, depth: int) -> Any:
        """The first branch that reads it as what it is, and is content with what JSON calls it."""
        failure: WrongType | None = None
        for branch in branches:
            if not _could_be(value, branch):
                continue
            try:
                return self.read(value, branch, place, depth)
            except WrongType as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return self.read(value, _ANY, place, depth)

    def _any(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        if type(value) is list:
            return self._items(value, _ANY, place, depth)
        if type(value) is dict:
            return {key: self.read(item, _ANY, f'{place}["{key}"]', depth + 1) for key, item in value.items()}
        return value

    def _items(self, value: list[Any], schema: Schema, place: str, depth: int) -> list[Any]:
        return [self.read(item, schema, f"{place}[{index}]", depth + 1) for index, item in enumerate(value)]

    def _int(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return read_int(value) if _is_number_text(value) or (type(value) is float and value.is_integer()) else value

    def _float(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return read_float(value) if type(value) is int or value in ("NaN", "Infinity", "-Infinity") else value

    def _complex(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        if type(value) in (int, float):
            return complex(value)
        real, imaginary = value
        return complex(read_float(real), read_float(imaginary))

    def _list(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return self._items(value, schema.get("items", _ANY), place, depth) if type(value) is list else value

    def _tuple(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        if type(value) is not list:
            return value
        fixed = schema.get("prefixItems", [])
        rest = schema.get("items", _ANY)
        schemas = [*fixed, *[rest if isinstance(rest, dict) else _ANY] * (len(value) - len(fixed))]
        return tuple(
            self.read(item, inner, f"{place}[{index}]", depth + 1)
            for index, (item, inner) in enumerate(zip(value, schemas, strict=False))
        )

    def _set(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return set(self._list(value, schema, place, depth)) if type(value) is list else value

    def _frozenset(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return frozenset(self._list(value, schema, place, depth)) if type(value) is list else value

    def _dict(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        if type(value) is not dict:
            return value
        fields = self._fields(value, schema, place, depth)
        keys = schema.get("x-keys")
        if keys is None or keys.get("x-type") in ("str", "any"):
            return fields
        return {self._key(key, keys, place, depth): item for key, item in fields.items()}

    def _key(self, text: str, schema: Schema, place: str, depth: int) -> Any:
        kinds = {branch.get("x-type") for branch in schema.get("anyOf", [schema])}
        value: Any = text
        if not kinds <= _TEXTUAL:
            try:
                value = msgspec.json.decode(text)
            except msgspec.DecodeError:
                value = text
        return self.read(value, schema, f"a key of {place}", depth)

    def _fields(self, value: dict[str, Any], schema: Schema, place: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        rest = others if isinstance(others, dict) else _ANY
        return {
            key: self.read(item, properties.get(key, rest), f'{place}["{key}"]', depth + 1)
            for key, item in value.items()
        }

    def _record(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        if type(value) is not dict:
            return value
        fields = self._fields(value, schema, place, depth)
        title = schema.get("title", "Record")
        if schema.get("x-kind") == "namedtuple":
            return RecordTuple.of(title, tuple(fields), list(fields.values()))
        return Record(title, fields)

    def _enum(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        members = schema.get("x-members", {})
        for name, shown in members.items():
            if type(shown) is type(value) and shown == value:
                return EnumValue(schema.get("title", ""), name, shown)
        return value

    def _array(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return from_lists(value, schema.get("x-dtype")) if type(value) in (list, int, float, bool) else value

    def _path(self, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return FileContent("file", _bytes(value)) if type(value) is str else value

    def _marked(self, value: dict[str, Any], schema: Schema, place: str, depth: int) -> Any:
        kind = value["$type"]
        marked = _MARKED.get(kind)
        if marked is not None:
            return marked(self, value, place, depth)
        reader = _TYPED.get(kind)
        if reader is None:
            raise ValueError(f"{kind!r:.40} is no type")
        return reader(self, value["value"], {"x-type": kind}, place, depth)

    def _blob(self, value: dict[str, Any], schema: Schema, place: str, depth: int) -> BlobReference:
        digest = value["$blob"]
        digest_raw(digest)
        size = value.get("size")
        if size is None and self._blob_size is not None:
            size = self._blob_size(digest)
        if type(size) is not int or not 0 <= size < 2**63:
            raise ValueError("the size of the blob in bytes is needed beside its digest")
        hinted = [_BLOB_KINDS.get(branch.get("x-type"), "") for branch in schema.get("anyOf", [schema])]
        kind = value.get("what") or next(filter(None, hinted), "bytes")
        what = [kind]
        if kind == "file":
            what.append(value.get("name", "file"))
        elif kind == "array":
            what += [value["dtype"], value["shape"]]
        reference = BlobReference(digest, size, what)
        reference.check()
        return reference


_BLOB_KINDS: Final = {"bytes": "bytes", "str": "str", "path": "file", "array": "array"}
_TEXTUAL: Final = {"str", "bytes", "date", "datetime", "time", "timedelta", "decimal", "uuid", "path"}


def _marked_record(reader: _Reader, value: dict[str, Any], place: str, depth: int) -> Any:
    kind = "namedtuple" if value["$type"] == "namedtuple" else "dataclass"
    schema = {"x-type": "record", "x-kind": kind, "title": str(value["title"])}
    return reader._record(value["value"], schema, place, depth)


def _marked_dict(reader: _Reader, value: dict[str, Any], place: str, depth: int) -> dict[Any, Any]:
    pairs = [reader._items([key, item], _ANY, place, depth) for key, item in value["value"]]
    return {key: item for key, item in pairs}  # noqa: C416  # the pairs are lists


def _marked_enum(reader: _Reader, value: dict[str, Any], place: str, depth: int) -> EnumValue:
    return EnumValue(str(value["title"]), str(value["name"]), reader.read(value["value"], _ANY, place, depth + 1))


def _marked_array(reader: _Reader, value: dict[str, Any], place: str, depth: int) -> RawArray:
    dtype = value["dtype"]
    scalar = value["$type"] == "scalar"
    if scalar and dtype in ("U", "S"):
        return RawArray(dtype, (), value["value"].encode() if dtype == "U" else _bytes(value["value"]), scalar=True)
    shape = value.get("shape")
    if "data" in value:
        items = _bytes(value["data"])
        dtype, lengths, size = check_header([dtype, shape])
        if size != len(items):
            raise ValueError("the data is not as long as the shape says")
        made = RawArray(dtype, lengths, items, scalar)
    else:
        made = from_lists(value["value"], dtype, None if shape is None else tuple(shape))
    if scalar and made.shape:
        raise ValueError("a scalar has no shape")
    return dataclasses.replace(made, scalar=scalar)


def _marked_moment(reader: _Reader, value: dict[str, Any], place: str, depth: int) -> datetime | time:
    kind = datetime if value["$type"] == "datetime" else time
    moment = kind.fromisoformat(value["value"])
    zone, fold = value.get("zone"), 1 if value.get("fold") else 0
    if zone is None:
        return moment.replace(fold=fold)
    return moment.replace(tzinfo=times.zone_of(zone, moment.utcoffset()), fold=fold)


def _marked_range(reader: _Reader, value: dict[str, Any], place: str, depth: int) -> range:
    start, stop, step = map(read_int, value["value"])
    return range(start, stop, step)


_MARKED: Final[dict[str, Callable[[_Reader, dict[str, Any], str, int], Any]]] = {
    "record": _marked_record,
    "namedtuple": _marked_record,
    "dict": _marked_dict,
    "enum": _marked_enum,
    "array": _marked_array,
    "scalar": _marked_array,
    "datetime": _marked_moment,
    "time": _marked_moment,
    "range": _marked_range,
    "path": lambda reader, value, place, depth: FileContent(str(value.get("name", "file")), _bytes(value["value"])),
    "bytearray": lambda reader, value, place, depth: bytearray(_bytes(value["value"])),
}


def _is_number_text(value: Any) -> bool:
    return type(value) is str and value.removeprefix("-")[:1].isdigit()


def _bytes(text: Any) -> bytes:
    if type(text) is not str:
        raise ValueError("bytes are written in base64")
    return b64decode(text, validate=True)


def _could_be(value: Any, schema: Schema) -> bool:
    """Whether JSON's own type of the value is one that the branch is written in."""
    if "enum" in schema:
        return any(type(choice) is type(value) and choice == value for choice in schema["enum"])
    kind = schema.get("type")
    if kind is None or (type(value) is dict and ("$type" in value or "$blob" in value)):
        return True
    if schema.get("x-type") in ("int", "float") and type(value) is str:
        return value in ("NaN", "Infinity", "-Infinity") if schema["x-type"] == "float" else _is_number_text(value)
    return type(value) in _JSON_TYPES.get(kind, ()) and not (kind == "integer" and value != value // 1)


_JSON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int, float),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def _text(parse: Callable[[str], Any]) -> Callable[..., Any]:
    def read(reader: _Reader, value: Any, schema: Schema, place: str, depth: int) -> Any:
        return parse(value) if type(value) is str else value

    return read


def _decimal(reader: _Reader, value: Any, schema: Schema, place: str, depth: int) -> Any:
    return Decimal(value) if type(value) in (str, int) else value


_TYPED: Final[dict[str, Callable[..., Any]]] = {
    "int": _Reader._int,
    "float": _Reader._float,
    "complex": _Reader._complex,
    "bytes": _text(_bytes),
    "date": _text(times.unpack_date),
    "datetime": _text(datetime.fromisoformat),
    "time": _text(time.fromisoformat),
    "timedelta": _text(lambda text: msgspec.convert(text, timedelta)),
    "decimal": _decimal,
    "uuid": _text(UUID),
    "enum": _Reader._enum,
    "array": _Reader._array,
    "set": _Reader._set,
    "frozenset": _Reader._frozenset,
    "tuple": _Reader._tuple,
    "list": _Reader._list,
    "dict": _Reader._dict,
    "record": _Reader._record,
    "path": _Reader._path,
}
