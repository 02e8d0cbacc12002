"""The audit log: who did what to what, when, from where.

How a use case records a change: it hands the store its command within `recorded`, and the entry is written in the same
transaction as the change, if the change happens::

    command = ports.PutGrant(where, grantee.key, level, subject.key, now)
    outcome = await self._store.do(
        audit.recorded(command, subject, "share.create", path=where, about=grantee.key, target=handle, can=level)
    )

The outcome is the command's own. Where it is the key (int) of what was made, the entry says so as `id`; but the keys of
accounts and versions never leave the hub. Nothing is written for an outcome that refuses (any `ports.Outcome` but OK).

- `what` is `subject.verb` of the table `VERBS`; a new one is a line there.
- `path` is the function or namespace that it is about: whoever owns the handle above it may read the entry.
- `about` is the key of the account that it is about, who may read the entry too; `target` names it, or an address, or
  an id, for people.
- Further keywords are small facts (a level, a number, a role). Never a secret, never a payload.
- `subject.origin`, the remote address, is there in REST operations that change something and in channels; who has
  proved no account yet is an `Anonymous`.

What was refused and should be known all the same, above all failed logins, goes through one `Failures`, which bounds
how much of it is written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import ports

PAGE_LIMIT = 500
_WORDS_LIMIT = 254
_KEYS_STAY = ("account.", "group.", "alias.")

# What is recorded, and what it means.
VERBS: dict[str, str] = {
    "account.create": "an account was made",
    "account.confirm": "an address was proved or vouched for",
    "account.disable": "an account was locked out",
    "account.enable": "an account was let in again",
    "account.limits": "the limits of an account were set",
    "account.password": "a password was set",
    "alias.delete": "an alias was removed",
    "alias.move": "an alias was made or moved",
    "function.delete": "a function was deleted",
    "function.deprecate": "a version was deprecated, or that was taken back",
    "function.publish": "a new version was published",
    "group.add": "a member was added to a group, or has another role",
    "group.create": "a group was made",
    "group.delete": "a group was deleted",
    "group.remove": "a member was removed from a group, or left it",
    "invitation.accept": "an invitation was accepted",
    "invitation.create": "somebody was invited",
    "invitation.decline": "an invitation was declined",
    "invitation.revoke": "an invitation was taken back",
    "invocation.erase": "arguments and result of an invocation were erased",
    "link.create": "a function was linked into a namespace",
    "link.delete": "a function was removed from a namespace",
    "login": "somebody logged in, or tried to",
    "namespace.create": "a namespace was made",
    "namespace.delete": "a namespace was deleted",
    "namespace.rename": "a namespace was renamed",
    "share.create": "a function or namespace was shared",
    "share.delete": "a share was taken back or dropped",
    "token.create": "a token was made",
    "token.revoke": "a token was revoked",
    "version.delete": "a version was deleted",
}


class Actor(Protocol):
    """Who does something: a subject, or somebody who has not proved to be one."""

    @property
    def key(self) -> int | None: ...
    @property
    def handle(self) -> str: ...
    @property
    def token(self) -> int: ...
    @property
    def origin(self) -> str: ...


@dataclass(slots=True, frozen=True)
class Anonymous:
    """An actor without a token: somebody who registers, logs in or follows a link, or the hub itself.

    `key` is the account, once it is proved; `handle` the name that was given.
    """

    handle: str
    origin: str = ""
    key: int | None = None
    token: int = 0


HUB = Anonymous("(hub)")


def entry(
    actor: Actor,
    what: str,
    *,
    path: str = "",
    about: int | None = None,
    target: str = "",
    outcome: str = "ok",
    at: float | None = None,
    **detail: Any,
) -> ports.AuditEntry:
    """One entry; `at` is wall-clock seconds, now if it is left out. Facts that are None are left out."""
    if what not in VERBS:
        raise ValueError(f"{what} is no verb of the audit log")
    said = {name: value for name, value in detail.items() if value is not None}
    return ports.AuditEntry(
        round(time.time() if at is None else at, 6),  # as it is shown: what is asked for by that is found
        actor.key,
        actor.handle[:_WORDS_LIMIT],
        actor.token,
        what,
        path,
        about,
        target[:_WORDS_LIMIT],
        actor.origin,
        outcome,
        said,
    )


def recorded(
    command: ports.Command,
    actor: Actor,
    what: str,
    *,
    path: str = "",
    about: int | None = None,
    target: str = "",
    **detail: Any,
) -> ports.Audited:
    """The command, together with the entry that is written if it succeeds; see the top of this file."""
    made = entry(actor, what, path=path, about=about, target=target, **detail)

    def entries(outcome: Any) -> list[ports.AuditEntry]:
        if isinstance(outcome, ports.Outcome):
            return [made] if outcome is ports.Outcome.OK else []
        if isinstance(outcome, int) and not what.startswith(_KEYS_STAY):
            return [replace(made, detail={"id": outcome, **made.detail})]
        return [made]

    return ports.Audited(command, entries)


# -- failures ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Repeated:
    first: ports.AuditEntry
    more: int = 0


@dataclass(slots=True)
class Repeats:
    """Collapses what happens again and again. Pure: the time is an argument (`entry.at`, wall-clock seconds).

    The first of its kind (who, what, whence) is written at once; those that follow within `window_seconds` as one, with
    how many they were. At most `kinds` are told apart in a window; what is beyond counts together.
    """

    window_seconds: float = 60.0
    kinds: int = 200
    _known: dict[tuple[str, str, str], _Repeated] = field(default_factory=dict)
    _until: float = 0.0

    def take(self, happened: ports.AuditEntry) -> list[ports.AuditEntry]:
        """What is to be written now."""
        due = self.due(happened.at)
        if not self._known:
            self._until = happened.at + self.window_seconds
        kind = (happened.what, happened.who.lower(), happened.origin)
        known = self._known.get(kind)
        if known is None and len(self._known) >= self.kinds:
            kind = (happened.what, "", "")
            known = self._known.get(kind)
            happened = replace(happened, actor=None, who="(many)", about=None, target="", origin="")
        if known is not None:
            known.more += 1
            return due
        self._known[kind] = _Repeated(happened)
        return [*due, happened]

    def due(self, now: float, *, closing: bool = False) -> list[ports.AuditEntry]:
        """What was held back in a window that is over, or ends since the hub stops."""
        if now < self._until and not closing:
            return []
        over = [
            replace(item.first, at=now, detail={**item.first.detail, "times": item.more})
            for item in self._known.values()
            if item.more
        ]
        self._known.clear()
        return over


class Failures:
    """Records what was refused, within bounds: an attacker cannot fill the disk with failed logins."""

    def __init__(self, store: ports.Store, repeats: Repeats | None = None) -> None:
        self._store = store
        self._repeats = repeats or Repeats()
        self._timer: asyncio.TimerHandle | None = None

    def note(
        self, actor: Actor, what: str, code: str, *, about: int | None = None, target: str = "", **detail: Any
    ) -> None:
        """Somebody tried `what` and was refused with `code`. Nobody waits for it to be written."""
        self._write(self._repeats.take(entry(actor, what, about=about, target=target, outcome=code, **detail)))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._repeats.window_seconds + 0.1, self._over)

    def _over(self) -> None:
        self._timer = None
        self._write(self._repeats.due(time.time()))

    def _write(self, entries: list[ports.AuditEntry]) -> None:
        if entries:
            self._store.write(ports.AddAudit(entries))

    def close(self) -> None:
        """Write what was held back; no more timers."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._write(self._repeats.due(time.time(), closing=True))


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Query:
    """What to list; texts as users write them. `what` is a verb or its subject: `token.create`, `token`."""

    who: str = ""
    what: str = ""
    path: str = ""
    since: float | None = None
    until: float | None = None
    limit: int = 50
    cursor: str | None = None


class AuditLog:
    """Reads: administrators everything, owners what concerns their own things and what their own account did."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store

    async def page(self, subject: access.Subject, query: Query) -> ports.Page:
        """A page of AuditRow, newest first; raises Refused (invalid_request, permission_denied).

        Where an entry came from shows to whoever did it and to administrators: an address says where somebody lives.
        """
        if not access.has_scope(subject, "manage"):
            raise Refused(
                "permission_denied", "This token lacks the scope manage, which it takes to read the audit log."
            )
        page = await self._store.audit(self._filter(subject, query))
        if not access.administers(subject):
            page.items[:] = [row if row.actor == subject.key else _discreet(row, subject) for row in page.items]
        return page

    def _filter(self, subject: access.Subject, query: Query) -> ports.AuditFilter:
        if not 1 <= query.limit <= PAGE_LIMIT:
            raise Refused("invalid_request", f"A page has 1 to {PAGE_LIMIT} items.")
        if query.cursor and not (query.cursor.isascii() and query.cursor.isdigit() and len(query.cursor) < 19):
            raise Refused("invalid_request", "That is no cursor of this list.", "Begin again without one.")
        subjects = {verb.partition(".")[0] for verb in VERBS}
        if query.what and query.what not in VERBS and query.what not in subjects:
            known = ", ".join(sorted(subjects))
            raise Refused("invalid_request", f"Nothing is recorded as {query.what[:40]!r}.", f"There are: {known}.")
        try:
            path = names.path(query.path) if query.path else None
        except names.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        return ports.AuditFilter(
            concerns=None if access.administers(subject) else subject.owned_accounts,
            roots=subject.only,
            who=query.who or None,
            what=query.what or None,
            path=path,
            since=query.since,
            until=query.until,
            limit=query.limit,
            cursor=query.cursor,
        )


def _discreet(row: ports.AuditRow, subject: access.Subject) -> ports.AuditRow:
    """As the owner of what it is about sees it: failed logins to the own account show whence they came."""
    return row if row.actor is None and row.about == subject.key else replace(row, origin="", token=0)


def facts(detail: Mapping[str, Any]) -> str:
    """The small facts of an entry, in words."""
    return ", ".join(f"{name} {value}" for name, value in detail.items())
