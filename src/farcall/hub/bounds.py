"""How much there may be of what accounts make, so that none of them fills the hub.

A bound goes along with the command that makes something, and is checked in its transaction. Administrators are exempt.
"""

from __future__ import annotations

from dataclasses import dataclass

from farcall.domain import access
from farcall.domain.errors import Refused


@dataclass(frozen=True, slots=True)
class Bounds:
    """See the settings of the same names. Tokens, groups, functions and versions that ended within the last 24 hours
    count too.
    """

    tokens_per_account: int = 1_000
    groups_per_account: int = 100
    shares_per_account: int = 10_000
    namespaces_per_handle: int = 10_000
    functions_per_handle: int = 100_000
    versions_per_function: int = 10_000


DEFAULT_BOUNDS = Bounds()


def bound_for(subject: access.Subject, bound: int) -> int | None:
    """What the command carries: the bound, or None for those who have none."""
    return None if subject.admin else bound


def full(what: str, bound: int, hint: str) -> Refused:
    """Refused (quota_exceeded): there is as much of this as the hub allows."""
    return Refused("quota_exceeded", f"{what} {bound}, which is as many as this hub allows.", hint)
