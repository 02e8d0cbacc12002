"""`describe`: the interface document of a function, read off its signature and type hints without running it."""

from __future__ import annotations

import collections.abc
import inspect
import math
import re
import typing
from collections.abc import Callable
from typing import Any

from farcall.authoring.schemas import (
    Schema,
    UnsupportedType,
    is_optional,
    optional,
    schema_of,
)
from farcall.authoring.spelling import signature_text

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}
# msgpack, which documents travel in, has no larger integers.
_INTEGER_LIMIT = 2**63
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

_ALWAYS_STREAMS = {
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
}
_STREAMS_OF_GENERATORS = _ALWAYS_STREAMS | {
    collections.abc.Iterable,
    collections.abc.AsyncIterable,
}


class SignatureError(TypeError):
    """A function whose interface cannot be described; the message names the function and the parameter."""


def describe(fn: Callable[..., Any]) -> dict[str, Any]:
    """The interface document of `fn`; raises SignatureError.

    ``{"parameters": [{"name", "kind", "schema", "required", "default" or "default_repr"}…], "result": schema,
    "stream": bool, "doc": str, "signature": str}``. A default that JSON cannot carry is given as its repr: who leaves
    the argument out leaves it out of the bound arguments too, and the function applies its own default.
    """
    label = f"{getattr(fn, '__name__', 'function')}()"
    hints = resolved_hints(fn)
    try:
        signature = inspect.signature(fn)
    except (ValueError, TypeError) as error:
        raise SignatureError(f"{label}: it has no signature to read: {error}") from None
    parameters = []
    for parameter in signature.parameters.values():
        try:
            parameters.append(_parameter(parameter, hints.get(parameter.name, Any)))
        except UnsupportedType as error:
            raise SignatureError(f"{label}: parameter {parameter.name!r}: {error}") from None
    try:
        result, stream = _result(fn, hints.get("return", Any))
    except UnsupportedType as error:
        raise SignatureError(f"{label}: the result: {error}") from None
    document = {
        "parameters": parameters,
        "result": result,
        "stream": stream,
        "doc": inspect.getdoc(fn) or "",
    }
    return {**document, "signature": signature_text(document)}


def resolved_hints(fn: Callable[..., Any]) -> dict[str, Any]:
    """The type hint of each annotated parameter, and of ``return``, with strings resolved; raises SignatureError."""
    plain = inspect.unwrap(fn)
    closure = inspect.getclosurevars(plain).nonlocals if inspect.isfunction(plain) else {}
    scope = getattr(plain, "__globals__", {})
    hints = {}
    for name, hint in _annotations(plain).items():
        try:
            # One at a time, so that the message can say which one it was.
            hints[name] = typing.get_type_hints(_Carrier(name, hint), scope, dict(closure), include_extras=True)[name]
        except Exception as error:  # noqa: BLE001  # an annotation is code and may raise anything
            where = "the result" if name == "return" else f"parameter {name!r}"
            label = f"{getattr(fn, '__name__', 'function')}()"
            raise SignatureError(f"{label}: the annotation of {where} cannot be resolved: {error}") from None
    return hints


class _Carrier:
    """Something with annotations, as `typing.get_type_hints` wants it."""

    def __init__(self, name: str, hint: Any) -> None:
        self.__annotations__ = {name: hint}


def _annotations(fn: Callable[..., Any]) -> dict[str, Any]:
    own = fn if inspect.isroutine(fn) else type(fn).__call__
    return dict(getattr(own, "__annotations__", {}))


def _parameter(parameter: inspect.Parameter, hint: Any) -> dict[str, Any]:
    schema = schema_of(hint)
    variadic = parameter.kind in (
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    )
    required = parameter.default is inspect.Parameter.empty and not variadic
    described: dict[str, Any] = {
        "name": parameter.name,
        "kind": KINDS[parameter.kind],
        "schema": schema,
        "required": required,
    }
    if required or variadic:
        return described
    if parameter.default is None and not is_optional(schema):
        described["schema"] = optional(schema)  # `x: float = None` is common, and means it
    if _is_json(parameter.default):
        described["default"] = parameter.default
    else:
        described["default_repr"] = _short_repr(parameter.default)
    return described


def _result(fn: Callable[..., Any], hint: Any) -> tuple[Schema, bool]:
    plain = inspect.unwrap(fn)
    generates = inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain)
    origin = typing.get_origin(hint) or hint
    if origin in (_STREAMS_OF_GENERATORS if generates else _ALWAYS_STREAMS):
        item = next(iter(typing.get_args(hint)), Any)
        return schema_of(item), True
    if generates:
        if hint is Any:
            return schema_of(Any), True
        raise UnsupportedType(f"it yields, so it is annotated Iterator[…], not {getattr(hint, '__name__', hint)}")
    return schema_of(hint), False


def _is_json(value: object, depth: int = 0) -> bool:
    """Whether JSON gives back the same value of the same type; tuples and enums, for instance, it does not."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return True
    if kind is int:
        return -_INTEGER_LIMIT <= typing.cast(int, value) < _INTEGER_LIMIT
    if kind is float:
        return math.isfinite(typing.cast(float, value))
    if depth > 8:
        return False
    if kind is list:
        return all(_is_json(item, depth + 1) for item in typing.cast("list[Any]", value))
    if kind is dict:
        items = typing.cast("dict[Any, Any]", value).items()
        return all(type(key) is str and _is_json(item, depth + 1) for key, item in items)
    return False


def _short_repr(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # so may somebody's __repr__
        text = f"<{type(value).__name__}>"
    text = _ADDRESS.sub("", text)  # it would change with every start
    return text if len(text) <= 120 else text[:119] + "…"
