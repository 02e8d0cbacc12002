"""Units of a whole interface: what callers wrote becomes plain numbers, once; and are the declared units any at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farcall.authoring.conversion import Unfit, declared_units
from farcall.authoring.units import UnitError, check_unit
from farcall.domain.interface import Interface, InterfaceError
from farcall.domain.validation import Problem


def converted(interface: Interface, bound: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Bound arguments with plain numbers in the declared units, and what of them cannot be converted.

    Converted are text such as ``"2 min"`` where numbers are taken and no text, and quantities of pint's; what needs no
    conversion is left as the very same object. Exact for text; a quantity is what its own registry makes of it.
    """
    arguments = dict(bound)
    problems: list[Problem] = []
    for name, convert in interface.converters.items():
        if name in arguments:
            try:
                arguments[name] = convert(arguments[name], name)
            except Unfit as error:
                problems.append(Problem(error.place, error.message))
    return arguments, problems


def check_units(interface: Interface) -> None:
    """Raises InterfaceError, which names the parameter, if a declared unit is none.

    Not part of `Interface.parse`: it imports pint, which callers who pass plain numbers never need.
    """
    places = [(f"parameter {parameter.name!r}", parameter.schema) for parameter in interface.parameters]
    for place, schema in [*places, ("the result", interface.result)]:
        for unit in declared_units(schema):
            try:
                check_unit(unit)
            except UnitError as error:
                raise InterfaceError(f"{place}: {error}") from None


def has_units(interface: Interface) -> bool:
    """Whether anything of it is in a unit."""
    return any(any(True for _ in declared_units(each.schema)) for each in interface.parameters) or any(
        True for _ in declared_units(interface.result)
    )
