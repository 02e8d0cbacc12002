"""The frames of the worker's and the client's channel.

One WebSocket message is one msgpack array: the frame's number, then its fields in the order given here. Fields are only
ever added at the end, with a default. Frames carry batches. `docs/reference/protocol.md` is the specification.
Identifiers of invocations are 22 raw bytes, `fence` is one 64-bit integer, payloads are opaque bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from farcall.domain.errors import Failure
from farcall.domain.model import CallOptions, FunctionOptions, Settlement

PROTOCOLS = (1,)
FRAME_LIMIT_BYTES = 16 * 1024 * 1024
INLINE_LIMIT_BYTES = 1024 * 1024  # a payload above this travels as a blob


class Item(msgspec.Struct, array_like=True, gc=False):
    """Base of what frames carry many of."""


class Frame(msgspec.Struct, array_like=True, gc=False):
    """Base of all frames."""


# -- both ends ---------------------------------------------------------------------------------------------------------


class Hello(Frame, tag=1):
    """First frame of whoever dialled. `boot` is 16 random bytes, new at every start of the process."""

    protocols: list[int]
    software: str
    boot: bytes


class Welcome(Frame, tag=2):
    """The hub's answer: the protocol chosen and the constants of this connection.

    `digest_keys`, for workers, by the handle of each group that the account belongs to: what keys the implementation
    digests of the functions there (32 bytes), so that the same code is the same version, whichever member serves it.
    """

    protocol: int
    hub: str
    epoch: int
    account: str
    heartbeat_seconds: float = 2.0
    lease_seconds: float = 10.0
    resume_grace_seconds: float = 30.0
    frame_limit_bytes: int = FRAME_LIMIT_BYTES
    inline_limit_bytes: int = INLINE_LIMIT_BYTES
    blob_limit_bytes: int = 1 << 30
    digest_keys: dict[str, bytes] = {}


class Goodbye(Frame, tag=3):
    """Last frame before a close that is no accident; `code` is one of the table of errors, or "" for a plain leave."""

    code: str
    message: str


class Heartbeat(Frame, tag=4):
    """Worker to hub; renews all its leases."""

    seq: int


class HeartbeatAck(Frame, tag=5):
    seq: int


# -- client to hub -----------------------------------------------------------------------------------------------------


class SubmitItem(Item):
    id: bytes
    arguments: bytes


class Submit(Frame, tag=10):
    """Invocations of one function with one set of options.

    `interface` is the digest that the arguments were bound with (empty: whatever is newest). With `acknowledge` the hub
    answers `Accepted` once they are committed; otherwise the caller waits for the results anyway.
    """

    function: str
    interface: bytes
    options: CallOptions
    acknowledge: bool
    items: list[SubmitItem]


class Resolve(Frame, tag=11):
    seq: int
    name: str


class Attach(Frame, tag=12):
    """Asks after invocations: unanswered ones after a reconnect, or old ones whose result is wanted here.

    Answered by `Settled` for those that ended, `Attached` for those that go on (their `Settled` will come) and for the
    unknown.
    """

    ids: list[bytes]


class Cancel(Frame, tag=13):
    ids: list[bytes]


class StreamAck(Frame, tag=14):
    """The caller has taken items up to `seq` of this attempt."""

    id: bytes
    fence: int
    seq: int


# -- hub to client -----------------------------------------------------------------------------------------------------


class Resolved(Frame, tag=20):
    """`name` in full, with the interface document, or the reason why not."""

    seq: int
    name: str = ""
    version: int = 0  # the version's number
    interface: bytes = b""  # digest
    document: dict[str, Any] = {}
    owner: str = ""
    failure: Failure | None = None
    workers: int = 0  # ready ones
    options: FunctionOptions = FunctionOptions()
    deprecated: str = ""  # what its callers are told
    seen_at: float | None = None  # when its last worker left (wall-clock seconds); None while one is there
    typical_seconds: float | None = None  # of running, a moving average


class Accepted(Frame, tag=21):
    """These are committed: they will be run, whatever happens to hub or caller."""

    ids: list[bytes]


class Settled(Frame, tag=22):
    """These have ended, and the end is committed."""

    items: list[Settlement]


class RefusedItem(Item):
    id: bytes
    failure: Failure


class RefusedItems(Frame, tag=23):
    """These were not accepted; there is no record of them."""

    items: list[RefusedItem]


class Attached(Frame, tag=24):
    ids: list[bytes]
    unknown: list[bytes]


class StreamItems(Frame, tag=25):
    """Items `first_seq`, `first_seq + 1`, … (from 0) of a generator's attempt."""

    id: bytes
    fence: int
    first_seq: int
    items: list[bytes]


class ProgressItem(Item):
    id: bytes
    fence: int
    fraction: float
    stage: str


class Progress(Frame, tag=26):
    """Lossy: the latest wins. Also worker to hub."""

    items: list[ProgressItem]


class Cancelling(Frame, tag=27):
    """The wish to cancel is committed; `Settled` says how each of them ended."""

    ids: list[bytes]


class Changed(Frame, tag=28):
    """What was resolved before may be out of date: forget it."""

    names: list[str]


# -- worker to hub -----------------------------------------------------------------------------------------------------


class AttemptKey(msgspec.Struct, array_like=True, gc=False, frozen=True):
    id: bytes
    fence: int


class Register(Frame, tag=30):
    """What this worker is. `resume` names the attempts it still holds: running, waiting, or finished in its outbox."""

    name: str
    slots: int
    credit: int  # at most so many attempts may be with this worker at once, started or not
    resources: dict[str, int | float | str | bool]
    resume: list[AttemptKey]


class Publication(Item):
    """A function that this worker serves. `name` is relative to the account unless it begins with `/`."""

    name: str
    document: dict[str, Any]
    implementation: bytes  # 16 bytes, keyed by the owner's secret: same code, same digest; says nothing of the code
    options: FunctionOptions


class Publish(Frame, tag=31):
    """The full list of what the worker serves from now on; what is missing is withdrawn."""

    seq: int
    functions: list[Publication]


class Credit(Frame, tag=32):
    """A new bound in place of that of `Register`; 0 pauses."""

    credit: int


class Started(Frame, tag=33):
    """These run now. Short ones may never be announced: `Finished` implies it."""

    items: list[AttemptKey]


class ReturnedItem(Item):
    id: bytes
    fence: int
    reason: str  # recalled | neighbour_died | draining | unknown_version | blob_unavailable


class Returned(Frame, tag=34):
    """These were never started and will not be; they do not count as tries."""

    items: list[ReturnedItem]


class FinishedItem(Item):
    """The outcome of one attempt. `state` is an AttemptState: SUCCEEDED, FAILED, CANCELLED or LOST (process died)."""

    id: bytes
    fence: int
    state: int
    result: bytes = b""
    failure: Failure | None = None
    run_seconds: float = 0.0
    blobs: list[str] = []
    cpu_seconds: float = 0.0  # of all threads of the function's process, and of its children that ended


class Finished(Frame, tag=35):
    """Kept in the worker's outbox until acknowledged."""

    items: list[FinishedItem]


class LogItem(Item):
    """One piece of output. `stream` is stdout, stderr or log; `seq` counts from 0 in the attempt."""

    id: bytes
    fence: int
    seq: int
    at: float
    stream: str
    text: str


class Logs(Frame, tag=36):
    items: list[LogItem]


class Stream(Frame, tag=37):
    """Worker to hub: as `StreamItems`."""

    id: bytes
    fence: int
    first_seq: int
    items: list[bytes]


class Leaving(Frame, tag=38):
    """The worker drains: no more offers; it goes when what it runs has ended and is acknowledged."""

    reason: str


# -- hub to worker -----------------------------------------------------------------------------------------------------


class PublishedFunction(Item):
    """`version` is the key that offers name; `name` is the full name."""

    name: str
    version: int
    number: int
    failure: Failure | None = None


class Published(Frame, tag=50):
    """One answer per function of `Publish`, in its order."""

    seq: int
    functions: list[PublishedFunction]


class OfferItem(Item):
    id: bytes
    fence: int
    version: int
    arguments: bytes
    attempt: int
    caller: str
    timeout_seconds: float | None = None
    # Reserved: origin, via (hubs that join hubs), body kind (sealed).


class Offer(Frame, tag=51):
    items: list[OfferItem]


class Recall(Frame, tag=52):
    """Give back what has not started."""

    items: list[AttemptKey]


class CancelAttempts(Frame, tag=53):
    """Stop these: interrupt, then kill. `Finished` with state CANCELLED confirms."""

    items: list[AttemptKey]


class Acknowledge(Frame, tag=54):
    """`items` are recorded, `stale` will never be: drop both from the outbox."""

    items: list[AttemptKey]
    stale: list[AttemptKey] = []


class StreamTaken(Frame, tag=55):
    """The caller has taken items up to `seq`."""

    id: bytes
    fence: int
    seq: int


class Drain(Frame, tag=56):
    """Please leave: finish what runs, take nothing new."""

    reason: str


FromClient = Hello | Goodbye | Submit | Resolve | Attach | Cancel | StreamAck
ToClient = (
    Welcome
    | Goodbye
    | Resolved
    | Accepted
    | Settled
    | RefusedItems
    | Attached
    | StreamItems
    | Progress
    | Cancelling
    | Changed
)
FromWorker = (
    Hello
    | Goodbye
    | Heartbeat
    | Register
    | Publish
    | Credit
    | Started
    | Returned
    | Finished
    | Logs
    | Progress
    | Stream
    | Leaving
)
ToWorker = (
    Welcome | Goodbye | HeartbeatAck | Published | Offer | Recall | CancelAttempts | Acknowledge | StreamTaken | Drain
)
