"""How the arguments of a call bind to the parameters of an interface: by name, defaults applied, in interface order.

Whatever way a call was spelt, the bound arguments are the same, so their encoding is, and the digest of the expression.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from farcall.domain.parameters import ABSENT, Kind, Parameter

if TYPE_CHECKING:
    from farcall.domain.interface import Interface


class BindingError(TypeError):
    """The arguments do not fit the parameters; the message is what Python would say."""


def bind(interface: Interface, args: Sequence[Any], kwargs: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Bound arguments of ``name(*args, **kwargs)``; raises BindingError.

    ``*args`` is a list and ``**kwargs`` a dict, sorted by key, under the parameter's own name, empty if none were
    given. A parameter whose default only the function can apply is absent if the call leaves it out.
    """
    return interface.binder.bind(args, kwargs, name)


def bind_named(interface: Interface, values: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Bound arguments from values by parameter name, as REST and the command line give them; raises BindingError.

    Here ``*args`` and ``**kwargs`` are given as a list and as an object under the parameter's own name.
    """
    return interface.binder.bind_named(values, name)


class Binder:
    """The parameters of one interface, prepared for binding many calls."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = tuple(parameters)
        self._by_name = {parameter.name: parameter for parameter in parameters}
        by_position = (Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD)
        self._positional = tuple(p.name for p in parameters if p.kind in by_position)
        self._keywords = frozenset(
            p.name for p in parameters if p.kind in (Kind.POSITIONAL_OR_KEYWORD, Kind.KEYWORD_ONLY)
        )
        self._var_positional = next((p.name for p in parameters if p.kind is Kind.VAR_POSITIONAL), None)
        self._var_keyword = next((p.name for p in parameters if p.kind is Kind.VAR_KEYWORD), None)
        # Calls that fill exactly the positional parameters, and there are no others, are nearly all calls.
        self._exact = len(self._positional) if len(self._positional) == len(parameters) else -1

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], name: str) -> dict[str, Any]:
        if not kwargs and len(args) == self._exact:
            return dict(zip(self._positional, args, strict=True))
        given: dict[str, Any] = dict(zip(self._positional, args, strict=False))
        surplus = args[len(self._positional) :]
        if surplus and self._var_positional is None:
            raise BindingError(self._too_many(len(args), name))
        extra: dict[str, Any] = {}
        for key, value in kwargs.items():
            if key in self._keywords:
                if key in given:
                    raise BindingError(f"{name}() got multiple values for argument {key!r}")
                given[key] = value
            elif self._var_keyword is not None:
                extra[key] = value
            else:
                raise BindingError(self._unexpected(key, name))
        if self._var_positional is not None:
            given[self._var_positional] = list(surplus)
        if self._var_keyword is not None:
            given[self._var_keyword] = dict(sorted(extra.items()))
        return self._complete(given, name)

    def bind_named(self, values: Mapping[str, Any], name: str) -> dict[str, Any]:
        unknown = [key for key in values if key not in self._by_name]
        given = {key: value for key, value in values.items() if key in self._by_name}
        if unknown and self._var_keyword is None:
            raise BindingError(self._unexpected(unknown[0], name))
        if self._var_positional is not None:
            given.setdefault(self._var_positional, [])
        if self._var_keyword is not None:
            extra = given.get(self._var_keyword, {})
            if not isinstance(extra, Mapping) or not all(isinstance(key, str) for key in extra):
                raise BindingError(f"{name}() takes an object for {self._var_keyword!r}")
            extra = {**extra, **{key: values[key] for key in unknown}}
            given[self._var_keyword] = dict(sorted(extra.items()))
        return self._complete(given, name)

    def _complete(self, given: dict[str, Any], name: str) -> dict[str, Any]:
        bound = {}
        missing = []
        for parameter in self._parameters:
            key = parameter.name
            if key in given:
                bound[key] = given[key]
            elif parameter.default is not ABSENT:
                bound[key] = parameter.default
            elif parameter.required:
                missing.append(repr(key))
        if missing:
            count = len(missing)
            listed = missing[0] if count == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
            raise BindingError(f"{name}() missing {count} required argument{'s' * (count > 1)}: {listed}")
        return bound

    def _too_many(self, count: int, name: str) -> str:
        most = len(self._positional)
        least = sum(self._by_name[key].required for key in self._positional)
        takes = f"{most}" if least == most else f"from {least} to {most}"
        plural = "" if takes == "1" else "s"
        verb = "was" if count == 1 else "were"
        return f"{name}() takes {takes} positional argument{plural} but {count} {verb} given"

    def _unexpected(self, key: str, name: str) -> str:
        if key in self._by_name and self._by_name[key].kind is Kind.POSITIONAL_ONLY:
            return f"{name}() got a positional-only argument passed as keyword argument: {key!r}"
        near = difflib.get_close_matches(str(key), self._keywords, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{name}() got an unexpected keyword argument {key!r}{hint}"
