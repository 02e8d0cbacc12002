"""Decoded values to the types that a function's author wrote down.

Widening only: int to float, float to complex, a list where a tuple, set or array is asked for, a dict where a record
is. Whoever asks for int never gets 2.5. Hints that say nothing about values (TypeVar, Callable, text) let all pass.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path, PurePath
from typing import Any, Final
from uuid import UUID

import msgspec

from farcall.payload.arrays import numpy_of
from farcall.payload.convert_arrays import numpy_converter
from farcall.payload.convert_records import (
    convert_enum,
    convert_named_tuple,
    convert_record,
    convert_typed_dict,
)
from farcall.payload.errors import WrongType
from farcall.payload.misfit import Converter, anything, wrong
from farcall.payload.values import EnumValue, FileContent, Record, RecordTuple


def convert(value: Any, hint: Any, place: str) -> Any:
    """`value` as `hint` says; raises WrongType naming the place."""
    try:
        converter = _cached(hint)
    except TypeError:  # a hint that cannot be hashed, such as Annotated[int, []]
        converter = _converter(hint)
    return converter(value, place)


def without_enums(value: Any) -> Any:
    """The value with every enum member that met no hint replaced by what it stands for."""
    kind = type(value)
    if kind is EnumValue:
        return without_enums(value.value)
    if kind is list:
        return [without_enums(item) for item in value]
    if kind is dict:
        return {without_enums(key): without_enums(item) for key, item in value.items()}
    if kind in (tuple, set, frozenset):
        return kind(without_enums(item) for item in value)
    if kind is Record:
        return Record(value._title, {name: without_enums(item) for name, item in value.items()})
    if kind is RecordTuple:
        return RecordTuple.of(value._title, value._fields, [without_enums(item) for item in value])
    return value


def _converter(hint: Any) -> Converter:
    simple = _SIMPLE.get(hint) if isinstance(hint, collections.abc.Hashable) else None
    if simple is not None:
        return simple
    for transparent in ("__supertype__", "__value__"):  # NewType; `type X = …`
        inner = getattr(hint, transparent, None)
        if inner is not None and not isinstance(hint, type):
            return _cached(inner)
    origin = typing.get_origin(hint)
    args = typing.get_args(hint)
    if origin is typing.Annotated:
        return _converter(args[0])
    if origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar):
        return _converter(args[0])
    if origin is typing.Literal:
        return partial(_literal, args)
    if origin in (typing.Union, types.UnionType):
        return _union(args)
    if isinstance(origin, type):
        return _generic(origin, args)
    if isinstance(hint, type):
        return _generic(hint, ()) if hint in _GENERIC else _class(hint, {})
    return anything


_cached: Final = lru_cache(maxsize=4096)(_converter)


def _lazily(hint: Any) -> Converter:
    """A converter looked up when it is first used: types may contain themselves."""

    def converter(value: Any, place: str) -> Any:
        return convert(value, hint, place)

    return converter


def _item(value: Any) -> Any:
    """The plain value of a numpy scalar, where a plain type is asked for."""
    if type(value) is EnumValue:
        return _item(value.value)
    np = numpy_of(value)
    return value.item() if np is not None and isinstance(value, np.generic) else value


def _scalar(kind: type, wanted: str, *wider: type) -> Converter:
    def converter(value: Any, place: str) -> Any:
        if type(value) is kind:
            return value
        plain = _item(value)
        if type(plain) is kind:
            return plain
        if type(plain) in wider:
            try:
                return kind(plain)
            except (OverflowError, ValueError):
                pass
        raise wrong(value, place, wanted)

    return converter


def _optional_path(value: Any, place: str) -> Any:
    if isinstance(value, (FileContent, PurePath)):
        return value
    raise wrong(value, place, "a file")


def _file_content(value: Any, place: str) -> Any:
    if isinstance(value, FileContent):
        return value
    if isinstance(value, Path):
        return FileContent(value.name, value.read_bytes())
    raise wrong(value, place, "a file")


def _number(value: Any, place: str) -> Any:
    plain = _item(value)
    if type(plain) in (int, float, complex):
        return plain
    raise wrong(value, place, "a number")


_SIMPLE: Final[dict[Any, Converter]] = {
    Any: anything,
    object: anything,
    None: _scalar(type(None), "None"),
    type(None): _scalar(type(None), "None"),
    bool: _scalar(bool, "a bool"),
    int: _scalar(int, "an int"),
    float: _scalar(float, "a float", int),
    complex: _scalar(complex, "a complex", int, float),
    str: _scalar(str, "a str"),
    bytes: _scalar(bytes, "bytes", bytearray),
    bytearray: _scalar(bytearray, "a bytearray", bytes),
    datetime: _scalar(datetime, "a datetime"),
    date: _scalar(date, "a date"),
    time: _scalar(time, "a time"),
    timedelta: _scalar(timedelta, "a timedelta"),
    Decimal: _scalar(Decimal, "a Decimal", int),
    UUID: _scalar(UUID, "a UUID"),
    range: _scalar(range, "a range"),
    Path: _optional_path,
    PurePath: _optional_path,
    FileContent: _file_content,
}


def _literal(allowed: tuple[Any, ...], value: Any, place: str) -> Any:
    plain = _item(value)
    for choice in allowed:
        if type(value) is EnumValue and isinstance(choice, enum.Enum) and choice.name == value.name:
            return choice
        if type(choice) is type(plain) and choice == plain:
            return choice
    raise wrong(value, place, f"one of {', '.join(map(repr, allowed))}")


def _union(hints: tuple[Any, ...]) -> Converter:
    converters = [_lazily(hint) for hint in hints]

    def converter(value: Any, place: str) -> Any:
        fits: list[Any] = []
        for hint, each in zip(hints, converters, strict=True):
            try:
                made = each(value, place)
            except WrongType:
                continue
            # Nothing had to be changed, or the class of that very name took it: no other member fits better.
            if made is value and hint not in (Any, object):
                return made
            if getattr(value, "_title", getattr(value, "title", None)) == getattr(type(made), "__name__", "") != "":
                return made
            fits.append(made)
        if not fits:
            names = " or ".join(getattr(hint, "__name__", str(hint)) for hint in hints)
            raise wrong(value, place, names)
        same_kind = [made for made in fits if type(made) is type(value)]
        return (same_kind or fits)[0]

    return converter


_ABC = collections.abc
_GENERIC: Final[dict[type, type]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    tuple: tuple,
    dict: dict,
    _ABC.Sequence: list,
    _ABC.MutableSequence: list,
    _ABC.Collection: list,
    _ABC.Iterable: list,
    _ABC.Set: set,
    _ABC.MutableSet: set,
    _ABC.Mapping: dict,
    _ABC.MutableMapping: dict,
    collections.OrderedDict: collections.OrderedDict,
    collections.Counter: collections.Counter,
    collections.defaultdict: dict,
}


def _generic(origin: type, args: tuple[Any, ...]) -> Converter:
    built = _GENERIC.get(origin)
    if built is None:
        return _class(origin, _parameters(origin, args))
    if built is collections.Counter:
        return partial(_mapping, built, _lazily(args[0] if args else Any), _lazily(int))
    if built in (dict, collections.OrderedDict):
        key, item = args if len(args) == 2 else (Any, Any)
        return partial(_mapping, built, _lazily(key), _lazily(item))
    if built is tuple and args and not (len(args) == 2 and args[1] is Ellipsis):
        return partial(_fixed_tuple, [_lazily(arg) for arg in args if arg != ()])
    exact = built if origin is built else None
    return partial(_items, built, exact, _lazily(args[0]) if args else None)


def _parameters(origin: type, args: tuple[Any, ...]) -> dict[Any, Any]:
    parameters = getattr(origin, "__parameters__", range(len(args)))
    return dict(zip(parameters, args, strict=False))


def _sequence(value: Any, place: str, wanted: str) -> Iterable[Any]:
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return value
    np = numpy_of(value)
    if np is not None and isinstance(value, np.ndarray) and value.ndim:
        items: Iterable[Any] = value.tolist() if value.dtype.names is None else list(value)
        return items
    raise wrong(value, place, wanted)


def _items(built: type, exact: type | None, convert_item: Converter | None, value: Any, place: str) -> Any:
    items = _sequence(value, place, f"a {built.__name__}")
    if exact is None and convert_item is None and isinstance(value, (list, tuple)):
        return value  # an abstract hint takes any of its kind
    if convert_item is None:
        return value if type(value) is built else _gather(built, items, value, place)
    made = [convert_item(item, f"{place}[{index}]") for index, item in enumerate(items)]
    if exact is None and type(value) in (tuple, set, frozenset):
        return type(value)(made)
    return made if built is list else _gather(built, made, value, place)


def _gather(built: type, items: Iterable[Any], value: Any, place: str) -> Any:
    try:
        return built(items)
    except TypeError:
        raise wrong(value, place, f"a {built.__name__} of hashable items") from None


def _fixed_tuple(converters: list[Converter], value: Any, place: str) -> Any:
    items = list(_sequence(value, place, "a tuple"))
    if len(items) != len(converters):
        raise WrongType(place, f"a tuple of {len(converters)} items is wanted, not of {len(items)}")
    pairs = zip(converters, items, strict=True)
    return tuple(each(item, f"{place}[{index}]") for index, (each, item) in enumerate(pairs))


def _mapping(built: type, convert_key: Converter, convert_item: Converter, value: Any, place: str) -> Any:
    if not isinstance(value, (dict, Record)):
        raise wrong(value, place, "a dict")
    made = built()
    for key, item in value.items():
        try:
            made[convert_key(key, f"a key of {place}")] = convert_item(item, f"{place}[{key!r:.40}]")
        except TypeError:
            raise WrongType(place, f"{key!r:.40} cannot be a key") from None
    return made


def _class(cls: type, parameters: dict[Any, Any]) -> Converter:
    if issubclass(cls, enum.Enum):
        return partial(convert_enum, cls)
    if typing.is_typeddict(cls):
        return partial(convert_typed_dict, cls, {name: _lazily(hint) for name, hint in _hints(cls).items()})
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        hints = _hints(cls)
        return partial(convert_named_tuple, cls, {name: _lazily(hints.get(name, Any)) for name in cls._fields})
    if dataclasses.is_dataclass(cls) or issubclass(cls, msgspec.Struct):
        hints = {name: parameters.get(hint, hint) for name, hint in _hints(cls).items()}
        return partial(convert_record, cls, {name: _lazily(hint) for name, hint in hints.items()})
    if issubclass(cls, PurePath):
        return _optional_path
    if cls.__module__.partition(".")[0] == "numpy":
        return numpy_converter(cls, parameters) or partial(_instance, cls)
    if cls.__name__ == "Number" and cls.__module__ == "numbers":
        return _number
    return partial(_instance, cls)


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001  # annotations are code; the class itself will judge its values
        return {}


def _instance(cls: type, value: Any, place: str) -> Any:
    try:
        fits = isinstance(value, cls)
    except TypeError:  # a protocol that cannot be checked
        return value
    if not fits:
        raise wrong(value, place, cls.__name__)
    return value
