"""The catalog: functions, their versions, and who may see or call them.

On the path of a call, finding a version is a look-up in a dict. `epoch` rises whenever an answer given before may be
out of date; whoever keeps answers compares it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import msgspec

from farcall.domain import access, links, names
from farcall.domain.difference import difference
from farcall.domain.errors import Failure, Refused
from farcall.domain.interface import Interface
from farcall.hub import audit, ports
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds, bound_for
from farcall.hub.publications import Moved, specify, too_many
from farcall.wire import frames

PUBLICATIONS_LIMIT = 1000
_REMEMBERED_FUNCTIONS = 20_000
_COMPILED_INTERFACES = 2_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """A dict of bounded size; what was not asked for longest goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        value = self._held.get(key)
        if value is not None:
            self._held.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        self._held[key] = value
        self._held.move_to_end(key)
        if len(self._held) > self._limit:
            self._held.popitem(last=False)

    def drop(self, key: Key) -> None:
        self._held.pop(key, None)


@dataclass(slots=True, frozen=True)
class Entry:
    """A version as the catalog shows it; `workers` are those that are ready for it now."""

    row: ports.VersionRow
    workers: int
    level: access.Level  # of whoever asked
    place: str  # where it is listed: its own name, or that of a link
    typical_seconds: float | None = None  # of running
    seen_at: float | None = None  # when its last worker left; None while one is there
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()  # to the function, as far as whoever asks may see them
    missed: ports.MissedCalls | None = None  # of others, without a worker; None for those who may not manage it


class Catalog:
    """Publish, resolve, list. `ready_for(version)` tells how many connected workers serve a version."""

    def __init__(
        self,
        store: ports.Store,
        *,
        ready_for: Callable[[int], int] = lambda _version: 0,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._store = store
        self._bounds = bounds
        self.ready_for = ready_for
        self.duration_of: Callable[[int], float | None] = lambda _version: None
        self.seen_at_of: Callable[[int], float | None] = lambda _version: None
        self.missed_of: Callable[[int], ports.MissedCalls] = lambda _function: ports.NONE_MISSED
        self.epoch = 1
        self._functions: Recent[str, ports.FunctionRow] = Recent(_REMEMBERED_FUNCTIONS)  # by their own names
        self._linked: Recent[str, str] = Recent(_REMEMBERED_FUNCTIONS)  # paths of links, to the functions' own names
        self._links_of: Recent[str, tuple[str, ...]] = Recent(_REMEMBERED_FUNCTIONS)  # the other way
        self._interfaces: Recent[int, Interface] = Recent(_COMPILED_INTERFACES)
        self._listeners: list[Callable[[list[str]], None]] = []

    def on_changed(self, listener: Callable[[list[str]], None]) -> None:
        """`listener(names)` is called when functions have new versions, or another version answers for them."""
        self._listeners.append(listener)

    # -- publishing ----------------------------------------------------------------------------------------------------

    async def publish(
        self, subject: access.Subject, functions: Sequence[frames.Publication]
    ) -> list[frames.PublishedFunction]:
        """Make known what a worker serves; one answer each, in order, with a failure where one was refused."""
        surplus = Failure("too_large", f"A worker serves at most {PUBLICATIONS_LIMIT} functions.")
        answers = [frames.PublishedFunction(item.name[:200], 0, 0, surplus) for item in functions]
        by_handle: dict[str, list[tuple[int, ports.VersionSpec]]] = {}
        taken: set[tuple[str, bytes]] = set()
        placed = [
            (await self._whither(subject, publication), index, publication)
            for index, publication in enumerate(functions[:PUBLICATIONS_LIMIT])
        ]
        for moved, index, publication in sorted(placed, key=lambda item: (item[0] is not None, item[1])):
            try:
                if moved is None:
                    spec = await specify(subject, publication, taken)
                else:
                    spec = await self._specify_moved(subject, publication, moved, taken)
            except Refused as refusal:
                answers[index] = frames.PublishedFunction(publication.name[:200], 0, 0, refusal.failure)
            else:
                by_handle.setdefault(names.handle_of(spec.name), []).append((index, spec))
        changed: list[str] = []
        for handle, specs in by_handle.items():
            owner = await self._owner(subject, handle)
            command = ports.PublishVersions(
                owner,
                [spec for _, spec in specs],
                time.time(),
                bound_for(subject, self._bounds.functions_per_handle),
                bound_for(subject, self._bounds.versions_per_function),
            )
            recorded = ports.Audited(command, _published_entries(subject, command.at))
            for (index, spec), outcome in zip(specs, await self._store.do(recorded), strict=True):
                answers[index] = self._published(spec, outcome, changed)
        self.forget(changed)
        return answers

    async def _whither(self, subject: access.Subject, publication: frames.Publication) -> Moved | None:
        """Where the name of a publication went, if there is nothing under it any more since it was renamed."""
        try:
            name = names.absolute(subject.handle, publication.name)
        except names.BadName:
            return None
        if await self.function(name) is not None:
            return None
        found = await self._store.whither(name)
        if found is None:
            return None
        moved = Moved(name, *found)
        serves = any(access.decide(subject, "serve", path).allowed for path in (name, moved.to))
        return moved if serves else None  # nobody else learns where it went

    async def _specify_moved(
        self, subject: access.Subject, publication: frames.Publication, moved: Moved, taken: set[tuple[str, bytes]]
    ) -> ports.VersionSpec:
        """What is published under an old name, at its new one: if it is what was there already. Raises Refused."""
        renamed = msgspec.structs.replace(publication, name=f"/{moved.to}")
        spec = await specify(subject, renamed, taken)
        function = await self.function(moved.to)
        if function is None or all(row.digest != spec.digest for row in function.versions):
            raise moved.refusal()
        return spec

    async def _owner(self, subject: access.Subject, handle: str) -> int:
        """A function belongs to whoever owns the handle, also if someone else may serve it."""
        if handle == subject.handle:
            return subject.key
        account = await self._store.account(handle=handle)
        if account is None:
            raise Refused("not_found", f"There is no account {handle}.")
        return account.key

    def _published(self, spec: ports.VersionSpec, outcome: object, changed: list[str]) -> frames.PublishedFunction:
        if outcome is ports.Outcome.FULL:
            return frames.PublishedFunction(spec.name, 0, 0, too_many(spec.name, self._bounds).failure)
        if outcome is ports.Outcome.STALE:
            failure = Failure("conflict", f"{spec.name} was renamed at this very moment.", "Connect again.")
            return frames.PublishedFunction(spec.name, 0, 0, failure)
        if not isinstance(outcome, ports.VersionRow):
            failure = Failure(
                "conflict",
                f"{spec.name} cannot be a function: it is a namespace or a link, or lies below one or a function.",
                "What is in a namespace has names of its own; farcall list shows what there is.",
            )
            return frames.PublishedFunction(spec.name, 0, 0, failure)
        held = self._functions.get(spec.name)
        if held is None or all(row.version != outcome.version for row in held.versions):
            changed.append(spec.name)
        return frames.PublishedFunction(outcome.name, outcome.version, outcome.number)

    def presence_changed(self, served: Sequence[str]) -> None:
        """Workers of these functions came or went, so another version of them may answer now."""
        self._announce(list(served))

    def forget(self, changed: Sequence[str]) -> None:
        """These functions, or the names and links that they had, are not what they were."""
        for name in changed:
            self._functions.drop(self._own_name(name))
        self._announce(list(changed))
        for name in changed:
            self._linked.drop(name)

    def _announce(self, changed: list[str]) -> None:
        """Under the links too by which they were found: whoever sees them only there is told so."""
        if changed:
            self.epoch += 1
            told = {link for name in changed for link in self._links_of.get(self._own_name(name)) or ()}
            for listener in self._listeners:
                listener([*changed, *sorted(told.difference(changed))])

    def _own_name(self, path: str) -> str:
        return self._linked.get(path) or path

    # -- finding -------------------------------------------------------------------------------------------------------

    async def version_for(self, subject: access.Subject, name: str, action: access.Action) -> ports.VersionRow:
        """The version that a name means, if the subject may do `action` there; raises Refused.

        Without a version, or with @latest, it is the newest that is served, or else the newest. What does not exist and
        what a stranger may not know of are refused in the same words.
        """
        wanted = asked_name(name)
        function = await self.function_for(subject, wanted.path, action)
        row = self._chosen(function, wanted)
        if row is None:
            selector = str(wanted).partition("@")[2]
            if not wanted.alias:
                raise Refused(
                    "not_found",
                    f"{function.name} has no version {selector}.",
                    f"farcall versions {function.name} shows those that there are.",
                )
            there = ", ".join(sorted(function.aliases)) or "none"
            raise Refused("not_found", f"{function.name} has no alias {selector}.", f"Aliases there: {there}.")
        return row

    async def function_for(self, subject: access.Subject, path: str, action: access.Action) -> ports.FunctionRow:
        """The function at a path, its own or that of a link, if the subject may do `action` with it; raises Refused."""
        function = await self.function(path)
        if function is None:
            raise _refusal(_if_allowed(access.decide(subject, action, path)) or access.unknown(path))
        decision = links.decide_at(subject, action, function.name, function.passing)
        if decision.code == "not_found" or not _knows(subject, path, function):
            raise _refusal(access.unknown(path))
        if not decision.allowed:
            raise _refusal(decision)
        return function

    def _chosen(self, function: ports.FunctionRow, wanted: names.Reference) -> ports.VersionRow | None:
        rows = function.versions
        if wanted.number is not None:
            return next((row for row in rows if row.number == wanted.number), None)
        if wanted.digest:
            return next((row for row in rows if row.digest.hex().startswith(wanted.digest)), None)
        if not wanted.moving:
            meant = function.aliases.get(wanted.alias)
            return next((row for row in rows if row.version == meant), None)
        return next((row for row in rows if self.ready_for(row.version)), rows[0] if rows else None)

    async def function(self, path: str) -> ports.FunctionRow | None:
        """The function at a path, its own or that of a link. Decides nothing."""
        held = self._functions.get(self._own_name(path))
        if held is not None:
            return held
        epoch = self.epoch
        row = await self._store.function(path=path)
        if row is not None and epoch == self.epoch:
            self._functions.put(row.name, row)
            linked = tuple(link.path for link in row.links)
            if linked:
                self._links_of.put(row.name, linked)
            else:
                self._links_of.drop(row.name)
            for link in linked:
                self._linked.put(link, row.name)
        return row

    async def by_key(self, version: int) -> ports.VersionRow:
        """The version with this key, for what was checked before; raises Refused (not_found)."""
        row = await self._store.version(key=version)
        if row is None:
            raise Refused("not_found", "The version is gone.")
        return row

    def interface(self, row: ports.VersionRow) -> Interface:
        """The version's interface, ready to validate with."""
        held = self._interfaces.get(row.version)
        if held is None:
            held = Interface.parse(row.document)
            self._interfaces.put(row.version, held)
        return held

    async def changes(self, row: ports.VersionRow, interface: bytes) -> str:
        """How the interface of `row` differs from the one with this digest, in words."""
        function = await self.function(row.name)
        for other in function.versions if function is not None else ():
            if other.interface == interface:
                return "; ".join(difference(self.interface(other), self.interface(row)).splitlines())
        return "the interface that you imported is not known here"

    async def show(self, subject: access.Subject, name: str) -> Entry:
        """One version with its availability; raises Refused."""
        row = await self.version_for(subject, name, "view")
        function = await self.function_for(subject, row.name, "view")
        return self._entry(subject, row, function)

    async def versions(self, subject: access.Subject, name: str) -> list[Entry]:
        """All versions of a function, newest first; raises Refused."""
        function = await self.function_for(subject, asked_name(name).path, "view")
        return [self._entry(subject, row, function) for row in function.versions]

    async def functions(
        self, subject: access.Subject, *, text: str = "", below: str = "", limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Entry], str | None]:
        """A page of what the subject may see, and the cursor of the next page; raises Refused.

        Without `text` by name, links too, under their own names; with it the functions that fit, best first. A page may
        be shorter than asked for: what points to something that the subject may not see is left out.
        """
        if below:
            below = asked_path(below)
        try:
            page = await self._store.functions(access.visible_roots(subject), text, below, limit, cursor)
        except (ValueError, OverflowError):
            raise Refused("invalid_request", "This is no cursor of such a list.", "Begin without one.") from None
        entries = [await self._listed(subject, hit) for hit in page.items]
        return [entry for entry in entries if entry is not None], page.next

    async def _listed(self, subject: access.Subject, hit: ports.Hit) -> Entry | None:
        row, function = hit.row, None
        if hit.place != row.name or not access.decide(subject, "view", row.name).allowed:
            function = await self.function(hit.place)
            passing = function.passing if function is not None else ()
            if not links.decide_at(subject, "view", row.name, passing).allowed:
                return None
        return replace(self._entry(subject, row, function), place=hit.place)

    def typical_seconds(self, row: ports.VersionRow) -> float | None:
        """How long the version runs: as it is measured now, or as it was while it had workers."""
        return self.duration_of(row.version) or row.typical_seconds

    def seen_at(self, row: ports.VersionRow) -> float | None:
        """When the last worker of the version left; None while one is there, or if there never was one."""
        return None if self.ready_for(row.version) else self.seen_at_of(row.version) or row.seen_at

    def _entry(self, subject: access.Subject, row: ports.VersionRow, function: ports.FunctionRow | None) -> Entry:
        return Entry(
            row,
            self.ready_for(row.version),
            links.level_with(subject, row.name, function.passing if function is not None else ()),
            row.name,
            self.typical_seconds(row),
            self.seen_at(row),
            tuple(sorted(alias for alias, version in function.aliases.items() if version == row.version))
            if function is not None
            else (),
            tuple(link.path for link in function.links if access.decide(subject, "view", link.path).allowed)
            if function is not None
            else (),
            self.missed_of(row.function) if access.decide(subject, "manage", row.name).allowed else None,
        )


def asked_name(text: str) -> names.Reference:
    """A function's name with an optional version, as somebody wrote it; raises Refused (not_found)."""
    try:
        return names.reference(text)
    except names.BadName as error:
        raise Refused("not_found", f"{error}.", "Names look like handle/namespace/name.") from None


def asked_path(text: str) -> str:
    """The path of a function or namespace, as somebody wrote it; raises Refused (invalid_request)."""
    try:
        return names.path(text)
    except names.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None


def _if_allowed(decision: access.Decision) -> access.Decision | None:
    """A refusal that tells no more than the path itself does; what is allowed there is simply not there."""
    return None if decision.allowed else decision


def _knows(subject: access.Subject, path: str, function: ports.FunctionRow) -> bool:
    """Whether the subject may know that this path leads to the function."""
    return path == function.name or access.decide(subject, "view", path).allowed


def _published_entries(subject: access.Subject, at: float) -> Callable[[Any], list[ports.AuditEntry]]:
    """Entries of the audit log for those versions that are new."""

    def entries(outcomes: Any) -> list[ports.AuditEntry]:
        return [
            audit.entry(subject, "function.publish", path=row.name, at=at, version=row.number)
            for row in outcomes
            if isinstance(row, ports.VersionRow) and row.created_at == at
        ]

    return entries


def _refusal(decision: access.Decision) -> Refused:
    hint = "Check the name, or ask its owner to share it." if decision.code == "not_found" else ""
    return Refused(decision.code, decision.reason, hint)
