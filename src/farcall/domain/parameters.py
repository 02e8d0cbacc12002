"""A parameter of an interface, and the five ways in which Python can pass an argument to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from inspect import Parameter as _Inspect
from typing import Any, Final


class Kind(StrEnum):
    """The value is the word in the interface document."""

    POSITIONAL_ONLY = "positional_only"
    POSITIONAL_OR_KEYWORD = "positional_or_keyword"
    VAR_POSITIONAL = "var_positional"
    KEYWORD_ONLY = "keyword_only"
    VAR_KEYWORD = "var_keyword"

    @property
    def variadic(self) -> bool:
        return self in (Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD)

    @property
    def of_inspect(self) -> Any:
        """The same kind as the standard library's `inspect` names it."""
        return getattr(_Inspect, self.name)


class _Absent(Enum):
    ABSENT = 0

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent.ABSENT
"""No default that JSON can carry."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`default` is ABSENT if there is none, or if only the function itself can apply it (then `default_repr` shows it).

    The schema of a variadic parameter is that of one of its items.
    """

    name: str
    kind: Kind
    schema: dict[str, Any]
    required: bool
    default: Any = ABSENT
    default_repr: str = ""

    @property
    def bound_schema(self) -> dict[str, Any]:
        """The schema of what is bound to the name: for ``*args`` a list of items, for ``**kwargs`` a dict of them."""
        if self.kind is Kind.VAR_POSITIONAL:
            return {"type": "array", "x-type": "list", "items": self.schema}
        if self.kind is Kind.VAR_KEYWORD:
            return {"type": "object", "x-type": "dict", "additionalProperties": self.schema}
        return self.schema
