"""Python types for schemas: so that a record comes back as something of the same shape as its owner's.

Schemas come from other parties. Nothing of them is executed: the classes are made by the standard library, and only
from names that are plain identifiers; with any other name the value stays a generic record or a plain value.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import json
import keyword
import pathlib
import sys
import types
import typing
import uuid
from collections import namedtuple
from collections.abc import Callable
from dataclasses import field, make_dataclass
from enum import Enum
from typing import Any, Literal

_PLAIN: dict[str, Any] = {
    "int": int,
    "float": float,
    "complex": complex,
    "bool": bool,
    "str": str,
    "bytes": bytes,
    "date": datetime.date,
    "datetime": datetime.datetime,
    "time": datetime.time,
    "timedelta": datetime.timedelta,
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
    "path": pathlib.Path,
    "any": Any,
    "none": None,
}
_COLLECTIONS: dict[str, type] = {"list": list, "set": set, "frozenset": frozenset}
_CACHE_SIZE = 1024
_MODULE = "farcall.results"


def python_type(schema: dict[str, Any]) -> Any:
    """The type to decode a value of `schema` as; equal schemas give the same classes. Arrays are `Any`: they tell their
    own type.
    """
    return _made(_key(schema), False)


def annotation_type(schema: dict[str, Any]) -> Any:
    """The type to show in a signature: as `python_type`, with arrays as ``numpy.ndarray``; numpy is not imported."""
    return _made(_key(schema), True)


def _key(schema: dict[str, Any]) -> str:
    return json.dumps(schema)  # not sorted: the order of fields counts


@functools.lru_cache(maxsize=_CACHE_SIZE)
def _made(key: str, shown: bool) -> Any:
    return _type_of(json.loads(key), shown)


def _type_of(schema: dict[str, Any], shown: bool) -> Any:
    def inner(part: dict[str, Any]) -> Any:
        return _made(_key(part), shown)

    if "anyOf" in schema:
        return _union([inner(branch) for branch in schema["anyOf"]])
    if "enum" in schema:
        return _enum(schema)
    kind = schema["x-type"]
    if kind == "array":
        return _shown_array() if shown else Any
    if kind == "record":
        return _record(schema, shown)
    if kind == "tuple":
        return _tuple([inner(item) for item in schema.get("prefixItems", ())], schema, inner)
    if kind == "dict":
        keys = inner(schema["x-keys"]) if "x-keys" in schema else str
        values = inner(schema["additionalProperties"]) if schema.get("additionalProperties") else Any
        return dict if keys is Any and values is Any else types.GenericAlias(dict, (keys, values))
    if kind in _COLLECTIONS:
        collection = _COLLECTIONS[kind]
        return types.GenericAlias(collection, (inner(schema["items"]),)) if "items" in schema else collection
    return _PLAIN[kind]


def _union(branches: list[Any]) -> Any:
    return typing.Union[tuple(branches)]  # noqa: UP007  # made at run time


def _tuple(prefix: list[Any], schema: dict[str, Any], inner: Callable[[dict[str, Any]], Any]) -> Any:
    if prefix:
        return types.GenericAlias(tuple, tuple(prefix))
    return types.GenericAlias(tuple, (inner(schema["items"]), ...)) if "items" in schema else tuple


def _shown_array() -> Any:
    numpy = sys.modules.get("numpy")
    return numpy.ndarray if numpy is not None else _stand_in()


@functools.cache
def _stand_in() -> type:
    return type("ndarray", (), {"__module__": "numpy", "__doc__": "An array of numpy, which is not imported here."})


def _enum(schema: dict[str, Any]) -> Any:
    members = schema.get("x-members")
    if schema.get("x-type") != "enum" or not members:
        return Literal[tuple(schema["enum"])]
    title = schema.get("title", "")
    if not _safe(title) or not all(_safe(name) and name != "mro" for name in members):
        return Any
    return Enum(title, members, module=_MODULE)


def _record(schema: dict[str, Any], shown: bool) -> Any:
    title, properties = schema.get("title", "Record"), schema.get("properties", {})
    if not _safe(title) or not all(map(_safe, properties)):
        return Any
    kinds = [(name, _made(_key(part), shown)) for name, part in properties.items()]
    if schema.get("x-kind") == "namedtuple":
        return _namedtuple(title, kinds)
    required = set(schema.get("required", ()))
    fields: list[Any] = [entry for entry in kinds if entry[0] in required]
    # A field that has a default there may be missing in what arrives; what it would be is not known here.
    fields += [(name, kind, field(default=None)) for name, kind in kinds if name not in required]
    return make_dataclass(title, fields, namespace={"__module__": _MODULE})


def _namedtuple(title: str, kinds: list[tuple[str, Any]]) -> Any:
    made: Any = namedtuple(title, [name for name, _ in kinds], module=_MODULE)  # type: ignore[misc]  # made at run time
    made.__annotations__ = dict(kinds)
    return made


def _safe(name: str) -> bool:
    """An ASCII identifier that means nothing to Python or to the constructors of classes."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
