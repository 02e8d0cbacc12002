"""Cancel is durable, then carried out, then confirmed."""

from __future__ import annotations

from typing import Any

from farcall.domain.states import AttemptState, InvocationState
from farcall.hub.dispatch import effects, events
from tests.unit.hub.dispatch.table import Table


def a_table(**options: Any) -> Table:
    table = Table()
    table.version(**options)
    table.worker("w1")
    return table


def cancel(table: Table, *ids: bytes) -> None:
    table.feed(events.CancelRequested(ids))
    assert table.take(effects.CommitCancel)
    table.feed(events.CancelCommitted(ids))


def test_a_waiting_one_ends_when_the_wish_is_durable() -> None:
    table = a_table()
    ids = table.submit(2)
    table.feed(events.CancelRequested([ids[1]]))
    assert not table.take_completions()
    table.feed(events.CancelCommitted([ids[1]]))
    [end] = table.take_completions()
    assert (end.id, end.state, end.fence) == (ids[1], InvocationState.CANCELLED, 0)


def test_a_waiting_one_is_not_started_while_its_wish_is_being_recorded() -> None:
    table = a_table()
    ids = table.submit(2)
    [running] = table.offers()
    table.feed(events.CancelRequested([ids[1]]))
    table.finish("w1", running)
    assert not table.offers()


def test_a_running_one_is_stopped_and_ends_when_its_worker_says_so() -> None:
    table = a_table()
    [identifier] = table.submit()
    [offered] = table.offers()
    cancel(table, identifier)
    assert table.take(effects.CancelAttempts)[0].items == [(identifier, offered.fence)]
    assert not table.take_completions()
    table.finish("w1", offered, AttemptState.CANCELLED)
    assert table.take_completions()[0].state is InvocationState.CANCELLED


def test_a_result_that_was_faster_than_the_cancel_holds() -> None:
    table = a_table()
    [identifier] = table.submit()
    [offered] = table.offers()
    cancel(table, identifier)
    table.finish("w1", offered, result=b"won")
    assert table.take_completions()[0].state is InvocationState.SUCCEEDED


def test_a_flagged_one_is_never_tried_again() -> None:
    table = a_table()
    [identifier] = table.submit()
    [offered] = table.offers()
    cancel(table, identifier)
    table.finish("w1", offered, AttemptState.LOST)
    assert table.take_completions()[0].state is InvocationState.CANCELLED
    assert not table.take(effects.CommitRequeue)


def test_a_cancel_at_an_away_worker_is_confirmed_by_its_lease() -> None:
    table = a_table()
    [identifier] = table.submit()
    table.offers()
    table.feed(events.WorkerDisconnected("w1"))
    cancel(table, identifier)
    table.wait(11.9)
    assert not table.take_completions()
    table.wait(0.2)
    assert table.take_completions()[0].state is InvocationState.CANCELLED


def test_what_is_in_the_store_only_is_ended_there() -> None:
    table = a_table()
    identifier = bytes(22)
    cancel(table, identifier)
    [end] = table.take_completions()
    assert (end.id, end.fence) == (identifier, 0)
    table.feed(events.CompleteCommitted([identifier]))
    assert table.take(effects.Answer)[0].items[0].id == identifier


def test_a_cancel_of_what_has_ended_does_nothing() -> None:
    table = a_table()
    identifier = bytes(22)
    table.feed(events.CancelRequested([identifier]))
    table.feed(events.CancelStale([identifier]))
    assert not table.take_completions()


def test_a_cancel_between_lease_and_offer_prevents_the_offer() -> None:
    table = a_table(tries=1)
    [identifier] = table.submit()
    cancel(table, identifier)
    table.feed(events.LeaseCommitted([identifier]))
    assert not table.offers()
    assert table.take_completions()[0].state is InvocationState.CANCELLED


def test_access_that_is_withdrawn_ends_what_waits_and_leaves_what_runs() -> None:
    table = a_table()
    table.submit(3, caller=1)
    others = table.submit(1, caller=2)
    [running] = table.offers()
    table.feed(events.AccessChanged(1, [1]))
    assert [end.state for end in table.take_completions()] == [InvocationState.CANCELLED] * 2
    table.finish("w1", running)
    assert [item.invocation.id for item in table.offers()] == others


def a_table_with_prefetched_ones() -> tuple[Table, list[effects.Offered]]:
    """Four calls of one caller at a worker with one slot; the first has started."""
    table = Table()
    table.version()
    table.worker(slots=1, credit=4)
    table.submit(5)
    table.finish("w1", table.offers()[0], run_seconds=0.0001)
    table.commit()
    held = table.offers()
    assert len(held) == 4
    table.feed(events.Started("w1", [(held[0].invocation.id, held[0].fence)]))
    return table, held


def keys(held: list[effects.Offered]) -> list[tuple[bytes, int]]:
    return [(item.invocation.id, item.fence) for item in held]


def test_access_that_is_withdrawn_takes_back_what_waits_at_a_worker() -> None:
    table, held = a_table_with_prefetched_ones()
    table.feed(events.AccessChanged(1, [1]))
    [recall] = table.take(effects.Recall)
    assert list(recall.items) == keys(held[1:])
    table.feed(events.Returned("w1", [(*key, "recalled") for key in keys(held[1:])]))
    ends = table.take_completions()
    assert {end.id for end in ends} == {item.invocation.id for item in held[1:]}
    assert {(end.state, end.failure is not None and "taken back" in end.failure.message) for end in ends} == {
        (InvocationState.CANCELLED, True)
    }
    table.finish("w1", held[0])
    assert table.take_completions()[0].state is InvocationState.SUCCEEDED
    assert not table.offers()


def test_access_that_is_withdrawn_while_a_worker_is_away_takes_back_what_waits_there_when_it_returns() -> None:
    table, held = a_table_with_prefetched_ones()
    table.feed(events.WorkerDisconnected("w1"))
    table.feed(events.AccessChanged(1, [1]))
    assert not table.take(effects.Recall)
    table.feed(events.WorkerJoined("w1", 1, 1, 4, {}, [events.Resumed(*key) for key in keys(held)]))
    [recall] = table.take(effects.Recall)
    assert list(recall.items) == keys(held[1:])


def test_what_was_lost_after_access_was_withdrawn_is_not_tried_again() -> None:
    table = a_table(tries=3)
    [identifier] = table.submit()
    [offered] = table.offers()
    table.feed(events.AccessChanged(1, [1]))
    table.finish("w1", offered, AttemptState.LOST)
    [end] = table.take_completions()
    assert (end.id, end.state) == (identifier, InvocationState.CANCELLED)
    assert not table.take(effects.CommitRequeue)


def test_access_that_is_withdrawn_between_lease_and_offer_prevents_the_offer() -> None:
    table = a_table(tries=1)
    [identifier] = table.submit()
    table.feed(events.AccessChanged(1, [1]))
    table.feed(events.LeaseCommitted([identifier]))
    assert not table.offers()
    assert table.take_completions()[0].state is InvocationState.CANCELLED


def test_a_wish_that_could_not_be_recorded_is_recorded_when_the_store_works() -> None:
    table = a_table()
    ids = table.submit(2)
    table.feed(events.CancelRequested([ids[1]]))
    table.feed(events.CommitFailed(cancels=[ids[1]]))
    table.take(effects.CommitCancel)
    table.feed(events.StoreWorks())
    assert table.take(effects.CommitCancel)[0].ids == [ids[1]]


def test_a_caller_that_goes_leaves_its_invocations() -> None:
    table = a_table()
    table.submit(2, caller=1)
    [running] = table.offers()
    table.feed(events.CallerGone(1))
    table.finish("w1", running)
    assert len(table.offers()) == 1


def test_what_is_stopped_keeps_the_time_that_it_ran() -> None:
    for said, kept in ((2.5, 2.5), (-1.0, 0.0), (float("nan"), 0.0)):
        table = a_table()
        [identifier] = table.submit()
        [offered] = table.offers()
        cancel(table, identifier)
        table.finish("w1", offered, AttemptState.CANCELLED, run_seconds=said, cpu_seconds=said)
        [end] = table.take_completions()
        assert (end.state, end.run_seconds, end.cpu_seconds) == (InvocationState.CANCELLED, kept, kept)
