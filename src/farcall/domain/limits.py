"""How much an account may use: limits of the account itself, and of the grant through which it reaches a function."""

from __future__ import annotations

from typing import Annotated

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
_decode = msgspec.json.Decoder(Limits).decode


def from_json(text: str) -> Limits:
    """What `Limits.json` wrote; raises ValueError if it is anything else."""
    return NO_LIMITS if text in ("", "{}") else _decode(text)
