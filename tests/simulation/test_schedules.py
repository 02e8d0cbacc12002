"""Thousands of short histories; a seed that breaks a rule names itself."""

from __future__ import annotations

import pytest

from farcall.testing import simulate
from farcall.testing.simulation.schedule import run

SEEDS = 2400
BATCH = 400


@pytest.mark.parametrize("start", range(0, SEEDS, BATCH))
def test_every_rule_holds_in_every_history(start: int) -> None:
    events = sum(run(seed).events for seed in range(start, start + BATCH))
    assert events > 100 * BATCH


def test_a_seed_always_gives_the_same_history() -> None:
    first: list[str] = []
    second: list[str] = []
    run(7, trace=first.append)
    run(7, trace=second.append)
    assert first == second
    assert len(first) > 100


def test_histories_contain_what_they_are_for() -> None:
    lines: list[str] = []
    for seed in range(60):
        run(seed, trace=lines.append)
    told = "\n".join(lines)
    for word in (
        "Recall(", "Claim(", "CommitLease(", "CommitRequeue(", "CommitCancel(", "CancelAttempts(", "WorkerGone(",
        "CommitFailed(", "StoreWorks(", "Recovered(", "Draining(", "Returned(", "LeaseCommitted(", "AccessChanged(",
        "expired", "lost", "cancelled", "recalled", "neighbour_died", "stale=[[", "Refuse(", "VersionWithdrawn(",
    ):  # fmt: skip
        assert word in told, word


def test_the_command_runs_seeds_and_replays_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate.main(["--seeds", "3", "--start", "5"]) == 0
    assert "3 seeds from 5 held" in capsys.readouterr().out
    assert simulate.main(["--seed", "5"]) == 0
    assert "Recovered(" in capsys.readouterr().out
