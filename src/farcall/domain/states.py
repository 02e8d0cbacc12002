"""States of invocation, attempt and worker, as tables. An impossible transition raises."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar


class InvocationState(IntEnum):
    """`WAITING` waits for other invocations; the last four are final."""

    WAITING = 0
    QUEUED = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5
    EXPIRED = 6

    @property
    def final(self) -> bool:
        return self >= InvocationState.SUCCEEDED

    @property
    def label(self) -> str:
        """The word that users see."""
        return self.name.lower()


class AttemptState(IntEnum):
    """`RETURNED` was offered but never started; it does not count as a try."""

    LEASED = 0
    RUNNING = 1
    SUSPENDED = 2
    SUCCEEDED = 3
    FAILED = 4
    RETURNED = 5
    CANCELLED = 6
    LOST = 7

    @property
    def final(self) -> bool:
        return self >= AttemptState.SUCCEEDED

    @property
    def label(self) -> str:
        return self.name.lower()


class WorkerState(IntEnum):
    """`AWAY` is disconnected within the grace: its attempts wait for it."""

    CONNECTING = 0
    READY = 1
    AWAY = 2
    DRAINING = 3
    GONE = 4
    LOST = 5

    @property
    def label(self) -> str:
        return self.name.lower()


_I, _A, _W = InvocationState, AttemptState, WorkerState

INVOCATION_TRANSITIONS: dict[InvocationState, frozenset[InvocationState]] = {
    _I.WAITING: frozenset({_I.QUEUED, _I.FAILED, _I.CANCELLED, _I.EXPIRED}),
    _I.QUEUED: frozenset({_I.RUNNING, _I.SUCCEEDED, _I.FAILED, _I.CANCELLED, _I.EXPIRED}),
    _I.RUNNING: frozenset({_I.SUCCEEDED, _I.FAILED, _I.CANCELLED, _I.QUEUED}),
    _I.SUCCEEDED: frozenset(),
    _I.FAILED: frozenset(),
    _I.CANCELLED: frozenset(),
    _I.EXPIRED: frozenset(),
}

ATTEMPT_TRANSITIONS: dict[AttemptState, frozenset[AttemptState]] = {
    _A.LEASED: frozenset({_A.RUNNING, _A.SUCCEEDED, _A.FAILED, _A.RETURNED, _A.CANCELLED, _A.LOST}),
    _A.RUNNING: frozenset({_A.SUCCEEDED, _A.FAILED, _A.CANCELLED, _A.LOST, _A.SUSPENDED}),
    _A.SUSPENDED: frozenset({_A.RUNNING}),
    _A.SUCCEEDED: frozenset(),
    _A.FAILED: frozenset(),
    _A.RETURNED: frozenset(),
    _A.CANCELLED: frozenset(),
    _A.LOST: frozenset(),
}

WORKER_TRANSITIONS: dict[WorkerState, frozenset[WorkerState]] = {
    _W.CONNECTING: frozenset({_W.READY, _W.GONE}),
    _W.READY: frozenset({_W.AWAY, _W.DRAINING, _W.GONE}),
    _W.AWAY: frozenset({_W.READY, _W.LOST}),
    _W.DRAINING: frozenset({_W.GONE, _W.AWAY}),
    _W.GONE: frozenset(),
    _W.LOST: frozenset(),
}


class ImpossibleTransition(AssertionError):
    """A state machine was asked for what its table forbids: a defect of ours, never of the input."""


State = TypeVar("State", InvocationState, AttemptState, WorkerState)


def require(table: dict[State, frozenset[State]], old: State, new: State) -> State:
    """`new`, if the table allows it after `old`; otherwise raises ImpossibleTransition."""
    if new not in table[old]:
        raise ImpossibleTransition(f"{type(old).__name__}: {old.label} → {new.label}")
    return new
