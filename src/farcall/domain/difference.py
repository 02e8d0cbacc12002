"""What changed between two interfaces, for people: one line per parameter, as `SignatureChanged` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from farcall.authoring.spelling import annotation_text, bounds_text, default_text, type_text
from farcall.domain.interface import Interface
from farcall.domain.parameters import ABSENT, Kind, Parameter


def difference(old: Interface, new: Interface) -> str:
    """Lines such as ``time: bounds 0 to 1000, was 0 to 100``; empty if a caller cannot tell the two apart."""
    return "\n".join(_lines(old, new))


def _lines(old: Interface, new: Interface) -> Iterator[str]:
    before = {parameter.name: parameter for parameter in old.parameters}
    after = {parameter.name: parameter for parameter in new.parameters}
    for name, parameter in before.items():
        if name not in after:
            yield f"removed: {_shown(parameter)}"
    for name, parameter in after.items():
        if name not in before:
            yield f"added: {_shown(parameter)}"
        else:
            changes = [*_schema_changes(before[name].schema, parameter.schema), *_rest(before[name], parameter)]
            if changes:
                yield f"{name}: {'; '.join(changes)}"
    kept_before = [p.name for p in old.parameters if p.name in after and _by_position(p, after[p.name])]
    kept_after = [p.name for p in new.parameters if p.name in before and _by_position(p, before[p.name])]
    if kept_before != kept_after:
        yield f"order: {', '.join(kept_after)}, was {', '.join(kept_before)}"
    changes = list(_schema_changes(old.result, new.result))
    if old.stream != new.stream:
        changes.append("a stream of items, was one value" if new.stream else "one value, was a stream of items")
    if changes:
        yield f"result: {'; '.join(changes)}"


def _by_position(*parameters: Parameter) -> bool:
    return all(p.kind in (Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD) for p in parameters)


def _shown(parameter: Parameter) -> str:
    default = _default(parameter)
    return f"{parameter.name}: {annotation_text(parameter.schema)}" + (f" = {default}" if default else "")


def _default(parameter: Parameter) -> str:
    if parameter.default is not ABSENT:
        return default_text({"default": parameter.default})
    return parameter.default_repr


def _schema_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    pairs = (
        ("type", type_text(old), type_text(new)),
        ("unit", old.get("x-unit", "none"), new.get("x-unit", "none")),
        ("terms", ", ".join(old.get("x-term", ())) or "none", ", ".join(new.get("x-term", ())) or "none"),
        ("bounds", bounds_text(old) or "none", bounds_text(new) or "none"),
    )
    plain = True
    for what, before, after in pairs:
        if before != after:
            plain = False
            yield f"{what} {after}, was {before}"
    if plain:
        yield from _inner_changes(old, new)


def _inner_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What differs below two schemas whose own line reads the same."""
    for key in ("items", "x-keys", "additionalProperties"):
        yield from _pair(key, old.get(key), new.get(key))
    for key in ("anyOf", "prefixItems"):
        for index, (before, after) in enumerate(zip(old.get(key, ()), new.get(key, ()), strict=False)):
            yield from _pair(f"{'option' if key == 'anyOf' else 'item'} {index + 1}", before, after)
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        if name not in after:
            yield f"field {name} removed"
    for name in after:
        if name not in before:
            yield f"field {name} added"
        else:
            yield from _pair(f"field {name}", before[name], after[name])
    required_before, required_after = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"field {name} now required" for name in sorted(required_after - required_before) if name in before)
    yield from (
        f"field {name} no longer required" for name in sorted(required_before - required_after) if name in after
    )
    for key, words in (("enum", "values"), ("x-members", "members"), ("x-kind", "kind of record")):
        if old.get(key) != new.get(key):
            yield f"{words} {new.get(key)}, was {old.get(key)}"
    if [*before] != [*after] and before.keys() == after.keys():
        yield f"order of fields {', '.join(after)}, was {', '.join(before)}"


def _pair(what: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from (f"{_LABELS.get(what, what)}: {change}" for change in _schema_changes(before, after))


_LABELS = {"items": "items", "x-keys": "keys", "additionalProperties": "values"}


def _rest(old: Parameter, new: Parameter) -> Iterator[str]:
    if old.kind is not new.kind:
        yield f"passed as {new.kind.value.replace('_', ' ')}, was {old.kind.value.replace('_', ' ')}"
    if old.required != new.required and not new.kind.variadic and not old.kind.variadic:
        yield "now required" if new.required else f"no longer required (default {_default(new)})"
    elif (old.default is ABSENT) != (new.default is ABSENT) or _differ(old.default, new.default):
        yield f"default {_default(new) or 'none'}, was {_default(old) or 'none'}"


def _differ(old: Any, new: Any) -> bool:
    """1, 1.0 and True are equal to Python, and different defaults to a caller."""
    return old is not new and (type(old) is not type(new) or repr(old) != repr(new))
