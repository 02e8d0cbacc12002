"""The bodies of the REST surface, for the gateway and for clients. OpenAPI's schemas are made from these.

Times are RFC 3339 with a zone. Requests refuse unknown members, so that a typing mistake is no silent default.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from farcall.authoring.harmless import harmless
from farcall.domain.limits import NO_LIMITS, Limits

Item = TypeVar("Item")

Handle = Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["alice"])]
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, examples=["alice/physics"])]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
Status = Literal["waiting", "queued", "running", "succeeded", "failed", "cancelled", "expired"]
MAX_BATCH = 10_000


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of requests and of query parameters."""


class Page(msgspec.Struct, Generic[Item]):
    """`next` is the cursor of the following page, or null at the end."""

    items: list[Item]
    next: str | None = None


class BadArgument(msgspec.Struct):
    path: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True):
    """application/problem+json (RFC 9457). `code` is stable; `status` repeats the HTTP status."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    invocation: str = ""
    remote_type: str = ""
    traceback: str = ""
    problems: list[BadArgument] = []
    retry_after: int = 0  # seconds, as the header Retry-After; 0 if there is no telling


# -- calling -----------------------------------------------------------------------------------------------------------


class CallOptions(Question, frozen=True):
    """`timeout` in seconds of running, `expires` in seconds until the first start, `priority` larger first."""

    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None
    expires: Annotated[float, msgspec.Meta(gt=0)] | None = None
    queue: bool | None = None
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    key: Text = ""


class Call(Question, frozen=True):
    """`args`: an object by name, or a list by position. Numbers are in the unit that the interface declares, or text
    with a unit of their own: ``"2 min"``.
    """

    args: dict[str, Any] | list[Any] = {}
    options: CallOptions = CallOptions()


class Batch(Question, frozen=True):
    """Many argument sets for one function, each accepted or refused by itself."""

    items: Annotated[list[dict[str, Any] | list[Any]], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]
    options: CallOptions = CallOptions()


class Outcome(msgspec.Struct):
    """What a call gave. JSON values follow the interface."""

    id: str
    status: Status
    result: Any


class Pending(msgspec.Struct):
    """Accepted: it is recorded and will be run. `Location` says where to ask."""

    id: str
    status: Status


class BatchItem(msgspec.Struct, omit_defaults=True):
    """Either `id` and `status`, or the problem."""

    id: str = ""
    status: str = ""
    problem: Problem | None = None


class BatchAnswer(msgspec.Struct):
    """One item for each of the request, in its order."""

    items: list[BatchItem]


# -- records -----------------------------------------------------------------------------------------------------------


class InvocationsQuery(Question, frozen=True):
    """`role`: those you called, or those of your functions. `since` is on creation time."""

    role: Literal["caller", "owner"] = "caller"
    function: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    status: Status | None = None
    since: datetime | None = None
    limit: Limit = 50
    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class Progress(msgspec.Struct):
    fraction: float
    stage: str


class Invocation(msgspec.Struct):
    """The record of an invocation. `run_seconds` (by the clock), `cpu_seconds`: of the attempt that counted.

    CPU time is that of all threads of the function's process and of its children that ended; 0 where the process was
    killed.
    """

    id: str
    function: str
    version: int
    status: Status
    caller: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    run_seconds: float
    attempt: int
    worker: str
    priority: int
    cancelling: bool
    progress: Progress | None = None
    failure: Problem | None = None
    cpu_seconds: float = 0.0
    erased_at: datetime | None = None


class TimelineLine(msgspec.Struct):
    at: datetime
    what: str
    detail: str


class Timeline(msgspec.Struct):
    """Why an invocation is where it is, oldest first."""

    id: str
    status: Status
    items: list[TimelineLine]


class LogLine(msgspec.Struct):
    """`place` is what `Last-Event-ID` takes to go on after this line. As `str` it is harmless for a terminal."""

    place: str
    at: datetime
    stream: str
    text: str

    def __str__(self) -> str:
        return harmless(self.text)


class Logs(msgspec.Struct):
    items: list[LogLine]


# -- sharing, workers, blobs, the hub ----------------------------------------------------------------------------------


class Share(msgspec.Struct):
    """A grant (`handle` has it; `state` is active or expired), or an invitation that was not accepted yet (`email` is
    invited; `state` is open, expired or declined).

    `id` begins with g or i. `can` is view, invoke or manage; of an invitation into a group, whose handle `path` then
    is, the role: member or manager. `direction`: whether the asking account received it, or gave or manages it.
    `mail`: sent, sending, not sent, or why not. `expires_at` is the end of the permission, `open_until` that of the
    invitation.
    """

    id: str
    path: str
    handle: str
    email: str
    can: str
    state: Literal["active", "open", "expired", "declined"]
    direction: Literal["given", "received"]
    by: str
    created_at: datetime
    expires_at: datetime | None
    open_until: datetime | None
    limits: Limits
    mail: str


class ShareMade(Share):
    """`link` and `text` are there only for an invitation that the hub does not mail: hand them over yourself."""

    link: str = ""
    text: str = ""


class NewShare(Question, frozen=True):
    """Either `handle`, of an account, a group or `public`, or `email`: then it waits for that address."""

    path: Path
    handle: Annotated[str, msgspec.Meta(max_length=64, examples=["bob"])] = ""
    email: Annotated[str, msgspec.Meta(max_length=254, examples=["bob@lab.org"])] = ""
    can: Literal["view", "invoke", "manage"] = "invoke"
    expires_at: datetime | None = None
    limits: Limits = NO_LIMITS


class PageQuery(Question, frozen=True):
    """A part of a list; `cursor` is `next` of the part before."""

    limit: Limit = 50
    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class Invite(msgspec.Struct):
    """An invitation for your address. `expires_at` is the end of what it gives, `open_until` its own."""

    id: str
    path: str
    can: str
    by: str
    created_at: datetime
    expires_at: datetime | None
    open_until: datetime | None
    limits: Limits


class Worker(msgspec.Struct):
    """`id` is new at every start of the worker."""

    id: str
    name: str
    account: str
    state: str
    slots: int
    resources: dict[str, int | float | str | bool]
    functions: list[str]
    connected_at: datetime
    seen_at: datetime


class Blob(msgspec.Struct):
    digest: str
    size: int


class Health(msgspec.Struct):
    status: str
