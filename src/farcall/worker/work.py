"""The attempts of a worker as a whole: taken from offers, run by the pool, handed to delivery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from farcall.domain.errors import Failure
from farcall.guest.messages import Failed, Loaded, Piece, Succeeded, Unloadable
from farcall.payload.codes import BLOB_MAGIC
from farcall.payload.errors import MalformedPayload
from farcall.payload.view import blob_digests
from farcall.runtimes.ports import Death, Slot
from farcall.wire import frames
from farcall.worker.attempts import Attempt, Ending, Key
from farcall.worker.blobs import BlobError, Blobs
from farcall.worker.delivery import Delivery
from farcall.worker.generations import Generation
from farcall.worker.options import Event, EventKind
from farcall.worker.outbox import Outbox
from farcall.worker.pool import Pool
from farcall.worker.reports import Reports


class Work:
    """What this worker has to do. Implements `farcall.worker.pool.PoolListener`; `on_pool` hears of loading."""

    def __init__(
        self,
        outbox: Outbox,
        reports: Reports,
        blobs: Blobs,
        on_event: Callable[[Event], None],
        on_pool: Callable[[Pool, Loaded | Unloadable | None], None],
    ) -> None:
        self.attempts: dict[Key, Attempt] = {}
        self.generations: list[Generation] = []  # newest last
        self.versions: dict[
            int, tuple[Generation, int]
        ] = {}  # by the hub's key of a version: the index of the function
        self.accepting = True
        self._outbox = outbox
        self._reports = reports
        self._blobs = blobs
        self._on_event = on_event
        self._on_pool = on_pool
        self._delivery = Delivery(outbox, self.attempts, blobs)
        self._fetching: dict[Key, asyncio.Task[None]] = {}

    def add(self, generation: Generation) -> None:
        """Run in this one, from now on, what is offered of its versions."""
        self.generations.append(generation)

    def fade(self, generation: Generation) -> None:
        """It finishes what runs, and is given no more."""
        generation.fading = True
        self.versions = {key: served for key, served in self.versions.items() if served[0] is not generation}
        self._give_back(generation.pool.withdraw_all(), "unknown_version")

    def drop(self, generation: Generation) -> None:
        """It has nothing left to do, and is given no more."""
        self.fade(generation)
        self.generations.remove(generation)
        generation.supervision.stop()

    def holds(self, generation: Generation) -> bool:
        """Whether attempts of it are here."""
        return any(attempt.generation is generation for attempt in self.attempts.values())

    def held(self) -> list[frames.AttemptKey]:
        """Everything that is here: waiting, running, or finished and not acknowledged."""
        return [attempt.wire_key for attempt in self.attempts.values()] + self._outbox.keys()

    # -- what the hub wants --------------------------------------------------------------------------------------------

    def offer(self, frame: frames.Offer) -> None:
        """Take these on, or give them back."""
        runnable: list[Attempt] = []
        unknown: list[Key] = []
        attempts, versions = self.attempts, self.versions
        for item in frame.items:
            served = versions.get(item.version)
            if served is None:
                unknown.append((item.id, item.fence))
                continue
            attempt = Attempt(item, *served)
            if attempt.key in attempts or attempt.key in self._outbox:
                continue
            attempts[attempt.key] = attempt
            if BLOB_MAGIC in item.arguments:
                self._fetch(attempt)
            else:
                runnable.append(attempt)
        if unknown:
            self._outbox.give_back(unknown, "unknown_version")
        if not self.accepting:
            self._give_back(runnable, "draining")
        elif runnable:
            self._run(runnable)

    def _run(self, attempts: list[Attempt]) -> None:
        for generation, own in _by_generation(attempts):
            generation.used_at = time.monotonic()
            generation.pool.add(own)
            generation.supervision.wake()

    def recall(self, keys: Iterable[frames.AttemptKey]) -> None:
        """Give back those of these that have not started."""
        self._give_back(self._withdraw(keys), "recalled")

    def cancel(self, keys: Iterable[frames.AttemptKey]) -> None:
        """Stop these, started or not."""
        keys = list(keys)
        unstarted = self._withdraw(keys)
        for attempt in unstarted:
            self._forget_blobs(attempt)
            self._delivery.cancelled(attempt)
        settled = {attempt.key for attempt in unstarted}
        for key in keys:
            if (key.id, key.fence) in settled:
                continue
            attempt_or_none = self.attempts.get((key.id, key.fence))
            if attempt_or_none is None:
                if (key.id, key.fence) not in self._outbox:
                    self._delivery.unknown(key)
            elif not attempt_or_none.delivering:
                attempt_or_none.generation.supervision.end(attempt_or_none, Ending.CANCEL)
        self._delivery.flush()

    def acknowledged(self, frame: frames.Acknowledge) -> None:
        """The hub needs these no more; what it calls stale is stopped as well."""
        self._outbox.acknowledged(frame)
        for key in frame.stale:
            attempt = self.attempts.get((key.id, key.fence))
            if attempt is None:
                continue
            if attempt.delivering:
                self._delivery.abandon(attempt)
            elif attempt.seat is None:
                self._withdraw([key])
                self._drop(attempt)
            else:
                attempt.generation.supervision.end(attempt, Ending.CANCEL)

    def taken(self, frame: frames.StreamTaken) -> None:
        """The caller has items of a stream, or, if that is nothing new, wants to be sent the rest again."""
        attempt = self.attempts.get((frame.id, frame.fence))
        if attempt is None or attempt.stream is None:
            return
        count = frame.seq + 1  # the frame names the last item that was taken, -1 for none
        if not attempt.stream.take(count):
            self._reports.again(attempt)
            return
        seat = attempt.seat
        if seat is not None and seat.slot is not None:
            seat.slot.taken(attempt.seq, count)
        if not attempt.stream.items and attempt.delivering:
            self._delivery.release(attempt)

    def resend_streams(self) -> None:
        """A new line is open: what went out meanwhile is lost, and who waits for it may not ask again."""
        for attempt in self.attempts.values():
            self._reports.again(attempt)

    def _withdraw(self, keys: Iterable[frames.AttemptKey]) -> list[Attempt]:
        """Those of these that had not started; they are nowhere now but in `attempts`."""
        found = [self.attempts.get((key.id, key.fence)) for key in keys]
        wanted = [attempt for attempt in found if attempt is not None and not attempt.delivering]
        fetching = [attempt for attempt in wanted if attempt.key in self._fetching]
        for attempt in fetching:
            self._fetching.pop(attempt.key).cancel()
        for generation, own in _by_generation(wanted):
            fetching += generation.pool.withdraw(own)
        return fetching

    # -- leaving -------------------------------------------------------------------------------------------------------

    def give_back_unstarted(self, reason: str) -> None:
        """Return all that has not started."""
        for generation in self.generations:
            self._give_back(generation.pool.withdraw_all(), reason)
        fetching = [self.attempts[key] for key in self._fetching if key in self.attempts]
        for task in self._fetching.values():
            task.cancel()
        self._fetching.clear()
        self._give_back(fetching, reason)

    def end_all(self, ending: Ending) -> None:
        """Stop all that runs, and return the rest."""
        self.give_back_unstarted("draining" if ending is Ending.LEAVE else "recalled")
        for attempt in list(self.attempts.values()):
            if not attempt.delivering:
                attempt.generation.supervision.end(attempt, ending)

    async def close(self) -> None:
        """Stop watching and transferring."""
        for generation in self.generations:
            generation.supervision.stop()
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        await self._delivery.close()

    # -- blobs of arguments --------------------------------------------------------------------------------------------

    def _fetch(self, attempt: Attempt) -> None:
        task = asyncio.get_running_loop().create_task(self._fetch_then_run(attempt))
        self._fetching[attempt.key] = task

    async def _fetch_then_run(self, attempt: Attempt) -> None:
        try:
            attempt.blobs = await self._blobs.fetch(blob_digests(attempt.arguments))
        except MalformedPayload as error:
            self._fetching.pop(attempt.key, None)
            self._delivery.refused(attempt, Failure("invalid_arguments", f"The arguments are malformed: {error}."))
            self._delivery.flush()
        except BlobError:
            self._fetching.pop(attempt.key, None)
            self._give_back([attempt], "blob_unavailable")
        else:
            self._fetching.pop(attempt.key, None)
            self._run([attempt])

    def _forget_blobs(self, attempt: Attempt) -> None:
        if attempt.blobs:
            self._blobs.unpin(attempt.blobs)
            attempt.blobs = {}

    def _drop(self, attempt: Attempt) -> None:
        self.attempts.pop(attempt.key, None)
        self._forget_blobs(attempt)

    def _give_back(self, attempts: list[Attempt], reason: str) -> None:
        for attempt in attempts:
            self._drop(attempt)
        self._outbox.give_back([attempt.key for attempt in attempts], reason)

    # -- what the pool tells -------------------------------------------------------------------------------------------

    def loaded(self, pool: Pool, loaded: Loaded) -> None:
        self._on_pool(pool, loaded)

    def changed(self, pool: Pool) -> None:
        self._on_pool(pool, None)

    def unloadable(self, pool: Pool, why: Unloadable) -> None:
        self._on_pool(pool, why)

    def ended(self, attempt: Attempt, end: Succeeded | Failed, slot: Slot) -> None:
        if attempt.blobs:
            self._forget_blobs(attempt)
        if type(end) is Succeeded:
            self._delivery.succeeded(attempt, end, slot.spool)
            return
        assert isinstance(end, Failed)  # there are two kinds of ends
        failure = self._delivery.failed(attempt, end)
        if failure.code in ("function_error", "bad_result"):
            raised = f"{failure.remote_type}: {failure.message}" if failure.remote_type else failure.message
            self._on_event(Event(EventKind.FUNCTION_ERROR, raised, (attempt.name,), failure.traceback, failure))

    def lost(self, attempt: Attempt, death: Death) -> None:
        self._forget_blobs(attempt)
        self._delivery.lost(attempt, death)

    def neighbours(self, attempts: list[Attempt]) -> None:
        self._give_back(attempts, "neighbour_died")

    def died(self, pool: Pool, death: Death) -> None:
        if not death.was_loaded:
            message = f"What is to be served ends the process that loads it. {death.message}"
            self._on_pool(pool, Unloadable(message, death.last_words))
            return
        self._on_event(Event(EventKind.PROCESS_DIED, death.message, detail=death.last_words))

    def printed(self, attempt: Attempt | None, pieces: list[Piece]) -> None:
        if attempt is not None:
            self._reports.printed(attempt, pieces)
        else:
            self._on_event(Event(EventKind.PRINTED, "".join(piece.text for piece in pieces)))

    def reported(self, attempt: Attempt, fraction: float, stage: str) -> None:
        self._reports.reported(attempt, fraction, stage)

    def yielded(self, attempt: Attempt, first: int, items: list[bytes]) -> None:
        self._reports.yielded(attempt, first, items)

    def turn_over(self) -> None:
        self._delivery.flush()


def _by_generation(attempts: list[Attempt]) -> list[tuple[Generation, list[Attempt]]]:
    """Attempts by what runs them; mostly there is one generation only."""
    if not attempts:
        return []
    first = attempts[0].generation
    if len(attempts) == 1 or all(attempt.generation is first for attempt in attempts):
        return [(first, attempts)]
    sorted_out: dict[int, tuple[Generation, list[Attempt]]] = {}
    for attempt in attempts:
        sorted_out.setdefault(id(attempt.generation), (attempt.generation, []))[1].append(attempt)
    return list(sorted_out.values())
