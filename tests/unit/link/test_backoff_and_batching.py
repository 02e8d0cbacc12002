"""The pure parts: waits, and which frames leave together."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.domain.model import Settlement
from farcall.link.backoff import Backoff
from farcall.link.batching import encoded, joined
from farcall.wire import frames
from farcall.wire.session import HubSession, ProtocolError


def test_waits_double_up_to_the_longest_and_begin_anew() -> None:
    backoff = Backoff(lambda: 1.0, first_seconds=0.1, most_seconds=1.0)
    assert [backoff.next_seconds() for _ in range(6)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    backoff.reset()
    assert backoff.next_seconds() == pytest.approx(0.1)


@given(st.integers(0, 2**32), st.integers(1, 200))
def test_waits_lie_in_the_upper_half_of_what_is_due(seed: int, failures: int) -> None:
    backoff = Backoff(Random(seed).random, first_seconds=0.5, most_seconds=20.0)
    for failure in range(failures):
        due = min(20.0, 0.5 * 2.0**failure)
        assert due / 2 <= backoff.next_seconds() <= due


def _key(number: int) -> frames.AttemptKey:
    return frames.AttemptKey(number.to_bytes(22, "big"), number)


_FRAMES = st.lists(
    st.one_of(
        st.lists(st.integers(0, 99), min_size=1, max_size=3).map(lambda ids: frames.Started([_key(i) for i in ids])),
        st.lists(st.integers(0, 99), min_size=1, max_size=3).map(
            lambda ids: frames.Finished([frames.FinishedItem(b"i" * 22, i, 3, bytes(i)) for i in ids])
        ),
        st.integers(0, 9).map(frames.Heartbeat),
    ),
    max_size=20,
)


@given(_FRAMES)
def test_joining_keeps_every_item_in_its_order(queue: list[frames.Frame]) -> None:
    def flat(all_frames: list[frames.Frame]) -> list[object]:
        return [(type(f), item) for f in all_frames for item in getattr(f, "items", [f])]

    before = msgspec.msgpack.encode(queue)
    result = joined(queue)
    assert flat(result) == flat(queue)
    assert msgspec.msgpack.encode(queue) == before
    assert all(type(one) is not type(two) or type(one) is frames.Heartbeat for one, two in pairwise(result))


def test_adjacent_batches_leave_as_one_frame() -> None:
    queue: list[frames.Frame] = [frames.Started([_key(1)]), frames.Started([_key(2)]), frames.Heartbeat(1)]
    assert joined(queue) == [frames.Started([_key(1), _key(2)]), frames.Heartbeat(1)]


def test_a_batch_over_the_limit_is_split_and_a_single_item_is_refused() -> None:
    session = HubSession("client")
    session._send_limit_bytes = 3000
    big = frames.Settled([])
    big.items.extend(Settlement(number.to_bytes(22, "big"), 3, bytes(1000)) for number in range(7))
    messages = encoded(big, session.encode)
    decoder = msgspec.msgpack.Decoder(frames.ToClient)
    parts = [decoder.decode(message) for message in messages]
    assert [item for part in parts for item in part.items] == big.items
    with pytest.raises(ProtocolError):
        encoded(frames.Settled([Settlement(b"i" * 22, 3, bytes(4000))]), session.encode)
