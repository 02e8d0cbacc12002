"""Values with units to plain numbers in the units that a schema declares, wherever they are inside of a value.

A schema is gone through once; what neither units nor bounds concern costs nothing afterwards. Numbers without a unit
are in the declared one already. Text is converted only where the schema takes numbers and no text.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, Final, TypeAlias

from farcall.authoring import units
from farcall.authoring.spelling import out_of_bounds
from farcall.authoring.units import UnitError

Schema: TypeAlias = dict[str, Any]

TEXTS_LIMIT: Final = 10_000  # numbers with units as text within one value
UNITS_LIMIT: Final = 64  # different units among them
_NOT_QUITE_WHOLE: Final = 1e-12  # what floats lose when they are converted
_SCALARS: Final = frozenset({"int", "float", "complex"})
_SEQUENCES: Final = frozenset({"list", "tuple", "set", "frozenset", "array"})
_PARAMETER: Final = "this parameter"
_ARGUMENT: Final = "this argument"
_RESULT: Final = "this result"
_REAL: Final = frozenset({int, float})
_PLAIN: Final = frozenset({int, float, bool, complex, type(None)})


class Unfit(ValueError):
    """A value that cannot be meant; `place` is spelt ``time`` or ``points[3]["x"]``."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


def converter(schema: Schema) -> Callable[[Any, str], Any] | None:
    """A function (value, place) that gives the value with plain numbers for what callers wrote; it raises Unfit.

    None if the schema declares no unit.
    """
    if not _mentions(schema, ("x-unit",)):
        return None
    node = _Node(schema, "", _PARAMETER)  # whose bounds are looked at with all else, by `farcall.domain.validation`

    def convert(value: Any, place: str) -> Any:
        return _Walk(texts=True).fit(node, value, place)

    return convert


def result_check(schema: Schema) -> Callable[[Any, str], Any] | None:
    """A function (result, place) that gives the result with plain numbers for quantities, and holds it against its
    bounds; it raises Unfit. None if there are neither units nor bounds.
    """
    if not _mentions(schema, ("x-unit", "minimum", "maximum")):
        return None
    node = _Node(schema, "", _RESULT)
    low, high = node.range

    def check(value: Any, place: str) -> Any:
        if type(value) in _REAL and low <= value <= high:  # most results; nan is within nothing
            return value
        return _Walk(texts=False).fit(node, value, place)

    return check


def argument_check(parameters: Iterable[Schema]) -> Callable[[dict[str, Any]], None] | None:
    """A function (bound arguments) that holds them against the bounds of an interface's `parameters`; it raises Unfit.

    None if there are no bounds. What the numbers are in was settled before: only whoever runs the function asks here.
    """
    held: list[tuple[str, float, float, _Node]] = []
    for parameter in parameters:
        schema: Schema = parameter["schema"]
        if not _mentions(schema, ("minimum", "maximum")):
            continue
        kind = parameter.get("kind", "")
        if kind == "var_positional":
            schema = {"x-type": "list", "items": schema}
        elif kind == "var_keyword":
            schema = {"x-type": "dict", "additionalProperties": schema}
        node = _Node(schema, "", _ARGUMENT)
        held.append((parameter["name"], *node.range, node))

    def check(bound: dict[str, Any]) -> None:
        for name, low, high, node in held:
            value = bound.get(name)
            if not (type(value) in _REAL and low <= value <= high):  # type: ignore[operator]  # _REAL: int and float, which compare
                _Walk(texts=False).fit(node, value, name)

    return check if held else None


def declared_units(schema: Schema) -> Iterable[str]:
    """Every unit in a schema, from the outside inwards."""
    if "x-unit" in schema:
        yield schema["x-unit"]
    for inner in _inner(schema):
        yield from declared_units(inner)


def _mentions(schema: Schema, keywords: tuple[str, ...]) -> bool:
    return any(keyword in schema for keyword in keywords) or any(_mentions(each, keywords) for each in _inner(schema))


def _inner(schema: Schema) -> list[Schema]:
    found = [schema[key] for key in ("items", "x-keys", "additionalProperties") if isinstance(schema.get(key), dict)]
    for key in ("anyOf", "prefixItems"):
        found += schema.get(key, ())
    return found + list(schema.get("properties", {}).values())


class _Node:
    """What a value may be at one place, over all branches of a union. `bounds` has what `out_of_bounds` reads."""

    __slots__ = ("bounds", "fields", "items", "kinds", "prefix", "sequence", "takes_text", "unit", "values", "what")

    def __init__(self, schema: Schema, unit: str, what: str) -> None:
        branches = list(_branches(schema))
        self.what = what
        self.unit: str = schema.get("x-unit", next((each["x-unit"] for each in branches if "x-unit" in each), unit))
        self.kinds = frozenset(branch.get("x-type", "any") for branch in branches if "enum" not in branch)
        self.takes_text = any(_is_text(branch) for branch in branches)
        self.bounds = {} if what is _PARAMETER else _bounds(schema, branches, self.unit)
        self.sequence = ""
        self.items: _Node | None = None
        self.prefix: list[_Node | None] = []
        self.fields: dict[str, _Node] = {}
        self.values: _Node | None = None
        for branch in branches:
            kind = branch.get("x-type")
            if kind in _SEQUENCES and not self.sequence:
                self._sequence(kind, branch)
            elif kind in ("dict", "record") and not self.fields and self.values is None:
                found = {name: self._child(part) for name, part in branch.get("properties", {}).items()}
                self.fields = {name: node for name, node in found.items() if node is not None}
                self.values = self._child(branch.get("additionalProperties"))

    @property
    def range(self) -> tuple[float, float]:
        return self.bounds.get("minimum", -math.inf), self.bounds.get("maximum", math.inf)

    def _sequence(self, kind: str, schema: Schema) -> None:
        self.sequence = kind
        if kind == "array":
            self.items = _Node({"x-type": _kind_of_dtype(schema.get("x-dtype", ""))}, self.unit, self.what)
            self.items.sequence, self.items.items = "list", self.items  # rows of rows
        else:
            self.items = self._child(schema.get("items"))
            self.prefix = [self._child(part) for part in schema.get("prefixItems", ())]

    def _child(self, schema: Any) -> _Node | None:
        if not isinstance(schema, dict):
            return None
        node = _Node(schema, self.unit, self.what)
        concerned = node.unit or node.bounds or node.items or any(node.prefix) or node.fields or node.values
        return node if concerned else None


def _branches(schema: Schema) -> Iterable[Schema]:
    if "anyOf" not in schema:
        yield schema
        return
    for branch in schema["anyOf"]:
        yield from _branches(branch)


def _is_text(branch: Schema) -> bool:
    if "enum" in branch:
        return any(isinstance(value, str) for value in branch["enum"])
    return branch.get("type") == "string" or branch.get("x-type", "any") in ("any", "str")


def _bounds(schema: Schema, branches: list[Schema], unit: str) -> Schema:
    """Those of the whole, and of its branch for numbers; if there are several such, each number may fit another one."""
    found: Schema = {}
    numeric = [
        branch
        for branch in branches
        if branch.get("x-type") in _SCALARS or any(not isinstance(value, str) for value in branch.get("enum", ()))
    ]
    for each in (schema, *(numeric if len(numeric) == 1 else ())):
        found = {key: each[key] for key in ("minimum", "maximum") if key in each} | found
    return found | {"x-unit": unit} if found and unit else found


def _kind_of_dtype(name: str) -> str:
    if name.startswith(("int", "uint", "signedint", "unsignedint")):
        return "int"
    return "complex" if name.startswith("complex") else "float"


class _Walk:
    """One pass over one value."""

    def __init__(self, *, texts: bool) -> None:
        self._texts = texts
        self._read = 0
        self._units: set[str] = set()

    def fit(self, node: _Node, value: Any, place: str) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return self._bounded(node, value, place) if node.bounds else value
        if kind is str:
            return self._text(node, value, place) if self._texts else value
        if units.is_quantity(value):
            return self._quantity(node, value, place) if node.unit else value
        if kind in (list, tuple, set, frozenset):
            return self._sequence(node, value, place)
        if kind is dict:
            return self._mapping(node, value, place)
        if isinstance(value, numbers.Real):  # numpy's
            return self._bounded(node, value, place) if node.bounds else value
        return self._record(node, value, place)

    def _bounded(self, node: _Node, value: Any, place: str) -> Any:
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            number: Any = value  # numpy's scalars show their type
            message = out_of_bounds(node.bounds, number.item() if hasattr(number, "item") else number)
            if message:
                raise Unfit(place, message)
        return value

    # -- one number ----------------------------------------------------------------------------------------------------

    def _text(self, node: _Node, text: str, place: str) -> Any:
        if not node.unit or node.takes_text or not node.kinds & _SCALARS or not _is_meant_as_quantity(node, text):
            return text
        self._read += 1
        self._units.add(units.unit_of(text))
        if self._read > TEXTS_LIMIT or len(self._units) > UNITS_LIMIT:
            raise Unfit(
                place,
                f"more than {TEXTS_LIMIT} numbers with units as text, or {UNITS_LIMIT} different units; "
                f"send plain numbers in {node.unit}",
            )
        try:
            return self._scalar(node, units.from_text(text, node.unit, node.what), text, place)
        except UnitError as error:
            raise Unfit(place, str(error)) from None

    def _scalar(self, node: _Node, number: Any, shown: str, place: str) -> Any:
        if isinstance(number, complex):
            if not node.kinds & {"complex", "any"}:
                raise Unfit(place, f"{shown} is a complex number, and {node.what} takes real ones")
            return number
        try:
            if "float" in node.kinds or not node.kinds & _SCALARS:
                plain: Any = float(number)
            elif "complex" in node.kinds:
                plain = complex(float(number))
            else:
                plain = _whole(number, shown, node, place)
        except OverflowError:
            raise Unfit(place, f"{shown} is too large a number in {node.unit}") from None
        return self._bounded(node, plain, place) if node.bounds else plain

    def _quantity(self, node: _Node, quantity: Any, place: str) -> Any:
        try:
            number = units.magnitude(quantity, node.unit, node.what)
        except UnitError as error:
            raise Unfit(place, str(error)) from None
        if getattr(number, "shape", ()):
            return self._array(node, number, place)
        if hasattr(number, "item"):
            number = number.item()
        if not isinstance(number, int | float | complex | Fraction):
            try:
                number = float(number)  # a Decimal, or what else a registry may be of
            except (TypeError, ValueError):
                raise Unfit(place, f"the number of {quantity!r:.80} is no plain number") from None
        return self._scalar(node, number, f"{quantity}", place)

    # -- many ----------------------------------------------------------------------------------------------------------

    def _array(self, node: _Node, array: Any, place: str) -> Any:
        if node.sequence == "array" and node.items is not None:
            return _whole_array(array, node, place) if "int" in node.items.kinds else array
        if not node.sequence or node.sequence in ("set", "frozenset"):
            return array  # whoever looks at types says that it is one too many
        return self._sequence(node, array.tolist(), place, tuple if node.sequence == "tuple" else list, True)

    def _sequence(self, node: _Node, value: Any, place: str, made: Any = None, converted: bool = False) -> Any:
        """`converted`: the numbers are in the declared unit, and only of another type maybe."""
        if not node.sequence:
            return value
        rest, prefix = node.items, node.prefix
        if not prefix and (rest is None or (not converted and _is_fine(rest, value))):
            return value
        found = []
        for index, item in enumerate(value):
            inner = prefix[index] if index < len(prefix) else rest
            at = f"{place}[{index}]"
            if inner is None:
                found.append(item)
            elif converted and type(item) is not list:
                found.append(self._scalar(inner, item, f"{item}", at))
            elif converted:
                found.append(self._sequence(inner, item, at, tuple if inner.sequence == "tuple" else list, True))
            else:
                found.append(self.fit(inner, item, at))
        if made is None and all(new is old for new, old in zip(found, value, strict=True)):
            return value
        return (made or type(value))(found)

    def _mapping(self, node: _Node, value: dict[Any, Any], place: str) -> dict[Any, Any]:
        if not node.fields and node.values is None:
            return value
        found = {}
        for key, item in value.items():
            inner = node.fields.get(key, node.values)
            found[key] = item if inner is None else self.fit(inner, item, f'{place}["{key}"]')
        return value if all(found[key] is item for key, item in value.items()) else found

    def _record(self, node: _Node, value: Any, place: str) -> Any:
        """Dataclasses, structs and named tuples, by their fields."""
        changes: dict[str, Any] = {}
        for name, inner in node.fields.items():
            item = getattr(value, name, None)
            fitted = self.fit(inner, item, f"{place}.{name}")
            if fitted is not item:
                changes[name] = fitted
        if not changes:
            return value
        if hasattr(value, "_replace"):
            return value._replace(**changes)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.replace(value, **changes)
        if hasattr(value, "__struct_fields__"):
            import msgspec

            return msgspec.structs.replace(value, **changes)
        return value


def _is_fine(node: _Node, items: Iterable[Any]) -> bool:
    """Whether all of them are plain numbers within the bounds: there is nothing to do, item by item."""
    kinds = set(map(type, items))
    if not node.bounds:
        return kinds <= _PLAIN
    low, high = node.range
    return kinds <= _REAL and all(low <= item <= high for item in items)


def _is_meant_as_quantity(node: _Node, text: str) -> bool:
    """Not what JSON writes as text because it has no other way: nan and infinity, and integers beyond 2^53."""
    if text in ("NaN", "Infinity", "-Infinity"):
        return False
    return not ("int" in node.kinds and text.removeprefix("-").isdecimal())


def _whole(number: Any, shown: str, node: _Node, place: str) -> int:
    if isinstance(number, float):
        near = round(number) if math.isfinite(number) else 0
        whole = math.isfinite(number) and abs(number - near) <= _NOT_QUITE_WHOLE * abs(number)
    else:
        near, whole = round(number), number == round(number)
    if not whole:
        raise Unfit(place, f"{shown} is {float(number):g} {node.unit}, and {node.what} takes whole numbers")
    return near


def _whole_array(array: Any, node: _Node, place: str) -> Any:
    """Converted numbers for an array of integers: int64, if all of them are whole."""
    if array.dtype.kind in "iu":
        return array
    near = array.round()
    if not (abs(array - near) <= _NOT_QUITE_WHOLE * abs(array)).all():  # nan is not, either
        raise Unfit(place, f"not all of its numbers are whole in {node.unit}, and {node.what} takes whole numbers")
    return near.astype("int64")
