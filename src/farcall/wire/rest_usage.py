"""Bodies of the REST surface about usage, limits, and what is kept of invocations. See `farcall.wire.rest`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from farcall.wire.rest import Limit, Question, Status


class UsageQuery(Question, frozen=True):
    """`role`: what you called, what was called of yours, or (administrators) everything. `by`: what is told apart, some
    of day, function, version, caller, with commas between. `since` and `until`: days in UTC, both included; the last 30
    without them.
    """

    role: Literal["caller", "owner", "admin"] = "caller"
    by: Annotated[str, msgspec.Meta(pattern=r"^((day|function|version|caller)(,(day|function|version|caller))*)?$")] = (
        "function"
    )
    function: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    since: date | None = None
    until: date | None = None
    limit: Limit = 50
    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class Usage(msgspec.Struct):
    """Sums over invocations that ended; null for what was not told apart.

    A call counts on the day on which it ended. `failures` did not succeed: failed, cancelled, expired. Bytes are those
    of arguments (in) and results (out), with the blobs that they name.
    """

    day: date | None
    function: str | None
    version: int | None
    caller: str | None
    invocations: int
    failures: int
    run_seconds: float
    cpu_seconds: float
    bytes_in: int
    bytes_out: int


class Arguments(msgspec.Struct):
    """What an invocation was called with, by name. JSON values follow the interface."""

    id: str
    arguments: dict[str, Any]


class Erased(msgspec.Struct):
    """Arguments, result, output and what a failure said are gone; the record stays."""

    id: str
    status: Status
    erased_at: datetime
