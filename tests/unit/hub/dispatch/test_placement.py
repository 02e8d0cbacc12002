"""Policies are pure; `requires` is matched by kind."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

import pytest

from farcall.domain.states import AttemptState
from farcall.hub.dispatch import effects
from farcall.hub.dispatch.placement import (
    Candidate,
    Wanted,
    missing,
    most_free_memory,
    most_free_slots,
    round_robin,
)
from tests.unit.hub.dispatch.table import Table

FUNCTION = Wanted(1, "alice/f")


def workers(*frees: tuple[int, dict[str, float]]) -> list[Candidate]:
    return [Candidate(f"w{index}", 8, free, resources) for index, (free, resources) in enumerate(frees)]


def test_round_robin_takes_the_least_recently_used() -> None:
    assert round_robin({}, workers((1, {}), (8, {})), FUNCTION) == 0


def test_most_free_slots_takes_the_idlest() -> None:
    assert most_free_slots({}, workers((1, {}), (8, {}), (8, {})), FUNCTION) == 1


def test_most_free_memory_takes_the_largest_report() -> None:
    reports = workers((1, {}), (1, {"memory_free_gb": 3.0}), (1, {"memory_free_gb": 2.0}))
    assert most_free_memory({}, reports, FUNCTION) == 1


@pytest.mark.parametrize(
    ("requires", "resources", "lacks"),
    [
        ({}, {}, 0),
        ({"cpu": 4}, {"cpu": 8}, 0),
        ({"cpu": 4}, {"cpu": 2}, 1),
        ({"memory_gb": 1.5}, {"memory_gb": 2}, 0),
        ({"label_gpu": "a100"}, {"label_gpu": "a100"}, 0),
        ({"label_gpu": "a100"}, {"label_gpu": "t4"}, 1),
        ({"licence": True}, {"licence": False}, 1),
        ({"licence": True}, {"licence": 1}, 1),
        ({"cpu": 1}, {"cpu": True}, 1),
        ({"cpu": 1}, {"cpu": "many"}, 1),
        ({"cpu": 4, "gpu": "a100"}, {}, 2),
    ],
)
def test_numbers_are_minima_and_the_rest_is_equal(
    requires: Mapping[str, int | float | str | bool], resources: Mapping[str, int | float | str | bool], lacks: int
) -> None:
    assert len(missing(requires, resources)) == lacks


def test_a_function_may_choose_its_policy() -> None:
    table = Table()
    table.version(policy="most_free_slots")
    table.worker("small", slots=1)
    table.worker("large", slots=4)
    table.submit(3)
    placed = [effect.worker for effect in table.all(effects.Offer) for _ in effect.items]
    assert placed == ["large", "large", "large"]


@pytest.mark.parametrize("nonsense", [nan, -1.0, 1e300])
def test_a_worker_that_reports_nonsense_seconds_upsets_nothing(nonsense: float) -> None:
    table = Table()
    table.version()
    table.worker(slots=2, credit=4)
    table.submit(6)
    for offered in table.offers():
        table.finish("w1", offered, AttemptState.SUCCEEDED, run_seconds=nonsense)
    [load] = table.core.worker_load()
    assert load.backlog_seconds == 0.0
    assert load.busy == 4
