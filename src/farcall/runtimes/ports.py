"""The contract of a runtime: what a worker asks of a slot, and what a slot tells.

A slot runs attempts one after another, in the order in which they were sent. An attempt that was sent is in exactly one
place: the slot's queue, from which `take_back` gets it while it has not started; or started, and then it ends by `told`
(Succeeded or Failed) or by `died`. What is sent to a slot that has nothing may count as started at once. All calls and
all events happen in the thread of one event loop, except `kill_now`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from farcall.guest.messages import Failed, Loaded, Printed, Reported, RunItem, Succeeded, Unloadable, Yielded

Told: TypeAlias = Succeeded | Failed | Printed | Reported | Yielded


@dataclass(frozen=True, slots=True)
class Death:
    """How a slot's process ended. `code` is process_died or out_of_memory; `message` one sentence.

    `started` had begun and have no outcome: at most one, if the guest is honest. `unstarted` never began.
    """

    code: str
    message: str
    started: list[int]
    unstarted: list[int]
    was_loaded: bool
    last_words: str  # the end of what it wrote before it had loaded
    run_seconds: float = 0.0  # how long the one that had started had been running


class SlotListener(Protocol):
    """Takes what slots tell. It was checked in shape and order, and texts are bounded; nothing else is known of it."""

    def loaded(self, slot: Slot, loaded: Loaded) -> None:
        """The slot is ready; comes once, before everything else but `printed` of `seq` 0."""

    def unloadable(self, slot: Slot, why: Unloadable) -> None:
        """It never will be; `died` follows."""

    def told(self, slot: Slot, messages: list[Told]) -> None:
        """What came in one read, in order. An attempt's output comes before its end."""

    def died(self, slot: Slot, death: Death) -> None:
        """The process is gone, and this is the slot's last event."""


class Slot(Protocol):
    """One process. `outstanding` counts attempts that were sent and have neither ended nor been taken back."""

    number: int
    prefetches: bool  # False: send one at a time, since `take_back` can't get it again

    spool: Path  # where large parts of results lie, each in a file named by the hexadecimal digits of its digest

    @property
    def outstanding(self) -> int: ...

    @property
    def takes_more(self) -> bool:
        """False once it was killed or closed, also by itself; `died` may follow only later."""

    def start(self) -> None:
        """Start the process; called once."""

    def send(self, items: list[RunItem]) -> None:
        """Run these after what was sent before; `seq` rises. Only after `loaded`, and while `takes_more`."""

    def take_back(self) -> list[int]:
        """Everything that has not started, oldest first; it will not run here. Race-free: an attempt is either given
        back, or it has started or is about to.
        """

    def running(self) -> tuple[int, float] | None:
        """The attempt that has started and not ended, with its monotonic start; None if there is none."""

    def collect_output(self) -> None:
        """Take what native code has written, so that it does not block; for attempts that run for long."""

    def taken(self, seq: int, count: int) -> None:
        """The caller has taken the first `count` items of the stream of `seq`."""

    def interrupt(self, seq: int) -> bool:
        """Ask user code of `seq` to stop, and no other; False where that is not possible, and only `kill` helps."""

    def kill(self) -> None:
        """End the process and its children; `died` follows."""

    def kill_now(self) -> None:
        """As `kill`, from any thread, and even if the loop is stuck."""

    def close(self) -> None:
        """Let the process end by itself once it has run what it was sent; `died` follows."""


class Runtime(Protocol):
    """Makes slots that all run the same functions."""

    def slot(self, number: int, listener: SlotListener) -> Slot:
        """A slot that has not been started."""
