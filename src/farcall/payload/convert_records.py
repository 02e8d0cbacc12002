"""Decoded values to enums, dataclasses, Structs, named tuples and typed dicts."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import msgspec

from farcall.payload.errors import WrongType
from farcall.payload.misfit import Converter, anything, wrong
from farcall.payload.values import EnumValue, Record, RecordTuple


def convert_enum(cls: type[enum.Enum], value: Any, place: str) -> Any:
    """The member that the value names. Raises WrongType."""
    if type(value) is EnumValue:
        if value.title == cls.__name__ and value.name in cls.__members__:
            member = cls.__members__[value.name]
            if member.value == value.value:
                return member
        value = value.value
    try:
        return cls(value)
    except Exception:  # noqa: BLE001  # `_missing_` is its author's code
        if isinstance(value, str) and value in cls.__members__:
            return cls.__members__[value]
        raise wrong(value, place, f"a {cls.__name__}") from None


def _fields_of(value: Any, place: str, wanted: str) -> dict[str, Any]:
    if type(value) is Record:
        return dict(value.items())
    if type(value) is RecordTuple:
        return value._asdict()
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise wrong(value, place, wanted)


def _converted(converters: dict[str, Converter], fields: dict[str, Any], place: str, wanted: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in converters:
            raise WrongType(place, f"{wanted} has no field {name!r:.60}")
        made[name] = converters[name](value, f"{place}.{name}")
    return made


def convert_record(cls: type, converters: dict[str, Converter], value: Any, place: str) -> Any:
    """A dataclass or Struct made from fields. Raises WrongType."""
    names = _record_fields(cls)
    allowed = {name: converters.get(name, anything) for name in names}
    made = _converted(allowed, _fields_of(value, place, cls.__name__), place, cls.__name__)
    given = {name: item for name, item in made.items() if names[name]}
    try:
        built = cls(**given)
        for name in made.keys() - given.keys():
            object.__setattr__(built, name, made[name])
    except Exception as error:  # noqa: BLE001  # its own checks are its author's code
        raise WrongType(place, f"{cls.__name__} does not take it: {error}") from None
    return built


def _record_fields(cls: Any) -> dict[str, bool]:
    """Names of the fields, and whether the constructor takes them."""
    if issubclass(cls, msgspec.Struct):
        return dict.fromkeys(cls.__struct_fields__, True)
    return {field.name: field.init for field in dataclasses.fields(cls)}


def convert_named_tuple(cls: Any, converters: dict[str, Converter], value: Any, place: str) -> Any:
    """A named tuple made from fields or from a sequence. Raises WrongType."""
    if isinstance(value, (tuple, list)) and not isinstance(value, RecordTuple):
        if len(value) > len(converters):
            raise WrongType(place, f"{cls.__name__} has {len(converters)} fields, not {len(value)}")
        fields = dict(zip(converters, value, strict=False))
    else:
        fields = _fields_of(value, place, cls.__name__)
    made = _converted(converters, fields, place, cls.__name__)
    try:
        return cls(**made)
    except Exception as error:  # noqa: BLE001  # as with records
        raise WrongType(place, f"{cls.__name__} does not take it: {error}") from None


def convert_typed_dict(cls: Any, converters: dict[str, Converter], value: Any, place: str) -> Any:
    """A dict with the fields of a TypedDict. Raises WrongType."""
    made = _converted(converters, _fields_of(value, place, cls.__name__), place, cls.__name__)
    missing = cls.__required_keys__ - made.keys()
    if missing:
        raise WrongType(place, f"{cls.__name__} lacks {', '.join(sorted(missing))}")
    return made
