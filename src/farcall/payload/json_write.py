"""Payloads to JSON values.

Where the schema says what a value is, it is written plainly; elsewhere what JSON cannot say is ``{"$type": …}``. Large
leaves are ``{"$blob": digest, …}``. Needs neither numpy nor the author's types.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from farcall.payload.blobs import BlobReference
from farcall.payload.decode import decode_raw
from farcall.payload.json_arrays import has_lists, to_lists
from farcall.payload.json_numbers import show_float, show_int
from farcall.payload.values import EnumValue, FileContent, RawArray, Record, RecordTuple

Schema: TypeAlias = dict[str, Any]


def to_json(data: bytes | memoryview, schema: Schema | None = None) -> Any:
    """The payload as JSON values, plainly where `schema` names the type, else marked; raises MalformedPayload."""
    return _show(decode_raw(data), schema)


def key_text(key: Any) -> str:
    """The key of an object for a key of a dict: text as it is, everything else as its JSON."""
    shown = _show(key, None)
    if isinstance(shown, dict) and "value" in shown:
        shown = shown["value"]
    return shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()


def _show(value: Any, schema: Schema | None) -> Any:
    return _SHOW[type(value)](value, schema)


def _branch(schema: Schema | None, *kinds: str, title: str | None = None) -> Schema | None:
    """The schema of a value of one of these x-types; None where it would not be read back as such."""
    if schema is None:
        return None
    if "anyOf" in schema:
        branches = [branch for branch in schema["anyOf"] if branch.get("x-type") != "none"]
        return _branch(branches[0], *kinds, title=title) if len(branches) == 1 else None
    if schema.get("x-type") not in kinds or (title is not None and schema.get("title", title) != title):
        return None
    return schema


def _inner(schema: Schema | None, kinds: tuple[str, ...], keyword: str) -> Schema | None:
    known = _branch(schema, *kinds)
    inner = None if known is None else known.get(keyword)
    return inner if isinstance(inner, dict) else None


def _marked(kind: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"$type": kind, **more, "value": value}


def _as_is(value: Any, schema: Schema | None) -> Any:
    return value


def _int(value: int, schema: Schema | None) -> Any:
    shown = show_int(value)
    return shown if shown is value or _branch(schema, "int", "float") else _marked("int", shown)


def _float(value: float, schema: Schema | None) -> Any:
    shown = show_float(value)
    return shown if shown is value or _branch(schema, "float") else _marked("float", shown)


def _complex(value: complex, schema: Schema | None) -> Any:
    parts = [show_float(value.real), show_float(value.imag)]
    return parts if _branch(schema, "complex") else _marked("complex", parts)


def _text_of(kind: str, text: Callable[[Any], str]) -> _Show:
    def show(value: Any, schema: Schema | None) -> Any:
        return text(value) if _branch(schema, kind) else _marked(kind, text(value))

    return show


def _moment(kind: str) -> _Show:
    def show(value: datetime | time, schema: Schema | None) -> Any:
        if _branch(schema, kind):
            return value.isoformat()
        more: dict[str, Any] = {} if type(value.tzinfo) is not ZoneInfo else {"zone": value.tzinfo.key}
        return _marked(kind, value.isoformat(), **more, **({"fold": 1} if value.fold else {}))

    return show


def _base64(data: bytes | bytearray | memoryview) -> str:
    return b64encode(data).decode()


def _bytearray(value: bytearray, schema: Schema | None) -> Any:
    return _base64(value) if _branch(schema, "bytes") else _marked("bytearray", _base64(value))


def _list(value: list[Any], schema: Schema | None) -> Any:
    items = _inner(schema, ("list", "tuple", "set", "frozenset"), "items")
    return [_show(item, items) for item in value]


def _tuple(value: tuple[Any, ...], schema: Schema | None) -> Any:
    known = _branch(schema, "tuple", "list")
    items = (known or {}).get("items")
    fixed = (known or {}).get("prefixItems", [])
    schemas = [*fixed, *[items if isinstance(items, dict) else None] * (len(value) - len(fixed))]
    shown = [_show(item, inner) for item, inner in zip(value, schemas, strict=False)]
    return shown if known else _marked("tuple", shown)


def _set(kind: str) -> _Show:
    def show(value: Iterable[Any], schema: Schema | None) -> Any:
        shown = [_show(item, _inner(schema, (kind,), "items")) for item in value]
        return shown if _branch(schema, kind) else _marked(kind, shown)

    return show


def _dict(value: dict[Any, Any], schema: Schema | None) -> Any:
    known = _branch(schema, "dict", "record")
    if known is None:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _show(item, None) for key, item in value.items()}
        return _marked("dict", [[_show(key, None), _show(item, None)] for key, item in value.items()])
    return _object(((key_text(key), item) for key, item in value.items()), known)


def _object(items: Iterable[tuple[str, Any]], schema: Schema | None) -> dict[str, Any]:
    properties = (schema or {}).get("properties", {})
    others = (schema or {}).get("additionalProperties")
    rest = others if isinstance(others, dict) else None
    return {key: _show(item, properties.get(key, rest)) for key, item in items}


def _record(value: Record, schema: Schema | None) -> Any:
    known = _branch(schema, "record", "dict", title=value._title)
    shown = _object(value.items(), known)
    return shown if known else _marked("record", shown, title=value._title)


def _record_tuple(value: RecordTuple, schema: Schema | None) -> Any:
    known = _branch(schema, "record", title=value._title)
    shown = _object(value._asdict().items(), known)
    return shown if known else _marked("namedtuple", shown, title=value._title)


def _enum(value: EnumValue, schema: Schema | None) -> Any:
    if _branch(schema, "enum", title=value.title):
        return _show(value.value, None)
    return _marked("enum", _show(value.value, None), title=value.title, name=value.name)


def _range(value: range, schema: Schema | None) -> Any:
    return _marked("range", [show_int(part) for part in (value.start, value.stop, value.step)])


def _file(value: FileContent, schema: Schema | None) -> Any:
    return _marked("path", _base64(value.data), name=value.name)


def _array(value: RawArray, schema: Schema | None) -> Any:
    if value.dtype in ("U", "S"):
        return _text_scalar(value, schema)
    if not has_lists(value.dtype):
        kind = "scalar" if value.scalar else "array"
        return {"$type": kind, "dtype": value.dtype, "shape": list(value.shape), "data": _base64(value.items)}
    lists = to_lists(value)
    if value.scalar:
        plain = _branch(schema, "int", "float", "bool", "complex", "str")
        return lists if plain else _marked("scalar", lists, dtype=value.dtype)
    if _branch(schema, "array", "list") and 0 not in value.shape:
        return lists
    return _marked("array", lists, dtype=value.dtype, shape=list(value.shape))


def _text_scalar(value: RawArray, schema: Schema | None) -> Any:
    text = str(value.items, "utf-8") if value.dtype == "U" else _base64(value.items)
    plain = _branch(schema, "str") if value.dtype == "U" else _branch(schema, "bytes")
    return text if plain else _marked("scalar", text, dtype=value.dtype)


def _blob(value: BlobReference, schema: Schema | None) -> Any:
    kind, *rest = value.what
    shown: dict[str, Any] = {"$blob": value.digest, "size": value.size, "what": kind}
    if kind == "array":
        shown |= {"dtype": rest[0], "shape": rest[1]}
    elif kind == "file":
        shown["name"] = rest[0]
    return shown


_Show: TypeAlias = Callable[[Any, Schema | None], Any]

_SHOW: Final[dict[type, _Show]] = {
    type(None): _as_is,
    bool: _as_is,
    str: _as_is,
    int: _int,
    float: _float,
    complex: _complex,
    bytes: _text_of("bytes", _base64),
    bytearray: _bytearray,
    list: _list,
    tuple: _tuple,
    set: _set("set"),
    frozenset: _set("frozenset"),
    dict: _dict,
    date: _text_of("date", date.isoformat),
    datetime: _moment("datetime"),
    time: _moment("time"),
    timedelta: _text_of("timedelta", msgspec.to_builtins),
    Decimal: _text_of("decimal", str),
    UUID: _text_of("uuid", str),
    EnumValue: _enum,
    Record: _record,
    RecordTuple: _record_tuple,
    range: _range,
    FileContent: _file,
    RawArray: _array,
    BlobReference: _blob,
}
