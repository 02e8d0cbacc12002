"""What a limit refuses: a single call raises, a map waits for room."""

from __future__ import annotations

import time

import pytest

from farcall.client.client import Client
from farcall.client.errors import InvocationCancelled, QuotaExceeded
from farcall.domain.errors import Failure
from tests.unit.client.conftest import FLOAT
from tests.unit.client.peer import Peer


def over(seconds: float) -> Failure:
    return Failure("quota_exceeded", "The limit is reached.", "More is accepted soon.", retry_after_seconds=seconds)


def test_a_single_call_raises_and_says_when_there_is_room_again(peer: Peer, client: Client) -> None:
    peer.serve("alice/double", lambda x: 2 * x, {"x": FLOAT}, FLOAT)
    peer.refuse = [over(12.0), over(12.0)]
    double = client.get("alice/double")
    with pytest.raises(QuotaExceeded, match="The limit is reached") as raised:
        double(1)
    assert (raised.value.retry_after, raised.value.hint) == (12.0, "More is accepted soon.")
    with pytest.raises(QuotaExceeded):
        double.submit(1).result(10)
    assert double(1) == 2


def test_a_map_waits_for_room_and_keeps_the_order(peer: Peer, client: Client) -> None:
    peer.serve("alice/double", lambda x: 2 * x, {"x": FLOAT}, FLOAT)
    peer.refuse = [over(0.1)] * 7
    started = time.monotonic()
    assert list(client.get("alice/double").map(range(10))) == [2 * x for x in range(10)]
    assert time.monotonic() - started < 5  # in the place of those that ended, or a second later


def test_a_map_does_not_wait_for_a_limit_that_lasts(peer: Peer, client: Client) -> None:
    peer.serve("alice/double", lambda x: 2 * x, {"x": FLOAT}, FLOAT)
    peer.refuse = [over(3_600.0)]
    results = list(client.get("alice/double").map(range(3), return_exceptions=True))
    assert isinstance(results[0], QuotaExceeded)
    assert results[1:] == [2, 4]


def test_what_waits_for_room_is_cancelled_here(peer: Peer, client: Client) -> None:
    peer.serve("alice/double", lambda x: 2 * x, {"x": FLOAT}, FLOAT)
    peer.refuse = [over(60.0)]
    called = client.get("alice/double").map([1])
    peer.until(lambda: not peer.refuse)
    time.sleep(0.1)
    [invocation] = called.invocations
    assert not invocation.done()
    called.cancel()
    with pytest.raises(InvocationCancelled, match="before it was accepted"):
        invocation.result(5)


def test_what_waits_for_room_survives_a_lost_connection(peer: Peer, client: Client) -> None:
    peer.serve("alice/double", lambda x: 2 * x, {"x": FLOAT}, FLOAT)
    peer.refuse = [over(60.0)]
    called = client.get("alice/double").map([1])
    peer.until(lambda: not peer.refuse)
    time.sleep(0.1)
    peer.kick()
    assert list(called) == [2]
