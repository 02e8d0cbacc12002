"""What converters are, and how they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from farcall.payload.errors import WrongType
from farcall.payload.values import EnumValue

Converter: TypeAlias = Callable[[Any, str], Any]
"""Takes a value and its place; returns the value as the hint says, or raises WrongType."""


def wrong(value: Any, place: str, wanted: str) -> WrongType:
    """That `wanted` is wanted at `place`, and not this value."""
    kind = value.title if type(value) is EnumValue else type(value).__name__
    return WrongType(place, f"{wanted} is wanted, not {kind} {value!r:.60}")


def anything(value: Any, place: str) -> Any:
    """The converter of hints that say nothing."""
    return value
