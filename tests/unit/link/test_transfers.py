"""Large values on their way to a hub and back."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from blake3 import blake3

from farcall.link import Address
from farcall.link.transfers import PIECE_BYTES, Broken, Transfers, transfers

DATA = bytes(range(256)) * (5 * PIECE_BYTES // 256) + b"a few more"
DIGEST = f"blake3:{blake3(DATA).hexdigest()}"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Hub:
    """Plays one connection after another by `parts`, each a function of the connection; keeps what it was asked."""

    def __init__(self, *parts: Callable[[Hub, socket.socket], None], tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self._parts = parts
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def _play(self) -> None:
        for part in self._parts:
            connection, _ = self._listener.accept()
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                part(self, connection)

    def request(self, connection: socket.socket) -> None:
        """Read a whole request."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        while length is not None and len(body) < int(length[1]):
            body += connection.recv(1 << 20)
        self.bodies.append(body)


def answers(*replies: bytes) -> Callable[[Hub, socket.socket], None]:
    """A connection on which each request gets the next of these, and which is closed then."""

    def play(hub: Hub, connection: socket.socket) -> None:
        for reply in replies:
            hub.request(connection)
            connection.sendall(reply)

    return play


def whole(data: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


@contextlib.contextmanager
def to(hub: Hub, url: str = "", ca_file: str | None = None, silence_seconds: float = 10.0) -> Iterator[Transfers]:
    address = Address.parse(url or f"http://127.0.0.1:{hub.port}/below")
    way = transfers(address, "the-token", ca_file, silence_seconds=silence_seconds)
    try:
        yield way
    finally:
        way.close()


def everything(way: Transfers, path: str = "/v1/blobs/x") -> tuple[int, bytes]:
    buffer = memoryview(bytearray(100_000))
    with way.get(path) as answer:
        pieces = []
        while count := answer.fill(buffer):
            pieces.append(bytes(buffer[:count]))
        return answer.status, b"".join(pieces)


def test_bytes_and_files_arrive_whole_with_their_digest_and_the_token() -> None:
    with Hub(answers(CREATED, CREATED)) as hub, to(hub) as way:
        assert way.post("/v1/blobs", memoryview(DATA), len(DATA), DIGEST) == (201, b"{}")
        with Path(__file__).open("rb") as file:
            size = len(file.read())  # it is sent from its beginning nevertheless
            assert way.post("/v1/blobs", file, size, DIGEST) == (201, b"{}")
    assert hub.bodies == [DATA, Path(__file__).read_bytes()]
    for head in hub.heads:
        assert head.startswith("POST /below/v1/blobs HTTP/1.1\r\n")
        assert "Authorization: Bearer the-token" in head
        assert f"X-Farcall-Digest: {DIGEST}" in head


def test_of_a_file_that_changes_while_it_is_sent_no_more_leaves_than_was_announced() -> None:
    def listening(hub: Hub, connection: socket.socket) -> None:
        while connection.recv(1 << 20):
            pass

    with Hub(answers(CREATED, CREATED), listening) as hub, to(hub) as way:
        longer = io.BytesIO(DATA + b"GET / HTTP/1.1\r\n\r\n")
        assert way.post("/v1/blobs", longer, len(DATA), DIGEST) == (201, b"{}")
        assert way.post("/v1/blobs", memoryview(DATA), len(DATA), DIGEST) == (201, b"{}")
        assert hub.bodies == [DATA, DATA]
        with pytest.raises(Broken, match="became shorter"):
            way.post("/v1/blobs", io.BytesIO(DATA[:-1]), len(DATA), DIGEST)


def test_a_body_is_had_piece_by_piece_and_the_connection_is_used_again() -> None:
    with Hub(answers(whole(DATA), whole(b""), whole(b"more"))) as hub, to(hub) as way:
        assert everything(way) == (200, DATA)
        assert everything(way) == (200, b"")
        assert everything(way) == (200, b"more")
    assert len(hub.heads) == 3


def test_a_body_in_chunks_is_had_too() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    with Hub(answers(chunked)) as hub, to(hub) as way:
        assert everything(way) == (200, b"abcdefg")


def test_a_connection_that_the_hub_closed_meanwhile_is_replaced() -> None:
    with Hub(answers(CREATED), answers(CREATED)) as hub, to(hub) as way:
        for _ in range(2):
            assert way.post("/v1/blobs", memoryview(DATA), len(DATA), DIGEST)[0] == 201
    assert hub.bodies == [DATA, DATA]


def test_a_body_that_was_not_read_to_its_end_leaves_no_connection_behind() -> None:
    with Hub(answers(whole(b"abc")), answers(whole(b"fresh"))) as hub, to(hub) as way:
        with way.get("/v1/blobs/x") as answer:
            assert answer.fill(memoryview(bytearray(1))) == 1
        assert everything(way) == (200, b"fresh")


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1", whole(DATA)[:-1], b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_an_answer_that_is_none_or_is_cut_off_is_broken(reply: bytes) -> None:
    with Hub(answers(reply)) as hub, to(hub) as way, pytest.raises(Broken):
        everything(way)


def test_a_hub_that_is_silent_for_too_long_is_broken() -> None:
    done = threading.Event()

    def silent(hub: Hub, connection: socket.socket) -> None:
        hub.request(connection)
        done.wait(10)

    with Hub(silent) as hub, to(hub, silence_seconds=0.1) as way:
        with pytest.raises(Broken, match="timed out"):
            everything(way)
        done.set()


def test_what_the_hub_says_before_it_hangs_up_in_the_middle_of_an_upload_is_heard() -> None:
    def refusing(hub: Hub, connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlarge")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with Hub(refusing) as hub, to(hub) as way:
        assert way.post("/v1/blobs", memoryview(DATA), len(DATA), DIGEST) == (413, b"large")


def test_redirects_are_not_followed() -> None:
    elsewhere = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with Hub(answers(elsewhere)) as hub, to(hub) as way:
        assert everything(way) == (307, b"")
    assert len(hub.heads) == 1


def test_closing_ends_what_is_under_way_and_what_comes_later() -> None:
    begun = threading.Event()

    def endless(hub: Hub, connection: socket.socket) -> None:
        hub.request(connection)
        begun.set()
        while connection.recv(1000):
            pass

    with Hub(endless) as hub, to(hub) as way:
        failures: list[Broken] = []

        def ask() -> None:
            try:
                everything(way)
            except Broken as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        assert begun.wait(10)
        way.close()
        asking.join(10)
        assert len(failures) == 1
        with pytest.raises(Broken, match="ended"):
            everything(way)


def test_no_hub_at_all_is_broken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    way = transfers(Address.parse(f"http://127.0.0.1:{port}"), "t", None, silence_seconds=10.0)
    with pytest.raises(Broken, match="refused"):
        everything(way)


def test_tls_trusts_the_authority_it_is_told_and_no_other(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    ca_file = str(tmp_path / "authority.pem")
    hub = Hub(answers(CREATED, CREATED, whole(DATA)), tls=context)
    with hub, to(hub, f"https://localhost:{hub.port}", ca_file) as way:
        assert way.post("/v1/blobs", memoryview(DATA), len(DATA), DIGEST) == (201, b"{}")
        assert way.post("/v1/blobs", io.BytesIO(DATA), len(DATA), DIGEST) == (201, b"{}")
        assert everything(way) == (200, DATA)
    assert hub.bodies[:2] == [DATA, DATA]

    def rejected(hub: Hub, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
            pass

    hub = Hub(rejected)
    with hub, to(hub, f"https://localhost:{hub.port}") as way, pytest.raises(Broken, match="certificate"):
        everything(way)


def test_behind_a_proxy_both_ways_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub(answers(CREATED, CREATED, whole(DATA))) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with to(proxy, "http://hub.test:8750") as way:
            assert way.post("/v1/blobs", memoryview(DATA), len(DATA), DIGEST) == (201, b"{}")
            assert way.post("/v1/blobs", io.BytesIO(DATA), len(DATA), DIGEST) == (201, b"{}")
            assert everything(way) == (200, DATA)
            way.close()
            with pytest.raises(Broken):
                everything(way)
    assert proxy.bodies[:2] == [DATA, DATA]
    assert proxy.heads[0].startswith("POST http://hub.test:8750/v1/blobs HTTP/1.1")
