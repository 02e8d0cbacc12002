"""What an author can say about a parameter or result, inside ``typing.Annotated``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

TERM_LIMIT: Final = 300
_TERM: Final = re.compile(r"(?:https?://[^\s/?#]+|urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:)[^\s\x00-\x1f\x7f<>\"{}|\\^`]*")


@dataclass(frozen=True, slots=True)
class Unit:
    """The physical unit that the number is in: ``Annotated[float, Unit("m/s")]``."""

    name: str

    def __post_init__(self) -> None:
        name: object = self.name  # whatever the author wrote
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"Unit takes the unit as text, such as Unit('m/s'), not {self.name!r}")

    def __repr__(self) -> str:
        return f"Unit({self.name!r})"


@dataclass(frozen=True, slots=True)
class Range:
    """The least and greatest number allowed, both inclusive; None leaves that end open."""

    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        for bound in (self.minimum, self.maximum):
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, (int, float))):
                raise TypeError(f"Range takes numbers, not {bound!r}")
            if bound is not None and not math.isfinite(bound):
                raise ValueError("Range takes finite numbers; None leaves an end open")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"Range({self.minimum}, {self.maximum}) is empty: the minimum is above the maximum")

    def __repr__(self) -> str:
        return f"Range({self.minimum}, {self.maximum})"


@dataclass(frozen=True, slots=True)
class Term:
    """The address of a term of a vocabulary that says what the number means; there may be several.

    ``Annotated[float, Unit("K"), Term("http://vocab.nerc.ac.uk/standard_name/air_temperature/")]``
    """

    address: str

    def __post_init__(self) -> None:
        if not is_term(self.address):
            raise TypeError(
                f"Term takes an address of at most {TERM_LIMIT} characters that begins with https://, http:// or urn:, "
                f"not {self.address!r:.80}"
            )

    def __repr__(self) -> str:
        return f"Term({self.address!r})"


def is_term(value: object) -> bool:
    """Whether it is the address of a term."""
    return isinstance(value, str) and len(value) <= TERM_LIMIT and _TERM.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Doc:
    """One sentence about the parameter or result, shown in forms, help and the catalog."""

    text: str

    def __post_init__(self) -> None:
        text: object = self.text
        if not isinstance(text, str):
            raise TypeError(f"Doc takes text, not {self.text!r}")

    def __repr__(self) -> str:
        return f"Doc({self.text!r})"


class Numbers:
    """Of ``Any``: it is a number, or an array of numbers."""


MEASURED: Final = Annotated[Any, Numbers()]
"""The type of a script's value with a unit, if nothing says more of it."""
