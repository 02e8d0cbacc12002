"""What goes wrong. Each fault is one small deed, and mends itself later if it does not mend by nature."""

from __future__ import annotations

from collections.abc import Callable

from farcall.hub import ports
from farcall.hub.dispatch import events
from farcall.testing.simulation.workers import Worker
from farcall.testing.simulation.world import OPTIONS, World


def _a_worker(world: World) -> Worker | None:
    alive = [worker for worker in world.workers if worker.alive]
    return world.random.choice(alive) if alive else None


def worker_dies(world: World) -> None:
    worker = _a_worker(world)
    if worker is not None:
        worker.die()
        world.clock.after(world.random.choice((0.1, 1.0, 4.0)), world.add_worker, worker.versions)


def worker_is_cut_off(world: World) -> None:
    worker = _a_worker(world)
    if worker is not None and worker.link is not None:
        worker.link.cut()


def worker_vanishes_for_a_while(world: World) -> None:
    """Nobody notices at first; it comes back within the grace, or after."""
    worker = _a_worker(world)
    if worker is not None and worker.link is not None and not worker.frozen:
        link = worker.link
        worker.freeze()
        world.clock.after(world.random.choice((0.2, 2.5, 3.5, 5.0)), worker.thaw)
        link.cut(hub_notices=world.random.choice((0.0, 1.0)))


def worker_is_frozen(world: World) -> None:
    """SIGSTOP, and later SIGCONT: its connection stands all the while."""
    worker = _a_worker(world)
    if worker is not None and not worker.frozen:
        worker.freeze()
        world.clock.after(world.random.choice((0.3, 2.2, 5.0)), worker.thaw)


def worker_leaves(world: World) -> None:
    worker = _a_worker(world)
    if worker is not None and not worker.leaving:
        worker.leave()
        world.clock.after(world.random.choice((0.1, 2.0)), world.add_worker, worker.versions)


def credit_changes(world: World) -> None:
    worker = _a_worker(world)
    if worker is not None:
        worker.change_credit(world.random.choice((0, worker.slots, worker.slots + 4)))
        world.clock.after(1.0, worker.change_credit, worker.slots + 1)


def hub_is_killed(world: World) -> None:
    world.kill_hub()
    world.clock.after(world.random.choice((0.05, 1.0, 4.0)), world.restart_hub)


def commits_fail(world: World) -> None:
    world.disk.failing = True
    world.clock.after(world.random.choice((0.005, 0.3, 2.0)), mend_disk, world)


def mend_disk(world: World) -> None:
    world.disk.failing = False


def disk_is_slow(world: World) -> None:
    world.disk.commit_seconds = world.random.choice((0.0005, 0.02, 0.3))


def wall_clock_jumps(world: World) -> None:
    world.clock.wall_offset += world.random.choice((-3600.0, -2.0, 1.0, 30.0))


def someone_cancels(world: World) -> None:
    world.random.choice(world.callers).cancel()


def access_is_revoked(world: World) -> None:
    """For a while. The caller's epoch goes up with each change, so what is on its way is denied."""
    caller = world.random.choice(world.callers).key
    version = world.random.choice(list(OPTIONS))
    world.revoked.add((caller, version))
    _bump(world, caller)
    world.hub.feed(events.AccessChanged(caller, [version]))
    world.clock.after(2.0, access_is_restored, world, caller, version)


def access_is_restored(world: World, caller: int, version: int) -> None:
    world.revoked.discard((caller, version))
    _bump(world, caller)


def _bump(world: World, caller: int) -> None:
    world.disk.records.apply(ports.PutGrant("alice", caller, "invoke", 1, 0.0))


def limit_changes(world: World) -> None:
    version = world.random.choice(list(OPTIONS))
    limit = OPTIONS[version].concurrency
    world.hub.feed(events.LimitChanged(version, limit and limit + 1))


def version_is_withdrawn(world: World) -> None:
    """Until a worker serves it again."""
    version = world.random.choice(list(OPTIONS))
    world.hub.feed(events.VersionWithdrawn(version))
    world.clock.after(1.0, _served_again, world, version)


def _served_again(world: World, version: int) -> None:
    world.hub.feed(events.VersionPublished(world.versions[version - 1]))


def caller_goes(world: World) -> None:
    world.hub.feed(events.CallerGone(world.random.choice(world.callers).key))


FAULTS: tuple[Callable[[World], None], ...] = (
    worker_dies,
    worker_is_cut_off,
    worker_is_cut_off,
    worker_vanishes_for_a_while,
    worker_is_frozen,
    worker_leaves,
    credit_changes,
    hub_is_killed,
    commits_fail,
    disk_is_slow,
    wall_clock_jumps,
    someone_cancels,
    someone_cancels,
    access_is_revoked,
    limit_changes,
    version_is_withdrawn,
    caller_goes,
)
