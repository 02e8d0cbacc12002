"""The core's own books: every count must be what a recount gives."""

from __future__ import annotations

from collections import Counter

from farcall.domain.states import InvocationState
from farcall.hub.dispatch.state import State


def audit(state: State) -> None:
    """Raises AssertionError naming the first count that is wrong."""
    running: Counter[int] = Counter()
    outstanding: Counter[tuple[int, int, int]] = Counter()
    held: Counter[tuple[int, int, int]] = Counter()
    for identifier, entry in state.entries.items():
        held[entry.lane.key] += 1
        if entry.attempt is not None:
            running[entry.lane.version.id] += 1
            outstanding[entry.lane.key] += 1
            worker = entry.worker
            assert worker is not None, "an open attempt without a worker"
            assert worker.open.get(identifier) is entry, "an open attempt that its worker has not"
            assert entry.state is InvocationState.RUNNING, "an open attempt of what does not run"
            assert not entry.in_lane, "an open attempt of what waits"
        if entry.outcome is not None:
            assert entry.attempt is None, "an end of what goes on"
            assert not entry.in_lane, "an end of what waits"
    for version in state.versions.values():
        assert version.running == running[version.id], "running attempts of a version"
    for key, lane in state.lanes.items():
        assert lane.outstanding == outstanding[key], "open attempts of a lane"
        assert lane.held == held[key], "entries of a lane"
        assert lane.in_ring == (lane in lane.level.ring), "a lane's place in the round"
    for worker in state.workers.values():
        short = sum(entry.estimate for entry in worker.open.values() if entry.estimate >= 0)
        assert worker.long == sum(entry.estimate < 0 for entry in worker.open.values()), "long attempts of a worker"
        assert abs(worker.backlog - short) < 1e-6, "backlog of a worker"
    assert state.held_bytes == sum(len(entry.invocation.arguments) for entry in state.entries.values()), "bytes held"
