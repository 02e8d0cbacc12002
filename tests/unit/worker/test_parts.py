"""Parts of a worker by themselves: outbox, lease, streams' buffers, what the machine says of itself."""

from __future__ import annotations

import stat
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from farcall.domain.states import AttemptState
from farcall.guest.messages import Piece
from farcall.wire import frames
from farcall.wire.frames import AttemptKey, FinishedItem
from farcall.worker import ServeOptions, machine
from farcall.worker.attempts import Attempt, StreamBuffer
from farcall.worker.generations import Generation
from farcall.worker.lease import Lease, now
from farcall.worker.outbox import Outbox
from farcall.worker.reports import ATTEMPT_LIMIT_CHARACTERS, Reports


def finished(number: int) -> FinishedItem:
    return FinishedItem(bytes([number]) * 22, number, AttemptState.SUCCEEDED)


GENERATION = cast(Generation, SimpleNamespace(name_of=lambda function: f"function {function}"))


def key(number: int) -> AttemptKey:
    return AttemptKey(bytes([number]) * 22, number)


def attempt(number: int = 1) -> Attempt:
    return Attempt(frames.OfferItem(bytes([number]) * 22, number, 1, b"", 1, "bob"), GENERATION, 0)


def test_an_outcome_waits_for_a_line_and_is_sent_again_until_it_is_acknowledged() -> None:
    sent: list[frames.Frame] = []
    outbox = Outbox(sent.append)
    outbox.finish([finished(1), finished(2)])
    assert sent == []
    outbox.resend()
    outbox.acknowledged(frames.Acknowledge([key(1)], []))
    outbox.disconnected()
    outbox.resend()
    assert sent == [frames.Finished([finished(1), finished(2)]), frames.Finished([finished(2)])]
    assert outbox.keys() == [key(2)]


def test_a_stale_acknowledgement_empties_the_outbox_as_well() -> None:
    outbox = Outbox(lambda frame: None)
    outbox.finish([finished(1)])
    outbox.acknowledged(frames.Acknowledge([], [key(1)]))
    assert len(outbox) == 0


def test_an_acknowledgement_with_another_fence_drops_nothing() -> None:
    outbox = Outbox(lambda frame: None)
    outbox.finish([finished(1)])
    outbox.acknowledged(frames.Acknowledge([AttemptKey(bytes([1]) * 22, 99)]))
    assert len(outbox) == 1


def test_what_is_returned_while_there_is_no_line_is_said_when_there_is_one() -> None:
    sent: list[frames.Frame] = []
    outbox = Outbox(sent.append)
    outbox.give_back([(bytes([1]) * 22, 1)], "recalled")
    assert outbox.keys() == [key(1)]
    outbox.resend()
    assert sent == [frames.Returned([frames.ReturnedItem(bytes([1]) * 22, 1, "recalled")])]
    assert outbox.keys() == []


def test_the_lease_counts_from_the_sending_of_the_last_acknowledged_heartbeat() -> None:
    lapsed = threading.Event()
    lease = Lease(lapsed.set)
    lease.start()
    lease.granted(0.4, now())
    beat = lease.beat()
    time.sleep(0.2)
    lease.beat()  # never acknowledged
    lease.acknowledged(beat)
    assert not lapsed.wait(0.1)
    assert lapsed.wait(0.3)
    lease.stop()


def test_a_lease_that_is_renewed_does_not_lapse_and_a_lapsed_one_can_be_granted_again() -> None:
    lapses: list[float] = []
    lease = Lease(lambda: lapses.append(time.monotonic()))
    lease.start()
    lease.granted(0.3, now())
    for _ in range(6):
        lease.acknowledged(lease.beat())
        time.sleep(0.1)
    assert lapses == []
    time.sleep(0.4)
    assert len(lapses) == 1
    lease.granted(0.1, now())
    time.sleep(0.3)
    assert len(lapses) == 2
    lease.stop()


def test_a_stream_buffer_takes_items_in_order_and_lets_go_of_what_was_taken() -> None:
    buffer = StreamBuffer()
    assert buffer.add(0, [b"a", b"b"])
    assert not buffer.add(5, [b"x"])
    assert buffer.take(1)
    assert not buffer.take(1)
    assert not buffer.take(9)
    assert list(buffer.items) == [b"b"]


def test_output_without_a_line_waits_and_an_attempt_that_never_stops_printing_is_cut() -> None:
    sent: list[frames.Logs] = []
    reports = Reports(sent.append)  # type: ignore[arg-type]  # only logs are sent here
    talker = attempt()
    reports.printed(talker, [Piece("stdout", 1.0, "early")])
    assert sent == []
    reports.resume()
    for _ in range(ATTEMPT_LIMIT_CHARACTERS // 60_000 + 10):
        reports.printed(talker, [Piece("stdout", 1.0, "x" * 60_000)])
    items = [item for frame in sent for item in frame.items]
    assert items[0].text == "early"
    assert [item.seq for item in items] == list(range(len(items)))
    assert "was cut" in items[-1].text
    assert sum(len(item.text) for item in items) <= ATTEMPT_LIMIT_CHARACTERS + 100


def test_the_owners_secret_is_made_once_and_readable_by_the_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path))
    secret = machine.owner_secret()
    assert len(secret) == 32
    assert machine.owner_secret() == secret
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_labels_come_beside_what_the_machine_is_and_may_replace_it() -> None:
    found = machine.resources({"gpu": 2, "python": "pypy"})
    assert found["gpu"] == 2
    assert found["python"] == "pypy"
    assert isinstance(found["cpus"], int)


@pytest.mark.parametrize("wrong", [{"targets": ()}, {"slots": 0}, {"slots": 5000}, {"secret": b"short"}])
def test_options_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"targets": ("lab.py",), "hub": "http://127.0.0.1", "token": "t"}
    with pytest.raises(ValueError, match=r"serve|slots|secret"):
        ServeOptions(**{**good, **wrong})  # type: ignore[arg-type]  # wrong on purpose


def test_the_token_is_not_shown_by_the_options() -> None:
    assert "s3cret" not in repr(ServeOptions(("lab.py",), "http://127.0.0.1", "s3cret"))
