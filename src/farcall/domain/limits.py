"""How much an account may use: limits of the account itself, and of the grant through which it reaches a function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None means: no such limit. 0 refuses everything. Days are those of UTC."""

    per_minute: Count | None = None  # invocations accepted in any 60 seconds
    in_flight: Count | None = None  # accepted and not final
    seconds_per_day: Seconds | None = None  # of running, by the clock on the wall

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return self != NO_LIMITS

    def json(self) -> str:
        """As the store keeps it."""
        return msgspec.json.encode(self).decode()


NO_LIMITS = Limits()


def tightest(one: Limits, other: Limits) -> Limits:
    """What holds if both hold."""
    return Limits(*(_least(a, b) for a, b in zip(_fields(one), _fields(other), strict=True)))


def loosest(all_of_them: Iterable[Limits]) -> Limits:
    """What holds if any of them suffices; of none: no limits."""
    return Limits(*(None if None in column else max(column) for column in zip(*map(_fields, all_of_them), strict=True)))


def _fields(limits: Limits) -> tuple[Any, ...]:
    return limits.per_minute, limits.in_flight, limits.seconds_per_day


def _least(one: Any, other: Any) -> Any:
    return min((value for value in (one, other) if value is not None), default=None)


_decode = msgspec.json.Decoder(Limits).decode


def from_json(text: str) -> Limits:
    """What `Limits.json` wrote; raises ValueError if it is anything else."""
    return NO_LIMITS if text in ("", "{}") else _decode(text)
