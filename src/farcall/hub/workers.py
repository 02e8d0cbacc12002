"""Workers that are here: what they are, what they serve, what they say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.domain.states import WorkerState
from farcall.hub import ports
from farcall.hub.blobs import needed_within
from farcall.hub.catalog import Catalog
from farcall.hub.dispatch import events
from farcall.hub.dispatcher import Dispatcher, reclaimed
from farcall.hub.logs import Logs
from farcall.hub.presence import Presence, Presences
from farcall.hub.streams import Streams
from farcall.wire import frames

_MAX_SLOTS = 4096
MAX_CREDIT = 1_048_576
_MAX_RESOURCES = 256


class Workers:
    """All present workers, and the use cases that concern them."""

    def __init__(
        self, dispatcher: Dispatcher, store: ports.Store, catalog: Catalog, logs: Logs, streams: Streams, hub: str
    ) -> None:
        self._dispatcher = dispatcher
        self._store = store
        self._catalog = catalog
        self.logs = logs
        self.streams = streams
        self._hub = hub
        self._present = Presences()
        self._seen_at: dict[int, float] = {}
        self._durations: dict[int, float] = {}
        self._before: dict[str, int] = {}  # boots that were here before the hub's start, to their accounts
        self.on_served: Callable[[Sequence[int]], None] = lambda _versions: None
        dispatcher.on_worker_gone = self._given_up

    # -- reading -------------------------------------------------------------------------------------------------------

    def present(self) -> list[Presence]:
        """Every worker that is connected or may yet return."""
        return list(self._present.all())

    def ready_for(self, version: int) -> int:
        """How many connected workers serve the version."""
        return self._present.ready(version)

    def serving(self, version: int) -> list[Presence]:
        return self._present.serving(version)

    async def digest_keys(self, subject: access.Subject) -> dict[str, bytes]:
        """What a worker of this account keys implementation digests with, by the handle of each of its groups."""
        if not access.has_scope(subject, "serve"):
            return {}
        keys = await self._store.digest_keys(subject.key)
        limits = {names.handle_of(limit) for limit in subject.only}
        return {handle: key for handle, key in keys.items() if not limits or handle in limits}

    async def hidden_blob(self, subject: access.Subject, digests: Sequence[str]) -> str:
        """The first of these blobs that a worker with this token may not read, or "" if there is none."""
        for digest in digests:
            needing = self._dispatcher.core.needing_blob(subject.key, digest)
            held = await needed_within(self._store, subject, needing)
            if not held and not await self._store.blob_readable(digest, subject.key, subject.token, subject.only):
                return digest
        return ""

    def expect(self, before: Sequence[ports.PresenceRow]) -> None:
        """These were here before the hub's start, and may come back; nobody else under their boots."""
        self._before = {row.boot: row.account for row in before}

    # -- coming and going ----------------------------------------------------------------------------------------------

    async def register(self, subject: access.Subject, frame: frames.Register, link: ports.WorkerLink) -> None:
        """A worker says what it is, and what it still holds from before."""
        if not access.has_scope(subject, "serve"):
            raise Refused("permission_denied", "This token may not serve functions.", "Use one with the scope serve.")
        if not 1 <= frame.slots <= _MAX_SLOTS or not 0 <= frame.credit <= MAX_CREDIT:
            raise Refused("invalid_request", f"A worker has 1 to {_MAX_SLOTS} slots and a credit up to {MAX_CREDIT}.")
        if len(frame.resources) > _MAX_RESOURCES or any(value != value for value in frame.resources.values()):
            raise Refused("invalid_request", f"A worker has at most {_MAX_RESOURCES} resources, and none is NaN.")
        boot = link.boot
        if self._before.get(boot, subject.key) != subject.key:
            raise _not_yours()
        resumes = await self._resumes(subject, frame.resume, link)
        now = time.time()
        presence = Presence(
            boot,
            subject.key,
            subject.handle,
            frame.name[:200],
            frame.slots,
            dict(frame.resources),
            WorkerState.READY,
            now,
            now,
        )
        known = self._present.get(boot)
        await self._store.do(self._row(presence, known.versions if known is not None else ()))
        # From here on without a pause: a worker is ready when it has a line, and not before.
        known = self._present.get(boot)
        if known is not None and known.account != subject.key:
            raise _not_yours()
        if known is not None:
            presence.versions, presence.names = known.versions, known.names
        changed = self._present.put(presence)
        old = self._dispatcher.attach_worker(link)
        if old is not None:
            old.close("conflict", "The same worker has connected again.")
        self._dispatcher.feed(
            events.WorkerJoined(boot, subject.key, frame.slots, frame.credit, dict(frame.resources), resumes)
        )
        self._catalog.presence_changed(changed)

    async def _resumes(
        self, subject: access.Subject, held: Sequence[frames.AttemptKey], link: ports.WorkerLink
    ) -> list[events.Resumed]:
        """What it may go on with: whoever knows an id could claim to hold it, so it must be of what it may serve."""
        if not held:
            return []
        queued = {row.invocation.id: row for row in await self._store.queued([key.id for key in held])}
        versions = {row.invocation.version for row in queued.values()}
        rows = {version: await self._store.version(key=version) for version in versions}
        may = {
            version
            for version, row in rows.items()
            if row is not None and access.decide(subject, "serve", row.name).allowed
        }
        resumes: list[events.Resumed] = []
        denied: list[frames.AttemptKey] = []
        for key in held:
            row = queued.get(key.id)
            if key.fence <= 0 or (row is not None and row.invocation.version not in may):
                denied.append(key)
            else:
                resumes.append(events.Resumed(key.id, key.fence, reclaimed(row) if row is not None else None))
        if denied:
            link.send(frames.CancelAttempts(denied))
            link.send(frames.Acknowledge([], list(denied)))
        return resumes

    async def publish(
        self, subject: access.Subject, frame: frames.Publish, boot: str
    ) -> list[frames.PublishedFunction]:
        """The full list of what the worker serves from now on; one answer each."""
        answers = await self._catalog.publish(subject, frame.functions)
        good = [answer for answer in answers if answer.failure is None]
        versions, names = [answer.version for answer in good], [answer.name for answer in good]
        for version in versions:
            known = self._dispatcher.core.knows_version(version)
            row = None if known else await self._store.version(key=version)
            if row is not None:
                facts = events.VersionFacts(row.version, row.name, row.options)
                self._dispatcher.feed(events.VersionPublished(facts))
        presence = self._present.get(boot)
        if presence is None:
            raise Refused("worker_lost", "The hub gave this worker up while it published.", "It will connect anew.")
        await self._store.do(self._row(presence, versions))
        # From here on without a pause: nobody finds a version served before it is.
        changed = self._present.serve(presence, versions, names)
        self._dispatcher.feed(events.Served(boot, versions))
        self._catalog.presence_changed(changed)
        self.on_served(versions)
        return answers

    def disconnected(self, link: ports.WorkerLink) -> None:
        """The channel is down: the worker is away, its attempts wait for it."""
        presence = self._present.get(link.boot)
        if presence is None or self._dispatcher.worker_link(link.boot) is not link:
            return
        ready = presence.state is WorkerState.READY
        changed = self._present.move(presence, WorkerState.AWAY) if ready else []
        self._store.write(ports.EndPresence(link.boot, "away", time.time()))
        self._remember(presence)
        self._dispatcher.detach_worker(link)  # one that drained is gone with this, which is the last word on it
        self._catalog.presence_changed(changed)

    def duration_of(self, version: int) -> float | None:
        """Seconds that the version typically runs, as far as workers have measured it since the hub's start."""
        return self._dispatcher.core.durations([version]).get(version) or self._durations.get(version)

    def seen_at(self, version: int) -> float | None:
        """When the last worker of the version left, if that was since the hub's start."""
        return self._seen_at.get(version)

    def _remember(self, presence: Presence) -> None:
        """What was measured goes with the worker, unless it is written down."""
        now = time.time()
        self._seen_at.update((version, now) for version in presence.versions)
        measured = self._dispatcher.core.durations(presence.versions)
        if measured:
            self._durations.update(measured)
            self._store.write(ports.KeepDurations(list(measured.items())))

    def left(self, link: ports.WorkerLink) -> None:
        """The worker said goodbye: it will not come back under this boot."""
        if self._dispatcher.worker_link(link.boot) is not link:
            return  # it never registered, and speaks of somebody else's boot
        presence = self._present.get(link.boot)
        changed = self._present.move(presence, WorkerState.DRAINING) if presence is not None else []
        self._dispatcher.feed(events.Draining(link.boot))
        self._catalog.presence_changed(changed)

    def drain(self, boot: str) -> bool:
        """Ask a worker to leave; False if it is not connected."""
        link = self._dispatcher.worker_link(boot)
        if link is None:
            return False
        link.send(frames.Drain("asked to by an operator"))
        return True

    def _given_up(self, boot: str, state: str) -> None:
        link = self._dispatcher.worker_link(boot)
        if link is not None:  # silent until now; whatever it says next, it has to begin anew
            self._dispatcher.detach_worker(link)
            link.close("worker_lost", "The hub had given this worker up, since it was silent for too long.")
        presence = self._present.get(boot)
        if presence is not None:
            self._remember(presence)
        self._catalog.presence_changed(self._present.remove(boot))
        self._store.write(ports.EndPresence(boot, state, time.time()))

    def _row(self, presence: Presence, versions: Sequence[int]) -> ports.PutPresence:
        return ports.PutPresence(
            presence.boot,
            presence.account,
            presence.name,
            self._hub,
            presence.slots,
            dict(presence.resources),
            tuple(versions),
            presence.state.label,
            presence.seen_at,
        )

    def seen(self, link: ports.WorkerLink) -> None:
        """Any sign of life. One that has not registered yet is nobody's."""
        presence = self._present.get(link.boot)
        if presence is not None and self._dispatcher.worker_link(link.boot) is link:
            presence.seen_at = time.time()
            self._dispatcher.feed(events.HeartbeatSeen(link.boot))

    def withdraw(self, versions: Sequence[int]) -> None:
        """These versions were deleted: nobody serves them any more. What runs goes on, what waits ends."""
        gone = set(versions)
        for presence in {id(p): p for version in versions for p in self._present.serving(version)}.values():
            kept = [pair for pair in zip(presence.versions, presence.names, strict=True) if pair[0] not in gone]
            left = [version for version, _ in kept]
            changed = self._present.serve(presence, left, [name for _, name in kept])
            self._dispatcher.feed(events.Served(presence.boot, left))
            self._store.write(self._row(presence, left))
            self._catalog.presence_changed(changed)
        for version in versions:
            self._dispatcher.feed(events.VersionWithdrawn(version, deleted=True))

    async def renamed(self, versions: Sequence[tuple[int, str]]) -> None:
        """Workers go on serving these versions, under other names."""
        self._present.rename(dict(versions))
        for version, _ in versions:
            row = await self._store.version(key=version) if self._dispatcher.core.knows_version(version) else None
            if row is not None:
                facts = events.VersionFacts(row.version, row.name, row.options)
                self._dispatcher.feed(events.VersionPublished(facts))

    async def restrict(self, subject: access.Subject, link: ports.WorkerLink) -> None:
        """What the worker's account may no longer serve is not placed there any more."""
        presence = self._present.get(link.boot)
        if presence is None or self._dispatcher.worker_link(link.boot) is not link:
            return
        held = list(zip(presence.versions, presence.names, strict=True))
        kept = [pair for pair in held if access.decide(subject, "serve", pair[1]).allowed]
        if kept != held:
            versions = [version for version, _ in kept]
            changed = self._present.serve(presence, versions, [name for _, name in kept])
            self._dispatcher.feed(events.Served(link.boot, versions))
            self._catalog.presence_changed(changed)
            await self._store.do(self._row(presence, versions))


def _not_yours() -> Refused:
    return Refused("permission_denied", "Another account's worker has this boot id.", "Start the worker anew.")
