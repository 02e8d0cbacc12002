"""What is read from a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farcall.domain.errors import Failure
from farcall.domain.model import FunctionOptions
from farcall.domain.states import InvocationState


@dataclass(slots=True, frozen=True)
class AccountRow:
    key: int
    handle: str
    email: str
    admin: bool
    disabled: bool
    access_epoch: int
    created_at: float
    kind: str = "person"  # person, group, public, gone; only persons log in
    email_confirmed_at: float | None = None
    limits: str = "{}"  # JSON
    vouched_by: int | None = None  # the account on whose word, given by an invitation's link, it has its address


@dataclass(slots=True, frozen=True)
class TokenRow:
    key: int
    account: int
    label: str
    scopes: tuple[str, ...]
    only: tuple[str, ...]  # paths; empty: no limit
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    kind: str = "made"  # or login: made by logging in, ended by a new password
    last_used_at: float | None = None


@dataclass(slots=True, frozen=True)
class GrantRow:
    key: int
    path: str
    grantee: int
    grantee_handle: str
    level: str
    by: int
    created_at: float
    expires_at: float | None = None
    limits: str = "{}"  # JSON
    invitation: int | None = None  # through which it came
    by_handle: str = ""


@dataclass(slots=True, frozen=True)
class MembershipRow:
    """A group that an account belongs to; `role` is member or manager."""

    group: int
    group_handle: str
    role: str


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
    deprecated: str = ""  # what callers are told
    deprecated_at: float | None = None
    seen_at: float | None = None  # when a worker that served it was last there; not kept up while it is
    typical_seconds: float | None = None  # of running
    deleted: bool = False


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
    cpu_seconds: float = 0.0
    erased_at: float | None = None  # by hand; what only grew too old has empty bodies without it


@dataclass(slots=True, frozen=True)
class Page:
    """`next` is the cursor of the following page, or None at the end."""

    items: list[Any]
    next: str | None


@dataclass(slots=True, frozen=True)
class InvocationFilter:
    """`caller` narrows to an account, `owners` to functions of any of these, `function` to a name and everything below
    it, `state` to that one (or to `or_state`).
    """

    caller: int | None = None
    owners: Sequence[int] | None = None
    function: str | None = None
    state: InvocationState | None = None
    or_state: InvocationState | None = None
    since: float | None = None
    limit: int = 50
    cursor: str | None = None
