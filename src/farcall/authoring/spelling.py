"""Schemas as people write types: ``float [m/s], 0 to 1000``, ``list[int]``, ``Color``; for signatures and differences.

Works on any schema that passed `Interface.parse`, so on documents of other parties too.
"""

from __future__ import annotations

from typing import Any

from farcall.authoring.harmless import harmless_line

_SPELLINGS = {
    "none": "None",
    "any": "Any",
    "decimal": "Decimal",
    "uuid": "UUID",
    "path": "Path",
}


def type_text(schema: dict[str, Any]) -> str:
    """The type alone, as it would be annotated: ``list[float]``, ``int | None``, ``ndarray[float64]``."""
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_text(branch) for branch in schema["anyOf"]))
    kind = schema.get("x-type", "any")
    if kind in ("record", "enum") or (kind in ("dict", "any") and "title" in schema):
        return harmless_line(str(schema.get("title", kind)))
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    if kind == "array":
        return _array_text(schema)
    if kind == "tuple" and "prefixItems" in schema:
        return f"tuple[{', '.join(type_text(item) for item in schema['prefixItems'])}]"
    if kind in ("list", "set", "frozenset", "tuple") and "items" in schema:
        ellipsis = ", ..." if kind == "tuple" else ""
        return f"{kind}[{type_text(schema['items'])}{ellipsis}]"
    if kind == "dict" and "additionalProperties" in schema:
        keys = type_text(schema["x-keys"]) if "x-keys" in schema else "str"
        return f"dict[{keys}, {type_text(schema['additionalProperties'])}]"
    return _SPELLINGS.get(kind, str(kind))


def _array_text(schema: dict[str, Any]) -> str:
    inside = [str(schema["x-dtype"])] if "x-dtype" in schema else []
    if "x-shape" in schema:
        lengths = ", ".join("any" if length is None else str(length) for length in schema["x-shape"])
        inside.append(f"shape ({lengths})")
    return f"ndarray[{', '.join(inside)}]" if inside else "ndarray"


def bounds_text(schema: dict[str, Any]) -> str:
    """``0 to 1000``, ``at least 0``, ``at most 1``, or nothing."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"at least {low}"
    return "" if high is None else f"at most {high}"


def out_of_bounds(schema: dict[str, Any], number: float) -> str:
    """``12.0 is greater than the maximum of 10 m/s``; empty if the number is within the bounds."""
    low, high = schema.get("minimum"), schema.get("maximum")
    unit = f" {schema['x-unit']}" if "x-unit" in schema else ""
    shown = "the number" if isinstance(number, int) and number.bit_length() >= 200 else f"{number}"
    if number != number:
        return f"nan is not within {bounds_text(schema)}{unit}" if bounds_text(schema) else ""
    if low is not None and number < low:
        return f"{shown} is less than the minimum of {low}{unit}"
    if high is not None and number > high:
        return f"{shown} is greater than the maximum of {high}{unit}"
    return ""


def default_text(parameter: dict[str, Any]) -> str:
    """The default as Python shows it; empty if there is none."""
    if "default" in parameter:
        return repr(parameter["default"])
    return harmless_line(str(parameter.get("default_repr", "")))


def annotation_text(schema: dict[str, Any]) -> str:
    """Type and unit: ``float [m/s]``."""
    unit = f" [{harmless_line(schema['x-unit'])}]" if "x-unit" in schema else ""
    return type_text(schema) + unit


def signature_text(document: dict[str, Any]) -> str:
    """``(time: float [s], *, steps: int = 10) -> float [m/s]``."""
    parts: list[str] = []
    previous = ""
    stars = {"var_positional": "*", "var_keyword": "**"}
    for parameter in document["parameters"]:
        kind = parameter["kind"]
        if previous == "positional_only" and kind != previous:
            parts.append("/")
        if kind == "keyword_only" and previous not in (
            "keyword_only",
            "var_positional",
        ):
            parts.append("*")
        default = default_text(parameter)
        text = f"{stars.get(kind, '')}{parameter['name']}: {annotation_text(parameter['schema'])}"
        parts.append(f"{text} = {default}" if default else text)
        previous = kind
    if previous == "positional_only":
        parts.append("/")
    result = annotation_text(document["result"])
    arrow = f"Iterator[{result}]" if document["stream"] else result
    return f"({', '.join(parts)}) -> {arrow}"


def details_text(document: dict[str, Any]) -> str:
    """What the signature has no room for, as a small table: bounds, documentation and terms, a line for each parameter
    and for the result. Empty if there are none of them.
    """
    parts = [(parameter["name"], parameter["schema"], default_text(parameter)) for parameter in document["parameters"]]
    result = document["result"]
    fields = result.get("properties", {}) if result.get("x-kind") == "namedtuple" else {}
    parts += [(f"result.{name}", schema, "") for name, schema in fields.items()] or [("result", result, "")]
    if not any(bounds_text(schema) or _prose(schema) for _, schema, _ in parts):
        return ""
    rows = [(name, _kind_text(schema, default), _prose(schema)) for name, schema, default in parts]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {prose}".rstrip() for name, kind, prose in rows)


def _kind_text(schema: dict[str, Any], default: str) -> str:
    bounds = bounds_text(schema)
    return annotation_text(schema) + (f", {bounds}" if bounds else "") + (f" = {default}" if default else "")


def _prose(schema: dict[str, Any]) -> str:
    words = [schema.get("description", ""), *(f"<{term}>" for term in schema.get("x-term", ()))]
    words.extend(_prose(branch) for branch in schema.get("anyOf", ()))
    return harmless_line(" ".join(" ".join(words).split()))
