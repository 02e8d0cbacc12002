"""Whose turn it is: callers, priorities, versions, workers."""

from __future__ import annotations

from collections import Counter

from farcall.hub.dispatch import effects, events
from tests.unit.hub.dispatch.table import Table


def serve_all(table: Table, worker: str = "w1", most: int = 1000) -> list[int]:
    """Callers in the order in which they were served, one at a time."""
    order: list[int] = []
    waiting = table.offers(worker)
    while waiting and len(order) < most:
        offered = waiting.pop(0)
        order.append(offered.invocation.caller)
        table.finish(worker, offered)
        table.commit()
        waiting.extend(table.offers(worker))
    return order


def test_work_goes_round_the_workers_of_a_function() -> None:
    table = Table()
    table.version()
    for name in ("w1", "w2", "w3"):
        table.worker(name, slots=4)
    table.submit(9)
    by_worker = Counter(effect.worker for effect in table.all(effects.Offer) for _ in effect.items)
    assert by_worker == {"w1": 3, "w2": 3, "w3": 3}


def test_a_caller_with_ten_thousand_does_not_delay_anothers_single_one() -> None:
    table = Table()
    table.version()
    table.worker()
    table.submit(10_000, caller=1)
    table.submit(1, caller=2)
    running, turn_of_the_other, single = serve_all(table, most=3)
    assert (running, turn_of_the_other, single) == (1, 1, 2)


def test_callers_take_turns() -> None:
    table = Table()
    table.version()
    table.worker()
    for caller in (1, 2, 3):
        table.submit(4, caller=caller)
    assert serve_all(table)[1:10] == [1, 2, 3, 1, 2, 3, 1, 2, 3]


def test_a_higher_priority_goes_first() -> None:
    table = Table()
    table.version()
    table.worker()
    table.submit(3, caller=1, priority=0)
    table.submit(2, caller=2, priority=7)
    assert serve_all(table) == [1, 2, 2, 1, 1]


def test_versions_on_a_worker_take_turns() -> None:
    table = Table()
    table.version(1)
    table.version(2)
    table.worker(versions=(1, 2))
    table.submit(5, caller=1, version=1)
    table.submit(2, caller=2, version=2)
    assert serve_all(table) == [1, 1, 2, 1, 2, 1, 1]


def test_nothing_is_prefetched_before_it_was_measured() -> None:
    table = Table()
    table.version()
    table.worker(slots=2, credit=50)
    table.submit(20)
    assert len(table.offers()) == 2


def test_prefetch_is_bounded_by_the_estimated_waiting_time() -> None:
    table = Table()
    table.version()
    table.worker(slots=1, credit=500)
    table.submit(300)
    [first] = table.offers()
    table.finish("w1", first, run_seconds=0.001)
    assert 4 <= len(table.offers()) <= 7  # 5 ms of work


def test_long_work_is_not_prefetched() -> None:
    table = Table()
    table.version()
    table.worker(slots=1, credit=500)
    table.submit(10)
    [first] = table.offers()
    table.finish("w1", first, run_seconds=2.0)
    assert len(table.offers()) == 1


def test_never_more_than_the_credit_is_outstanding() -> None:
    table = Table()
    table.version()
    table.worker(slots=1, credit=3)
    table.submit(100)
    [first] = table.offers()
    table.finish("w1", first, run_seconds=0.00001)
    assert len(table.offers()) == 3


def test_what_was_prefetched_is_recalled_when_another_caller_comes() -> None:
    table = Table()
    table.version()
    table.worker(slots=1, credit=4)
    table.submit(100, caller=1)
    table.finish("w1", table.offers()[0], run_seconds=0.0001)
    held = table.offers()
    assert len(held) == 4
    [single] = table.submit(1, caller=2)
    [recall] = table.all(effects.Recall)
    assert set(recall.items) == {(item.invocation.id, item.fence) for item in held[1:]}
    table.feed(events.Returned("w1", [(item.invocation.id, item.fence, "recalled") for item in held[1:]]))
    again = table.offers()
    assert single in [item.invocation.id for item in again[:2]], "one turn of the other caller at most"
    assert all(item.attempt == 1 for item in again), "returned ones do not count as tries"


def test_nothing_is_recalled_for_a_caller_who_has_something_there() -> None:
    table = Table()
    table.version()
    table.worker(slots=1, credit=4)
    table.submit(100, caller=1)
    table.finish("w1", table.offers()[0], run_seconds=0.0001)
    table.submit(50, caller=1)
    assert not table.all(effects.Recall)


def test_a_concurrency_limit_holds_over_all_workers() -> None:
    table = Table()
    table.version(concurrency=2)
    table.worker("w1", slots=4)
    table.worker("w2", slots=4)
    table.submit(10)
    offered = table.offers()
    assert len(offered) == 2
    table.feed(events.LimitChanged(1, 3))
    assert len(table.offers()) == 1
    worker = next(load.worker for load in table.core.worker_load() if load.busy)
    table.finish(worker, offered[0])
    assert len(table.offers()) == 1


def test_a_version_at_its_limit_does_not_keep_another_from_the_worker() -> None:
    table = Table()
    table.version(1, concurrency=1)
    table.version(2)
    table.worker(versions=(1, 2), slots=3)
    table.submit(5, version=1)
    table.submit(5, version=2)
    assert sorted(item.invocation.version for item in table.offers()) == [1, 2, 2]


def test_credit_zero_pauses_a_worker() -> None:
    table = Table()
    table.version()
    table.worker(slots=2)
    table.feed(events.Credits("w1", 0))
    table.submit(2)
    assert not table.offers()
    table.feed(events.Credits("w1", 2))
    assert len(table.offers()) == 2


def test_a_draining_worker_gets_nothing_new() -> None:
    table = Table()
    table.version()
    table.worker("w1")
    table.worker("w2")
    table.feed(events.Draining("w1"))
    table.submit(3, queue=True)
    assert {effect.worker for effect in table.all(effects.Offer)} == {"w2"}


def test_an_unmeasured_function_is_not_starved_by_prefetched_short_ones() -> None:
    table = Table()
    table.version(1)
    table.version(2)
    table.worker(versions=(1, 2), slots=1, credit=5)
    table.submit(200, version=1)
    table.finish("w1", table.offers()[0], run_seconds=0.0001)
    held = table.offers()
    table.submit(1, version=2, caller=1)
    served = 0
    while held:
        offered = held.pop(0)
        if offered.invocation.version == 2:
            break
        served += 1
        table.finish("w1", offered, run_seconds=0.0001)
        held.extend(table.offers())
    assert served <= 6
