"""Bytes of a guest are taken as hostile."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.guest.channel import ChannelBroken, FromGuestParser, Splitter, pack
from farcall.guest.messages import MESSAGE_LIMIT_BYTES, Failed, Piece, Printed, Reported, Succeeded, Yielded

MESSAGES = [
    Succeeded(1, b"\x03", 0.5, ["blake3:00"]),
    Printed(2, [Piece("stdout", 1.0, "hello")]),
    Failed(2, 0.1, "function_error", "no", "", "ValueError", "Traceback"),
    Reported(3, 0.5, "half"),
    Yielded(3, 0, [b"a", b"b" * 1000]),
]
STREAM = b"".join(map(pack, MESSAGES))


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_messages_come_out_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    parser = FromGuestParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [message for start, end in itertools.pairwise(edges) for message in parser.feed(STREAM[start:end])]
    assert found == MESSAGES


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_waited_for_or_refused_and_nothing_else(data: bytes) -> None:
    parser = FromGuestParser()
    try:
        parser.feed(len(data).to_bytes(4, "little") + data)
    except ChannelBroken:
        pass


@pytest.mark.parametrize(
    "body",
    [
        msgspec.msgpack.encode([99, 1]),
        msgspec.msgpack.encode([3, "one", b"", 0.1]),
        msgspec.msgpack.encode([3, 1]),
        msgspec.msgpack.encode({"type": 3}),
        b"\x91" * 5000 + b"\x01",
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(ChannelBroken):
        FromGuestParser().feed(len(body).to_bytes(4, "little") + body)


def test_a_length_over_the_limit_is_refused_before_its_bytes_have_come() -> None:
    with pytest.raises(ChannelBroken, match="over the limit"):
        Splitter().feed((MESSAGE_LIMIT_BYTES + 1).to_bytes(4, "little"))


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ChannelBroken, match="over the limit"):
        pack(Succeeded(1, bytes(MESSAGE_LIMIT_BYTES), 0.0))
