"""The slots of a worker: which attempt goes to which, and what happens when a slot's process ends.

An idle slot always gets the next attempt. A busy one is sent more ahead of time only while all it then holds is
expected to take less than `PREFETCH_SECONDS`; what has not started is taken back when a slot is busy for longer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from farcall.guest.messages import Failed, Loaded, Piece, Printed, Reported, RunItem, Succeeded, Unloadable, Yielded
from farcall.runtimes.ports import Death, Runtime, Slot, Told
from farcall.worker.attempts import Attempt
from farcall.worker.estimates import Estimates

PREFETCH_SECONDS: Final = 0.005
PREFETCH_LIMIT: Final = 256  # attempts in one slot
_MESSAGE_BYTES: Final = 8 * 1024 * 1024  # of arguments sent to a slot together
_RESTART_FIRST_SECONDS: Final = 0.05
_RESTART_MOST_SECONDS: Final = 5.0


class PoolListener(Protocol):
    """Takes what comes of attempts; `turn_over` follows each burst."""

    def loaded(self, pool: Pool, loaded: Loaded) -> None:
        """The first slot has loaded."""

    def changed(self, pool: Pool) -> None:
        """A slot that started later found other functions than the first: the files have changed."""

    def unloadable(self, pool: Pool, why: Unloadable) -> None: ...
    def ended(self, attempt: Attempt, end: Succeeded | Failed, slot: Slot) -> None: ...
    def lost(self, attempt: Attempt, death: Death) -> None: ...
    def neighbours(self, attempts: list[Attempt]) -> None:
        """These had been sent to a slot that died, and never started."""

    def died(self, pool: Pool, death: Death) -> None: ...
    def printed(self, attempt: Attempt | None, pieces: list[Piece]) -> None: ...
    def reported(self, attempt: Attempt, fraction: float, stage: str) -> None: ...
    def yielded(self, attempt: Attempt, first: int, items: list[bytes]) -> None: ...
    def turn_over(self) -> None: ...


class Seat:
    """A slot and what was sent to it, oldest first. The slot is replaced when its process ends."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.slot: Slot | None = None
        self.ready = False  # it has loaded
        self.sent: dict[int, Attempt] = {}
        self.expected_seconds = 0.0
        self.deaths = 0  # in a row, without an outcome in between
        self.seq = 0

    @property
    def is_open(self) -> bool:
        """Whether something may be sent to it."""
        return self.ready and self.slot is not None and self.slot.takes_more


class Pool:
    """All slots that run one set of functions."""

    def __init__(self, runtime: Runtime, slots: int, listener: PoolListener) -> None:
        self._runtime = runtime
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._seats = [Seat(number) for number in range(slots)]
        self._by_slot: dict[int, Seat] = {}
        self._known: Loaded | None = None
        self._closed = False
        self.waiting: deque[Attempt] = deque()
        self.estimates = Estimates()
        self.emptied = asyncio.Event()  # no process is left after `close` or `kill`

    # -- starting and ending -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every slot."""
        for seat in self._seats:
            self._start(seat)

    def _start(self, seat: Seat) -> None:
        if self._closed:
            return
        slot = self._runtime.slot(seat.number, self)
        seat.slot = slot
        seat.ready = False
        self._by_slot[id(slot)] = seat
        try:
            slot.start()
        except OSError as error:
            self.died(slot, Death("process_died", f"No process could be started: {error}.", [], [], False, ""))

    def close(self) -> None:
        """Start nothing new; processes end when they have run what they were sent."""
        self._end(lambda slot: slot.close())

    def kill(self) -> None:
        """End all processes."""
        self._end(lambda slot: slot.kill())

    def _end(self, how: Callable[[Slot], None]) -> None:
        self._closed = True
        slots = [seat.slot for seat in self._seats if seat.slot is not None]
        for slot in slots:
            how(slot)
        if not slots:
            self.emptied.set()

    def kill_running_now(self) -> None:
        """Kill every slot that was sent something; from any thread."""
        for seat in self._seats:
            slot = seat.slot
            if slot is not None and seat.sent:
                slot.kill_now()

    # -- giving attempts to slots --------------------------------------------------------------------------------------

    @property
    def busy(self) -> list[Seat]:
        """The seats that hold attempts."""
        return [seat for seat in self._seats if seat.sent]

    @property
    def has_idle(self) -> bool:
        return any(seat.is_open and not seat.sent for seat in self._seats)

    def add(self, attempts: Iterable[Attempt]) -> None:
        """Run these, after those that wait."""
        self.waiting.extend(attempts)
        self.pump()

    def pump(self) -> None:
        """Give to slots what they have room for."""
        waiting = self.waiting
        if not waiting:
            return
        if len(waiting) == 1:  # mostly, and then it goes to the first that is idle
            for seat in self._seats:
                if not seat.sent and seat.is_open:
                    self._fill(seat, 1)
                    return
        open_seats = [seat for seat in self._seats if seat.is_open]
        if not open_seats:
            return
        # Idle ones first, each with no more than its share of what there is.
        open_seats.sort(key=lambda seat: seat.expected_seconds if seat.sent else -1.0)
        for left, seat in zip(range(len(open_seats), 0, -1), open_seats, strict=True):
            if not waiting:
                return
            self._fill(seat, -(-len(waiting) // left))

    def _fill(self, seat: Seat, share: int) -> None:
        sent, waiting, estimates = seat.sent, self.waiting, self.estimates
        room = PREFETCH_SECONDS - seat.expected_seconds
        slot = seat.slot
        if slot is None or (sent and (room < PREFETCH_SECONDS / 2 or not slot.prefetches)):
            return
        share = min(share, PREFETCH_LIMIT - len(sent)) if slot.prefetches else 1
        items: list[RunItem] = []
        size = 0
        while waiting and len(items) < share and size < _MESSAGE_BYTES:
            attempt = waiting[0]
            seconds = estimates[attempt.function]
            if (items or sent) and seconds > room:
                break
            waiting.popleft()
            room -= seconds
            size += len(attempt.arguments)
            seat.seq += 1
            attempt.seat, attempt.seq = seat, seat.seq
            sent[seat.seq] = attempt
            items.append(
                RunItem(
                    seat.seq,
                    attempt.function,
                    attempt.id,
                    attempt.arguments,
                    attempt.number,
                    attempt.caller,
                    attempt.blobs,
                )
            )
        if items:
            seat.expected_seconds = PREFETCH_SECONDS - room
            slot.send(items)

    def take_back(self, seat: Seat) -> list[Attempt]:
        """What was sent to the seat and has not started; it is nowhere now."""
        if seat.slot is None:
            return []
        back = [seat.sent.pop(seq) for seq in seat.slot.take_back() if seq in seat.sent]
        for attempt in back:
            attempt.seat = None
        seat.expected_seconds = sum(self._finite(attempt) for attempt in seat.sent.values())
        return back

    def _finite(self, attempt: Attempt) -> float:
        return min(self.estimates[attempt.function], PREFETCH_SECONDS)

    def rescue(self, seat: Seat) -> None:
        """The seat is busy for long: what waits behind goes to others."""
        self.waiting.extendleft(reversed(self.take_back(seat)))
        self.pump()

    def withdraw(self, attempts: list[Attempt]) -> list[Attempt]:
        """Take these back if they have not started; returns those that will not run here now."""
        wanted = {attempt.key for attempt in attempts}
        found = [attempt for attempt in self.waiting if attempt.key in wanted]
        if found:
            self.waiting = deque(attempt for attempt in self.waiting if attempt.key not in wanted)
        for seat in {attempt.seat for attempt in attempts if attempt.seat is not None}:
            back = self.take_back(seat)
            found += [attempt for attempt in back if attempt.key in wanted]
            self.waiting.extendleft(attempt for attempt in reversed(back) if attempt.key not in wanted)
        self.pump()
        return found

    def withdraw_all(self) -> list[Attempt]:
        """Take back everything that has not started."""
        found = list(self.waiting)
        self.waiting.clear()
        for seat in self.busy:
            found += self.take_back(seat)
        return found

    # -- what slots tell (`farcall.runtimes.ports.SlotListener`) -------------------------------------------------------

    def loaded(self, slot: Slot, loaded: Loaded) -> None:
        seat = self._by_slot[id(slot)]
        if self._known is None:
            self._known = loaded
            self._listener.loaded(self, loaded)
        elif _implementations(self._known) != _implementations(loaded):
            self._listener.changed(self)
            return
        seat.ready = not self._closed
        self.pump()

    def unloadable(self, slot: Slot, why: Unloadable) -> None:
        self._listener.unloadable(self, why)

    def told(self, slot: Slot, messages: list[Told]) -> None:
        seat = self._by_slot[id(slot)]
        sent, listener = seat.sent, self._listener
        for message in messages:
            kind = type(message)
            if kind is Succeeded or kind is Failed:
                attempt = sent.pop(message.seq)
                seconds = message.run_seconds  # type: ignore[union-attr]  # narrowed by `kind`
                if sent:
                    seat.expected_seconds -= self._finite(attempt)
                self.estimates.measured(attempt.function, seconds)
                listener.ended(attempt, message, slot)  # type: ignore[arg-type]  # as above
            else:
                self._on_the_way(sent, message)  # type: ignore[arg-type]  # as above
        if not sent:
            seat.expected_seconds = 0.0
        seat.deaths = 0
        if self.waiting:
            self.pump()
        listener.turn_over()

    def _on_the_way(self, sent: dict[int, Attempt], message: Printed | Reported | Yielded) -> None:
        attempt = sent.get(message.seq)
        if isinstance(message, Printed):
            self._listener.printed(attempt, message.pieces)
        elif attempt is not None and isinstance(message, Reported):
            self._listener.reported(attempt, message.fraction, message.stage)
        elif attempt is not None and isinstance(message, Yielded):
            self._listener.yielded(attempt, message.first, message.items)

    def died(self, slot: Slot, death: Death) -> None:
        seat = self._by_slot.pop(id(slot))
        sent, seat.sent = seat.sent, {}
        seat.slot, seat.ready, seat.expected_seconds = None, False, 0.0
        started = [sent.pop(seq) for seq in death.started if seq in sent]
        for attempt in (*started, *sent.values()):
            attempt.seat = None
        for attempt in started:
            self._listener.lost(attempt, death)
        if sent:
            self._listener.neighbours(list(sent.values()))
        if not self._closed:
            self._listener.died(self, death)
        self._listener.turn_over()
        if not self._closed:
            pause = 0.0 if not seat.deaths else _RESTART_FIRST_SECONDS * 2 ** min(seat.deaths - 1, 10)
            seat.deaths += 1
            self._loop.call_later(min(pause, _RESTART_MOST_SECONDS), self._start, seat)
        elif not self._by_slot:
            self.emptied.set()


def _implementations(loaded: Loaded) -> list[tuple[str, bytes]]:
    """What tells one set of functions from another. Documents do not: a default may be spelt with an address."""
    return [(described.name, described.implementation) for described in loaded.functions]
