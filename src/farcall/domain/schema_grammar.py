"""What the schema of a parameter or result may say: a small, closed part of JSON Schema 2020-12.

Documents come from workers, so they are hostile until they passed here. Closed, because the full language fetches
`$ref` from anywhere, runs regular expressions, and lets two validators disagree. The keywords that begin with ``x-``
are explained in `farcall.authoring.schemas`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from farcall.authoring.markers import is_term
from farcall.authoring.units import TEXT_LIMIT as UNIT_LIMIT

NODES_LIMIT = 1000  # schemas within one interface document
DEPTH_LIMIT = 24
BRANCHES_LIMIT = 32
ENUM_LIMIT = 1000
TEXT_LIMIT = 4000
TERMS_LIMIT = 16  # of one parameter or result

# The JSON type that each Python type is written as. None: any JSON type.
JSON_TYPES: Mapping[str, str | None] = {
    "int": "integer",
    "float": "number",
    "complex": "array",
    "bool": "boolean",
    "str": "string",
    "bytes": "string",
    "date": "string",
    "datetime": "string",
    "time": "string",
    "timedelta": "string",
    "decimal": "string",
    "uuid": "string",
    "enum": None,
    "array": "array",
    "set": "array",
    "frozenset": "array",
    "tuple": "array",
    "list": "array",
    "dict": "object",
    "record": "object",
    "path": "string",
    "any": None,
    "none": "null",
}
# What a plain JSON Schema, written without `x-type`, means.
_IMPLIED = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "string": "str",
    "array": "list",
    "object": "dict",
    "null": "none",
}
_DTYPE = re.compile(r"[a-z][a-z0-9_]{0,31}")


class SchemaError(ValueError):
    """The schema says something that it may not; the message is one sentence that names the place."""


class Reader:
    """Reads the schemas of one document and counts their nodes over all of them."""

    def __init__(self) -> None:
        self._nodes = 0

    def read(self, raw: object, place: str, depth: int = 0) -> dict[str, Any]:
        """A checked copy with `x-type` filled in; raises SchemaError. `place` is for the message."""
        self._nodes += 1
        if self._nodes > NODES_LIMIT or depth > DEPTH_LIMIT:
            raise SchemaError(f"{place}: the schemas are larger than {NODES_LIMIT} nodes or deeper than {DEPTH_LIMIT}")
        if not isinstance(raw, dict):
            raise SchemaError(f"{place}: a schema is an object, not {type(raw).__name__}")
        schema: dict[str, Any] = {}
        for keyword, value in raw.items():
            check = _VALUES.get(keyword) if isinstance(keyword, str) else None
            if check is not None:
                if not check(value):
                    raise SchemaError(f"{place}: the value of {keyword!r} is not allowed")
                schema[keyword] = value
            elif keyword in ("items", "x-keys"):
                schema[keyword] = self.read(value, place, depth + 1)
            elif keyword in ("anyOf", "prefixItems"):
                schema[keyword] = self._read_list(value, f"{place}: {keyword}", depth)
            elif keyword == "additionalProperties":
                schema[keyword] = value if value is False else self.read(value, place, depth + 1)
            elif keyword == "properties":
                schema[keyword] = self._read_properties(value, place, depth)
            else:
                raise SchemaError(f"{place}: the keyword {keyword!r:.60} is not known")
        _make_consistent(schema, place)
        return schema

    def _read_list(self, raw: object, place: str, depth: int) -> list[dict[str, Any]]:
        if not isinstance(raw, list) or not 1 <= len(raw) <= BRANCHES_LIMIT:
            raise SchemaError(f"{place} takes 1 to {BRANCHES_LIMIT} schemas")
        return [self.read(item, place, depth + 1) for item in raw]

    def _read_properties(self, raw: object, place: str, depth: int) -> dict[str, Any]:
        if not isinstance(raw, dict) or not all(_text(name, 128) for name in raw):
            raise SchemaError(f"{place}: 'properties' takes an object of schemas")
        return {name: self.read(value, f"{place}.{name}", depth + 1) for name, value in raw.items()}


def _make_consistent(schema: dict[str, Any], place: str) -> None:
    if "x-type" not in schema and "anyOf" not in schema and "enum" not in schema:
        schema["x-type"] = _IMPLIED.get(schema.get("type", ""), "any")
    kind = schema.get("x-type")
    if kind is not None:
        expected = None if "enum" in schema else JSON_TYPES[kind]
        if schema.setdefault("type", expected) != expected:
            raise SchemaError(f"{place}: x-type {kind!r} does not go with type {schema['type']!r}")
        if expected is None:
            del schema["type"]
    elif "type" in schema:
        raise SchemaError(f"{place}: 'type' does not go beside anyOf or enum")
    if kind == "enum" and "enum" not in schema:
        raise SchemaError(f"{place}: x-type 'enum' takes the values in 'enum'")
    if "anyOf" in schema and (kind is not None or "enum" in schema):
        raise SchemaError(f"{place}: 'anyOf' goes alone")
    missing = set(schema.get("required", ())) - schema.get("properties", {}).keys()
    if missing:
        raise SchemaError(f"{place}: {min(missing)!r} is required but not among the properties")
    members = schema.get("x-members", {})
    if not set(map(_typed, members.values())) <= set(map(_typed, schema.get("enum", ()))):
        raise SchemaError(f"{place}: 'x-members' has a value that 'enum' has not")


def _typed(value: object) -> tuple[type, object]:
    return type(value), value


def _text(value: object, limit: int = TEXT_LIMIT) -> bool:
    return isinstance(value, str) and len(value) <= limit


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _number(value: object) -> bool:
    return (type(value) is int and abs(value) < 2**63) or (type(value) is float and math.isfinite(value))


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, bool) or _number(value) or _text(value)


def _list_of(check: Callable[[object], bool], limit: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and len(value) <= limit and all(map(check, value))


def _one_of(*values: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in values


_VALUES: Mapping[str, Callable[[Any], bool]] = {
    "type": _one_of(*_IMPLIED),
    "x-type": _one_of(*JSON_TYPES),
    "x-kind": _one_of("dataclass", "struct", "namedtuple"),
    "x-dtype": lambda value: isinstance(value, str) and _DTYPE.fullmatch(value) is not None,
    "x-shape": _list_of(lambda length: length is None or _count(length), 32),
    "x-unit": lambda value: _text(value, UNIT_LIMIT) and bool(value.strip()),
    "x-term": lambda value: bool(value) and _list_of(is_term, TERMS_LIMIT)(value),
    "x-members": lambda value: (
        isinstance(value, dict)
        and len(value) <= ENUM_LIMIT
        and all(_text(name, 128) and _scalar(item) for name, item in value.items())
    ),
    "enum": lambda value: bool(value) and _list_of(_scalar, ENUM_LIMIT)(value),
    "minimum": _number,
    "maximum": _number,
    "minItems": _count,
    "maxItems": _count,
    "uniqueItems": lambda value: isinstance(value, bool),
    "required": _list_of(lambda name: _text(name, 128), NODES_LIMIT),
    "format": _one_of("date", "date-time", "time", "duration", "uuid"),
    "contentEncoding": _one_of("base64"),
    "description": _text,
    "title": lambda value: _text(value, 128),
}
