"""The audit log: what is added to it, and what is read of it. Nothing in it is changed or deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farcall.hub.ports.commands import Command


@dataclass(slots=True, frozen=True)
class AuditEntry:
    """Who (`actor`, an account, None for nobody who had proved to be one; `who`, in words) did `what` (`subject.verb`)
    to what, from where. Never a secret, never a payload.
    """

    at: float
    actor: int | None
    who: str
    token: int  # key; 0: without one
    what: str
    path: str = ""  # a function or a namespace
    about: int | None = None  # an account
    target: str = ""  # handle, address or id
    origin: str = ""  # remote address
    outcome: str = "ok"  # or the code of an error
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class AuditRow(AuditEntry):
    key: int = 0


@dataclass(slots=True)
class Audited:
    """Carry out `command`, and add what `entries` makes of its outcome, in the same transaction.

    `entries` is called in the writer's thread; it makes none of an outcome that is a refusal. Outcome: the command's.
    Not for Accept and Complete, which have records of their own.
    """

    command: Command
    entries: Callable[[Any], Sequence[AuditEntry]]


@dataclass(slots=True)
class AddAudit:
    """Add to the log what changed nothing else. Outcome: OK."""

    entries: Sequence[AuditEntry]


@dataclass(slots=True, frozen=True)
class AuditFilter:
    """`concerns`: accounts whose own things are shown (None: everything); the same at or below any of `roots`, if there
    are any. `what` is a verb's full name or its subject, `path` a function or a namespace and all below it.
    """

    concerns: tuple[int, ...] | None = None
    roots: tuple[str, ...] = ()
    who: str | None = None
    what: str | None = None
    path: str | None = None
    since: float | None = None
    until: float | None = None
    limit: int = 50
    cursor: str | None = None
