"""Large bodies in and out, past the server and through it: whoever is at the other end must not see a difference."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from farcall.gateway import intake, line
from farcall.stores import blobs
from farcall.testing.hub import RunningHub, running_hub

DATA = os.urandom(5_000_000)
DIGEST = "blake3:" + blake3(DATA).hexdigest()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(directory: Path) -> Iterator[RunningHub]:
    with running_hub(directory) as running:
        yield running


@pytest.fixture(autouse=True, params=["past the server", "through the server"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "through the server":
        monkeypatch.setattr(intake, "lend", lambda *_: None)
    return str(request.param)


class Caller:
    """One connection, by hand."""

    def __init__(self, hub: RunningHub, receive_buffer_bytes: int = 0) -> None:
        host, _, port = hub.url.removeprefix("http://").partition(":")
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))
        self._token = hub.token
        self._ahead = b""

    def ask(self, line: str, *fields: str) -> None:
        lines = (f"{line} HTTP/1.1", "Host: hub", f"Authorization: Bearer {self._token}", *fields)
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")

    def head(self) -> bytes:
        """The head of the next answer; empty if the hub hung up."""
        while b"\r\n\r\n" not in self._ahead:
            more = self.socket.recv(65536)
            if not more:
                return b""
            self._ahead += more
        top, _, self._ahead = self._ahead.partition(b"\r\n\r\n")
        return top.lower()

    def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        top = self.head()
        length = re.search(rb"content-length: (\d+)", top)
        assert length is not None
        body, size = bytearray(self._ahead), int(length[1])
        while len(body) < size:
            body += self.socket.recv(1 << 20)
        self._ahead = bytes(body[size:])
        return int(top.split()[1]), bytes(body[:size])


@pytest.fixture
def caller(hub: RunningHub) -> Iterator[Caller]:
    made = Caller(hub)
    with made.socket:
        yield made


def wait_until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@contextlib.contextmanager
def full(directory: Path) -> Iterator[None]:
    """The hub can store nothing: where unfinished uploads go is no directory."""
    unfinished = directory / "blobs" / "unfinished"
    unfinished.rename(directory / "away")
    unfinished.touch()
    try:
        yield
    finally:
        unfinished.unlink()
        (directory / "away").rename(unfinished)


def test_uploads_and_downloads_share_a_connection(caller: Caller) -> None:
    for _ in range(2):
        caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}", f"X-Farcall-Digest: {DIGEST}")
        caller.socket.sendall(DATA)
        assert caller.answer()[0] == 201
        caller.ask(f"GET /v1/blobs/{DIGEST}")
        assert caller.answer() == (200, DATA)
        caller.ask(f"GET /v1/blobs/{DIGEST}", "Range: bytes=4000000-")
        assert caller.answer() == (206, DATA[4_000_000:])
        caller.ask(f"HEAD /v1/blobs/{DIGEST}")
        assert b"content-length: 5000000" in caller.head()
        caller.ask("GET /healthz")
        assert caller.answer()[0] == 200


def test_a_client_that_asks_whether_it_may_go_on_is_told_so(caller: Caller) -> None:
    caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}", "Expect: 100-continue")
    assert caller.head() == b"http/1.1 100 continue"
    caller.socket.sendall(DATA)
    assert caller.answer()[0] == 201


def test_a_request_that_follows_a_large_body_at_once_is_answered_too(caller: Caller) -> None:
    caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
    caller.socket.sendall(DATA[:-10])
    time.sleep(0.05)
    caller.socket.sendall(DATA[-10:] + b"GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n")
    assert caller.answer()[0] == 201
    assert caller.answer()[0] == 200


def test_a_body_that_comes_slowly_arrives(caller: Caller) -> None:
    caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}", f"X-Farcall-Digest: {DIGEST}")
    for start in range(0, len(DATA), 500_000):
        caller.socket.sendall(DATA[start : start + 500_000])
        time.sleep(0.01)
    assert caller.answer()[0] == 201


def test_who_reads_slowly_gets_everything(hub: RunningHub, caller: Caller) -> None:
    caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
    caller.socket.sendall(DATA)
    assert caller.answer()[0] == 201
    slow = Caller(hub, receive_buffer_bytes=4096)
    with slow.socket:
        slow.ask(f"GET /v1/blobs/{DIGEST}")
        time.sleep(0.2)
        assert slow.answer() == (200, DATA)


def test_a_disk_that_takes_nothing_is_told_and_the_connection_goes_on(caller: Caller, directory: Path) -> None:
    fresh = os.urandom(3_000_000)
    with full(directory):
        caller.ask("POST /v1/blobs", f"Content-Length: {len(fresh)}")
        caller.socket.sendall(fresh)
        assert caller.answer()[0] == 503
    caller.ask("POST /v1/blobs", f"Content-Length: {len(fresh)}")
    caller.socket.sendall(fresh)
    assert caller.answer()[0] == 201


def test_an_upload_that_failed_is_not_waited_for_when_much_of_it_is_missing(
    caller: Caller, directory: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(line, "_SWALLOWED_BYTES", 1000)
    with full(directory):
        caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
        caller.socket.sendall(DATA[:1000])
        assert caller.answer()[0] == 503
    if way == "past the server":
        assert caller.head() == b""  # it hung up, since nobody knows where the next request begins


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_connections_that_end_in_the_middle_leave_no_descriptor_open(hub: RunningHub, caller: Caller) -> None:
    caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
    caller.socket.sendall(DATA)
    assert caller.answer()[0] == 201

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    for request in (f"GET /v1/blobs/{DIGEST}", "POST /v1/blobs"):
        other = Caller(hub, receive_buffer_bytes=4096)
        with other.socket:
            other.ask(request, *([f"Content-Length: {len(DATA)}"] if request.startswith("POST") else []))
            if request.startswith("POST"):
                other.socket.sendall(DATA[:2_000_000])
            else:
                other.socket.recv(1000)
            wait_until(lambda: descriptors() > before + 1)
    wait_until(lambda: descriptors() <= before)


def test_a_disk_that_fails_while_a_blob_is_read_is_told_to_the_log_and_the_answer_ends_short(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
    caller.socket.sendall(DATA)
    assert caller.answer()[0] == 201

    def fail(self: object, buffer: memoryview) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(blobs._Download, "read", fail)
    caller.ask(f"GET /v1/blobs/{DIGEST}")
    assert caller.head().startswith(b"http/1.1 200")
    with contextlib.suppress(ConnectionResetError):
        assert caller.socket.recv(1) == b""
    wait_until(lambda: "Input/output error" in caplog.text)


def test_a_peer_that_falls_silent_in_the_middle_is_taken_for_lost(
    hub: RunningHub, caller: Caller, directory: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(line, "SILENCE_SECONDS", 0.3)
    unfinished = directory / "blobs" / "unfinished"
    for sent in (0, len(DATA) - 1):
        silent = Caller(hub)
        with silent.socket:
            silent.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
            silent.socket.sendall(DATA[:sent])
            status, said = silent.answer()
            assert (status, b"silent for long" in said) == (400, True)
            assert not any(unfinished.iterdir())
    if way == "past the server":
        caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
        caller.socket.sendall(DATA)
        assert caller.answer()[0] == 201
        deaf = Caller(hub, receive_buffer_bytes=4096)
        with deaf.socket:
            deaf.ask(f"GET /v1/blobs/{DIGEST}")
            time.sleep(0.8)
            got = 0
            with contextlib.suppress(ConnectionResetError):
                while more := deaf.socket.recv(1 << 20):
                    got += len(more)
            assert got < len(DATA)


def test_who_asks_for_several_things_at_once_and_hangs_up_is_no_failure_of_the_hub(
    hub: RunningHub, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caller.ask("POST /v1/blobs", f"Content-Length: {len(DATA)}")
    caller.socket.sendall(DATA)
    assert caller.answer()[0] == 201
    for number in range(20):
        hasty = Caller(hub)
        hasty.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # hangs up with a reset
        for _ in range(3):
            hasty.ask(f"GET /v1/blobs/{DIGEST}")
        time.sleep(number * 0.001)
        hasty.socket.close()
    caller.ask("GET /healthz")
    assert caller.answer()[0] == 200
    time.sleep(0.2)
    assert "Exception in ASGI application" not in caplog.text
