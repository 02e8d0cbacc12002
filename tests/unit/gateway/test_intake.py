"""Bodies as they come from a socket: of any size, in any pieces."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from farcall.testing.hub import RunningHub, running_hub

DATA = os.urandom(3_000_000)
DIGEST = "blake3:" + blake3(DATA).hexdigest()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(directory: Path) -> Iterator[RunningHub]:
    with running_hub(directory) as running:
        yield running


@pytest.fixture
def connection(hub: RunningHub) -> Iterator[socket.socket]:
    host, _, port = hub.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connected:
        yield connected


def head(hub: RunningHub, *fields: str) -> bytes:
    lines = ("POST /v1/blobs HTTP/1.1", "Host: hub", f"Authorization: Bearer {hub.token}", *fields)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def wait_until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    top, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", top)
    assert length is not None
    while len(body) < int(length[1]):
        body += connection.recv(65536)
    return int(top.split()[1]), json.loads(body)


@pytest.mark.parametrize("piece", [1, 7_000])
def test_a_body_of_small_chunks_is_put_together(hub: RunningHub, connection: socket.socket, piece: int) -> None:
    data = DATA[: 40_000 * piece]
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in pieces) + b"0\r\n\r\n"
    connection.sendall(head(hub, "Transfer-Encoding: chunked") + body)
    assert answer(connection) == (201, {"digest": "blake3:" + blake3(data).hexdigest(), "size": len(data)})


def test_one_connection_carries_large_and_empty_bodies_one_after_the_other(
    hub: RunningHub, connection: socket.socket
) -> None:
    for data in (DATA, b"", DATA[:100], DATA):
        connection.sendall(head(hub, f"Content-Length: {len(data)}") + data)
        assert answer(connection) == (201, {"digest": "blake3:" + blake3(data).hexdigest(), "size": len(data)})


def test_bodies_that_were_sent_without_waiting_for_the_answer_before_are_kept_apart(
    hub: RunningHub, connection: socket.socket
) -> None:
    bodies = [DATA[:90_000], DATA[5:10], DATA[1:70_000]]
    connection.sendall(b"".join(head(hub, f"Content-Length: {len(data)}") + data for data in bodies))
    got = b""
    while got.count(b'"size":') < len(bodies):
        got += connection.recv(65536)
    found = re.findall(rb'"digest":"([^"]*)"', got)
    assert found == [b"blake3:" + blake3(data).hexdigest().encode() for data in bodies]


def test_an_upload_that_breaks_off_leaves_nothing(hub: RunningHub, connection: socket.socket, directory: Path) -> None:
    unfinished = directory / "blobs" / "unfinished"
    connection.sendall(head(hub, f"Content-Length: {len(DATA)}") + DATA[:-1])
    wait_until(lambda: any(unfinished.iterdir()))
    connection.close()
    wait_until(lambda: not any(unfinished.iterdir()))


def test_a_body_of_a_request_that_asks_for_a_websocket_disturbs_nobody(
    hub: RunningHub, connection: socket.socket
) -> None:
    connection.sendall(head(hub, "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5") + b"12345")
    connection.settimeout(5)
    connection.recv(65536)  # whatever is said to it
    with socket.create_connection(connection.getpeername()) as other:
        other.sendall(head(hub, f"Content-Length: {len(DATA)}", f"X-Farcall-Digest: {DIGEST}") + DATA)
        assert answer(other)[0] == 201


def until_closed(connection: socket.socket) -> bytes:
    got = b""
    while more := connection.recv(65536):
        got += more
    return got


@pytest.mark.parametrize("field", ["Content-Length: 37", "Transfer-Encoding: chunked"])
def test_what_follows_a_wish_for_another_protocol_is_not_taken_for_a_request_where_a_body_was_announced(
    hub: RunningHub, connection: socket.socket, field: str
) -> None:
    connection.sendall(head(hub, "Connection: Upgrade", "Upgrade: h2c", field))
    time.sleep(0.1)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n")
    got = until_closed(connection)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.count(b"HTTP/1.1 ") == 1


def test_a_wish_for_another_protocol_is_ignored_where_no_body_is(hub: RunningHub, connection: socket.socket) -> None:
    for field in ("Connection: Upgrade\r\nUpgrade: h2c", "Connection: close"):
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: hub\r\n{field}\r\n\r\n".encode())
        assert answer(connection) == (200, {"status": "ok"})


def test_a_length_of_many_digits_is_no_failure_of_the_hub(hub: RunningHub, connection: socket.socket) -> None:
    connection.sendall(head(hub, "Content-Length: " + "0" * 5000 + "5") + b"hello")
    assert answer(connection) == (201, {"digest": "blake3:" + blake3(b"hello").hexdigest(), "size": 5})


def test_a_length_beyond_the_limit_is_refused_before_anything_comes(hub: RunningHub, connection: socket.socket) -> None:
    connection.sendall(head(hub, "Content-Length: 9223372036854775807"))
    assert answer(connection)[0] == 413
