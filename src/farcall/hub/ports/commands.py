"""Commands of everyday: epochs, accounts, tokens, grants, versions, presence, blobs, retention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farcall.domain.model import FunctionOptions
from farcall.hub.ports.audit import AddAudit, Audited
from farcall.hub.ports.catalog import (
    DeleteAlias,
    DeleteFunction,
    DeleteLink,
    DeleteNamespace,
    DeleteVersion,
    Deprecate,
    KeepDurations,
    MakeNamespace,
    MoveAlias,
    PutLink,
    Rename,
    RollBackAlias,
)
from farcall.hub.ports.groups import CreateGroup, DeleteGroup, PutMember, RemoveMember
from farcall.hub.ports.invitations import (
    AcceptInvitation,
    CloseInvitation,
    ExpireGrants,
    NoteMail,
    PutInvitation,
)
from farcall.hub.ports.invocations import Accept, AddNotes, Claim, Complete, FlagCancel, Lease, Requeue
from farcall.hub.ports.missed import EndMissed, NoteMissed, NoteTold
from farcall.hub.ports.people import (
    AddConfirmation,
    ConfirmEmail,
    FreeHandles,
    SetPassword,
    TakeConfirmation,
    UseTokens,
)
from farcall.hub.ports.usage import Erase, SetLimits

BOUND_MEMORY_SECONDS = 86_400.0  # so long what ended counts against a bound, lest making and ending fill the store


@dataclass(slots=True)
class BeginEpoch:
    """Raise and return the hub's epoch; committed before any offer. Outcome: the new epoch (int)."""

    hub: str
    at: float


@dataclass(slots=True)
class CreateAccount:
    """Outcome: the account's key (int) or CONFLICT (handle or e-mail taken). `kind` is person or group.

    With a confirmed address: an account that claims the same one without proof loses it.
    """

    handle: str
    email: str
    admin: bool
    at: float
    kind: str = "person"
    email_confirmed_at: float | None = None
    password: str = ""  # its hash
    vouched_by: int | None = None


@dataclass(slots=True)
class SetDisabled:
    """Bumps the account's access epoch. OK · MISSING."""

    account: int
    disabled: bool
    at: float


@dataclass(slots=True)
class CreateToken:
    """`digest` is blake3 of the token (32 bytes); the token itself is never stored. Outcome: key (int), or MISSING
    (no such account), or CONFLICT (the digest is taken), or FULL: with `at_most`, the account has so many of kind made
    that are good, or were within the last 24 hours; or DENIED: the token `by_token` was revoked."""

    account: int
    digest: bytes
    label: str
    scopes: tuple[str, ...]
    only: tuple[str, ...]  # paths; empty: no limit
    at: float
    expires_at: float | None
    kind: str = "made"  # or login
    at_most: int | None = None
    by_token: int = 0


@dataclass(slots=True)
class RevokeToken:
    """OK · MISSING."""

    account: int
    token: int
    at: float


@dataclass(slots=True)
class PutGrant:
    """Grant `level` (view, invoke, manage) on a function or namespace. Bumps the epochs of all whom it concerns: the
    grantee, a group's members, everybody. Outcome: key (int), or MISSING (no such grantee), or FULL: with `at_most`,
    `by` has made so many that have not ended, with invitations that wait; or DENIED: `by_epoch`, at which the right of
    `by` was checked, is not their access epoch any more. A second grant on the path replaces the first and keeps the
    key."""

    path: str
    grantee: int
    level: str
    by: int
    at: float
    expires_at: float | None = None
    limits: str = "{}"  # JSON
    invitation: int | None = None
    at_most: int | None = None
    by_epoch: int | None = None


@dataclass(slots=True)
class DeleteGrant:
    """Bumps epochs as `PutGrant` does. OK · MISSING · STALE (`presumes` is not so any more; nothing was done).

    `others` are keys of grants that end with it, `invitations` of those that are revoked; what is gone already is left
    out. `presumes`: the grants at and below the path as they were seen, by key and when they were made, sorted.
    """

    path: str
    grantee: int
    at: float
    others: Sequence[int] = ()
    invitations: Sequence[int] = ()
    presumes: Sequence[tuple[int, float]] | None = None


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
    """Make functions and versions that are new, find those that are known. All lie below one handle.

    Outcome per item: VersionRow, or CONFLICT (the name is that of a namespace, or lies below a function), or FULL
    (there are `functions_at_most` functions and links below the handle, or the function has `versions_at_most`
    versions; deleted ones count for 24 hours), or STALE (the name, or one above it, was renamed; see `Store.whither`).
    """

    account: int
    items: Sequence[VersionSpec]
    at: float
    functions_at_most: int | None = None
    versions_at_most: int | None = None


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
    """An account has uploaded these bytes in full; `token`: with one that is limited. Outcome: OK."""

    digest: str
    size: int
    account: int
    expires_at: float
    token: int = 0


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
    | CreateGroup
    | PutMember
    | RemoveMember
    | DeleteGroup
    | Audited
    | AddAudit
    | BeginEpoch
    | CreateAccount
    | SetDisabled
    | CreateToken
    | RevokeToken
    | SetPassword
    | ConfirmEmail
    | AddConfirmation
    | TakeConfirmation
    | FreeHandles
    | UseTokens
    | PutGrant
    | DeleteGrant
    | PublishVersions
    | DeleteFunction
    | DeleteVersion
    | Deprecate
    | KeepDurations
    | MakeNamespace
    | DeleteNamespace
    | Rename
    | PutLink
    | DeleteLink
    | MoveAlias
    | RollBackAlias
    | DeleteAlias
    | PutPresence
    | EndPresence
    | PinBlob
    | CollectBlobs
    | Expunge
    | SetLimits
    | Erase
    | PutInvitation
    | AcceptInvitation
    | CloseInvitation
    | NoteMail
    | ExpireGrants
    | NoteMissed
    | EndMissed
    | NoteTold
)
