"""Lines through an HTTP proxy, and lines through TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from farcall.link import Address, Refused, Unreachable, dial
from farcall.link.security import proxy_for
from farcall.wire.session import HubSession

pytestmark = pytest.mark.anyio
BOOT = bytes(16)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextlib.asynccontextmanager
async def hub(**options: Any) -> AsyncIterator[int]:
    async def handle(socket: ServerConnection) -> None:
        session = HubSession("client")
        session.receive(await socket.recv(decode=False))
        await socket.send(session.encode(session.welcome(hub="h", epoch=1, account="alice")))
        await socket.wait_closed()

    async with serve(handle, "127.0.0.1", 0, **options) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@contextlib.asynccontextmanager
async def proxy(target_port: int, asked: list[str], status: str = "200 OK") -> AsyncIterator[int]:
    """A CONNECT proxy that leads every name to `target_port` of this machine."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split(b"\r\n")[0].decode())
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if not status.startswith("200"):
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target_port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_line_goes_through_the_proxy_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    async with hub() as port, proxy(port, asked) as proxy_port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy_port}")
        line = await dial(Address.parse("http://hub.test:8750"), "t", "client", BOOT, "test")
        assert line.welcome.account == "alice"
        await line.close()
    assert asked == ["CONNECT hub.test:8750 HTTP/1.1"]


async def test_a_proxy_that_refuses_gives_a_sentence_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub() as port, proxy(port, [], "403 Forbidden") as proxy_port:
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{proxy_port}")
        with pytest.raises(Unreachable, match="does not lead to") as caught:
            await dial(Address.parse("http://hub.test:8750"), "t", "client", BOOT, "test")
    assert "secret" not in str(caught.value)


def test_this_machine_and_excluded_hosts_are_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.test:3128")
    monkeypatch.setenv("http_proxy", "proxy.test:3128")
    monkeypatch.setenv("no_proxy", ".inside.test,10.1.2.3")
    assert proxy_for(Address.parse("http://127.0.0.1:8750")) is None
    assert proxy_for(Address.parse("http://localhost:8750")) is None
    assert proxy_for(Address.parse("https://hub.inside.test")) is None
    assert proxy_for(Address.parse("http://10.1.2.3:1")) is None
    assert proxy_for(Address.parse("https://hub.test")) == "http://proxy.test:3128"


class Certified(NamedTuple):
    authority: Path
    server: Path  # certificate and key of localhost


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """An authority that no system knows, and a certificate that it signed."""
    directory = tmp_path_factory.mktemp("tls")
    files = Certified(directory / "authority.pem", directory / "server.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(files.authority)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(files.server)
    return files


def _server_tls(certified: Certified) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified.server)
    return context


async def test_a_line_through_tls_trusts_the_authority_it_is_told(
    certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub(ssl=_server_tls(certified)) as port:
        address = Address.parse(f"https://localhost:{port}")
        line = await dial(address, "t", "client", BOOT, "test", ca_file=str(certified.authority))
        await line.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(certified.authority))
        line = await dial(address, "t", "client", BOOT, "test")
        await line.close()


async def test_a_certificate_of_unknown_origin_is_refused_with_what_to_do(certified: Certified) -> None:
    async with hub(ssl=_server_tls(certified)) as port:
        with pytest.raises(Unreachable, match="No safe connection") as caught:
            await dial(Address.parse(f"https://localhost:{port}"), "t", "client", BOOT, "test")
    assert "SSL_CERT_FILE" in caught.value.failure.hint


async def test_http_to_a_tls_port_gives_a_sentence(certified: Certified) -> None:
    async with hub(ssl=_server_tls(certified)) as port:
        with pytest.raises(Unreachable):
            await dial(Address.parse(f"http://localhost:{port}"), "t", "client", BOOT, "test")
    async with hub() as port:
        with pytest.raises(Unreachable, match="https"):
            await dial(Address.parse(f"https://localhost:{port}"), "t", "client", BOOT, "test")


async def test_an_authority_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        await dial(
            Address.parse("https://localhost:1"), "t", "client", BOOT, "test", ca_file=str(tmp_path / "none.pem")
        )
