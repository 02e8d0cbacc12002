"""Arguments on the command line: KEY=VALUE by the parameter's type, files, templates."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from farcall import payload
from farcall.authoring.conversion import Unfit, converter
from farcall.authoring.spelling import type_text
from farcall.domain.interface import Interface
from farcall.domain.parameters import ABSENT, Kind, Parameter

_EXAMPLES: dict[str, Any] = {
    "none": None,
    "bool": False,
    "int": 0,
    "float": 0.0,
    "complex": [0.0, 0.0],
    "str": "",
    "bytes": "",
    "date": "2026-01-31",
    "datetime": "2026-01-31T12:00:00+00:00",
    "time": "12:00:00",
    "timedelta": "PT60S",
    "decimal": "0",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "list": [],
    "tuple": [],
    "set": [],
    "frozenset": [],
    "array": [],
    "dict": {},
    "record": {},
    "path": "",
}


def from_pairs(interface: Interface, pairs: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE, KEY:=JSON, KEY=@FILE as values by the interface; raises click.BadParameter."""
    given: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        forced = key.endswith(":")
        key = key.removesuffix(":")
        if not equals or not key:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE{_meant(interface, given, pair)}")
        if key in given:
            raise click.BadParameter(f"{key} is given twice")
        given[key] = _value(key, text, _schema_of(interface, key), forced)
    return given


def _schema_of(interface: Interface, key: str) -> dict[str, Any]:
    """What is known of an argument of this name; what the interface does not know, the call will refuse."""
    for parameter in interface.parameters:
        if parameter.name == key:
            return parameter.bound_schema
    for parameter in interface.parameters:
        if parameter.kind is Kind.VAR_KEYWORD:
            return parameter.schema
    return {}


def _meant(interface: Interface, given: dict[str, Any], text: str) -> str:
    """A value without a name is taken to be the next parameter's."""
    names = [parameter.name for parameter in interface.parameters]
    left = [name for name in names if name not in given]
    return f"; did you mean {left[0]}={text}?" if left and "=" not in text and text not in names else ""


def _value(key: str, text: str, schema: dict[str, Any], forced: bool) -> Any:
    if forced:
        return _by_schema(key, _json(key, text), schema)
    if text.startswith("@"):
        return _from_file(key, Path(text[1:]), schema)
    if schema.get("x-type") == "path":
        return _from_file(key, Path(text), schema)
    if _takes_text(schema):
        return _by_schema(key, text, schema)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if schema.get("x-type", "any") == "any" and "anyOf" not in schema:
            return text  # where anything goes, text is text
        if type(value := _in_units(key, text, schema)) is not str:
            return value
        raise click.BadParameter(f"{key}: {text!r:.80} does not read as {type_text(schema)}") from error
    return _by_schema(key, value, schema)


def _json(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise click.BadParameter(
            f"{place}: {text!r:.80} is not JSON ({error.msg}); text in it goes in quotes"
        ) from error


def _takes_text(schema: dict[str, Any]) -> bool:
    """Types whose JSON form is a string: their text is taken literally."""
    if "anyOf" in schema:
        return any(_takes_text(choice) for choice in schema["anyOf"])
    choices = schema.get("enum")
    if choices:
        return all(isinstance(choice, str) for choice in choices)
    return schema.get("type") == "string" or schema.get("x-type") == "str"


def _by_schema(key: str, value: Any, schema: dict[str, Any]) -> Any:
    try:
        return payload.decode(payload.from_json(_in_units(key, value, schema), schema, where=key))
    except ValueError as error:
        raise click.BadParameter(f"{error}") from error


def _in_units(key: str, value: Any, schema: dict[str, Any]) -> Any:
    """The value with plain numbers for what is given as 2 min."""
    convert = converter(schema)
    try:
        return value if convert is None else convert(value, key)
    except Unfit as error:
        raise click.BadParameter(f"{error}") from None


def _from_file(key: str, path: Path, schema: dict[str, Any]) -> Any:
    if not path.is_file():
        raise click.BadParameter(f"{key}: there is no file {path}")
    if schema.get("x-type") == "path":
        return path
    try:
        if path.suffix == ".npy":
            import numpy

            return numpy.load(path, allow_pickle=False)
        if schema.get("x-type") == "bytes":
            return path.read_bytes()
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{key}: {path} cannot be read: {error}") from error
    if path.suffix == ".json" or not _takes_text(schema):
        return _by_schema(key, _json(f"{key}=@{path}", text), schema)
    return _by_schema(key, text, schema)


def from_file(interface: Interface, name: str) -> dict[str, Any]:
    """Arguments from a JSON file, or standard input for `-`; raises click.BadParameter."""
    shown = "standard input" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        given = json.loads(text)
    except OSError as error:
        raise click.BadParameter(f"{shown} cannot be read: {error.strerror}", param_hint="--args") from error
    except ValueError as error:
        raise click.BadParameter(f"{shown} holds no JSON: {error}", param_hint="--args") from error
    if not isinstance(given, dict):
        raise click.BadParameter(f"{shown} must hold an object of arguments by name", param_hint="--args")
    return {key: _by_schema(key, value, _schema_of(interface, key)) for key, value in given.items()}


def split(interface: Interface, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments; only positional-only and variadic ones go by position."""
    positional: list[Any] = []
    named = dict(given)
    surplus = next((p.name for p in interface.parameters if p.kind is Kind.VAR_POSITIONAL), None)
    by_position = bool(surplus and named.get(surplus))  # *args need everything before them by position, too
    for parameter in interface.parameters:
        if parameter.name not in named:
            if parameter.kind is Kind.POSITIONAL_OR_KEYWORD and by_position and parameter.default is not ABSENT:
                positional.append(parameter.default)
            continue
        if parameter.kind is Kind.POSITIONAL_ONLY or (parameter.kind is Kind.POSITIONAL_OR_KEYWORD and by_position):
            positional.append(named.pop(parameter.name))
        elif parameter.kind is Kind.VAR_POSITIONAL:
            positional.extend(named.pop(parameter.name))
        elif parameter.kind is Kind.VAR_KEYWORD and isinstance(named[parameter.name], dict):
            named |= named.pop(parameter.name)
    return positional, named


def template(interface: Interface) -> dict[str, Any]:
    """Every parameter with its default, or an example of its type; without those that only the function can fill in."""
    return {
        parameter.name: _example(parameter)
        for parameter in interface.parameters
        if parameter.required or parameter.default is not ABSENT
    }


def _example(parameter: Parameter) -> Any:
    return parameter.default if parameter.default is not ABSENT else _example_of(parameter.schema)


def _example_of(schema: dict[str, Any]) -> Any:
    if "anyOf" in schema:
        return _example_of(schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if "minimum" in schema:
        return schema["minimum"]
    if "prefixItems" in schema:
        return [_example_of(item) for item in schema["prefixItems"]]
    if "properties" in schema:
        return {name: _example_of(part) for name, part in schema["properties"].items()}
    return _EXAMPLES.get(schema.get("x-type", "any"))
