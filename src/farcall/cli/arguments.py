"""Arguments on the command line: KEY=VALUE by the parameter's type, files, templates."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from farcall import payload
from farcall.domain.interface import Interface


def from_pairs(interface: Interface, pairs: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE, KEY:=JSON, KEY=@FILE as values by the interface; raises click.BadParameter."""
    schemas = {parameter.name: parameter.schema for parameter in interface.parameters}
    given: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        forced = key.endswith(":")
        key = key.removesuffix(":")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE")
        if key in given:
            raise click.BadParameter(f"{key} is given twice")
        given[key] = _value(key, text, schemas.get(key, {}), forced)
    return given


def _value(key: str, text: str, schema: dict[str, Any], forced: bool) -> Any:
    if text.startswith("@") and not forced:
        return _from_file(key, Path(text[1:]), schema)
    if not forced and _takes_text(schema):
        return _by_schema(key, text, schema)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if forced or not _is_open(schema):
            raise click.BadParameter(f"{key}={text}: not JSON ({error.msg}); strings go in quotes there") from error
        value = text
    return _by_schema(key, value, schema)


def _is_open(schema: dict[str, Any]) -> bool:
    return schema.get("x-type", "any") == "any"


def _takes_text(schema: dict[str, Any]) -> bool:
    """Types whose JSON form is a string: their text is taken literally."""
    if "anyOf" in schema:
        return any(_takes_text(choice) for choice in schema["anyOf"])
    return schema.get("type") == "string"


def _by_schema(key: str, value: Any, schema: dict[str, Any]) -> Any:
    try:
        return payload.decode(payload.from_json(value, schema))
    except ValueError as error:
        raise click.BadParameter(f"{key}: {error}") from error


def _from_file(key: str, path: Path, schema: dict[str, Any]) -> Any:
    if not path.is_file():
        raise click.BadParameter(f"{key}: there is no file {path}")
    if schema.get("x-type") == "path":
        return path
    if path.suffix == ".npy":
        import numpy

        return numpy.load(path, allow_pickle=False)
    if path.suffix == ".json":
        return _by_schema(key, json.loads(path.read_text(encoding="utf-8")), schema)
    if schema.get("x-type") == "bytes":
        return path.read_bytes()
    return _value(key, path.read_text(encoding="utf-8").rstrip("\n"), schema, forced=False)


def from_file(interface: Interface, name: str) -> dict[str, Any]:
    """Arguments from a JSON file, or standard input for `-`."""
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"{name} is not JSON: {error}", param_hint="--args") from error
    if not isinstance(given, dict):
        raise click.BadParameter(f"{name} must hold an object of arguments by name", param_hint="--args")
    schemas = {parameter.name: parameter.schema for parameter in interface.parameters}
    return {key: _by_schema(key, value, schemas.get(key, {})) for key, value in given.items()}


def split(interface: Interface, given: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments; only positional-only and variadic ones go by position."""
    positional: list[Any] = []
    named = dict(given)
    for parameter in interface.parameters:
        if parameter.kind == "positional_only" and parameter.name in named:
            positional.append(named.pop(parameter.name))
        elif parameter.kind == "var_positional" and parameter.name in named:
            positional.extend(named.pop(parameter.name))
        elif parameter.kind == "var_keyword" and isinstance(named.get(parameter.name), dict):
            named |= named.pop(parameter.name)
    return positional, named


def template(interface: Interface) -> dict[str, Any]:
    """Every parameter with its default, or an example of its type."""
    return {parameter.name: _example(parameter) for parameter in interface.parameters}


_EXAMPLES: dict[str, Any] = {
    "integer": 0,
    "number": 0.0,
    "string": "",
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}


def _example(parameter: Any) -> Any:
    if not parameter.required:
        return getattr(parameter, "default", None)
    schema = parameter.schema
    if "enum" in schema:
        return schema["enum"][0]
    if "minimum" in schema:
        return schema["minimum"]
    return _EXAMPLES.get(schema.get("type", ""), None)
