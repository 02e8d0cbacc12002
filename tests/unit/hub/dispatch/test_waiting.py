"""Without a worker, without room, after a restart: who waits, who fails, and what `explain` says of it."""

from __future__ import annotations

from farcall.domain.model import fence
from farcall.domain.states import AttemptState, InvocationState
from farcall.hub.dispatch import effects, events
from farcall.hub.dispatch.events import Limits, Reclaimed
from tests.unit.hub.dispatch.table import Table


def test_without_a_worker_it_is_refused_at_once() -> None:
    table = Table()
    table.version()
    table.submit(commit=False)
    [refused] = table.take(effects.Refuse)
    assert refused.failure.code == "no_worker"
    assert not table.all(effects.CommitAccept)


def test_without_a_worker_it_waits_if_asked_to() -> None:
    table = Table()
    table.version()
    [identifier] = table.submit(queue=True)
    assert "No worker serves alice/f1 now." in table.reasons(identifier)
    table.worker("w1")
    assert len(table.offers()) == 1


def test_after_its_last_workers_disconnect_it_waits_for_a_grace_and_then_fails() -> None:
    table = Table()
    table.version()
    table.worker("w1")
    table.feed(events.WorkerDisconnected("w1"))
    [identifier] = table.submit()
    assert "One may come back within 5 s." in table.reasons(identifier)
    table.wait(5)
    [end] = table.take_completions()
    assert end.failure is not None
    assert end.failure.code == "no_worker"
    table.submit(commit=False)
    assert table.take(effects.Refuse)


def test_a_missing_resource_is_named() -> None:
    table = Table()
    table.version(requires={"cpu": 8, "gpu": "a100", "licence": True})
    table.worker("w1", cpu=4, gpu="t4", licence=True)
    [identifier] = table.submit(queue=True)
    assert not table.offers()
    said = table.reasons(identifier)
    assert "cpu ≥ 8 (it has 4)" in said
    assert "gpu=a100 (it has t4)" in said
    assert "licence" not in said
    table.worker("w2", cpu=16, gpu="a100", licence=True, memory_gb=4)
    assert len(table.offers("w2")) == 1


def test_what_has_not_started_expires() -> None:
    table = Table()
    table.version()
    table.worker("w1")
    ids = table.submit(3, expires_at=table.wall + 4)
    table.offers()
    table.wait(4.5)
    ends = table.take_completions()
    assert [(end.id, end.state) for end in ends] == [(key, InvocationState.EXPIRED) for key in ids[1:]]


def test_a_withdrawn_version_fails_what_waits_unless_it_queues() -> None:
    table = Table()
    table.version()
    table.worker("w1")
    _, failing = table.submit(2)
    [queued] = table.submit(1, queue=True)
    table.feed(events.VersionWithdrawn(1))
    [end] = table.take_completions()
    assert end.id == failing
    assert end.failure is not None
    assert end.failure.code == "version_withdrawn"
    assert table.core.status(queued) is InvocationState.QUEUED


def small_window(items: int = 4) -> Table:
    table = Table(Limits(window_items=items, claim_batch=2))
    table.version()
    table.worker("w1")
    return table


def test_what_does_not_fit_the_window_is_left_to_the_store_and_claimed_at_its_turn() -> None:
    table = small_window()
    ids = table.submit(10)
    assert len(table.core) == 4
    load = table.core.version_load(1)
    assert load is not None
    assert load.waiting == 9
    stored = {
        item.id: item for effect in table.all(effects.CommitAccept) for item in effect.items if item.id in ids[4:]
    }
    served: list[bytes] = []
    while len(served) < 10:
        [offered] = table.offers()
        served.append(offered.invocation.id)
        table.finish("w1", offered)
        table.commit()
        for claim in table.take(effects.Claim):
            after = ids.index(claim.after) + 1 if claim.after else 0
            rest = [key for key in ids[after:] if key in stored and key not in served]
            found = [Reclaimed(stored[key]) for key in rest[: claim.limit]]
            table.feed(events.Claimed(claim.lane, found, len(rest) <= claim.limit))
    assert served == ids


def test_a_caller_in_the_store_has_its_turns_beside_one_in_memory() -> None:
    table = small_window()
    table.submit(4, caller=1)
    [single] = table.submit(1, caller=2)
    accepted = [item for effect in table.all(effects.CommitAccept) for item in effect.items]
    assert table.core.status(single) is None, "it is in the store only"
    table.finish("w1", table.offers()[0])
    table.finish("w1", table.offers()[0])
    [claim] = table.take(effects.Claim)
    assert claim.lane == (1, 0, 2)
    table.feed(events.Claimed(claim.lane, [Reclaimed(item) for item in accepted if item.id == single], True))
    table.finish("w1", table.offers()[0])
    assert [item.invocation.id for item in table.offers()] == [single]


def test_a_claim_that_failed_is_made_again() -> None:
    table = small_window()
    table.submit(10)
    table.finish("w1", table.offers()[0])
    for _ in range(3):
        table.finish("w1", table.offers()[0])
    [claim, *_] = table.take(effects.Claim)
    table.feed(events.CommitFailed(claims=[claim.lane]))
    table.feed(events.StoreWorks())
    assert [again.lane for again in table.take(effects.Claim)] == [claim.lane]


def recovered(table: Table, *, expected: list[str], leased: list[Reclaimed] | None = None, queued: int = 0) -> None:
    lanes = [((1, 0, 1), queued)] if queued else []
    table.feed(events.Recovered(lanes, leased or [], expected, [1], table.mono + 30))


def test_nothing_recovered_is_offered_before_the_expected_workers_are_back() -> None:
    table = Table(epoch=2)
    table.version()
    recovered(table, expected=["w1", "w2"], queued=3)
    table.worker("w1")
    assert not table.take(effects.Claim)
    table.worker("w2")
    assert table.take(effects.Claim)


def test_or_before_the_grace_is_over() -> None:
    table = Table(epoch=2)
    table.version()
    recovered(table, expected=["w1", "w2"], queued=3)
    table.worker("w1")
    for _ in range(10):
        table.wait(3.01)
        table.feed(events.HeartbeatSeen("w1"))
    assert table.take(effects.Claim)


def test_after_a_restart_new_calls_wait_for_the_workers_that_were_there_as_long_as_these_have() -> None:
    table = Table(epoch=2)
    table.version()
    recovered(table, expected=["w1"])
    table.wait(29)
    [identifier] = table.submit()
    assert not table.take(effects.Refuse)
    table.wait(1)
    [end] = table.take_completions()
    assert (end.id, end.failure and end.failure.code) == (identifier, "no_worker")


def test_once_they_are_all_back_and_none_serves_it_the_grace_is_that_of_a_last_worker() -> None:
    table = Table(epoch=2)
    table.version()
    table.version(2)
    recovered(table, expected=["w1"])
    table.worker("w1", versions=(2,))
    table.submit()
    table.wait(4.9)
    assert not table.take_completions()
    table.wait(0.1)
    [end] = table.take_completions()
    assert end.failure is not None
    assert end.failure.code == "no_worker"


def test_whoever_did_not_come_back_within_the_grace_is_not_waited_for_after_the_next_start() -> None:
    table = Table(epoch=2)
    table.version()
    recovered(table, expected=["w1", "w2"], queued=3)
    table.worker("w1")
    for _ in range(9):
        table.wait(3.01)
        table.feed(events.HeartbeatSeen("w1"))
    assert not table.take(effects.WorkerGone)
    table.wait(3.01)
    assert table.take(effects.WorkerGone) == [effects.WorkerGone("w2", "lost")]


def test_new_work_is_served_meanwhile() -> None:
    table = Table(epoch=2)
    table.version()
    recovered(table, expected=["w1", "w2"])
    table.worker("w1")
    table.submit()
    assert len(table.offers()) == 1


def test_a_resumed_attempt_of_the_epoch_before_goes_on() -> None:
    table = Table(epoch=2)
    table.version()
    recovered(table, expected=["w1"], queued=1)
    [item] = table.make()
    old = fence(1, 77)
    table.feed(events.WorkerJoined("w1", 1, 1, 1, {}, [events.Resumed(item.id, old, Reclaimed(item))]))
    table.feed(events.Served("w1", [1]))
    table.feed(events.Finished("w1", [events.Finish(item.id, old, AttemptState.SUCCEEDED, b"r")]))
    [end] = table.take_completions()
    assert (end.fence, end.result) == (old, b"r")


def test_of_two_that_resume_the_same_the_later_attempt_is_current() -> None:
    table = Table(epoch=2)
    table.version()
    recovered(table, expected=["w1", "w2"], queued=1)
    [item] = table.make()
    for worker, counter in (("w1", 7), ("w2", 9)):
        resumed = events.Resumed(item.id, fence(1, counter), Reclaimed(item))
        table.feed(events.WorkerJoined(worker, 1, 1, 1, {}, [resumed]))
    assert table.core.attempt(item.id) == ("w2", fence(1, 9))
    [stop] = table.take(effects.CancelAttempts)
    assert (stop.worker, stop.items) == ("w1", [(item.id, fence(1, 7))])


def test_a_recorded_lease_whose_worker_stays_away_fails_what_must_not_run_twice() -> None:
    table = Table(epoch=2)
    table.version(tries=1)
    [item] = table.make(tries_left=1)
    recovered(table, expected=[], leased=[Reclaimed(item, attempts=1, fence=fence(1, 3), worker="w1")])
    table.wait(29)
    assert not table.take_completions()
    table.wait(2)
    [end] = table.take_completions()
    assert end.failure is not None
    assert end.failure.code == "worker_lost"


def test_explain_tells_the_whole_story() -> None:
    table = Table()
    table.version(tries=3, backoff_seconds=1.0)
    table.worker("w1")
    first, second = table.submit(2)
    [offered] = table.offers()
    assert "placed: attempt 1 placed on worker w1 by round_robin, of 1 eligible" in table.reasons(first)
    assert "1 of 1 workers busy" in table.reasons(second)
    table.feed(events.Started("w1", [(first, offered.fence)]))
    assert "started: it runs" in table.reasons(first)
    table.finish("w1", offered, AttemptState.LOST)
    assert "lost: attempt 1 on worker w1 was lost: the function's process ended" in table.reasons(first)
    assert "backoff: is tried again after" in table.reasons(first)
    remembered = [what for effect in table.all(effects.Remember) for _, what, _ in effect.items]
    assert remembered == ["placed", "lost", "backoff"]


def test_explain_counts_who_is_ahead() -> None:
    table = Table()
    table.version()
    table.worker("w1")
    table.submit(5, caller=1)
    [single] = table.submit(1, caller=2)
    assert table.core.queue_position(single) == 1
    assert "1 ahead of it; 1 other caller takes turns" in table.reasons(single)


def missed(table: Table) -> list[tuple[int, list[int]]]:
    return [(effect.version, list(effect.callers)) for effect in table.take(effects.Missed)]


def test_calls_that_find_no_worker_are_missed_also_those_that_wait_for_one() -> None:
    table = Table()
    table.version()
    table.submit(2, caller=7, commit=False)
    assert missed(table) == [(1, [7, 7])]
    table.submit(caller=8, queue=True)
    assert missed(table) == [(1, [8])]
    table.worker("w1")
    table.submit(caller=7)
    assert missed(table) == []


def test_calls_in_the_grace_are_missed_only_once_it_is_over() -> None:
    table = Table()
    table.version()
    table.worker("w1")
    table.feed(events.WorkerDisconnected("w1"))
    table.submit(caller=7)
    table.submit(caller=8, queue=True)
    assert missed(table) == []
    table.wait(5)
    assert missed(table) == [(1, [7, 8])]


def test_a_worker_that_comes_back_in_time_misses_nothing() -> None:
    table = Table()
    table.version()
    table.worker("w1")
    table.feed(events.WorkerDisconnected("w1"))
    table.submit(caller=7, queue=True)
    table.worker("w1")
    table.wait(5)
    assert missed(table) == []


def test_what_was_withdrawn_on_purpose_is_missed_by_nobody() -> None:
    table = Table()
    table.version()
    table.feed(events.VersionWithdrawn(1, deleted=True))
    table.submit(caller=7, commit=False)
    assert missed(table) == []
