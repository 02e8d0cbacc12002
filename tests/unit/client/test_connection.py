"""What happens to calls when connections, hubs and processes come and go."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from farcall.client import errors, notice
from farcall.client.client import Client
from farcall.link import Link
from farcall.wire import frames
from tests.unit.client.peer import TOKEN, Peer


def test_calls_in_flight_survive_a_lost_connection(peer: Peer, client: Client) -> None:
    peer.hold = True
    results = client.get("alice/physics/add").map(range(1000))
    peer.until(lambda: len(peer.records) == 1000)
    peer.kick()
    peer.until(lambda: peer.sent(frames.Attach))
    peer.release()
    assert list(results) == [n + 1.0 for n in range(1000)]
    assert sum(len(frame.items) for frame in peer.sent(frames.Submit)) == 1000


def test_results_that_were_given_meanwhile_are_fetched_by_asking(peer: Peer, client: Client) -> None:
    peer.hold = True
    inv = client.get("alice/physics/add").submit(1.0)
    peer.until(lambda: peer.records)
    record = peer.records[inv._identifier]
    record.listeners.clear()  # as if the answer were lost with the connection
    peer.release()
    peer.until(lambda: record.settlement is not None)
    peer.kick()
    assert inv.result(timeout=5) == 2.0


def test_only_what_the_hub_does_not_know_is_sent_again_under_the_same_id(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add")
    peer.hold = True
    known = add.submit(1.0)
    assert known.id
    peer.swallow_submits = 1
    lost = add.submit(2.0)
    peer.until(lambda: not peer.swallow_submits)
    peer.kick()
    peer.until(lambda: len(peer.records) == 2)
    peer.release()
    assert (known.result(timeout=5), lost.result(timeout=5)) == (2.0, 3.0)
    sent = [item.id for frame in peer.sent(frames.Submit) for item in frame.items]
    assert sent == [known._identifier, lost._identifier, lost._identifier]


def test_calls_survive_a_hub_that_is_started_again() -> None:
    peer = Peer()
    peer.serve("alice/double", lambda x: 2 * x, {"x": {}})
    with peer.running(wait=True):
        client = Client(peer.url, TOKEN)
        double = client.get("alice/double")
        peer.hold = True
        before = double.submit(1)
        assert before.id
    meanwhile = double.submit(2)
    peer.hold = False
    with peer.running():
        peer.until(lambda: len(peer.tokens) == 2)
        peer.release()
        assert (before.result(timeout=10), meanwhile.result(timeout=10)) == (2, 4)
        client.close()


def test_a_call_alone_is_sent_by_its_own_thread(peer: Peer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    add = client.get("alice/physics/add")
    posted: list[object] = []
    monkeypatch.setattr(client._channel_now(), "_post", posted.append)
    assert [add(float(n)) for n in range(20)] == [n + 1.0 for n in range(20)]
    assert posted == []


@pytest.mark.parametrize("sent", [True, False])
def test_a_call_that_is_interrupted_while_it_is_sent_is_cancelled(peer: Peer, client: Client, sent: bool) -> None:
    add = client.get("alice/physics/add")
    peer.hold = True
    channel = client._channel_now()

    def struck(frame: frames.Frame) -> bool:
        if sent:
            Link.send_now(channel._link, frame)
        raise KeyboardInterrupt

    channel._link.send_now = struck  # type: ignore[method-assign]  # where an interrupt can't be timed
    with pytest.raises(KeyboardInterrupt):
        add(1.0)
    del channel._link.send_now  # type: ignore[attr-defined]
    peer.until(lambda: not channel._ledger)
    assert len(peer.sent(frames.Cancel)) == 1
    peer.release()
    assert add(2.0) == 3.0


def test_a_cancel_is_repeated_after_a_reconnect(peer: Peer, client: Client) -> None:
    peer.hold = True
    inv = client.get("alice/physics/add").submit(1.0)
    assert inv.id
    peer.kick()
    inv.cancel()
    with pytest.raises(errors.InvocationCancelled):
        inv.result(timeout=10)


def test_a_hub_that_is_not_there_is_said_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(errors.HubUnreachable, match=r"No hub answers at http://127\.0\.0\.1:9") as caught:
        Client("http://127.0.0.1:9", TOKEN).get("alice/f")
    assert time.monotonic() - began < 5
    assert "farcall up" in caught.value.hint


def test_a_token_that_is_not_accepted_is_said(peer: Peer) -> None:
    with pytest.raises(errors.PermissionDenied) as caught:
        Client(peer.url, "farcall_pat_old").get("alice/physics/add")
    assert caught.value.code == "unauthenticated"
    with pytest.raises(errors.PermissionDenied):
        Client(peer.url, "farcall_pat_old").me()


def test_a_client_connects_anew_after_its_connection_has_ended(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add")
    peer.say(frames.Goodbye("unauthenticated", "The token was revoked."))
    peer.until(lambda: client._channel is not None and client._channel.error is not None)
    assert add(1.0) == 2.0


def test_what_was_under_way_fails_when_the_hub_refuses_the_connection(peer: Peer, client: Client) -> None:
    peer.hold = True
    inv = client.get("alice/physics/add").submit(1.0)
    identifier = inv.id
    peer.say(frames.Goodbye("unauthenticated", "The token was revoked."))
    with pytest.raises(errors.PermissionDenied, match="revoked") as caught:
        inv.result(timeout=5)
    assert identifier in caught.value.hint


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_a_connection_of_its_own(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add")
    peer.hold = True
    parents = add.submit(40.0)
    assert parents.id
    context = multiprocessing.get_context("fork")
    answers: Any = context.SimpleQueue()

    def child() -> None:
        answers.put((add(1.0), parents.result(timeout=10)))

    process = context.Process(target=child)
    process.start()
    peer.until(lambda: len(peer.tokens) == 2)
    peer.until(lambda: len(peer.records) == 2)
    peer.release()
    assert answers.get() == (2.0, 41.0)
    process.join(10)
    assert process.exitcode == 0
    assert parents.result(timeout=5) == 41.0
    assert add(2.0) == 3.0


def run_script(peer: Peer, text: str, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "FARCALL_HUB": peer.url, "FARCALL_TOKEN": TOKEN}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_submitted_invocation_survives_its_caller(peer: Peer) -> None:
    script = run_script(peer, "import farcall\nfor n in range(500): farcall.get('alice/physics/add').submit(float(n))")
    _, complaints = script.communicate(timeout=20)
    assert (script.returncode, complaints) == (0, "")
    assert len(peer.records) == 500


def test_submissions_that_do_not_get_through_are_said_at_the_end(
    peer: Peer, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    add = client.get("alice/physics/add")
    peer.swallow_submits = 10
    for _ in range(3):
        add.submit(1.0)
    client._channel_now().close(timeout=0.2)
    assert "has not accepted 3 of the submitted" in capsys.readouterr().err


def test_interrupting_a_blocking_call_cancels_it(peer: Peer) -> None:
    peer.hold = True
    script = run_script(peer, "import farcall\nfarcall.get('alice/physics/add')(1.0)")
    peer.until(lambda: peer.records)
    script.send_signal(signal.SIGINT)
    _, complaints = script.communicate(timeout=20)
    assert "KeyboardInterrupt" in complaints
    peer.until(lambda: peer.sent(frames.Cancel))


def test_waiting_on_a_terminal_is_not_silent(
    peer: Peer, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notice, "AFTER_SECONDS", 0.05)
    monkeypatch.setattr(notice, "interactive", lambda: True)
    peer.hold = True
    threading.Timer(0.5, peer.release).start()
    assert client.get("alice/physics/add")(1.0) == 2.0
    (line,) = capsys.readouterr().err.splitlines()
    identifier = next(iter(peer.records))
    assert line.startswith("inv_")
    assert "on worker w1" in line
    assert f"farcall explain {line.split()[0]}" in line
    assert len(identifier) == 22


def test_the_import_is_quick_and_lazy(tmp_path: Path) -> None:
    code = (
        "import sys, time; t = time.perf_counter(); import farcall; "
        "print(time.perf_counter() - t, [m for m in ('numpy', 'httpx2', 'websockets', 'asyncio') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    seconds, _, loaded = shown.strip().partition(" ")
    assert float(seconds) < 0.1
    assert loaded == "[]"
