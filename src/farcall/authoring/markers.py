"""What an author can say about a parameter or result, inside ``typing.Annotated``."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
class Doc:
    """One sentence about the parameter or result, shown in forms, help and the catalog."""

    text: str

    def __post_init__(self) -> None:
        text: object = self.text
        if not isinstance(text, str):
            raise TypeError(f"Doc takes text, not {self.text!r}")

    def __repr__(self) -> str:
        return f"Doc({self.text!r})"
