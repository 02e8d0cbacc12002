"""Whether values fit schemas: every problem, with its place.

Two ways that agree. jsonschema-rs, compiled once, says yes in a fraction of a microsecond to what JSON can say;
whatever it does not accept, or cannot see (arrays, blobs, dates, nan), is looked at here, and only this way words the
problems. What is looked at is the plain view of a payload (`farcall.payload.plain`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from jsonschema_rs import Draft202012Validator

from farcall.domain.checks import Path, Trouble, check

PROBLEMS_LIMIT = 100

# What jsonschema-rs sees as Python does. It reads nan as null and takes 2.0 for an integer: of the arguments themselves
# that is asked before; int and None further inside are left to the slow way.
_SEEN_ALIKE = {"float", "bool", "str", "list", "tuple", "dict", "record", "any", "enum", None}


class Problem(NamedTuple):
    """One thing that is wrong: where, as ``args["x"][3]``, and what, as ``-1 is less than the minimum of 0``."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Validator:
    """A schema for bound arguments, compiled when it is first used."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        properties = schema.get("properties", {})
        self._delicate = [name for name, part in properties.items() if _mistakable(part)]

    def problems(self, value: dict[str, Any]) -> list[Problem]:
        """Every problem, at most `PROBLEMS_LIMIT` of them; an empty list if the value fits."""
        compiled = self._compiled
        if compiled is not None and not (self._delicate and self._mistakes(value)):
            try:
                if compiled.is_valid(value):
                    return []
            except ValueError:  # a value that JSON does not know
                pass
        return _collected(check(self._schema, value, ()), "")

    def _mistakes(self, value: dict[str, Any]) -> bool:
        for name in self._delicate:
            argument = value.get(name)
            if type(argument) is float and (argument != argument or argument.is_integer()):
                return True
        return False

    @cached_property
    def _compiled(self) -> Draft202012Validator | None:
        properties = self._schema.get("properties", {})
        seen = all(_json_sees_all(inner) for part in properties.values() for inner in _simply(part))
        return Draft202012Validator(self._schema) if seen else None


def problems_of(schema: dict[str, Any], value: object, name: str) -> list[Problem]:
    """Every problem of one value, whose place begins with `name`; an empty list if it fits."""
    return _collected(check(schema, value, ()), name)


def _collected(troubles: Iterator[Trouble], name: str) -> list[Problem]:
    problems: list[Problem] = []
    for trouble in troubles:
        if len(problems) == PROBLEMS_LIMIT:
            problems.append(Problem(name, "there are further problems"))
            break
        problems.append(Problem(_spelt(name, trouble.path), trouble.message))
    return problems


def _spelt(name: str, path: Path) -> str:
    text = name
    for step in path:
        if not text and isinstance(step, str):
            text = step
        else:
            text += f'["{step}"]' if isinstance(step, str) else f"[{step}]"
    return text


_ASKED_BEFORE = ("int", "none")


def _mistakable(schema: dict[str, Any]) -> bool:
    return any(branch.get("x-type") in _ASKED_BEFORE for branch in schema.get("anyOf", (schema,)))


def _simply(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas of an argument that jsonschema-rs has to see as Python does."""
    return [branch for branch in schema.get("anyOf", (schema,)) if branch.get("x-type") not in _ASKED_BEFORE]


def _json_sees_all(schema: dict[str, Any]) -> bool:
    if schema.get("x-type") not in _SEEN_ALIKE or "x-keys" in schema or None in schema.get("enum", ()):
        return False
    inner = [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for key in ("anyOf", "prefixItems"):
        inner += schema.get(key, [])
    inner += schema.get("properties", {}).values()
    return all(map(_json_sees_all, inner))
