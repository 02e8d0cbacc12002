"""From bound arguments, as they arrive, to the call: the side of the process that runs the function.

Bound arguments are a dict by parameter name; ``*args`` is a list and ``**kwargs`` a dict under the parameter's own
name. What is absent was left out by the caller, and the function's own default holds.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from farcall.authoring.signature import resolved_hints

Bound: TypeAlias = dict[str, Any]
Call: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]


class CannotCall(TypeError):
    """The bound arguments do not fit the function; the message says which one."""


@dataclass(frozen=True, slots=True)
class Hints:
    """Resolved type hints for decoding. A parameter without annotation is absent; `result` is Any without one.

    The hint of ``*args`` or ``**kwargs`` is that of the whole: ``list[T]`` or ``dict[str, T]``.
    """

    parameters: dict[str, Any]
    result: Any


def hints(fn: Callable[..., Any]) -> Hints:
    """The hints of `fn`; raises `SignatureError` if one cannot be resolved."""
    found = resolved_hints(fn)
    result = found.pop("return", Any)
    for parameter in inspect.signature(fn).parameters.values():
        if parameter.name not in found:
            continue
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            found[parameter.name] = types.GenericAlias(list, (found[parameter.name],))
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found[parameter.name] = types.GenericAlias(dict, (str, found[parameter.name]))
    return Hints(found, result)


def prepare(fn: Callable[..., Any]) -> Callable[[Bound], Call]:
    """A fast function from bound arguments to ``(args, kwargs)`` for `fn`; it raises CannotCall."""
    parameters = list(inspect.signature(fn).parameters.values())
    label = f"{getattr(fn, '__name__', 'function')}()"
    simple = all(parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
    names = frozenset(parameter.name for parameter in parameters)
    required = frozenset(
        parameter.name
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    )

    def complaint(bound: Bound) -> CannotCall:
        if not bound.keys() <= names:
            return CannotCall(f"{label} has no parameter {min(bound.keys() - names)!r}")
        return CannotCall(f"{label} misses the argument {min(required - bound.keys())!r}")

    def by_name(bound: Bound) -> Call:
        if not required <= bound.keys() <= names:
            raise complaint(bound)
        return (), bound

    def in_full(bound: Bound) -> Call:
        if not required <= bound.keys() <= names:
            raise complaint(bound)
        return _spread(label, parameters, bound)

    return by_name if simple else in_full


def _spread(label: str, parameters: list[inspect.Parameter], bound: Bound) -> Call:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    variadic = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
    # Values for *args can only follow positional ones, so with them every parameter before is passed by position.
    by_position = variadic is not None and bool(bound.get(variadic))
    gap = ""
    for parameter in parameters:
        name, kind = parameter.name, parameter.kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            args.extend(bound.get(name, ()))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            kwargs.update(bound.get(name, {}))
        elif kind is inspect.Parameter.KEYWORD_ONLY or (
            kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and not by_position
        ):
            if name in bound:
                kwargs[name] = bound[name]
        elif name not in bound:
            gap = name
            if by_position:
                args.append(parameter.default)
        elif gap and not by_position:
            raise CannotCall(f"{label} takes {name!r} by position only after {gap!r}, which is absent")
        else:
            args.append(bound[name])
    return tuple(args), kwargs
