"""A worker's life: load, connect, serve, reload, drain, leave."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from farcall.domain.errors import Failure
from farcall.domain.names import BadName, absolute, handle_of
from farcall.guest.messages import Loaded, Setup, Unloadable
from farcall.link import Address, Backoff, Link, LinkError
from farcall.link.loops import new_event_loop
from farcall.runtimes.ports import Runtime
from farcall.runtimes.python_process import PythonProcesses
from farcall.wire import frames
from farcall.worker import machine
from farcall.worker.attempts import Ending
from farcall.worker.blobs import Blobs
from farcall.worker.conversation import Conversation
from farcall.worker.generations import Generation, wrong_units
from farcall.worker.lease import Lease
from farcall.worker.options import Event, EventKind, ServeOptions
from farcall.worker.outbox import Outbox
from farcall.worker.pool import Pool
from farcall.worker.reload import FileWatch
from farcall.worker.reports import Reports
from farcall.worker.work import Work

_SOFTWARE: Final = "farcall-worker/0.1.0"
_POLL_SECONDS: Final = 0.02
_UNUSED_SECONDS: Final = 2.0  # a generation that is asked for nothing for so long is let go
_GENERATIONS: Final = 3  # at once; the oldest of more goes when it has finished what it holds
_LEAVE_SECONDS: Final = 10.0
_REDIAL_MOST_SECONDS: Final = 3.0
INLINE_LIMIT_BYTES: Final = (
    frames.FRAME_LIMIT_BYTES // 2
)  # of a result beside its large parts: one frame has to hold it


class Worker:
    """One worker. `serve` is its whole life; `drain` and `stop` end it, and may be called in its loop only."""

    def __init__(self, options: ServeOptions) -> None:
        self.options = options
        self.boot = secrets.token_bytes(16)
        self._address = Address.parse(options.hub)
        self._on_event = options.on_event
        self._said: list[tuple[Generation, int]] = []  # what was published last, in that order
        self._loading: dict[int, asyncio.Future[Loaded | Unloadable]] = {}
        self._ready = False
        self._renamed: dict[str, str] = {}  # old names that were told, to new ones
        self._failure = ""
        self._draining: asyncio.Task[None] | None = None
        self._reloading: asyncio.Task[None] | None = None
        self._retiring: asyncio.Task[None] | None = None
        self._watch: FileWatch | None = None

    async def serve(self) -> int:
        """Returns the exit code: 0 after a drain, 1 if it could not serve."""
        directory = Path(tempfile.mkdtemp(prefix="farcall-worker-"))
        self._build(directory)
        try:
            return await self._live()
        finally:
            for task in (self._draining, self._reloading, self._retiring):
                if task is not None:
                    task.cancel()
            if self._watch is not None:
                self._watch.stop()
            self._lease.stop()
            await self._work.close()
            for pool in self._pools:
                pool.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(pool.emptied.wait() for pool in self._pools)), _LEAVE_SECONDS)
            await self._blobs.close()
            shutil.rmtree(directory, ignore_errors=True)

    def _build(self, directory: Path) -> None:
        options = self.options
        self._runtime: Runtime = PythonProcesses(
            Setup(
                list(options.targets),
                options.secret or machine.owner_secret(),
                "",
                INLINE_LIMIT_BYTES,
                options.blob_limit_bytes,
                options.stream_window,
            ),
            directory,
        )
        cache = options.cache_directory or machine.cache_directory()
        self._blobs = Blobs(
            self._address,
            options.token,
            options.ca_file,
            cache,
            directory / "outgoing",
            options.blob_cache_limit_bytes,
            options.blob_limit_bytes,
        )
        self._outbox = Outbox(self._send)
        self._reports = Reports(self._send)
        self._work = Work(
            self._outbox,
            self._reports,
            self._blobs,
            self._on_event,
            self._pool_says,
        )
        self._loop = asyncio.get_running_loop()
        self._lease = Lease(self._lapsed)
        self._conversation = Conversation(
            self._work,
            self._outbox,
            self._reports,
            self._lease,
            self._register,
            self._publications,
            self._published,
            self.drain,
            self._on_event,
        )
        self._pools: list[Pool] = []
        self._link = Link(
            self._address,
            options.token,
            "worker",
            self.boot,
            _SOFTWARE,
            self._conversation,
            ca_file=options.ca_file,
            first_patience_seconds=options.connect_patience_seconds,
            backoff=Backoff(random.random, most_seconds=_REDIAL_MOST_SECONDS),
        )
        self._conversation.link = self._link

    def _send(self, frame: frames.Frame) -> None:
        self._link.send(frame)

    async def _live(self) -> int:
        pool, result = await self._load()
        if isinstance(result, Unloadable):
            self._on_event(Event(EventKind.UNLOADABLE, result.message, detail=result.detail))
            return 1
        self._take_over(pool, result)
        self._lease.start()
        try:
            await self._link.run()
        except LinkError as error:
            self._failure = str(error)
            self._on_event(Event(EventKind.FAILED, self._failure, failure=error.failure))
        return 1 if self._failure else 0

    # -- loading and reloading -----------------------------------------------------------------------------------------

    async def _load(self) -> tuple[Pool, Loaded | Unloadable]:
        """A new pool, once its first slot has loaded, or could not."""
        pool = Pool(self._runtime, self.options.slots, self._work)
        self._pools.append(pool)
        self._loading[id(pool)] = self._loop.create_future()
        pool.start()
        try:
            result = await self._loading[id(pool)]
        finally:
            del self._loading[id(pool)]
        if isinstance(result, Loaded) and (complaint := await asyncio.to_thread(wrong_units, result)):
            result = Unloadable(complaint)
        if isinstance(result, Unloadable):
            pool.kill()
            await pool.emptied.wait()
            self._pools.remove(pool)
        return pool, result

    def _pool_says(self, pool: Pool, result: Loaded | Unloadable | None) -> None:
        """The first slot of a pool has loaded or could not; None: a later one found something else than the first."""
        waiting = self._loading.get(id(pool))
        if waiting is not None:
            if result is not None and not waiting.done():
                waiting.set_result(result)
        elif isinstance(result, Unloadable):
            self._on_event(Event(EventKind.UNLOADABLE, result.message, detail=result.detail))
        elif result is None:
            old = next((each for each in self._work.generations[:-1] if each.pool is pool), None)
            if old is None:
                self.reload()
            else:  # a process of it has ended, and what it ran is no more to be had
                self._work.fade(old)

    def _take_over(self, pool: Pool, loaded: Loaded) -> None:
        options = self.options
        generation = Generation(pool, loaded, options.namespace, options.kill_grace_seconds, self._send)
        self._work.add(generation)
        if options.reload:
            if self._watch is None:
                self._watch = FileWatch(self.reload)
            self._watch.watch(generation.files)

    def reload(self) -> None:
        """Load the files anew. The old code goes on serving its own versions until nothing asks for them any more."""
        if self._reloading is None or self._reloading.done():
            self._reloading = self._loop.create_task(self._reload())

    async def _reload(self) -> None:
        pool, result = await self._load()
        if isinstance(result, Unloadable):
            self._on_event(Event(EventKind.UNLOADABLE, result.message, detail=result.detail))
            return
        self._work.generations[-1].fades_at = time.monotonic() + self.options.drain_seconds
        self._take_over(pool, result)
        self._conversation.publish()
        self._on_event(Event(EventKind.RELOADED, names=tuple(self._work.generations[-1].names)))
        if self._retiring is None or self._retiring.done():
            self._retiring = self._loop.create_task(self._retire())

    async def _retire(self) -> None:
        """Let old generations go, one after another, once nothing has been asked of them for a while.

        That takes no longer than a drain may take.

        Callers go to the new version with their next call; what was accepted before is still offered to the old one.
        """
        while len(self._work.generations) > 1:
            await asyncio.sleep(_POLL_SECONDS)
            oldest = self._work.generations[0]
            now = time.monotonic()
            if not oldest.fading and (now > oldest.fades_at or len(self._work.generations) > _GENERATIONS):
                self._work.fade(oldest)
            if self._work.holds(oldest):
                oldest.used_at = now
                continue
            if not oldest.fading and now - oldest.used_at < _UNUSED_SECONDS:
                continue
            self._work.drop(oldest)
            self._conversation.publish()
            oldest.pool.close()
            await oldest.pool.emptied.wait()
            self._pools.remove(oldest.pool)

    # -- what is said of this worker -----------------------------------------------------------------------------------

    @property
    def _credit(self) -> int:
        return self.options.slots * self.options.credit_per_slot

    def _register(self, held: list[frames.AttemptKey]) -> frames.Register:
        options = self.options
        name = options.name or machine.host_name()
        return frames.Register(name, options.slots, self._credit, machine.resources(options.labels), held)

    def _served(self) -> list[tuple[Generation, int]]:
        """What this worker serves, oldest first: what is the same in two generations belongs to the newer."""
        generations = self._work.generations
        return [
            (generation, index)
            for place, generation in enumerate(generations)
            for index, publication in enumerate(generation.publications)
            if not any(later.serves(publication) for later in generations[place + 1 :])
        ]

    def _publications(self) -> list[frames.Publication]:
        self._said = self._served()
        keys = self._conversation.digest_keys
        return [generation.said(index, keys) for generation, index in self._said]

    def _published(self, functions: list[frames.PublishedFunction]) -> None:
        versions: dict[int, tuple[Generation, int]] = {}
        names: list[str] = []
        failures: list[Failure] = []
        for (generation, index), function in zip(self._said, functions, strict=False):
            if function.failure is None:
                versions[function.version] = (generation, index)
                generation.names[index] = function.name
                names.append(function.name)
                self._tell_renamed(generation.publications[index].name, function.name)
            else:
                failures.append(function.failure)
                name = function.name or generation.name_of(index)
                self._on_event(
                    Event(EventKind.REFUSED, function.failure.message, (name,), function.failure.hint, function.failure)
                )
        self._work.versions = versions
        if names:
            self._ready = True
            self._on_event(Event(EventKind.READY, names=tuple(dict.fromkeys(names))))
        elif not self._ready:
            self._failure = "The hub refused to publish what is here: nothing is served."
            self._on_event(Event(EventKind.FAILED, self._failure, failure=failures[0] if failures else None))
            self._conversation.refused = True
            self._link.close()

    def _tell_renamed(self, published: str, name: str) -> None:
        """Say, once for each, that a function is called something else at the hub than in its file."""
        try:
            old = absolute(handle_of(name), published)
        except BadName:  # the hub says nonsense
            return
        if old != name and self._renamed.get(old) != name:
            self._renamed[old] = name
            message = f"{old} was renamed to {name}, and is served as that. Write the new name into its file."
            self._on_event(Event(EventKind.RENAMED, message, (name,)))

    # -- leaving -------------------------------------------------------------------------------------------------------

    def _lapsed(self) -> None:
        """In the lease's thread: whatever the loop is doing, what runs stops now."""
        for pool in self._pools:
            pool.kill_running_now()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._after_lapse)

    def _after_lapse(self) -> None:
        if self._work.attempts:
            message = "The hub has not been heard for too long: what ran was stopped."
            self._on_event(Event(EventKind.LEASE_LAPSED, message))
        self._work.end_all(Ending.LAPSE)
        self._link.redial()

    def drain(self, reason: str = "the worker was asked to leave") -> None:
        """Finish what runs, return the rest, wait for the hub's acknowledgements, leave."""
        if self._draining is None:
            self._draining = self._loop.create_task(self._drain(reason))

    async def _drain(self, reason: str) -> None:
        self._on_event(Event(EventKind.DRAINING, reason))
        if self._watch is not None:
            self._watch.stop()
        for task in (self._reloading, self._retiring):
            if task is not None:
                task.cancel()
        self._conversation.leaving = reason
        self._work.accepting = False
        self._send(frames.Leaving(reason))
        if self._work.generations:
            self._work.give_back_unstarted("draining")
            if not await self._until(lambda: not self._work.attempts, self.options.drain_seconds):
                self._work.end_all(Ending.LEAVE)
                await self._until(lambda: not self._work.attempts, self.options.kill_grace_seconds + 1.0)
            await self._until(lambda: not len(self._outbox) or not self._link.connected, _LEAVE_SECONDS)
        self.stop()

    async def _until(self, settled: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not settled():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def stop(self) -> None:
        """Leave now; what runs is killed."""
        self._link.close()
        for waiting in self._loading.values():
            if not waiting.done():
                waiting.set_result(Unloadable("The worker was stopped before it had loaded."))

    def signalled(self) -> None:
        """First time: drain. Second time: stop."""
        if self._draining is None:
            self.drain("the worker was told to stop")
        else:
            self.stop()


def run(options: ServeOptions) -> int:
    """Serve until told to stop (SIGTERM, SIGINT: drain; a second one: at once); returns the exit code.

    Raises `farcall.link.BadAddress` if the hub's address is none.
    """
    worker = Worker(options)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_run(worker))


async def _run(worker: Worker) -> int:
    with _signals(worker):
        return await worker.serve()


@contextlib.contextmanager
def _signals(worker: Worker) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    if sys.platform == "win32":
        before = [signal.signal(number, lambda *_: loop.call_soon_threadsafe(worker.signalled)) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
        return
    for number in numbers:
        loop.add_signal_handler(number, worker.signalled)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
