"""What was used, what may be used, and taking arguments and results out of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class SetLimits:
    """Limit an account; `limits` is JSON. Bumps the account's access epoch. OK · MISSING."""

    account: int
    limits: str
    at: float


@dataclass(slots=True)
class Erase:
    """Take arguments, result and what a failure said out of the record of an invocation that has ended, and let go of
    the blobs that it named. The record and its usage stay. OK · MISSING · STALE (not final) · DUPLICATE (done before).
    """

    id: bytes
    at: float


@dataclass(slots=True, frozen=True)
class UsageFilter:
    """`caller` narrows to an account, `owners` to functions of any of these, `function` to a name and everything below
    it, `since` and `until` to days (since 1970, UTC), both included. What `by_…` does not tell apart is summed.
    """

    caller: int | None = None
    owners: Sequence[int] | None = None
    function: str | None = None
    since: int = 0
    until: int = 1 << 40
    by_day: bool = False
    by_function: bool = False
    by_version: bool = False  # of a function
    by_caller: bool = False
    limit: int = 500
    skip: int = 0


@dataclass(slots=True, frozen=True)
class UsageRow:
    """Sums over invocations that ended; None for what was not told apart. Bytes are those of payloads and blobs."""

    day: int | None
    function: str | None
    version: int | None  # its number
    caller: str | None  # handle
    invocations: int
    failures: int  # did not succeed: failed, cancelled, expired
    run_seconds: float
    cpu_seconds: float
    bytes_in: int
    bytes_out: int
