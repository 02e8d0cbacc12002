"""What becomes of attempts: they end, are lost, come back; results are told after their commit only."""

from __future__ import annotations

from typing import Any

import pytest

from farcall.domain.errors import Failure
from farcall.domain.model import fence
from farcall.domain.states import AttemptState, ImpossibleTransition, InvocationState
from farcall.hub.dispatch import effects, events
from tests.unit.hub.dispatch.table import Table

DIED = Failure("process_died", "It crashed.")


def a_table(**options: Any) -> Table:
    table = Table()
    table.version(**options)
    table.worker("w1")
    return table


def test_an_answer_waits_for_its_commit() -> None:
    table = a_table()
    [identifier] = table.submit()
    table.finish("w1", table.offers()[0], result=b"r")
    assert not table.all(effects.Answer)
    assert not table.all(effects.Acknowledge)
    assert table.commit() == [identifier]
    [answer] = table.all(effects.Answer)
    assert [(item.id, item.state, item.result) for item in answer.items] == [
        (identifier, InvocationState.SUCCEEDED, b"r")
    ]
    [acknowledged] = table.all(effects.Acknowledge)
    assert acknowledged.items == [(identifier, fence(1, 1))]
    assert len(table.core) == 0, "what has ended is forgotten"


def test_an_eager_offer_may_precede_the_commit_and_its_end_goes_behind_it() -> None:
    table = a_table()
    table.submit(commit=False)
    kinds = [type(effect) for effect in table.said]
    assert kinds.index(effects.CommitAccept) < kinds.index(effects.Offer)
    table.finish("w1", table.offers()[0])
    assert len(table.take_completions()) == 1


def test_what_is_not_eager_is_offered_after_its_commit() -> None:
    table = a_table()
    ids = table.submit(eager=False, commit=False)
    assert not table.offers()
    table.feed(events.AcceptCommitted(ids))
    assert len(table.offers()) == 1


def test_a_rejected_one_is_stopped_and_forgotten() -> None:
    table = a_table()
    ids = table.submit(commit=False)
    [offered] = table.offers()
    table.feed(events.AcceptRejected(ids))
    assert table.all(effects.CancelAttempts)[0].items == [(ids[0], offered.fence)]
    assert len(table.core) == 0


def test_a_second_report_of_the_same_end_changes_nothing() -> None:
    table = a_table()
    table.submit()
    [offered] = table.offers()
    table.finish("w1", offered)
    table.finish("w1", offered)
    assert len(table.take_completions()) == 1


def test_a_report_under_another_fence_is_stale() -> None:
    table = a_table()
    [identifier] = table.submit()
    table.feed(events.Finished("w1", [events.Finish(identifier, 5, AttemptState.SUCCEEDED)]))
    assert table.all(effects.Acknowledge)[0].stale == [(identifier, 5)]
    assert not table.take_completions()


def test_a_crash_counts_as_a_try_and_backs_off() -> None:
    table = a_table(tries=2, backoff_seconds=1.0)
    [identifier] = table.submit(tries_left=2)
    [first] = table.offers()
    table.finish("w1", first, AttemptState.LOST, failure=DIED)
    [requeue] = table.take(effects.CommitRequeue)
    assert requeue.items == [(identifier, first.fence, 1, 1, "w1", "lost")]
    assert not table.offers()
    assert "tried again in" in table.reasons(identifier)
    table.wait(1.6)
    [second] = table.offers()
    assert second.fence > first.fence
    assert second.attempt == 2
    table.finish("w1", second, AttemptState.LOST, failure=DIED)
    [end] = table.take_completions()
    assert end.state is InvocationState.FAILED
    assert end.failure == DIED


def test_what_the_function_raised_is_final() -> None:
    table = a_table()
    table.submit()
    table.finish("w1", table.offers()[0], AttemptState.FAILED, failure=Failure("function_error", "no"))
    assert table.take_completions()[0].state is InvocationState.FAILED


def test_want_of_memory_is_not_tried_again() -> None:
    table = a_table()
    table.submit()
    table.finish("w1", table.offers()[0], AttemptState.LOST, failure=Failure("out_of_memory", "killed"))
    assert table.take_completions()[0].failure == Failure("out_of_memory", "killed")


def test_an_away_worker_has_its_grace_and_then_others_take_over() -> None:
    table = a_table()
    [identifier] = table.submit()
    table.offers()
    table.worker("w2")
    table.feed(events.WorkerDisconnected("w1"))
    for _ in range(6):
        table.wait(4.9)
        table.feed(events.HeartbeatSeen("w2"))
    assert not table.offers()
    assert "has 1 s to come back" in table.reasons(identifier)
    table.wait(1)
    assert table.take(effects.WorkerGone)[0].state == "lost"
    table.wait(1)
    assert [item.invocation.id for item in table.offers("w2")] == [identifier]


def test_a_worker_that_returns_within_its_grace_keeps_its_result() -> None:
    table = a_table()
    [identifier] = table.submit()
    [offered] = table.offers()
    table.feed(events.WorkerDisconnected("w1"))
    table.wait(20)
    table.feed(events.WorkerJoined("w1", 1, 1, 1, {}, [events.Resumed(identifier, offered.fence)]))
    table.finish("w1", offered, result=b"kept")
    assert table.take_completions()[0].result == b"kept"


def test_a_silent_worker_is_lost_when_its_lease_has_lapsed() -> None:
    table = a_table()
    table.submit()
    table.offers()
    table.wait(11.9)
    assert not table.take(effects.WorkerGone)
    table.wait(0.2)
    assert table.take(effects.WorkerGone)[0].worker == "w1"


def test_any_sign_of_life_renews_the_lease() -> None:
    table = a_table()
    for _ in range(5):
        table.wait(11)
        table.feed(events.HeartbeatSeen("w1"))
    assert not table.take(effects.WorkerGone)


def test_a_lost_workers_late_result_is_refused() -> None:
    table = a_table()
    [identifier] = table.submit()
    [offered] = table.offers()
    table.wait(13)
    table.take(effects.Acknowledge)
    table.feed(events.WorkerJoined("w1", 1, 1, 1, {}, [events.Resumed(identifier, offered.fence)]))
    assert table.take(effects.Acknowledge)[0].stale == [(identifier, offered.fence)]
    table.finish("w1", offered)
    assert table.take(effects.Acknowledge)[0].stale == [(identifier, offered.fence)]
    assert all(not item.result for item in table.take_completions())


def test_what_never_reached_a_worker_goes_back_without_counting() -> None:
    table = a_table(tries=2)
    [identifier] = table.submit()
    [first] = table.offers()
    table.feed(events.WorkerDisconnected("w1"))
    table.feed(events.WorkerJoined("w1", 1, 1, 1, {}))
    [second] = table.offers()
    assert second.invocation.id == identifier
    assert second.fence > first.fence
    assert second.attempt == 1


def test_what_must_not_run_twice_is_leased_before_its_offer() -> None:
    table = a_table(tries=1)
    [identifier] = table.submit()
    assert not table.offers()
    [lease] = table.take(effects.CommitLease)
    assert lease.items == [(identifier, fence(1, 1), "w1", 1)]
    table.feed(events.LeaseCommitted([identifier]))
    assert len(table.offers()) == 1


def test_what_must_not_run_twice_fails_with_its_lost_worker() -> None:
    table = a_table(tries=1)
    [identifier] = table.submit()
    table.feed(events.LeaseCommitted([identifier]))
    table.wait(13)
    [end] = table.take_completions()
    assert end.failure is not None
    assert end.failure.code == "worker_lost"


def test_what_must_not_run_twice_and_did_not_come_back_with_its_worker_fails() -> None:
    table = a_table(tries=1)
    [identifier] = table.submit()
    table.feed(events.LeaseCommitted([identifier]))
    table.feed(events.WorkerDisconnected("w1"))
    table.feed(events.WorkerJoined("w1", 1, 1, 1, {}))
    assert table.take_completions()[0].state is InvocationState.FAILED


def test_a_lease_that_the_store_refuses_is_not_offered() -> None:
    table = a_table(tries=1)
    [identifier] = table.submit()
    table.feed(events.LeaseStale([identifier]))
    assert not table.offers()
    assert len(table.core) == 0
    assert table.take(effects.Claim), "whether it is still queued is for the store to say"


def test_a_worker_that_does_not_keep_to_the_timeout_is_not_believed_for_ever() -> None:
    table = a_table(timeout_seconds=3.0)
    table.submit()
    [offered] = table.offers()
    table.feed(events.Started("w1", [(offered.invocation.id, offered.fence)]))
    for _ in range(16):
        table.wait(1)
        table.feed(events.HeartbeatSeen("w1"))
    [end] = table.take_completions()
    assert end.failure is not None
    assert end.failure.code == "invocation_timeout"
    assert table.all(effects.CancelAttempts)


def test_a_stream_that_broke_off_is_not_replayed_unless_declared() -> None:
    for replayable in (False, True):
        table = a_table(replayable=replayable)
        [identifier] = table.submit()
        [offered] = table.offers()
        table.feed(events.StreamDelivered(identifier, offered.fence))
        table.finish("w1", offered, AttemptState.LOST, failure=DIED)
        ends = table.take_completions()
        assert [end.failure.code for end in ends if end.failure] == ([] if replayable else ["stream_broken"])


def test_a_failed_commit_refuses_what_came_in_and_keeps_what_went_out() -> None:
    table = a_table()
    [first] = table.submit()
    table.finish("w1", table.offers()[0], result=b"kept")
    table.take_completions()
    [second] = table.submit(commit=False)
    table.feed(events.CommitFailed(accepts=[second], completes=[first]))
    [refused] = table.take(effects.Refuse)
    assert (refused.ids, refused.failure.code) == ([second], "hub_unavailable")
    table.submit(commit=False)
    assert table.take(effects.Refuse), "intake is closed"
    assert not table.all(effects.Answer)
    table.feed(events.StoreWorks())
    assert [end.result for end in table.take_completions()] == [b"kept"]


def test_an_impossible_report_raises() -> None:
    table = a_table()
    table.submit()
    [offered] = table.offers()
    with pytest.raises(ImpossibleTransition):
        table.finish("w1", offered, AttemptState.SUSPENDED)


def test_neighbours_of_a_crash_are_returned_and_not_counted() -> None:
    table = Table()
    table.version(tries=2)
    table.worker(slots=1, credit=3)
    table.submit(10)
    table.finish("w1", table.offers()[0], run_seconds=0.0001)
    held = table.offers()
    table.finish("w1", held[0], AttemptState.LOST, failure=DIED)
    table.feed(events.Returned("w1", [(item.invocation.id, item.fence, "neighbour_died") for item in held[1:]]))
    again = {item.invocation.id: item.attempt for item in table.offers()}
    assert all(again.get(item.invocation.id, 1) == 1 for item in held[1:])


def test_a_version_that_its_worker_does_not_know_is_not_offered_there_again() -> None:
    table = a_table()
    [identifier] = table.submit(queue=True)
    [offered] = table.offers()
    table.feed(events.Returned("w1", [(identifier, offered.fence, "unknown_version")]))
    table.wait(1)
    assert not table.offers()
    table.feed(events.Served("w1", [1]))
    table.wait(1)
    assert len(table.offers()) == 1
