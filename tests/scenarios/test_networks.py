"""Roads to a hub: TLS behind an HTTPS proxy, an outgoing HTTP proxy, and peers that do not keep to the protocol."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import farcall
from farcall.wire import frames
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until

HOST = "hub.farcall.test"  # a name that only the proxy knows
SOURCE = """
    import farcall
    import numpy as np
    from typing import Iterator

    @farcall.function(namespace="open/networks")
    def add(a: int, b: int = 1) -> int:
        return a + b

    @farcall.function(namespace="open/networks")
    def double(values: np.ndarray) -> np.ndarray:
        return values * 2

    @farcall.function(namespace="open/networks")
    def count(to: int) -> Iterator[int]:
        yield from range(to)
"""
CALLER = """
    import numpy as np
    add, double = farcall.get("alice/open/networks/add"), farcall.get("alice/open/networks/double")
    print(add(1, 2), sum(add.map(range(100))), double(np.ones(500_000)).sum())
    print(sum(farcall.get("alice/open/networks/count").stream(50)), "".join(add.submit(1).logs(follow=True)) + "end")
"""
SAID = "3 5050 1000000.0\n1225 end\n"


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, name="networks") as name:
        yield name


# -- relays ------------------------------------------------------------------------------------------------------------


class Relay:
    """Accepts connections; `begin` makes of each the two ends that are then joined."""

    def __init__(self, begin: Callable[[socket.socket], tuple[socket.socket, socket.socket]]) -> None:
        self._begin = begin
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            one, other = self._begin(near)
        except (OSError, ValueError):
            near.close()
            return
        self.count += 1
        with one, other, contextlib.suppress(OSError):
            while True:
                readable = select.select([one, other], [], [])[0]
                if isinstance(one, ssl.SSLSocket) and one.pending() and one not in readable:
                    readable.append(one)
                for source in readable:
                    data = source.recv(65536)
                    if not data:
                        return
                    (other if source is one else one).sendall(data)
                    while isinstance(source, ssl.SSLSocket) and source.pending():
                        other.sendall(source.recv(65536))


def head(near: socket.socket) -> bytes:
    """Everything up to the empty line."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = near.recv(1)
        if not piece:
            raise OSError("closed")
        data += piece
    return data


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `ca.pem`, and `server.pem` and `server.key` for localhost and the hub's name."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: there are no certificates to try TLS with")
    directory = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    names = f"subjectAltName=DNS:localhost,DNS:{HOST},IP:127.0.0.1"
    make_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca_uses = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl(
        "req", "-x509", *make_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test", "-days", "2", *ca_uses
    )
    openssl("req", *make_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=hub", "-addext", names)
    (directory / "names").write_text(names + "\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2")
    openssl("x509", "-req", "-in", "server.csr", *signing, "-out", "server.pem")
    return directory


@pytest.fixture(scope="module")
def https(town: Town, authority: Path) -> Iterator[Relay]:
    """A proxy that ends TLS before the hub."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")

    def begin(near: socket.socket) -> tuple[socket.socket, socket.socket]:
        return context.wrap_socket(near, server_side=True), socket.create_connection(("127.0.0.1", town.port))

    relay = Relay(begin)
    yield relay
    relay.close()


@pytest.fixture
def proxy(town: Town, https: Relay) -> Iterator[tuple[Relay, list[str]]]:
    """An outgoing proxy that knows the hub's name, and the requests it was asked for."""
    asked: list[str] = []

    def begin(near: socket.socket) -> tuple[socket.socket, socket.socket]:
        request = head(near)
        line = request.split(b"\r\n")[0].decode()
        asked.append(line)
        method, target, _ = line.split()
        if method == "CONNECT":
            assert target.rpartition(":")[0] == HOST, target
            port = {"443": https.port, "80": town.port}[target.rpartition(":")[2]]
            far = socket.create_connection(("127.0.0.1", port))
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            far = socket.create_connection(("127.0.0.1", town.port))
            path = target.removeprefix(f"http://{HOST}")
            far.sendall(request.replace(target.encode(), path.encode(), 1))
        return near, far

    relay = Relay(begin)
    yield relay, asked
    relay.close()


def call_through(town: Town, **environment: str) -> tuple[str, str]:
    caller = town.python(CALLER, **environment)
    return caller.communicate(timeout=60)


# -- TLS and proxies ---------------------------------------------------------------------------------------------------


def test_wss_works_behind_a_proxy_that_ends_tls(town: Town, https: Relay, authority: Path) -> None:
    url = f"https://localhost:{https.port}"
    out, err = call_through(town, FARCALL_HUB=url, SSL_CERT_FILE=str(authority / "ca.pem"))
    assert out == SAID, err
    assert https.count


def test_a_worker_serves_over_wss(town: Town, https: Relay, authority: Path, bob: farcall.Client) -> None:
    path = town.write("over_tls.py", SOURCE.replace("open/networks", "open/over_tls"))
    environment = {"SSL_CERT_FILE": str(authority / "ca.pem")}
    url = f"https://localhost:{https.port}"
    town.start(
        "over_tls", "serve", str(path), "--name", "over_tls", "--slots", "1", who="alice", url=url, **environment
    )
    wait_until(lambda: town.worker("over_tls").get("functions"), what="it serves")
    import numpy as np

    assert bob.get("alice/open/over_tls/double")(np.ones(300_000)).sum() == 600_000.0
    town.stop("over_tls")


def test_a_certificate_that_nobody_vouches_for_is_refused_in_words(town: Town, https: Relay) -> None:
    caller = town.python(
        """
        try:
            farcall.get("alice/open/networks/add")
        except farcall.HubUnreachable as error:
            print(error)
        """,
        FARCALL_HUB=f"https://localhost:{https.port}",
    )
    out, err = caller.communicate(timeout=60)
    assert "certificate" in out, out + err
    assert "SSL_CERT_FILE" in out


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_calls_go_through_an_outgoing_proxy(
    town: Town, proxy: tuple[Relay, list[str]], authority: Path, scheme: str
) -> None:
    relay, asked = proxy
    out, err = call_through(
        town,
        FARCALL_HUB=f"{scheme}://{HOST}",
        SSL_CERT_FILE=str(authority / "ca.pem"),
        http_proxy=f"http://127.0.0.1:{relay.port}",
        https_proxy=f"http://127.0.0.1:{relay.port}",
        no_proxy="",
    )
    assert out == SAID, err
    port = {"http": 80, "https": 443}[scheme]
    assert any(line.startswith(f"CONNECT {HOST}:{port} ") for line in asked), asked


def test_a_worker_dials_out_through_a_proxy(
    town: Town, proxy: tuple[Relay, list[str]], authority: Path, bob: farcall.Client
) -> None:
    relay, asked = proxy
    path = town.write("proxied.py", SOURCE.replace("open/networks", "open/proxied"))
    environment = {
        "SSL_CERT_FILE": str(authority / "ca.pem"),
        "https_proxy": f"http://127.0.0.1:{relay.port}",
        "no_proxy": "",
    }
    town.start("proxied", "serve", str(path), "--name", "proxied", who="alice", url=f"https://{HOST}", **environment)
    wait_until(lambda: town.worker("proxied").get("functions"), what="it serves")
    import numpy as np

    assert bob.get("alice/open/proxied/double")(np.ones(300_000)).sum() == 600_000.0
    town.stop("proxied")
    assert asked


def test_a_hub_on_this_machine_is_never_reached_through_a_proxy(town: Town) -> None:
    nowhere = "http://127.0.0.1:9"
    out, err = call_through(town, http_proxy=nowhere, https_proxy=nowhere, no_proxy="")
    assert out == SAID, err


# -- peers that do not keep to the protocol ----------------------------------------------------------------------------


@contextlib.contextmanager
def dialled(town: Town, role: str = "client", who: str = "bob") -> Iterator[ClientConnection]:
    """A bare WebSocket to the hub."""
    url = f"ws://127.0.0.1:{town.port}/v1/connect/{role}"
    headers = {"Authorization": f"Bearer {town.tokens[who]}"}
    with connect(url, additional_headers=headers, compression=None, proxy=None) as line:
        yield line


@contextlib.contextmanager
def greeted(town: Town, role: str = "client", who: str = "bob") -> Iterator[ClientConnection]:
    """The same, after Hello and Welcome."""
    with dialled(town, role, who) as line:
        line.send(msgspec.msgpack.encode(frames.Hello([1], "test", bytes(range(16)))))
        assert msgspec.msgpack.decode(line.recv(10))[0] == 2
        yield line


def farewell(line: ClientConnection) -> tuple[str, str]:
    """Code and message of the Goodbye, after which the hub closes."""
    said = msgspec.msgpack.decode(line.recv(15))
    assert said[0] == 3, said
    with pytest.raises(ConnectionClosed):
        line.recv(15)
    return said[1], said[2]


BAD = {
    "what is no msgpack": b"\xc1\xff\xff",
    "an unknown frame": msgspec.msgpack.encode([99, 1]),
    "a frame of the other side": msgspec.msgpack.encode([2, 1, "hub", 1, "x"]),
    "a worker's frame": msgspec.msgpack.encode([33, []]),
    "fields of wrong types": msgspec.msgpack.encode([11, "not a number", 5]),
    "too few fields": msgspec.msgpack.encode([11]),
    "a second hello": msgspec.msgpack.encode([1, [1], "again", bytes(16)]),
    "nothing": b"",
    "deep nesting": b"\x91" * 100_000,
    "a promise of much": b"\xdd\xff\xff\xff\xff",
}


@pytest.mark.parametrize("what", BAD)
def test_a_malformed_frame_ends_that_connection_with_a_reason(town: Town, bob: farcall.Client, what: str) -> None:
    add = bob.get("alice/open/networks/add")
    with greeted(town) as line:
        line.send(BAD[what])
        code, message = farewell(line)
    assert code == "invalid_request", message
    assert message
    assert add(1) == 2, "somebody else was harmed"


def test_a_frame_over_the_limit_ends_that_connection(town: Town, bob: farcall.Client) -> None:
    add = bob.get("alice/open/networks/add")
    with greeted(town) as line, pytest.raises(ConnectionClosed) as caught:
        line.send(bytes(frames.FRAME_LIMIT_BYTES + 1))
        while True:
            line.recv(15)
    assert caught.value.rcvd is None or caught.value.rcvd.code in (1009, 4400)
    assert add(1) == 2


def test_text_and_silence_are_not_frames(town: Town, bob: farcall.Client) -> None:
    with greeted(town) as line:
        line.send("hello")
        assert farewell(line)[0] == "invalid_request"
    with dialled(town) as line:
        line.send(msgspec.msgpack.encode([11, 1, "alice/open/networks/add"]))
        assert farewell(line)[0] == "invalid_request"
    assert bob.get("alice/open/networks/add")(1) == 2


def test_a_protocol_that_the_hub_does_not_speak_is_refused_clearly(town: Town) -> None:
    with dialled(town) as line:
        line.send(msgspec.msgpack.encode(frames.Hello([98, 99], "from the future", bytes(16))))
        code, message = farewell(line)
    assert code == "unsupported_protocol"
    assert "1" in message


def test_a_worker_cannot_finish_what_it_does_not_hold(town: Town, bob: farcall.Client) -> None:
    held = bob.get("alice/open/networks/add").submit(40, 2)
    assert held.result(20) == 42
    from farcall.domain import ids

    identifier = ids.from_text(held.id)
    with greeted(town, "worker", "bob") as line:
        line.send(msgspec.msgpack.encode(frames.Register("forger", 1, 1, {}, [])))
        forged = frames.FinishedItem(identifier, 1 << 50, 3, b"\x07")
        line.send(msgspec.msgpack.encode(frames.Finished([forged])))
        wait_until(lambda: town.worker("forger", "bob"), what="the forger is registered")
        answer = msgspec.msgpack.decode(line.recv(10))
        assert answer[0] == 54, "it is acknowledged as stale"
        assert answer[1] == []
        assert len(answer[2]) == 1
    assert bob.invocation(held.id).result(20) == 42


def test_a_connection_that_is_cut_inside_a_frame_harms_nobody(town: Town, bob: farcall.Client) -> None:
    for _ in range(3):
        with greeted(town) as line:
            line.socket.sendall(b"\x82\xff" + struct.pack(">Q", 1_000_000) + b"\x00" * 100)
            line.socket.shutdown(socket.SHUT_RDWR)
    assert bob.get("alice/open/networks/add")(1) == 2
