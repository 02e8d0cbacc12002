"""One history: some seconds of work and faults, then healing, then everything must have ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from farcall.hub.dispatch.core import Core
from farcall.testing.simulation.checks import Violation
from farcall.testing.simulation.faults import FAULTS, mend_disk
from farcall.testing.simulation.hubs import CoreFactory
from farcall.testing.simulation.world import OPTIONS, World

FAULT_SECONDS = 10.0
HEAL_SECONDS = 120.0


@dataclass(slots=True, frozen=True)
class Summary:
    """What a history came to. `events` counts those of the core."""

    seed: int
    events: int
    invocations: int
    ended: int
    restarts: int


class Failed(AssertionError):
    """A seed broke a rule; the message names it and how to see it again."""


def run(seed: int, core: CoreFactory = Core, trace: Callable[[str], None] | None = None) -> Summary:
    """Live through one seed. Raises Failed."""
    world = World(seed, core, trace)
    try:
        _live(world)
        world.checks.all_ended()
    except (AssertionError, LookupError, TypeError, ValueError) as error:
        raise Failed(
            f"seed {seed}, after {world.checks.events} events at {world.clock.mono:.4f}: "
            f"{type(error).__name__}: {error}\n"
            f"see it again: python -m farcall.testing.simulate --seed {seed}"
        ) from error
    checks = world.checks
    return Summary(seed, checks.events, len(world.invocations), len(checks.ended), world.epoch - 1)


def _live(world: World) -> None:
    random, clock = world.random, world.clock
    until = clock.mono + FAULT_SECONDS
    for _ in range(random.randint(1, 4)):
        clock.after(random.choice((0.0, 0.0, 2.0)), world.add_worker)
    calm = random.random() < 0.1
    for _ in range(random.randint(6, 20)):
        caller = random.choice(world.callers)
        count = random.choice((1, 1, 3, 12))
        clock.after(random.random() * FAULT_SECONDS, caller.submit, random.choice(list(OPTIONS)), count)
    for _ in range(0 if calm else random.randint(1, 12)):
        clock.after(random.random() * FAULT_SECONDS, random.choice(FAULTS), world)
    for caller in world.callers:
        clock.after(random.random() * FAULT_SECONDS, caller.ask_again)
    clock.run(until)
    _heal(world)
    clock.run(clock.mono + HEAL_SECONDS, lambda: _quiet(world))


def _heal(world: World) -> None:
    world.restart_hub()
    mend_disk(world)
    for worker in world.workers:
        worker.thaw()
    world.add_worker(tuple(OPTIONS), gpu=True)
    world.crash_rate = 0.0
    _keep_asking(world)


def _keep_asking(world: World) -> None:
    world.restart_hub()
    for caller in world.callers:
        caller.ask_again()
    if not _quiet(world):
        world.clock.after(1.0, _keep_asking, world)


def _quiet(world: World) -> bool:
    return not world.checks.accepted and not any(caller.unanswered for caller in world.callers)


__all__ = ["Failed", "Summary", "Violation", "run"]
