"""Known mistakes, planted one at a time: each must be caught, and by the check that is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
import pytest

from farcall.domain.model import Completion, NewInvocation, Settlement
from farcall.domain.states import AttemptState, InvocationState, WorkerState
from farcall.hub.dispatch import (
    cancels,
    effects,
    ends,
    events,
    intake,
    lanes,
    liveness,
    outcomes,
    presence,
    pump,
    recovery,
    retries,
    versions,
)
from farcall.hub.dispatch.core import HANDLERS, Core
from farcall.hub.dispatch.effects import Effect
from farcall.hub.dispatch.events import Event, Limits, Now
from farcall.hub.dispatch.records import Entry, Level, Pool, Worker
from farcall.hub.dispatch.state import State, change, holder
from farcall.testing.memory_usage import MemoryUsage
from farcall.testing.simulation.hubs import CoreFactory
from farcall.testing.simulation.schedule import Failed, run

ENOUGH_SEEDS = 600


def first_failure(core: CoreFactory) -> tuple[int, str]:
    """The first seed that fails, and what it says."""
    for seed in range(ENOUGH_SEEDS):
        try:
            run(seed, core)
        except Failed as failed:
            return seed, str(failed)
    pytest.fail(f"nothing noticed it in {ENOUGH_SEEDS} seeds")


def caught(core: CoreFactory, by: str) -> None:
    """The first seed that fails names one of these rules, and how to see it again."""
    seed, said = first_failure(core)
    assert any(rule in said for rule in by.split("|")), said
    assert f"--seed {seed}" in said


def handling(event: type, handler: Callable[[State, Any, Now], None]) -> type[Core]:
    """A core that handles one kind of event in its own way."""

    class Mistaken(Core):
        handlers = {**HANDLERS, event: handler}  # noqa: RUF012

    return Mistaken


def saying(change: Callable[[Effect], Sequence[Effect]]) -> type[Core]:
    """A core that says something else than it should."""

    class Mistaken(Core):
        def handle(self, event: Event, now: Now) -> list[Effect]:
            return [other for effect in super().handle(event, now) for other in change(effect)]

    return Mistaken


def test_fences_that_repeat_after_a_restart_are_caught() -> None:
    def with_the_same_epoch(epoch: int, limits: Limits, random: Random) -> Core:
        return Core(1, limits, random)

    caught(with_the_same_epoch, "is used again|is not larger than the one before")


def test_an_answer_before_the_commit_is_caught() -> None:
    def settle(item: Completion) -> Settlement:
        return Settlement(item.id, int(item.state), item.result, item.failure, item.attempt)

    def change(effect: Effect) -> Sequence[Effect]:
        if isinstance(effect, effects.CommitComplete):
            return [effect, effects.Answer([settle(item) for item in effect.items])]
        return [effect]

    caught(saying(change), "is answered before its end is committed")


def test_an_acceptance_said_before_the_commit_is_caught() -> None:
    def change(effect: Effect) -> Sequence[Effect]:
        if isinstance(effect, effects.CommitAccept):
            return [effect, effects.Accepted([item.id for item in effect.items])]
        return [effect]

    caught(saying(change), "is said to be accepted, and is not durable")


def test_an_acknowledgement_before_the_commit_is_caught() -> None:
    def change(effect: Effect) -> Sequence[Effect]:
        if isinstance(effect, effects.CommitComplete):
            early = [effects.Acknowledge(item.worker, [(item.id, item.fence)]) for item in effect.items if item.fence]
            return [effect, *early]
        return [effect]

    caught(saying(change), "is acknowledged, and this outcome is not recorded")


def test_a_retry_after_a_cancel_is_caught() -> None:
    def forget_the_wish(state: State, event: events.CancelCommitted, now: Now) -> None:
        for identifier in event.ids:
            entry = state.entries.get(identifier)
            if entry is not None and entry.outcome is None and entry.attempt is None:
                entry.cancel = None
                lanes.put(state, entry)

    caught(handling(events.CancelCommitted, forget_the_wish), "is flagged as cancelled, and is offered")


def test_a_cancel_that_is_confirmed_at_once_is_caught() -> None:
    def confirm(state: State, event: events.CancelCommitted, now: Now) -> None:
        for identifier in event.ids:
            entry = state.entries.get(identifier)
            if entry is not None and entry.attempt is not None and not entry.leasing:
                fence = entry.fence
                state.out.stop(holder(entry).boot, identifier, fence)
                ends.close_attempt(state, entry, AttemptState.CANCELLED)
                ends.end_cancelled(state, entry, now, fence)
            else:
                cancels.cancel_committed(state, events.CancelCommitted([identifier]), now)

    caught(handling(events.CancelCommitted, confirm), "its cancel is confirmed, and it runs|runs after its cancel")


def test_an_offer_that_is_made_twice_is_caught() -> None:
    def change(effect: Effect) -> Sequence[Effect]:
        return [effect, effect] if isinstance(effect, effects.Offer) else [effect]

    caught(saying(change), "is used again")


def test_an_invocation_that_stays_in_its_lane_while_it_runs_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    take = lanes.take

    def take_and_leave(state: State, level: Level, now: Now) -> Entry | None:
        entry = take(state, level, now)
        if entry is not None and state.random.random() < 0.1:
            lanes.put(state, entry)
        return entry

    monkeypatch.setattr(pump, "take", take_and_leave)
    caught(Core, "ImpossibleTransition|an open attempt of what waits")


def test_a_returned_invocation_that_is_dropped_is_caught() -> None:
    def drop(state: State, event: events.Returned, now: Now) -> None:
        for identifier, fence, _ in event.items:
            entry = state.entries.get(identifier)
            if entry is not None and entry.fence == fence and entry.attempt is AttemptState.LEASED:
                ends.close_attempt(state, entry, AttemptState.RETURNED)
                state.forget(entry)

    caught(handling(events.Returned, drop), "is neither in the window nor in a lane")


def test_a_lost_worker_that_is_waited_for_without_end_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(state: State, worker: Worker, now: Now) -> None:
        """It will surely come back."""

    monkeypatch.setattr(presence, "check_away", never)
    caught(Core, "was accepted, and never ends")


def test_a_retry_before_the_lease_has_lapsed_is_caught() -> None:
    def lose_at_once(state: State, event: events.WorkerDisconnected, now: Now) -> None:
        presence.disconnected(state, event, now)
        worker = state.workers.get(event.worker)
        if worker is not None and worker.state is WorkerState.AWAY:
            worker.away_until_mono = now.mono
            liveness.check_away(state, worker, now)

    caught(handling(events.WorkerDisconnected, lose_at_once), "at once|must not run twice")


def test_recovered_work_that_is_offered_before_the_workers_are_back_is_caught() -> None:
    def at_once(state: State, event: events.Recovered, now: Now) -> None:
        recovery.recovered(state, event, now)
        recovery.over(state, None, now)

    caught(handling(events.Recovered, at_once), "at once|its cancel is confirmed, and it runs|must not run twice")


def test_a_stale_result_that_is_taken_for_the_current_one_is_caught() -> None:
    def with_any_fence(state: State, event: events.Finished, now: Now) -> None:
        items = []
        for item in event.items:
            entry = state.entries.get(item.id)
            stale = entry is not None and entry.attempt is not None and entry.fence != item.fence
            if stale and entry is not None and entry.worker is not None:
                current = events.Finish(item.id, entry.fence, AttemptState(item.state), item.result, item.failure)
                outcomes.finished(state, events.Finished(entry.worker.boot, [current]), now)
            else:
                items.append(item)
        outcomes.finished(state, events.Finished(event.worker, items), now)

    caught(handling(events.Finished, with_any_fence), "the result is another attempt's|ImpossibleTransition")


def test_a_result_that_comes_while_the_lost_attempt_backs_off_is_caught_when_recorded() -> None:
    def late(state: State, event: events.Finished, now: Now) -> None:
        for item in event.items:
            entry = state.entries.get(item.id)
            if entry is not None and entry.fence == item.fence and entry.attempt is None and entry.outcome is None:
                entry.outcome = Completion(item.id, 0, InvocationState.SUCCEEDED, item.result)
                entry.state = InvocationState.RUNNING
                entry.in_lane = False
                ends.write(state, entry.outcome)
        outcomes.finished(state, event, now)

    caught(handling(events.Finished, late), "the result is another attempt's")


def test_a_worker_that_gets_more_than_its_credit_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def always(state: State, worker: Worker) -> bool:
        return len(worker.open) < worker.credit + 3

    monkeypatch.setattr(pump, "_has_room", always)
    caught(Core, "is offered more than its credit")


def test_a_caller_who_is_never_given_a_turn_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    take = lanes.take

    def from_the_same_lane(state: State, level: Level, now: Now) -> Entry | None:
        entry = take(state, level, now)
        if len(level.ring) > 1 and level.ring[-1].ready:
            level.ring.rotate(1)
        return entry

    monkeypatch.setattr(pump, "take", from_the_same_lane)
    caught(Core, "turns meanwhile")


def test_a_lower_priority_that_goes_first_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    next_turn = pump._next_turn

    def lowest_first(state: State, pool: Pool, worker: Worker, now: Now) -> Entry | None:
        pool.order.reverse()
        entry = next_turn(state, pool, worker, now)
        pool.order.reverse()
        return entry

    monkeypatch.setattr(pump, "_next_turn", lowest_first)
    caught(Core, "of a lower priority is served")


def test_a_concurrency_limit_that_is_ignored_is_caught() -> None:
    def too_late(state: State, event: events.VersionPublished, now: Now) -> None:
        versions.published(state, event, now)
        version = state.versions[event.facts.version]
        if version.limit is not None:
            version.running -= 3

    caught(handling(events.VersionPublished, too_late), "running attempts of a version")


def test_an_offer_before_the_lease_of_what_must_not_run_twice_is_caught() -> None:
    def carelessly(state: State, event: events.VersionPublished, now: Now) -> None:
        versions.published(state, event, now)
        state.versions[event.facts.version].lease_first = False

    caught(handling(events.VersionPublished, carelessly), "is offered before its lease is durable")


def test_what_must_not_run_twice_and_is_retried_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def retried(state: State, event: events.VersionPublished, now: Now) -> None:
        options = msgspec.structs.replace(event.facts.options, tries=3)
        facts = events.VersionFacts(event.facts.version, event.facts.name, options)
        versions.published(state, events.VersionPublished(facts), now)
        state.versions[facts.version].lease_first = event.facts.options.never_twice

    def more_tries(state: State, event: events.Submitted, now: Now) -> None:
        for item in event.items:
            item.tries_left = 3
        intake.submitted(state, event, now)

    class Mistaken(Core):
        handlers = {  # noqa: RUF012
            **HANDLERS,
            events.VersionPublished: retried,
            events.Submitted: more_tries,
        }

    caught(Mistaken, "must not run twice, and does")


def test_outcomes_that_are_forgotten_when_a_commit_fails_are_caught() -> None:
    def forget(state: State, event: events.CommitFailed, now: Now) -> None:
        HANDLERS[events.CommitFailed](state, events.CommitFailed(event.accepts, event.leases, claims=event.claims), now)

    caught(handling(events.CommitFailed, forget), "never ends|never told")


def test_a_claim_that_forgets_where_it_stands_is_caught() -> None:
    def lose_the_count(state: State, event: events.Claimed, now: Now) -> None:
        HANDLERS[events.Claimed](state, event, now)
        state.lanes[event.lane].stored = 0

    caught(handling(events.Claimed, lose_the_count), "is neither in the window nor in a lane")


def test_an_attempt_that_ends_without_its_invocation_being_queued_again_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def and_forget(state: State, entry: Entry, reason: str) -> None:
        change(entry, InvocationState.QUEUED)
        state.forget(entry)

    monkeypatch.setattr(retries, "requeue", and_forget)
    caught(Core, "is neither in the window nor in a lane|KeyError")


def test_an_end_that_is_charged_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    once = MemoryUsage.charge

    def twice(usage: MemoryUsage, invocation: NewInvocation, completion: Completion) -> None:
        once(usage, invocation, completion)
        if completion.state is InvocationState.CANCELLED:
            once(usage, invocation, completion)

    monkeypatch.setattr(MemoryUsage, "charge", twice)
    caught(Core, "are charged, and")
