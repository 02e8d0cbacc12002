"""What the hub needs from outside. Adapters live in `stores` and `gateway`; fakes and contract suites in `testing`.

A store takes whole commands; no transaction crosses the port. Each command has an outcome per item, in order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from farcall.domain.errors import Failure
from farcall.domain.model import Completion, FunctionOptions, NewInvocation, Settlement
from farcall.domain.states import InvocationState


class Outcome(IntEnum):
    """What became of one item of a command."""

    OK = 0
    DUPLICATE = 1  # the same was done before; nothing changed
    CONFLICT = 2  # the key is taken by something else
    STALE = 3  # the fence, or the state it presumes, is no longer current
    MISSING = 4  # what it refers to is not there
    DENIED = 5  # access changed between the check and the commit


class StoreFailed(Exception):
    """The transaction was rolled back (full disk, I/O error): nothing of it happened. Intake stops until a probe
    works."""


# -- commands of the hot path ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Accept:
    """Insert invocations. OK · DUPLICATE (same id, same request) · CONFLICT (same id, other request or caller) · DENIED
    (the caller is disabled, or its access epoch is another by now) · MISSING (no such version).

    What was accepted before is a DUPLICATE even if the permission is gone by now.

    `lazy`: nobody was promised anything yet, so the writer may hold it for a moment to share its completion's commit.
    """

    items: Sequence[NewInvocation]
    lazy: bool = False


@dataclass(slots=True)
class LeaseItem:
    id: bytes
    fence: int
    worker: str
    attempt: int
    at: float


@dataclass(slots=True)
class Lease:
    """Record current attempts before their offer (`retry="never"`, many hubs). OK · MISSING · STALE (final, flagged to
    be cancelled, or a larger fence). Until its outcome or a Requeue it is RUNNING, and no Claim returns it."""

    items: Sequence[LeaseItem]


@dataclass(slots=True)
class Complete:
    """Record final outcomes. OK · MISSING · DUPLICATE (this fence was recorded) · STALE (final already, or a larger
    fence).

    Also writes references to the result's blobs, and deletes the lane's entry.
    """

    items: Sequence[Completion]


@dataclass(slots=True)
class RequeueItem:
    """An attempt ended without an outcome: it was lost (`tries_left` one less) or returned (the same)."""

    id: bytes
    fence: int
    tries_left: int
    attempt: int
    worker: str
    reason: str
    at: float


@dataclass(slots=True)
class Requeue:
    """OK · STALE · MISSING. Adds a note `requeued` (worker, attempt, tries_left, reason) to the timeline; raises the
    fence below which completions are stale."""

    items: Sequence[RequeueItem]


@dataclass(slots=True)
class FlagCancel:
    """Make the wish to cancel durable: a flagged invocation never runs again. OK · STALE (final) · MISSING ·
    DUPLICATE."""

    ids: Sequence[bytes]
    at: float


class Lane(tuple[int, int, int]):
    """(version, priority, caller)."""

    __slots__ = ()

    @property
    def version(self) -> int:
        return self[0]

    @property
    def priority(self) -> int:
        return self[1]

    @property
    def caller(self) -> int:
        return self[2]


@dataclass(slots=True)
class Queued:
    """A queued invocation as it comes back from the store."""

    invocation: NewInvocation
    attempts: int  # made so far
    fence: int  # 0, or that of a recorded lease
    worker: str = ""
    cancelled: bool = False


@dataclass(slots=True)
class Claim:
    """Read the oldest `limit` queued ones of a lane, after `after` in the order of acceptance; outcome: `list[Queued]`.

    An unknown `after` counts as none. What was leased is not among them; `access_epoch` comes back as 0.

    Runs in the writer's order, so what was accepted before is seen. With one hub a claim only reads; a hub never claims
    what it holds in its window (it passes the last id it took from the lane).
    """

    lane: Lane
    limit: int
    after: bytes = b""


@dataclass(slots=True)
class Note:
    """One line of an invocation's timeline."""

    id: bytes
    at: float
    what: str  # a code: returned, lost, retried, cancel_requested, …
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class AddNotes:
    items: Sequence[Note]


# -- commands of everyday ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class BeginEpoch:
    """Raise and return the hub's epoch; committed before any offer. Outcome: the new epoch (int)."""

    hub: str
    at: float


@dataclass(slots=True)
class CreateAccount:
    """Outcome: the account's key (int) or CONFLICT (handle or e-mail taken)."""

    handle: str
    email: str
    admin: bool
    at: float


@dataclass(slots=True)
class SetDisabled:
    """Bumps the account's access epoch. OK · MISSING."""

    account: int
    disabled: bool
    at: float


@dataclass(slots=True)
class CreateToken:
    """`digest` is blake3 of the token (32 bytes); the token itself is never stored. Outcome: key (int), or MISSING
    (no such account), or CONFLICT (the digest is taken)."""

    account: int
    digest: bytes
    label: str
    scopes: tuple[str, ...]
    only: str
    at: float
    expires_at: float | None


@dataclass(slots=True)
class RevokeToken:
    """OK · MISSING."""

    account: int
    token: int
    at: float


@dataclass(slots=True)
class PutGrant:
    """Grant `level` (view, invoke, manage) on a function or namespace. Bumps the grantee's epoch. Outcome: key (int),
    or MISSING (no such grantee). A second grant on the path replaces the level and keeps the key."""

    path: str
    grantee: int
    level: str
    by: int
    at: float


@dataclass(slots=True)
class DeleteGrant:
    """Bumps the grantee's epoch. OK · MISSING."""

    path: str
    grantee: int
    at: float


@dataclass(slots=True)
class VersionSpec:
    name: str  # full
    document: dict[str, Any]
    interface: bytes  # digest, 16 bytes
    implementation: bytes  # 16 bytes
    digest: bytes  # 16 bytes: of interface, implementation and options
    options: FunctionOptions


@dataclass(slots=True)
class PublishVersions:
    """Make functions and versions that are new, find those that are known. Outcome per item: VersionRow, or CONFLICT
    (the name is that of a namespace, or lies below a function)."""

    account: int
    items: Sequence[VersionSpec]
    at: float


@dataclass(slots=True)
class PutPresence:
    """A worker is here (or has changed what it serves). Presence is durable; `hub` says whose socket it holds."""

    boot: str
    account: int
    name: str
    hub: str
    slots: int
    resources: dict[str, Any]
    versions: Sequence[int]
    state: str
    at: float


@dataclass(slots=True)
class EndPresence:
    boot: str
    state: str  # away | gone | lost
    at: float


@dataclass(slots=True)
class PinBlob:
    """An account has uploaded these bytes in full. Outcome: OK."""

    digest: str
    size: int
    account: int
    expires_at: float


@dataclass(slots=True)
class CollectBlobs:
    """Outcome: digests that had neither reference nor live pin; their rows are deleted in this transaction."""

    now: float
    limit: int


@dataclass(slots=True)
class Expunge:
    """Retention: drop arguments and results of what finished before `before`. Outcome: how many (int)."""

    before: float
    limit: int


Command = (
    Accept
    | Lease
    | Complete
    | Requeue
    | FlagCancel
    | Claim
    | AddNotes
    | BeginEpoch
    | CreateAccount
    | SetDisabled
    | CreateToken
    | RevokeToken
    | PutGrant
    | DeleteGrant
    | PublishVersions
    | PutPresence
    | EndPresence
    | PinBlob
    | CollectBlobs
    | Expunge
)


# -- rows that are read ------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class AccountRow:
    key: int
    handle: str
    email: str
    admin: bool
    disabled: bool
    access_epoch: int
    created_at: float


@dataclass(slots=True, frozen=True)
class TokenRow:
    key: int
    account: int
    label: str
    scopes: tuple[str, ...]
    only: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None


@dataclass(slots=True, frozen=True)
class GrantRow:
    key: int
    path: str
    grantee: int
    grantee_handle: str
    level: str
    by: int
    created_at: float


@dataclass(slots=True, frozen=True)
class VersionRow:
    """A version with its function. `function` and `version` are keys; `number` counts from 1 in its function."""

    version: int
    function: int
    name: str
    owner: int
    owner_handle: str
    number: int
    digest: bytes
    interface: bytes
    implementation: bytes
    document: dict[str, Any]
    options: FunctionOptions
    created_at: float
    newest: bool


@dataclass(slots=True, frozen=True)
class PresenceRow:
    boot: str
    account: int
    account_handle: str
    name: str
    hub: str
    slots: int
    resources: dict[str, Any]
    versions: tuple[int, ...]
    state: str
    connected_at: float
    seen_at: float


@dataclass(slots=True, frozen=True)
class InvocationRow:
    """The record of an invocation. `arguments` and `result` are payloads, empty once they were expunged.

    `state` is RUNNING only with a recorded lease; what else runs is QUEUED here, since only the core knows.
    """

    id: bytes
    function: str
    version: int
    number: int
    caller: int
    caller_handle: str
    owner: int
    state: InvocationState
    created_at: float
    started_at: float | None
    finished_at: float | None
    run_seconds: float
    attempt: int
    tries_left: int
    worker: str
    priority: int
    cancel_requested_at: float | None
    arguments: bytes
    result: bytes
    failure: Failure | None
    options_timeout_seconds: float | None
    expires_at: float | None


@dataclass(slots=True, frozen=True)
class Page:
    """`next` is the cursor of the following page, or None at the end."""

    items: list[Any]
    next: str | None


@dataclass(slots=True, frozen=True)
class InvocationFilter:
    """`caller` and `owner` narrow to an account; `functions` to names and everything below them."""

    caller: int | None = None
    owner: int | None = None
    function: str | None = None
    state: InvocationState | None = None
    since: float | None = None
    limit: int = 50
    cursor: str | None = None


class Store(Protocol):
    """The hub's memory; the only truth.

    `write` returns at once. Commands are committed in the order in which they were written, many in one transaction,
    by a single writer; `done` is called in the thread of `post` with the outcomes (a list, one per item, or the single
    outcome that the command names), or with StoreFailed. It may be called before later commands are committed, never
    before its own is durable. A bad item never spoils its neighbours.

    Reads see everything that was answered. All methods may be called from the hub's thread only.
    """

    def open(self, post: Callable[[Callable[[], None]], object]) -> None:
        """Lock, migrate, start the writer. `post` runs a callable in the hub's thread. Raises StoreUnusable."""

    async def close(self) -> None:
        """Drain the queue, then close."""

    def write(self, command: Command, done: Callable[[Any], None] | None = None) -> None: ...

    async def do(self, command: Command) -> Any:
        """`write`, awaited: the outcome, or raises StoreFailed."""

    async def lanes(self) -> list[tuple[Lane, int]]:
        """Every lane with queued invocations, and how many."""

    async def leased(self) -> list[Queued]:
        """Queued invocations with a recorded lease that has no outcome yet."""

    async def queued(self, ids: Sequence[bytes]) -> list[Queued]:
        """Those of these ids that are known and not final."""

    async def settlements(self, ids: Sequence[bytes], caller: int) -> tuple[list[Settlement], list[bytes], list[bytes]]:
        """(ended, going on, unknown) of these ids, as far as they are the caller's."""

    async def invocation(self, identifier: bytes) -> InvocationRow | None: ...

    async def invocations(self, query: InvocationFilter) -> Page: ...

    async def notes(self, identifier: bytes) -> list[Note]: ...

    async def account(self, *, key: int | None = None, handle: str | None = None) -> AccountRow | None: ...

    async def accounts(self) -> list[AccountRow]: ...

    async def token(self, digest: bytes) -> tuple[TokenRow, AccountRow] | None: ...

    async def tokens(self, account: int) -> list[TokenRow]: ...

    async def grants_to(self, account: int) -> list[GrantRow]: ...

    async def grants_below(self, path: str) -> list[GrantRow]:
        """Grants on this path and everything below it."""

    async def version(
        self, *, key: int | None = None, name: str | None = None, number: int | None = None
    ) -> VersionRow | None:
        """By key, or by name and number (None: the newest)."""

    async def versions(self, name: str) -> list[VersionRow]: ...

    async def functions(
        self, roots: Sequence[str], text: str = "", below: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        """Newest versions of functions at or below any of `roots` ("" is everything), as Page of VersionRow."""

    async def presences(self, version: int | None = None, include_gone: bool = False) -> list[PresenceRow]: ...

    async def blob_readable(self, digest: str, account: int) -> bool:
        """By a live pin of the account, or a reference from an invocation whose caller or owner it is."""


class StoreUnusable(Exception):
    """The store cannot be opened (locked by another hub, not writable, too new); the message says what to do."""


class BlobMismatch(ValueError):
    """What was uploaded is not what its digest says."""


class Blobs(Protocol):
    """Bytes addressed by digest (`blake3:<hex>`). Puts are atomic: a blob is there in full or not at all."""

    async def put(self, chunks: AsyncIterator[bytes], expected: str | None, limit_bytes: int) -> tuple[str, int]:
        """Store; returns (digest, size). Raises BlobMismatch, or OverflowError beyond the limit; then leaves nothing
        behind."""

    async def size(self, digest: str) -> int | None: ...

    def chunks(self, digest: str, start: int = 0) -> AsyncIterator[bytes]:
        """Stream it; raises KeyError."""

    async def delete(self, digest: str) -> None:
        """Idempotent."""


class Bus(Protocol):
    """Wake-ups between hubs; lossy by contract: losing one may delay, never harm."""

    def publish(self, topic: str) -> None: ...

    def subscribe(self, topic: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Returns how to unsubscribe."""


@dataclass(slots=True, frozen=True)
class LogLine:
    """One piece of output; (fence, seq) is its place. A marker line has the stream `cut`."""

    fence: int
    seq: int
    at: float
    stream: str
    text: str


class LogFiles(Protocol):
    """Captured output per invocation, in capped files outside the store's writer."""

    def append(self, identifier: bytes, lines: Sequence[LogLine]) -> None:
        """Queue; never blocks the hub's thread. Beyond the cap one marker says that it was cut."""

    async def read(self, identifier: bytes, after: tuple[int, int] | None = None) -> list[LogLine]:
        """Lines after (fence, seq), in order."""

    async def delete(self, identifier: bytes) -> None: ...

    async def delete_before(self, wall_seconds: float) -> int:
        """Retention: drop the output of invocations that were made before; returns how many files went. What was made
        up to an hour before may stay."""

    async def close(self) -> None: ...


class WorkerLink(Protocol):
    """The hub's end of one worker's channel: WebSocket, or in-process for tests and the embedded worker.

    Frames sent are delivered in order or the link is reported as disconnected; nothing is said twice. `send` never
    blocks: what can't be sent soon makes the link close.
    """

    boot: str

    def send(self, frame: Any) -> None: ...

    def close(self, code: str, message: str) -> None: ...


class CallerLink(Protocol):
    """The hub's end of one caller: a client's channel, or a waiting REST request."""

    account: int

    def send(self, frame: Any) -> None: ...


class DataDirectory(Protocol):
    """Where an embedded hub keeps what it has: `path` is locked by this process."""

    path: Path
