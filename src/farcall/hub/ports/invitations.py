"""Commands about invitations and about grants that end by themselves; and the rows that are read of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PutInvitation:
    """Keep an invitation; `digest` is that of the secret in its link. What else is open for the same address and the
    same thing is revoked: only the last link opens. Outcome: key (int) · MISSING (no such inviter or group) · CONFLICT
    (the digest is taken) · FULL (as of `PutGrant`, unless it replaces one of the same inviter).
    """

    digest: bytes
    email: str
    path: str  # empty with a group
    level: str  # of the grant, or the role in the group
    by: int
    at: float
    expires_at: float | None
    grant_expires_at: float | None = None
    limits: str = "{}"  # JSON
    group: int | None = None
    at_most: int | None = None


@dataclass(slots=True, frozen=True)
class GrantTerms:
    """When a grant ends, and its limits, as JSON."""

    expires_at: float | None
    limits: str


@dataclass(slots=True)
class AcceptInvitation:
    """What it offers becomes the account's, in this transaction: a grant as by `PutGrant`, or membership in the group.

    `terms` is what whoever invited may give by now, else it gives what it says. OK · MISSING (no such invitation, or
    account) · STALE (it is not open any more, or has expired by `at`) · DENIED (`by_epoch`, at which that was found
    out, is not the inviter's access epoch any more).
    """

    key: int
    account: int
    at: float
    by_epoch: int | None = None
    terms: GrantTerms | None = None


@dataclass(slots=True)
class CloseInvitation:
    """It is declined or revoked (`state`); one that was declined can be revoked, so that nobody lists it any more.

    OK · MISSING · STALE (it is not open any more).
    """

    key: int
    state: str
    at: float


@dataclass(slots=True)
class NoteMail:
    """What became of the e-mail of an invitation, in words. OK · MISSING."""

    key: int
    mail: str


@dataclass(slots=True)
class ExpireGrants:
    """Bump the epochs of all whom those grants concern that ended after `since`, up to `until`. Outcome: their keys
    (list of int). The rows stay.
    """

    since: float
    until: float


@dataclass(slots=True, frozen=True)
class InvitationRow:
    key: int
    email: str
    path: str
    level: str
    group: int | None
    limits: str  # JSON
    by: int
    by_handle: str
    created_at: float
    expires_at: float | None
    grant_expires_at: float | None
    state: str  # open, accepted, declined, revoked
    settled_at: float | None
    accepted_by: int | None
    mail: str
    group_handle: str = ""

    @property
    def place(self) -> str:
        """What it is about: a function, a namespace, or a group."""
        return self.group_handle or self.path
