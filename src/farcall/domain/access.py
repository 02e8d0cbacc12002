"""Who may do what: levels, scopes, limits of tokens. Pure decisions over values; `hub` applies them.

A stranger learns nothing: what he may not view is *not found*, whether it exists or not. Who may view but not act is
told so (*permission denied*).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, get_args

from farcall.domain.limits import NO_LIMITS, Limits, loosest
from farcall.domain.names import covers, handle_of

Scope = Literal["invoke", "serve", "deploy", "manage", "admin"]
Action = Literal["view", "invoke", "serve", "deploy", "manage"]

SCOPES: tuple[str, ...] = get_args(Scope)
DEFAULT_SCOPES: tuple[str, ...] = ("invoke", "serve", "deploy", "manage")


class Level(IntEnum):
    """What an account may do at a path; each level contains those before it."""

    NONE = 0
    VIEW = 1
    INVOKE = 2
    SERVE = 3  # call and serve: what membership of a group gives; no share does
    MANAGE = 4
    OWNER = 5

    @property
    def label(self) -> str:
        return self.name.lower()


GRANTABLE = {level.label: level for level in (Level.VIEW, Level.INVOKE, Level.MANAGE)}

# Action: the level it takes, and the scope (None: any token will do).
_RULES: dict[Action, tuple[Level, Scope | None]] = {
    "view": (Level.VIEW, None),
    "invoke": (Level.INVOKE, "invoke"),
    "serve": (Level.SERVE, "serve"),
    "deploy": (Level.SERVE, "deploy"),
    "manage": (Level.MANAGE, "manage"),
}
# Administrators keep order; they neither call nor impersonate what nobody shared with them.
_ADMINISTRATION: frozenset[Action] = frozenset({"view", "manage"})


@dataclass(frozen=True, slots=True)
class Grant:
    """A level at a path and everything below it.

    No decision looks at the clock: whoever loads a subject leaves out what has expired, and looks again in time.
    """

    path: str
    level: Level
    expires_at: float | None = None
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Membership:
    """A group that an account belongs to. `key` is the group's account."""

    key: int
    handle: str
    manager: bool

    @property
    def grant(self) -> Grant:
        """What it gives below the group's handle."""
        return Grant(self.handle, Level.MANAGE if self.manager else Level.SERVE)


@dataclass(frozen=True, slots=True)
class Subject:
    """An authenticated account, as seen through one of its tokens. `token` and `key` are the store's keys.

    `grants` are all that count for it now: its own, those to its groups and to everybody, and its memberships.
    """

    key: int
    handle: str
    admin: bool
    access_epoch: int
    token: int
    scopes: frozenset[str]
    only: tuple[str, ...] = ()  # the token is limited to these paths and what is below them; empty: no limit
    grants: tuple[Grant, ...] = ()
    expires_at: float | None = None  # of the token
    groups: tuple[Membership, ...] = ()
    origin: str = ""  # the remote address of what it asks, for the audit log

    @property
    def owned_accounts(self) -> tuple[int, ...]:
        """Keys of the accounts whose functions count as its own: itself, and the groups that it manages."""
        return (self.key, *(group.key for group in self.groups if group.manager))

    @property
    def next_expiry(self) -> float | None:
        """When it may do less than now, if nobody changes anything: the first end of its token or of a grant."""
        ends = [grant.expires_at for grant in self.grants if grant.expires_at is not None]
        if self.expires_at is not None:
            ends.append(self.expires_at)
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Decision:
    """`code` is empty if it is allowed, else that of the table of errors; `reason` is one sentence."""

    code: str = ""
    reason: str = ""

    @property
    def allowed(self) -> bool:
        return not self.code


_ALLOWED = Decision()


def decide(subject: Subject, action: Action, path: str) -> Decision:
    """May this subject do this at this path? Answers without knowing whether anything exists there."""
    if not within(subject, path):
        return unknown(path)
    level = level_at(subject, path)
    if administers(subject) and action in _ADMINISTRATION:
        level = max(level, Level.MANAGE)
    if level < Level.VIEW:
        return unknown(path)
    needed, scope = _RULES[action]
    if level < needed:
        return Decision("permission_denied", f"You may {level.label} {path}, but not {action} it.")
    if scope is not None and scope not in subject.scopes:
        return Decision("permission_denied", f"This token lacks the scope {scope}, which it takes to {action} {path}.")
    return _ALLOWED


def level_at(subject: Subject, path: str) -> Level:
    """What the account may do at the path, whatever its token says."""
    if handle_of(path) == subject.handle:
        return Level.OWNER
    return max((grant.level for grant in subject.grants if covers(grant.path, path)), default=Level.NONE)


def manages_until(subject: Subject, path: str) -> float | None:
    """When the account ceases to manage the path, if nobody changes anything; None: never, or it manages it not."""
    if handle_of(path) == subject.handle or administers(subject):
        return None
    ends = [grant.expires_at for grant in subject.grants if grant.level >= Level.MANAGE and covers(grant.path, path)]
    return max((end for end in ends if end is not None), default=None) if None not in ends else None


def manages_within(subject: Subject, path: str) -> Limits:
    """How much of the path the account may use at most that manages it by a share."""
    if handle_of(path) == subject.handle or administers(subject):
        return NO_LIMITS
    return loosest(grant.limits for grant in subject.grants if grant.level >= Level.MANAGE and covers(grant.path, path))


def within(subject: Subject, path: str) -> bool:
    """Whether the limit of the token, if it has one, reaches the path."""
    return not subject.only or any(covers(limit, path) for limit in subject.only)


def has_scope(subject: Subject, scope: Scope) -> bool:
    """Whether the token carries the scope."""
    return scope in subject.scopes


def administers(subject: Subject) -> bool:
    """Whether this is an administrator with a token that says so and is not limited to a path."""
    return subject.admin and "admin" in subject.scopes and not subject.only


def visible_roots(subject: Subject) -> list[str]:
    """The paths at and below which the subject may see functions: a scope for queries, no decision."""
    if administers(subject):
        return [""]
    roots = {subject.handle, *(grant.path for grant in subject.grants)}
    if subject.only:
        roots = {root for root in roots if within(subject, root)} | {
            limit for limit in subject.only if any(covers(root, limit) for root in roots)
        }
    return sorted(root for root in roots if not any(other != root and covers(other, root) for other in roots))


def exceeding_scopes(subject: Subject, scopes: Iterable[str]) -> list[str]:
    """Those scopes that a token made by this subject may not have, since its own lacks them."""
    return sorted(set(scopes) - subject.scopes)


def unknown(path: str) -> Decision:
    """The answer for what does not exist: the same as for what may not be known."""
    return Decision("not_found", f"There is no {path}, or you may not know of it.")
