"""Reading what became of invocations: records, results, timelines.

The record shows to the caller, to the owner of the function and to administrators. Arguments and results show to the
caller, and to the owner where the version that was called says so; never to administrators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from farcall.domain import access, names
from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure, Refused
from farcall.domain.model import Settlement
from farcall.domain.states import InvocationState
from farcall.hub import ports
from farcall.hub.worker_names import WorkerNames

PAGE_LIMIT = 500

Role = Literal["caller", "owner"]

_STATES = {state.label: state for state in InvocationState}
_TOLD_APART = (InvocationState.QUEUED, InvocationState.RUNNING)
_SEARCHED_PAGES = 100


class Reason(Protocol):
    """What the dispatcher says of why an invocation is where it is: when (wall-clock seconds), a code, a sentence."""

    @property
    def at(self) -> float: ...

    @property
    def what(self) -> str: ...

    @property
    def detail(self) -> str: ...


@dataclass(slots=True, frozen=True)
class Line:
    """One line of an invocation's timeline; fields as in `Reason`."""

    at: float
    what: str
    detail: str


@dataclass(slots=True)
class Query:
    """What to list; texts as users write them."""

    role: Role = "caller"
    function: str = ""  # a function, or a namespace and everything below it
    status: str = ""
    since: float | None = None
    limit: int = 50
    cursor: str | None = None


class Attempt(Protocol):
    """An attempt that has started, as the dispatcher knows it; `boot` is its worker's."""

    @property
    def boot(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def started_at(self) -> float: ...


class Records:
    """Reads. `live(id)` is the state of what the dispatcher holds, which is ahead of the store's; `underway(id)` the
    attempt that runs; `reasons(id)` says what it knows of why.
    """

    def __init__(
        self,
        store: ports.Store,
        *,
        live: Callable[[bytes], InvocationState | None],
        reasons: Callable[[bytes], Sequence[Reason]],
        underway: Callable[[bytes], Attempt | None] = lambda identifier: None,
    ) -> None:
        self._store = store
        self._workers = WorkerNames(store)
        self._live = live
        self._reasons = reasons
        self._underway = underway

    async def get(self, subject: access.Subject, identifier: bytes) -> ports.InvocationRow:
        """The record, its state as it is now; raises Refused (not_found)."""
        row = await self._store.invocation(identifier)
        if row is None or not may_see(subject, row):
            raise Refused("not_found", f"There is no invocation {identifiers.to_text(identifier)}, or it is not yours.")
        return await self._named(self._as_it_is(row))

    async def page(self, subject: access.Subject, query: Query) -> ports.Page:
        """A page of records, newest first; raises Refused (invalid_request)."""
        if not 1 <= query.limit <= PAGE_LIMIT:
            raise Refused("invalid_request", f"A page has 1 to {PAGE_LIMIT} items.")
        if query.status and query.status not in _STATES:
            known = ", ".join(_STATES)
            raise Refused("invalid_request", f"There is no status {query.status[:40]!r}.", f"There are: {known}.")
        if query.cursor and not (query.cursor.isascii() and query.cursor.isdigit() and len(query.cursor) < 19):
            raise Refused("invalid_request", "That is no cursor of this list.", "Begin again without one.")
        function = self._narrowed(subject, query.function)
        wanted = _STATES[query.status] if query.status else None
        asked = ports.InvocationFilter(
            caller=subject.key if query.role == "caller" else None,
            owners=subject.owned_accounts if query.role == "owner" else None,
            function=function or None,
            state=wanted,
            since=query.since,
            limit=query.limit,
            cursor=query.cursor,
        )
        if wanted in _TOLD_APART:
            return await self._unfinished(subject, asked, wanted)
        page = await self._store.invocations(asked)
        rows = [self._as_it_is(row) for row in page.items if may_see(subject, row)]
        return ports.Page([await self._named(row) for row in rows], page.next)

    async def _unfinished(
        self, subject: access.Subject, asked: ports.InvocationFilter, wanted: InvocationState | None
    ) -> ports.Page:
        """What is queued, or what runs: the store keeps both alike, and the dispatcher knows which is which.

        A page may hold less than was asked for, and still have a next one.
        """
        found: list[ports.InvocationRow] = []
        asked = replace(asked, state=InvocationState.QUEUED, or_state=InvocationState.RUNNING)
        for _ in range(_SEARCHED_PAGES):
            page = await self._store.invocations(replace(asked, limit=asked.limit - len(found)))
            rows = (self._as_it_is(row) for row in page.items if may_see(subject, row))
            found += [row for row in rows if row.state is wanted]
            asked = replace(asked, cursor=page.next)
            if page.next is None or len(found) == asked.limit:
                break
        return ports.Page([await self._named(row) for row in found], asked.cursor)

    async def _named(self, row: ports.InvocationRow) -> ports.InvocationRow:
        return replace(row, worker=await self._workers.name(row.worker)) if row.worker else row

    def _narrowed(self, subject: access.Subject, function: str) -> str:
        """The path to list below: what was asked for, or else what holds all that the token is limited to."""
        if not function:
            return names.common(subject.only)
        try:
            path = names.path(function)
        except names.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        below = [limit for limit in subject.only if names.covers(path, limit)]
        return path if access.within(subject, path) or not below else names.common(below)

    def _as_it_is(self, row: ports.InvocationRow) -> ports.InvocationRow:
        if row.state.final:
            return row
        live = self._live(row.id)
        if live is not None and not live.final:  # a final state that is not yet committed is not yet true
            row = replace(row, state=live)
        running = self._underway(row.id) if row.state is InvocationState.RUNNING else None
        if running is None:
            return row
        return replace(row, worker=running.boot, attempt=running.attempt, started_at=running.started_at)

    async def result(self, subject: access.Subject, identifier: bytes) -> ports.InvocationRow:
        """The finished record with its result for the caller; raises Refused: its failure, or that it isn't there.

        Raises LookupError while the invocation is not finished.
        """
        row = await self.get(subject, identifier)
        await self._require_payloads(subject, row)
        if not row.state.final:
            raise LookupError(identifiers.to_text(identifier))
        failure = failure_of(row)
        if failure is not None:
            raise Refused.of(failure)
        if not row.result:
            raise Refused.of(gone(row.erased_at))
        return row

    async def arguments(self, subject: access.Subject, identifier: bytes) -> ports.InvocationRow:
        """The record with its arguments; raises Refused."""
        row = await self.get(subject, identifier)
        await self._require_payloads(subject, row)
        if not row.arguments:
            raise Refused.of(gone(row.erased_at))
        return row

    async def shows_payloads(self, subject: access.Subject, row: ports.InvocationRow) -> bool:
        """Whether arguments and result are for this subject, who may see the record."""
        if row.caller == subject.key:
            return True
        if row.owner not in subject.owned_accounts:
            return False
        version = await self._store.version(key=row.version)
        return version is not None and version.options.visibility == "owner"

    async def _require_payloads(self, subject: access.Subject, row: ports.InvocationRow) -> None:
        require_scope(subject, row, "see arguments and results")
        if not await self.shows_payloads(subject, row):
            raise Refused(
                "permission_denied",
                "Arguments and results show to whoever called, and to the owner of the function only if it says so.",
                'The function says so with @farcall.function(visibility="owner"), for calls from then on.',
            )

    async def explain(self, subject: access.Subject, identifier: bytes) -> list[Line]:
        """Why the invocation is where it is, as a timeline, oldest first; raises Refused (not_found)."""
        row = await self.get(subject, identifier)
        lines = [Line(row.created_at, "accepted", f"accepted from {row.caller_handle}")]
        lines += [
            Line(note.at, note.what, await self._workers.in_text(_sentence(note)))
            for note in await self._store.notes(identifier)
            if note.what != "requeued"  # the dispatcher says the same in words
        ]
        said = {(line.what, line.detail) for line in lines}
        for reason in self._reasons(identifier):
            detail = await self._workers.in_text(reason.detail)
            if reason.what != "accepted" and (reason.what, detail) not in said:  # that it is, its record shows
                lines.append(Line(reason.at, reason.what, detail))
        if row.state.final:
            lines += await self._placing(row) + _ending(row)
        return sorted(lines, key=lambda line: line.at)

    async def _placing(self, row: ports.InvocationRow) -> list[Line]:
        """Where the attempt that counted was placed, and by what: the core forgets what has ended."""
        version = await self._store.version(key=row.version)
        if row.started_at is None or not row.worker or version is None:
            return []
        options = version.options
        needs = ", ".join(f"{name}={value}" for name, value in options.requires.items())
        why = f"by the policy {options.policy}" + (f", since it has {needs}" if needs else "")
        at = max(row.started_at, row.created_at)
        return [Line(at, "placed", f"attempt {row.attempt} placed on worker {row.worker} {why}")]


def _sentence(note: ports.Note) -> str:
    detail = note.detail.get("detail")
    if isinstance(detail, str):
        return detail
    return ", ".join(f"{key} {value}" for key, value in note.detail.items()) or note.what.replace("_", " ")


def _ending(row: ports.InvocationRow) -> list[Line]:
    lines = []
    if row.started_at is not None:
        at = max(row.started_at, row.created_at)  # reckoned back from the worker's own measure
        lines.append(Line(at, "started", f"attempt {row.attempt} started on worker {row.worker}"))
    failure = failure_of(row)
    text = f"{row.state.label} after {row.run_seconds:.3f} s of running" if failure is None else failure.message
    lines.append(Line(row.finished_at or row.created_at, row.state.label, text))
    return lines


def may_see(subject: access.Subject, row: ports.InvocationRow) -> bool:
    """Whether the record shows to the subject at all."""
    if not access.within(subject, row.function):
        return False
    return row.caller == subject.key or row.owner in subject.owned_accounts or access.administers(subject)


def require_scope(subject: access.Subject, row: ports.InvocationRow, what: str) -> None:
    """Raises Refused unless the token is for calling, if the subject called, or for managing, if it is another's call.

    So a token that only serves, on somebody's machine, reads and stops nothing that its account called elsewhere.
    """
    scope: access.Scope = "invoke" if row.caller == subject.key else "manage"
    if not access.has_scope(subject, scope):
        raise Refused("permission_denied", f"This token lacks the scope {scope}, which it takes to {what}.")


def gone(erased_at: float | None) -> Failure:
    """Why there are no arguments and no result any more."""
    why = "were erased, or kept for their time and dropped" if erased_at is None else "were erased"
    return Failure("gone", f"Arguments and result {why}; the record stays.")


def as_told(settlement: Settlement) -> Settlement:
    """What is read from the store, as callers hear it: a result that is there no more is a failure."""
    if settlement.state != InvocationState.SUCCEEDED or settlement.result:
        return settlement
    failed = int(InvocationState.FAILED)
    return Settlement(settlement.id, failed, failure=gone(None), attempt=settlement.attempt)


def failure_of(row: ports.InvocationRow) -> Failure | None:
    """How a finished invocation failed, or None if it succeeded (or goes on)."""
    if row.failure is not None:
        return row.failure
    if row.state is InvocationState.CANCELLED:
        return Failure("cancelled", "The invocation was cancelled.")
    if row.state is InvocationState.EXPIRED:
        return Failure("expired", "The invocation was not started before it expired.")
    if row.state is InvocationState.FAILED:
        return Failure("internal", "The invocation failed, and nothing is known of why.")
    return None
