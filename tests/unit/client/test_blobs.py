"""Large values: what is sent once, what is refused, and where results lie."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from farcall.client import blobs, errors
from farcall.client.blobs import Sending
from farcall.client.client import Client
from farcall.payload import digest_of
from tests.unit.client.peer import Peer


def test_a_value_that_was_changed_after_it_was_noted_is_refused(peer: Peer, client: Client) -> None:
    with pytest.raises(errors.RequestError, match="digest"):
        Sending(client._blobs, [digest_of(b"as it was")]).put(b"as it is")
    assert not client._blobs.known(digest_of(b"as it was"))


def test_values_are_sent_under_the_digests_that_were_noted_and_those_after_them_under_their_own(
    peer: Peer, client: Client
) -> None:
    sending = Sending(client._blobs, [digest_of(b"first")])
    assert [sending.put(data) for data in (b"first", b"second")] == [digest_of(b"first"), digest_of(b"second")]
    assert set(peer.blobs.values()) == {b"first", b"second"}


@pytest.mark.parametrize("in_memory_bytes", [0, 10_000_000])
@pytest.mark.parametrize("change", [lambda data: data + b"x", lambda data: data[:-1], lambda data: b"x" + data[1:]])
def test_a_result_of_which_too_much_too_little_or_something_else_arrives_is_refused(
    peer: Peer,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    in_memory_bytes: int,
    change: Callable[[bytes], bytes],
) -> None:
    monkeypatch.setattr(blobs, "_IN_MEMORY_BYTES", in_memory_bytes)
    data = bytes(3_000_000)
    peer.blobs[digest_of(data)] = change(data)
    with pytest.raises(errors.FarcallError, match="digest is not the one that was promised"):
        client._blobs.open(digest_of(data), len(data))
    peer.blobs[digest_of(data)] = data
    assert client._blobs.open(digest_of(data), len(data)) == data


@pytest.mark.parametrize("in_memory_bytes", [0, 10_000_000])
def test_results_can_be_changed_wherever_they_lie(
    client: Client, monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
) -> None:
    monkeypatch.setattr(blobs, "_IN_MEMORY_BYTES", in_memory_bytes)
    echo, array = client.get("alice/echo"), np.arange(200_000)
    back, again = echo(array), echo(array)
    back[:] = 7
    assert np.array_equal(again, array)
    assert (back == 7).all()
