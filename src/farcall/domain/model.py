"""Values that several rooms speak of: what a function declares, what a call asks for, what an attempt gave.

Times named `…_at` are wall-clock seconds since 1970; durations end in `_seconds`.
"""

from __future__ import annotations

import msgspec

from farcall.domain.errors import Failure
from farcall.domain.states import InvocationState

ID_BYTES = 22
DIGEST_BYTES = 16

FENCE_COUNTER_BITS = 40


def fence(epoch: int, counter: int) -> int:
    """One integer for (hub epoch, counter): later attempts have larger fences, over restarts too."""
    return epoch << FENCE_COUNTER_BITS | counter


class FunctionOptions(msgspec.Struct, frozen=True, array_like=True):
    """What the author declares beside the interface. `tries` counts attempts that started; 1 means `retry="never"`."""

    timeout_seconds: float | None = None
    tries: int = 3
    backoff_seconds: float = 0.1
    concurrency: int | None = None  # running at once, over all workers
    queue: bool = False  # wait for a worker if there is none
    requires: dict[str, int | float | str | bool] = {}  # matched against what workers advertise
    policy: str = "round_robin"
    replayable: bool = False  # a stream that may be replayed from its first item
    visibility: str = "caller"  # who is shown arguments and results: the caller alone, or the owner too

    @property
    def never_twice(self) -> bool:
        """Insert and attempt are committed before the offer; a lost attempt fails the invocation."""
        return self.tries == 1


class CallOptions(msgspec.Struct, frozen=True, array_like=True):
    """What a call asks for. None means: as the function declares."""

    timeout_seconds: float | None = None
    expires_seconds: float | None = None  # from acceptance until the first start
    queue: bool | None = None
    priority: int = 0  # larger first, -100 to 100
    key: str = ""  # idempotency key of the caller; with one, nothing is offered before it is committed


class NewInvocation(msgspec.Struct, gc=False):
    """An invocation as it is accepted: a row to be inserted, and what the core needs to place it."""

    id: bytes
    version: int  # the store's key of the version
    caller: int  # the store's key of the account
    arguments: bytes  # canonical payload
    request_digest: bytes  # 16 bytes over function, options and arguments: same id, other digest = conflict
    created_at: float
    priority: int = 0
    timeout_seconds: float | None = None
    expires_at: float | None = None
    queue: bool = False
    tries_left: int = 3
    access_epoch: int = 0  # of the caller, when access was checked; compared again in the transaction
    blobs: tuple[str, ...] = ()  # digests that the arguments refer to
    key: str = ""


class Completion(msgspec.Struct, gc=False):
    """The final outcome of an invocation, to be committed if `fence` is current.

    `fence` 0 means that no attempt was open: expired, no worker, cancelled while queued.
    """

    id: bytes
    fence: int
    state: InvocationState
    result: bytes = b""
    failure: Failure | None = None
    worker: str = ""  # boot id text of the worker, for the record
    attempt: int = 0  # counts from 1
    started_at: float | None = None
    finished_at: float = 0.0
    run_seconds: float = 0.0
    blobs: tuple[str, ...] = ()
    request_digest: bytes = b""  # set while the insert is not known to be committed: only this very request may end so
    cpu_seconds: float = 0.0  # of all threads of the function's process, and of its children that ended
    invocation: NewInvocation | None = None  # what it ends, as accepted; where it is given, the store need not look


class Settlement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a caller learns at the end: also the item of the frame that says so."""

    id: bytes
    state: int  # an InvocationState that is final
    result: bytes = b""
    failure: Failure | None = None
    attempt: int = 0
