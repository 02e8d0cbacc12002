"""Type hints to JSON Schema 2020-12, with the keywords that tell Python types apart.

``x-type`` names the Python type: int float complex bool str bytes date datetime time timedelta decimal uuid enum
array set frozenset tuple list dict record path any none. Beside it: ``x-unit`` (Unit), ``x-term`` (the address of each
Term, a list), ``x-dtype`` and ``x-shape``
(arrays; null is any length), ``x-keys`` (schema of the keys of a dict whose keys are not just strings), ``x-members``
(name to value of an enum), ``x-kind`` (dataclass, struct or namedtuple of a record). ``minimum`` and ``maximum`` are
inclusive. numpy and msgspec are recognised without being imported.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import types
import typing
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias, Union

from farcall.authoring.markers import Doc, Numbers, Range, Term, Unit

Schema: TypeAlias = dict[str, Any]


class UnsupportedType(TypeError):
    """The annotation names a type that cannot travel; the message says which and what would do."""


def schema_of(hint: Any, enclosing: tuple[Any, ...] = ()) -> Schema:
    """The schema of a resolved type hint; raises UnsupportedType.

    `enclosing` are the records that the hint is inside of: one that contains itself is described as `any` where it
    recurs.
    """
    if isinstance(hint, typing.TypeVar):
        return schema_of(Any if hint.__bound__ is None else hint.__bound__, enclosing)
    for transparent in ("__supertype__", "__value__"):  # NewType; `type X = …`
        inner = getattr(hint, transparent, None)
        if inner is not None and not isinstance(hint, type):
            return schema_of(inner, enclosing)
    origin = typing.get_origin(hint)
    if origin is not None:
        return _parametrised(hint, origin, typing.get_args(hint), enclosing)
    if not isinstance(hint, collections.abc.Hashable):
        raise UnsupportedType(f"{hint!r:.60} is no type")
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if hint in _CONTAINERS:
        return _parametrised(hint, hint, (), enclosing)
    if isinstance(hint, type):
        return _class(hint, enclosing)
    raise UnsupportedType(_cannot_travel(hint))


def is_optional(schema: Schema) -> bool:
    """Whether None is among what the schema takes."""
    if "anyOf" in schema:
        return any(is_optional(branch) for branch in schema["anyOf"])
    if "enum" in schema:
        return None in schema["enum"]
    return schema.get("x-type") in ("none", "any")


def optional(schema: Schema) -> Schema:
    """The schema, or None; prose and unit stay at the top."""
    if is_optional(schema):
        return schema
    prose = {key: schema[key] for key in ("description",) if key in schema}
    inner = {key: value for key, value in schema.items() if key not in prose}
    branches = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
    return {"anyOf": [*branches, dict(_SCALARS[None])], **prose}


_SCALARS: dict[Any, Schema] = {
    Any: {"x-type": "any"},
    object: {"x-type": "any"},
    None: {"type": "null", "x-type": "none"},
    type(None): {"type": "null", "x-type": "none"},
    int: {"type": "integer", "x-type": "int"},
    float: {"type": "number", "x-type": "float"},
    bool: {"type": "boolean", "x-type": "bool"},
    str: {"type": "string", "x-type": "str"},
    complex: {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 2,
        "maxItems": 2,
        "x-type": "complex",
    },
    bytes: {"type": "string", "contentEncoding": "base64", "x-type": "bytes"},
    datetime.date: {"type": "string", "format": "date", "x-type": "date"},
    datetime.datetime: {"type": "string", "format": "date-time", "x-type": "datetime"},
    datetime.time: {"type": "string", "format": "time", "x-type": "time"},
    datetime.timedelta: {"type": "string", "format": "duration", "x-type": "timedelta"},
    decimal.Decimal: {"type": "string", "x-type": "decimal"},
    uuid.UUID: {"type": "string", "format": "uuid", "x-type": "uuid"},
    pathlib.Path: {"type": "string", "x-type": "path"},
    pathlib.PurePath: {"type": "string", "x-type": "path"},
}

_ABC = collections.abc
_SEQUENCES: set[Any] = {
    list,
    _ABC.Sequence,
    _ABC.MutableSequence,
    _ABC.Collection,
    _ABC.Iterable,
}
_SETS: set[Any] = {set, _ABC.Set, _ABC.MutableSet}
_MAPPINGS: set[Any] = {dict, _ABC.Mapping, _ABC.MutableMapping}
_CONTAINERS = _SEQUENCES | _SETS | _MAPPINGS | {frozenset, tuple}


def _parametrised(hint: Any, origin: Any, args: tuple[Any, ...], enclosing: tuple[Any, ...]) -> Schema:
    if origin is Annotated:
        return _annotated(args[0], args[1:], enclosing)
    if origin is Literal:
        return _literal(args)
    if origin in (Union, types.UnionType):
        return _union(args, enclosing)
    if origin in (typing.Required, typing.NotRequired, typing.Final):
        return schema_of(args[0], enclosing)
    if origin in _SEQUENCES:
        return _items({"type": "array", "x-type": "list"}, args, enclosing)
    if origin in _SETS or origin is frozenset:
        name = "frozenset" if origin is frozenset else "set"
        return _items({"type": "array", "uniqueItems": True, "x-type": name}, args, enclosing)
    if origin is tuple:
        return _tuple(args, enclosing)
    if origin in _MAPPINGS:
        return _mapping(args, enclosing)
    if _from_numpy(origin) and origin.__name__ == "ndarray":
        return _array(args)
    if isinstance(origin, type):  # a generic dataclass and its like: the parameters of the class count as their bounds
        return _class(origin, enclosing)
    raise UnsupportedType(_cannot_travel(hint))


def _annotated(base: Any, metadata: tuple[Any, ...], enclosing: tuple[Any, ...]) -> Schema:
    schema = schema_of(base, enclosing)
    for marker in metadata:
        if isinstance(marker, Unit):
            schema["x-unit"] = marker.name
        elif isinstance(marker, Numbers):
            schema = {"anyOf": [dict(_SCALARS[float]), _array(())]}
        elif isinstance(marker, Term):
            schema["x-term"] = [*schema.get("x-term", ()), marker.address]
        elif isinstance(marker, Doc):
            schema["description"] = marker.text
        elif isinstance(marker, Range):
            if not _numeric(schema):
                raise UnsupportedType("Range is for int and float; for a list put it on the items: list[Annotated[…]]")
            bounds = {"minimum": marker.minimum, "maximum": marker.maximum}
            schema.update({key: bound for key, bound in bounds.items() if bound is not None})
    return schema


def _numeric(schema: Schema) -> bool:
    if "anyOf" in schema:
        branches = [branch for branch in schema["anyOf"] if branch.get("x-type") != "none"]
        return bool(branches) and all(_numeric(branch) for branch in branches)
    return schema.get("x-type") in ("int", "float")


def _literal(values: tuple[Any, ...]) -> Schema:
    for value in values:
        if not isinstance(value, (str, int, type(None))) or isinstance(value, enum.Enum):
            raise UnsupportedType(f"Literal[{value!r}] cannot travel; use texts, whole numbers, booleans or None")
    kinds = {type(value).__name__ for value in values}
    schema: Schema = {"enum": list(values)}
    if len(kinds) == 1 and None not in values:
        schema["x-type"] = kinds.pop()
    return schema


def _union(options: tuple[Any, ...], enclosing: tuple[Any, ...]) -> Schema:
    branches = [schema_of(option, enclosing) for option in options]
    if any(branch.get("x-type") == "any" for branch in branches):
        return dict(_SCALARS[Any])
    flat = [inner for branch in branches for inner in (branch["anyOf"] if branch.keys() == {"anyOf"} else [branch])]
    return {"anyOf": flat}


def _items(schema: Schema, args: tuple[Any, ...], enclosing: tuple[Any, ...]) -> Schema:
    if args:
        schema["items"] = schema_of(args[0], enclosing)
    return schema


def _tuple(args: tuple[Any, ...], enclosing: tuple[Any, ...]) -> Schema:
    schema: Schema = {"type": "array", "x-type": "tuple"}
    if len(args) == 2 and args[1] is Ellipsis:
        return _items(schema, args[:1], enclosing)
    if args:
        schema["prefixItems"] = [schema_of(arg, enclosing) for arg in args]
        schema["minItems"] = schema["maxItems"] = len(args)
    return schema


def _mapping(args: tuple[Any, ...], enclosing: tuple[Any, ...]) -> Schema:
    schema: Schema = {"type": "object", "x-type": "dict"}
    key, value = args if len(args) == 2 else (Any, Any)
    if key is not str:
        schema["x-keys"] = schema_of(key, enclosing)
    if value is not Any:
        schema["additionalProperties"] = schema_of(value, enclosing)
    return schema


def _from_numpy(cls: Any) -> bool:
    return isinstance(cls, type) and cls.__module__.partition(".")[0] == "numpy"


def _array(args: tuple[Any, ...]) -> Schema:
    schema: Schema = {"type": "array", "x-type": "array"}
    if not args:
        return schema
    lengths = typing.get_args(args[0])
    if lengths and Ellipsis not in lengths:
        schema["x-shape"] = [_length(length) for length in lengths]
    scalar = next(iter(typing.get_args(args[1])), None) if len(args) > 1 else None
    if isinstance(scalar, type) and scalar.__name__ not in ("generic", "number"):
        schema["x-dtype"] = scalar.__name__
    return schema


def _length(hint: Any) -> int | None:
    values = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
    return values[0] if len(values) == 1 and isinstance(values[0], int) else None


def _class(cls: type, enclosing: tuple[Any, ...]) -> Schema:
    if _from_numpy(cls):
        return _numpy_class(cls)
    if issubclass(cls, enum.Enum):
        return _enum(cls)
    if issubclass(cls, pathlib.PurePath):
        return dict(_SCALARS[pathlib.Path])
    reader = _record_reader(cls)
    if reader is None:
        raise UnsupportedType(_cannot_travel(cls))
    if cls in enclosing:
        return {"x-type": "any", "title": cls.__name__}
    return reader(cls, (*enclosing, cls))


def _numpy_class(cls: type) -> Schema:
    ancestors = {ancestor.__name__ for ancestor in cls.__mro__}
    if "ndarray" in ancestors:
        return _array(())
    for ancestor, python in (
        ("floating", float),
        ("integer", int),
        ("bool", bool),
        ("complexfloating", complex),
    ):
        if ancestor in ancestors:
            return dict(_SCALARS[python])
    raise UnsupportedType(_cannot_travel(cls))


def _enum(cls: type[enum.Enum]) -> Schema:
    if issubclass(cls, enum.Flag):
        raise UnsupportedType(f"{cls.__name__} is a Flag, whose combinations have no names; use int")
    members = {name: member.value for name, member in cls.__members__.items()}
    if not all(_is_json_scalar(value) for value in members.values()):
        return {"x-type": "any", "title": cls.__name__}  # JSON cannot list such values; the worker looks at them
    return {
        "enum": list(dict.fromkeys(members.values())),
        "x-type": "enum",
        "title": cls.__name__,
        "x-members": members,
    }


def _is_json_scalar(value: object) -> bool:
    return type(value) in (str, int, bool) or (isinstance(value, float) and math.isfinite(value))


def _record_reader(cls: type) -> Callable[[type, tuple[Any, ...]], Schema] | None:
    if dataclasses.is_dataclass(cls):
        return _dataclass
    if hasattr(cls, "__struct_fields__") and hasattr(cls, "__struct_config__"):
        return _struct
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _namedtuple
    if typing.is_typeddict(cls):
        return _typed_dict
    return None


def _dataclass(cls: type, enclosing: tuple[Any, ...]) -> Schema:
    missing = dataclasses.MISSING
    required = [
        field.name
        for field in dataclasses.fields(cls)
        if field.init and field.default is missing and field.default_factory is missing
    ]
    names = [field.name for field in dataclasses.fields(cls)]
    return _record(cls, "dataclass", names, required, enclosing)


def _struct(cls: Any, enclosing: tuple[Any, ...]) -> Schema:
    names = list(cls.__struct_fields__)
    defaults = cls.__struct_defaults__  # aligned to the last fields; keyword-only ones without default hold a sentinel
    required = names[: len(names) - len(defaults)]
    with_defaults = zip(names[len(required) :], defaults, strict=True)
    required += [name for name, default in with_defaults if repr(default) == "NODEFAULT"]
    return _record(cls, "struct", names, required, enclosing)


def _namedtuple(cls: Any, enclosing: tuple[Any, ...]) -> Schema:
    names = list(cls._fields)
    required = [name for name in names if name not in cls._field_defaults]
    return _record(cls, "namedtuple", names, required, enclosing)


def _typed_dict(cls: Any, enclosing: tuple[Any, ...]) -> Schema:
    names = list(cls.__annotations__)
    schema = _record(cls, "", names, [], enclosing)
    # Under `from __future__ import annotations` the class itself does not know which ones are Required.
    marks = {name: typing.get_origin(hint) for name, hint in typing.get_type_hints(cls, include_extras=True).items()}
    known = cls.__required_keys__
    schema["required"] = [
        name
        for name in names
        if marks[name] is typing.Required or (name in known and marks[name] is not typing.NotRequired)
    ]
    del schema["x-kind"]
    return schema | {"x-type": "dict"}


def _record(
    cls: type,
    kind: str,
    names: list[str],
    required: list[str],
    enclosing: tuple[Any, ...],
) -> Schema:
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except Exception as error:  # noqa: BLE001  # an annotation is code and may raise anything
        raise UnsupportedType(f"the annotations of {cls.__name__} cannot be resolved: {error}") from None
    properties = {}
    for name in names:
        try:
            properties[name] = schema_of(hints.get(name, Any), enclosing)
        except UnsupportedType as error:
            raise UnsupportedType(f"in {cls.__name__}.{name}: {error}") from None
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "x-type": "record",
        "x-kind": kind,
        "title": cls.__name__,
    }


def _cannot_travel(hint: Any) -> str:
    name = hint.__qualname__ if isinstance(hint, type) else str(hint).replace("typing.", "")
    return f"{name} cannot travel; use numbers, text, containers, dataclasses or numpy arrays, or leave it unannotated"
