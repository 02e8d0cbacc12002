"""Commands about groups, and the row that is read of a member."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class CreateGroup:
    """Make an account of kind group whose first manager is `by`, and bump that one's epoch.

    `digest_key` (32 bytes) keys the implementation digests of what its members serve. Outcome: the group's key (int) ·
    CONFLICT (the handle is taken) · MISSING (`by` is no person) · FULL (`by` has made `at_most` that are there, or were
    made within the last 24 hours).
    """

    handle: str
    by: int
    digest_key: bytes
    at: float
    at_most: int | None = None


@dataclass(slots=True)
class PutMember:
    """Let a person be a member or a manager; bumps the person's epoch.

    OK · MISSING (no such group or person) · CONFLICT (the last manager would become a member) · DENIED (`by_epoch` is
    not the access epoch of `by` any more).
    """

    group: int
    account: int
    role: str  # member, manager
    by: int
    at: float
    by_epoch: int | None = None


@dataclass(slots=True)
class RemoveMember:
    """Bumps the account's epoch. OK · MISSING (no such member) · CONFLICT (it is the last manager)."""

    group: int
    account: int
    at: float


@dataclass(slots=True)
class DeleteGroup:
    """End a group below whose handle there is no function and no link.

    Memberships, what was granted to it and below it, and open invitations go; the epochs of all whom that concerns are
    bumped. The row stays, for the records. Its handle is free again if nothing was ever published there. Outcome: keys
    of those concerned (list of int) · MISSING · CONFLICT (there are functions or links).
    """

    group: int
    at: float


@dataclass(slots=True, frozen=True)
class MemberRow:
    account: int
    handle: str
    role: str  # member, manager
