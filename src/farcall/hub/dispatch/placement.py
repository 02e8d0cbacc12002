"""Which worker: policies are pure functions (config, workers, function) → worker; and who is eligible at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Resources = Mapping[str, int | float | str | bool]


@dataclass(slots=True, frozen=True)
class Candidate:
    """A worker that is eligible and has room. `free` counts slots with nothing in them."""

    worker: str
    slots: int
    free: int
    resources: Resources


@dataclass(slots=True, frozen=True)
class Wanted:
    """What is to be placed."""

    version: int
    name: str


Policy = Callable[[Resources, Sequence[Candidate], Wanted], int | None]
"""Given its config, the candidates (least recently used first, never empty) and the function: the index of its choice,
or None to wait. A policy must be pure; one that wants chance takes it from its config's `seed`."""


def round_robin(config: Resources, workers: Sequence[Candidate], function: Wanted) -> int | None:
    """Whoever was used least recently."""
    return 0


def most_free_slots(config: Resources, workers: Sequence[Candidate], function: Wanted) -> int | None:
    """The idlest; among equals, the least recently used."""
    return max(range(len(workers)), key=lambda index: workers[index].free)


def most_free_memory(config: Resources, workers: Sequence[Candidate], function: Wanted) -> int | None:
    """The one that reports the most free memory (`memory_free_gb`); without a report, the least recently used."""

    def free(index: int) -> float:
        value = workers[index].resources.get("memory_free_gb", -1.0)
        return float(value) if isinstance(value, int | float) else -1.0

    return max(range(len(workers)), key=free)


POLICIES: dict[str, Policy] = {
    "round_robin": round_robin,
    "most_free_slots": most_free_slots,
    "most_free_memory": most_free_memory,
}


def missing(requires: Resources, resources: Resources) -> list[str]:
    """What a worker lacks, in words; empty: it is eligible. Numbers are minima, everything else must be equal."""
    lacks = []
    for name, wanted in requires.items():
        has = resources.get(name)
        if has is None:
            lacks.append(f"{name} (wanted: {wanted})")
        elif isinstance(wanted, bool) or isinstance(has, bool) or isinstance(wanted, str) or isinstance(has, str):
            if has != wanted or isinstance(has, bool) != isinstance(wanted, bool):
                lacks.append(f"{name}={wanted} (it has {has})")
        elif has < wanted:
            lacks.append(f"{name} ≥ {wanted} (it has {has})")
    return lacks
