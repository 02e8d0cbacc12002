"""What somebody wants to share, and whether, and how much of it, they may."""

from __future__ import annotations

from dataclasses import dataclass, replace

from farcall.domain import access, limits, names
from farcall.domain.errors import Refused
from farcall.domain.limits import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody shares: a level at a path and below it. `expires_at` is wall-clock seconds."""

    path: str
    level: str = "invoke"
    expires_at: float | None = None
    limits: Limits = NO_LIMITS


def shareable(subject: access.Subject, wanted: Wanted, now: float) -> str:
    """The path in its one way of being written, if the subject may share it like that; raises Refused."""
    if wanted.level not in access.GRANTABLE:
        known = ", ".join(access.GRANTABLE)
        raise Refused("invalid_request", f"{wanted.level[:40]!r} is no level of sharing.", f"There are: {known}.")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise Refused("invalid_request", "The share would have expired before it was made.")
    try:
        where = names.path(wanted.path)
    except names.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None
    decision = access.decide(subject, "manage", where)
    if not decision.allowed:
        raise Refused(decision.code, decision.reason)
    return where


def changed_meanwhile() -> Refused:
    """Refused (conflict): whoever asks may do something else by now than when that was checked."""
    return Refused("conflict", "What you may do has changed at this very moment.", "Try again.")


def within_own(subject: access.Subject, where: str, wanted: Wanted) -> Wanted:
    """The same within what the subject itself has: nobody passes on for longer, nor more."""
    ends_at = access.manages_until(subject, where)
    if ends_at is None or (wanted.expires_at is not None and wanted.expires_at <= ends_at):
        ends_at = wanted.expires_at
    most = limits.tightest(wanted.limits, access.manages_within(subject, where))
    return replace(wanted, expires_at=ends_at, limits=most)
