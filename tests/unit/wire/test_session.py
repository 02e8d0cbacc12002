"""The sessions of both ends, tested on bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farcall.domain.errors import ERRORS
from farcall.domain.model import CallOptions, Settlement
from farcall.wire import frames
from farcall.wire.session import DialerSession, HubSession, ProtocolError

BOOT = bytes(range(16))
ROLES = ("client", "worker")
CONSTANTS: dict[str, Any] = {"hub": "h", "epoch": 3, "account": "alice"}


def pair(role: Any) -> tuple[DialerSession, HubSession]:
    """Both ends after the greeting."""
    dialer, hub = DialerSession(role, BOOT, "test"), HubSession(role)
    hub.receive(dialer.hello())
    dialer.receive(hub.encode(hub.welcome(**CONSTANTS)))
    return dialer, hub


def registered() -> tuple[DialerSession, HubSession]:
    dialer, hub = pair("worker")
    hub.receive(dialer.encode(frames.Register("w", 2, 4, {"cpu": 2}, [])))
    return dialer, hub


@pytest.mark.parametrize("role", ROLES)
def test_the_greeting_settles_protocol_and_constants(role: Any) -> None:
    dialer, hub = pair(role)
    assert hub.protocol == max(frames.PROTOCOLS)
    assert dialer.constants is not None
    assert dialer.constants.account == "alice"
    assert dialer.constants.lease_seconds == 10.0


def test_a_submission_arrives_as_it_was_sent() -> None:
    dialer, hub = pair("client")
    sent = frames.Submit("alice/f", b"d" * 16, CallOptions(5.0), False, [frames.SubmitItem(b"i" * 22, b"args")])
    assert hub.receive(dialer.encode(sent)) == sent
    settled = frames.Settled([Settlement(b"i" * 22, 3, b"result", None, 1)])
    assert dialer.receive(hub.encode(settled)) == settled


def test_a_glance_sees_what_would_be_received_and_changes_nothing() -> None:
    dialer, hub = pair("client")
    settled = frames.Settled([Settlement(b"i" * 22, 3, b"result", None, 1)])
    assert dialer.glance(hub.encode(settled)) == settled
    assert dialer.glance(hub.encode(frames.Goodbye("", ""))) is None
    assert dialer.receive(hub.encode(settled)) == settled


def test_two_ends_without_a_common_protocol_part_with_a_sentence() -> None:
    dialer, hub = DialerSession("client", BOOT, "farcall 9.9", protocols=(7, 8)), HubSession("client")
    with pytest.raises(ProtocolError, match=r"speaks protocol 1, and farcall 9\.9 speaks 7, 8") as caught:
        hub.receive(dialer.hello())
    assert caught.value.code == "unsupported_protocol"


def test_the_newest_common_protocol_is_chosen() -> None:
    dialer = DialerSession("client", BOOT, "x", protocols=(1, 2, 3))
    hub = HubSession("client", protocols=(1, 2))
    hub.receive(dialer.hello())
    assert hub.protocol == 2
    assert dialer.receive(hub.encode(hub.welcome(**CONSTANTS))).protocol == 2


def test_a_welcome_with_a_protocol_that_was_not_offered_is_refused() -> None:
    dialer = DialerSession("client", BOOT, "x")
    with pytest.raises(ProtocolError, match="chose protocol 99") as caught:
        dialer.receive(msgspec.msgpack.encode(frames.Welcome(99, "h", 1, "a")))
    assert caught.value.code == "unsupported_protocol"


@pytest.mark.parametrize(
    "bad", [{"lease_seconds": float("nan")}, {"heartbeat_seconds": 0.0}, {"frame_limit_bytes": -1}]
)
def test_a_welcome_with_senseless_constants_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="can't be meant"):
        DialerSession("worker", BOOT, "x").receive(msgspec.msgpack.encode(frames.Welcome(1, "h", 1, "a", **bad)))


@pytest.mark.parametrize("role", ROLES)
def test_the_greeting_comes_first_and_only_once(role: Any) -> None:
    hub = HubSession(role)
    early = frames.Cancel([]) if role == "client" else frames.Credit(1)
    with pytest.raises(ProtocolError, match="out of order"):
        hub.receive(msgspec.msgpack.encode(early))
    dialer, hub = pair(role)
    with pytest.raises(ProtocolError, match="out of order"):
        hub.receive(dialer.hello())
    with pytest.raises(ProtocolError, match="out of order"):
        dialer.receive(hub.encode(hub.welcome(**CONSTANTS)))


def test_a_worker_registers_before_it_publishes_and_only_once() -> None:
    dialer, hub = pair("worker")
    with pytest.raises(ProtocolError, match="Register comes first"):
        hub.receive(dialer.encode(frames.Publish(1, [])))
    dialer, hub = registered()
    assert hub.receive(dialer.encode(frames.Publish(1, []))).seq == 1
    with pytest.raises(ProtocolError, match="Register frame came out of order"):
        hub.receive(dialer.encode(frames.Register("w", 2, 4, {}, [])))


def test_a_worker_may_send_heartbeats_before_it_registers() -> None:
    dialer, hub = pair("worker")
    assert hub.receive(dialer.encode(frames.Heartbeat(1))).seq == 1
    assert hub.receive(dialer.encode(frames.Register("w", 1, 1, {}, []))).name == "w"


def test_frames_of_the_wrong_direction_or_role_are_refused() -> None:
    client, hub_of_client = pair("client")
    worker, hub_of_worker = registered()
    for session, frame in (
        (hub_of_client, frames.Settled([])),
        (hub_of_client, frames.Finished([])),
        (hub_of_worker, frames.Submit("f", b"", CallOptions(), False, [])),
        (client, frames.Cancel([])),
        (client, frames.Offer([])),
        (worker, frames.Settled([])),
        (worker, frames.Finished([])),
    ):
        with pytest.raises(ProtocolError) as caught:
            session.receive(msgspec.msgpack.encode(frame))
        assert caught.value.code == "invalid_request"


@pytest.mark.parametrize("role", ROLES)
def test_nothing_follows_a_goodbye(role: Any) -> None:
    dialer, hub = pair(role)
    goodbye = dialer.encode(frames.Goodbye("", "done"))
    assert hub.receive(goodbye).message == "done"
    with pytest.raises(ProtocolError, match="last word"):
        hub.receive(goodbye)


def test_a_hub_may_refuse_with_a_goodbye_instead_of_a_welcome() -> None:
    dialer = DialerSession("client", BOOT, "x")
    refusal = dialer.receive(msgspec.msgpack.encode(frames.Goodbye("unauthenticated", "Unknown token.")))
    assert refusal.code == "unauthenticated"


def test_the_hub_does_not_welcome_before_hello() -> None:
    with pytest.raises(ValueError, match="answers a Hello"):
        HubSession("client").welcome(**CONSTANTS)


def test_an_oversized_frame_is_refused_at_both_ends() -> None:
    dialer, hub = DialerSession("client", BOOT, "x"), HubSession("client", receive_limit_bytes=1000)
    hub.receive(dialer.hello())
    dialer.receive(hub.encode(hub.welcome(**CONSTANTS, frame_limit_bytes=1000)))
    big = frames.Submit("f", b"", CallOptions(), False, [frames.SubmitItem(b"i" * 22, bytes(1000))])
    with pytest.raises(ProtocolError, match="the limit is 1000") as caught:
        dialer.encode(big)
    assert caught.value.code == "too_large"
    with pytest.raises(ProtocolError) as caught:
        hub.receive(msgspec.msgpack.encode(big))
    assert caught.value.code == "too_large"


def test_fields_that_a_later_version_adds_are_ignored() -> None:
    dialer, hub = pair("client")
    assert hub.receive(msgspec.msgpack.encode([13, [b"i" * 22], "new", {"more": 1}])) == frames.Cancel([b"i" * 22])
    assert dialer.receive(msgspec.msgpack.encode([21, [], "new"])) == frames.Accepted([])


def test_fields_that_have_defaults_may_be_left_out() -> None:
    dialer, _ = pair("client")
    assert dialer.receive(msgspec.msgpack.encode([20, 7])) == frames.Resolved(7)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x90",
        b"\x91\xcc\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x92\x0d\xdd\xff\xff\xff\xf0",
        b"\x91" * 100_000,
        b"\x94\x1f\x00\x91\x94\xa1a" + b"\x81\xa1a" * 50_000,
        b"\x93\x0b\x00\xa2\xff\xfe",
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_malformed_bytes_raise_a_protocol_error(role: Any, data: bytes) -> None:
    _, hub = pair(role) if role == "client" else registered()
    with pytest.raises(ProtocolError) as caught:
        hub.receive(data)
    assert caught.value.code in ERRORS


def _all_sessions() -> list[Any]:
    client, hub_of_client = pair("client")
    worker, hub_of_worker = registered()
    fresh = [
        HubSession("client"),
        HubSession("worker"),
        DialerSession("client", BOOT, ""),
        DialerSession("worker", BOOT, ""),
    ]
    return [client, hub_of_client, worker, hub_of_worker, *fresh]


def _must_hold(data: bytes) -> None:
    for session in _all_sessions():
        refusal = None
        before = session.phase
        glanced = session.glance(data)
        assert session.phase is before
        try:
            frame = session.receive(data)
        except ProtocolError as error:
            refusal = error
        assert (glanced is not None) == (refusal is None and session.phase is before), "a glance is no step"
        if refusal is None:
            assert isinstance(frame, frames.Frame)
            assert glanced is None or repr(glanced) == repr(frame)
        else:
            assert refusal.code in ERRORS
            assert refusal.message


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_hostile_bytes_only_ever_raise_a_protocol_error(data: bytes) -> None:
    _must_hold(data)


_MSGPACK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=24),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.sampled_from([*range(1, 6), *range(10, 15), *range(20, 29), *range(30, 39), *range(50, 57)]),
    st.lists(_MSGPACK, max_size=8),
)
@settings(max_examples=500)
def test_sound_msgpack_of_the_wrong_shape_only_ever_raises_a_protocol_error(number: int, fields: list[Any]) -> None:
    _must_hold(msgspec.msgpack.encode([number, *fields]))


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_frame_is_a_frame_or_a_protocol_error(data: st.DataObject) -> None:
    sound = msgspec.msgpack.encode(
        frames.Submit("alice/f", b"d" * 16, CallOptions(5.0), True, [frames.SubmitItem(b"i" * 22, b"arguments")] * 2)
    )
    position = data.draw(st.integers(0, len(sound) - 1))
    change = data.draw(st.binary(max_size=4))
    _must_hold(sound[:position] + change + sound[position + data.draw(st.integers(0, 3)) :])
