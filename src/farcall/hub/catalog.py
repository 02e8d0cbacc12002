"""The catalog: functions, their versions, and who may see or call them.

On the path of a call, finding a version is a look-up in a dict. `epoch` rises whenever an answer given before may be
out of date; whoever keeps answers compares it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from blake3 import blake3

from farcall.domain import access, names
from farcall.domain.difference import difference
from farcall.domain.errors import Failure, Refused
from farcall.domain.interface import Interface, InterfaceError
from farcall.domain.model import DIGEST_BYTES, FunctionOptions
from farcall.hub import ports
from farcall.wire import frames

PUBLICATIONS_LIMIT = 1000
_REMEMBERED_FUNCTIONS = 20_000
_COMPILED_INTERFACES = 2_000
_REQUIREMENTS_LIMIT = 64

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_encode_options = msgspec.msgpack.Encoder().encode


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


class Catalog:
    """Publish, resolve, list. `ready_for(version)` tells how many connected workers serve a version."""

    def __init__(self, store: ports.Store, *, ready_for: Callable[[int], int] = lambda _version: 0) -> None:
        self._store = store
        self.ready_for = ready_for
        self.epoch = 1
        self._versions: Recent[str, list[ports.VersionRow]] = Recent(_REMEMBERED_FUNCTIONS)  # of a name, newest first
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
        taken: set[str] = set()
        for index, publication in enumerate(functions[:PUBLICATIONS_LIMIT]):
            try:
                spec = self._specify(subject, publication, taken)
            except Refused as refusal:
                answers[index] = frames.PublishedFunction(publication.name[:200], 0, 0, refusal.failure)
            else:
                by_handle.setdefault(names.handle_of(spec.name), []).append((index, spec))
        changed: list[str] = []
        for handle, specs in by_handle.items():
            owner = await self._owner(subject, handle)
            command = ports.PublishVersions(owner, [spec for _, spec in specs], time.time())
            for (index, spec), outcome in zip(specs, await self._store.do(command), strict=True):
                answers[index] = self._published(spec, outcome, changed)
        for name in changed:
            self._versions.drop(name)
        self._announce(changed)
        return answers

    def _specify(self, subject: access.Subject, publication: frames.Publication, taken: set[str]) -> ports.VersionSpec:
        try:
            name = names.absolute(subject.handle, publication.name)
        except names.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        decision = access.decide(subject, "serve", name)
        if not decision.allowed:
            raise Refused(
                decision.code, decision.reason, "Serve it under your own handle, or ask for the level manage."
            )
        if name in taken:
            raise Refused("conflict", f"{name} is there twice.", "Give one of the two another name.")
        try:
            interface = Interface.parse(publication.document)
        except InterfaceError as error:
            raise Refused("invalid_request", f"The interface of {name} is malformed: {error}.") from None
        if len(publication.implementation) != DIGEST_BYTES:
            raise Refused("invalid_request", f"The implementation digest of {name} has {DIGEST_BYTES} bytes.")
        _check_options(name, publication.options)
        taken.add(name)
        covered = interface.digest + publication.implementation + _encode_options(publication.options)
        return ports.VersionSpec(
            name,
            interface.to_document(),
            interface.digest,
            publication.implementation,
            blake3(covered).digest(DIGEST_BYTES),
            publication.options,
        )

    async def _owner(self, subject: access.Subject, handle: str) -> int:
        """A function belongs to whoever owns the handle, also if someone else may serve it."""
        if handle == subject.handle:
            return subject.key
        account = await self._store.account(handle=handle)
        if account is None:
            raise Refused("not_found", f"There is no account {handle}.")
        return account.key

    def _published(self, spec: ports.VersionSpec, outcome: object, changed: list[str]) -> frames.PublishedFunction:
        if not isinstance(outcome, ports.VersionRow):
            failure = Failure(
                "conflict",
                f"{spec.name} cannot be a function: it is a namespace, or lies below a function.",
                "A function and a namespace cannot share a name.",
            )
            return frames.PublishedFunction(spec.name, 0, 0, failure)
        held = self._versions.get(spec.name)
        if held is None or all(row.version != outcome.version for row in held):
            changed.append(spec.name)
        return frames.PublishedFunction(outcome.name, outcome.version, outcome.number)

    def presence_changed(self, served: Sequence[str]) -> None:
        """Workers of these functions came or went, so another version of them may answer now."""
        self._announce(list(served))

    def _announce(self, changed: list[str]) -> None:
        if changed:
            self.epoch += 1
            for listener in self._listeners:
                listener(changed)

    # -- finding -------------------------------------------------------------------------------------------------------

    async def version_for(self, subject: access.Subject, name: str, action: access.Action) -> ports.VersionRow:
        """The version that a name means, if the subject may do `action` there; raises Refused.

        Without a version it is the newest that is served, or else the newest. What does not exist and what a stranger
        may not know of are refused in the same words.
        """
        try:
            wanted = names.reference(name)
        except names.BadName as error:
            raise Refused("not_found", f"{error}.", "Names look like handle/namespace/name.") from None
        decision = access.decide(subject, action, wanted.path)
        if not decision.allowed:
            raise _refusal(decision)
        row = self._chosen(await self._all_versions(wanted.path), wanted)
        if row is None:
            if wanted.moving or not await self._all_versions(wanted.path):
                raise _refusal(access.unknown(wanted.path))
            raise Refused("not_found", f"{wanted.path} has no version {str(wanted).partition('@')[2]}.")
        return row

    def _chosen(self, rows: list[ports.VersionRow], wanted: names.Reference) -> ports.VersionRow | None:
        if wanted.number is not None:
            return next((row for row in rows if row.number == wanted.number), None)
        if wanted.digest:
            return next((row for row in rows if row.digest.hex().startswith(wanted.digest)), None)
        if not rows or not wanted.moving:
            return None
        return next((row for row in rows if self.ready_for(row.version)), rows[0])

    async def _all_versions(self, name: str) -> list[ports.VersionRow]:
        held = self._versions.get(name)
        if held is not None:
            return held
        epoch = self.epoch
        rows = sorted(await self._store.versions(name), key=lambda row: -row.number)
        if rows and epoch == self.epoch:
            self._versions.put(name, rows)
        return rows

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
        for other in await self._all_versions(row.name):
            if other.interface == interface:
                return "; ".join(difference(self.interface(other), self.interface(row)).splitlines())
        return "the interface that you imported is not known here"

    async def show(self, subject: access.Subject, name: str) -> Entry:
        """One version with its availability; raises Refused."""
        return self._entry(subject, await self.version_for(subject, name, "view"))

    async def versions(self, subject: access.Subject, name: str) -> list[Entry]:
        """All versions of a function, newest first; raises Refused."""
        row = await self.version_for(subject, name, "view")
        return [self._entry(subject, each) for each in await self._all_versions(row.name)]

    async def functions(
        self, subject: access.Subject, *, text: str = "", below: str = "", limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Entry], str | None]:
        """A page of the functions that the subject may see, by name, and the cursor of the next page."""
        if below:
            try:
                below = names.path(below)
            except names.BadName as error:
                raise Refused("invalid_request", f"{error}.") from None
        page = await self._store.functions(access.visible_roots(subject), text, below, limit, cursor)
        seen = [row for row in page.items if access.decide(subject, "view", row.name).allowed]
        return [self._entry(subject, row) for row in seen], page.next

    def _entry(self, subject: access.Subject, row: ports.VersionRow) -> Entry:
        return Entry(row, self.ready_for(row.version), access.level_at(subject, row.name))


def _refusal(decision: access.Decision) -> Refused:
    hint = "Check the name, or ask its owner to share it." if decision.code == "not_found" else ""
    return Refused(decision.code, decision.reason, hint)


def _check_options(name: str, options: FunctionOptions) -> None:
    """Raises Refused for options that no worker of ours would send."""
    complaint = ""
    if options.timeout_seconds is not None and not 0 < options.timeout_seconds < float("inf"):
        complaint = "a timeout is more than 0 seconds"
    elif not 1 <= options.tries <= 1000:
        complaint = "a function is tried 1 to 1000 times"
    elif not 0 <= options.backoff_seconds <= 86_400:
        complaint = "the pause before another try is 0 to 86400 seconds"
    elif options.concurrency is not None and options.concurrency < 1:
        complaint = "a concurrency limit is at least 1"
    elif len(options.requires) > _REQUIREMENTS_LIMIT:
        complaint = f"there are at most {_REQUIREMENTS_LIMIT} requirements"
    if complaint:
        raise Refused("invalid_request", f"The options of {name} are wrong: {complaint}.")
