"""Certificates known by their fingerprint: the right one is taken, any other ends before a byte was sent."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from farcall.gateway.certificates import ensure_certificate, fingerprint_of
from farcall.link import Address, BadAddress, Unreachable, dial
from farcall.link.pinning import AnotherCertificate, pinned_context, read_fingerprint
from farcall.link.transfers import Broken, transfers

pytestmark = pytest.mark.anyio
SECRET = "farcall_pat_secret"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextlib.asynccontextmanager
async def listener(certificate: Path, key: Path, heard: bytearray) -> AsyncIterator[int]:
    """Speaks TLS and keeps what it hears."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                heard.extend(data)
                writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return ensure_certificate(tmp_path / "tls", ["localhost"])


def test_a_certificate_is_made_once_and_its_key_is_for_the_owner_alone(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path / "tls", ["hub.local", "192.0.2.7", "::1"])
    before = certificate.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert ensure_certificate(tmp_path / "tls", ["elsewhere"]) == (certificate, key)
    assert certificate.read_bytes() == before


async def test_the_pinned_certificate_is_taken_whatever_the_host_is_called(pair: tuple[Path, Path]) -> None:
    heard = bytearray()
    async with listener(*pair, heard) as port:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=pinned_context(fingerprint_of(pair[0])), server_hostname="another.name"
        )
        writer.write(b"hello")
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        writer.close()
    assert bytes(heard) == b"hello"


async def test_another_certificate_ends_a_stream_before_anything_was_sent(pair: tuple[Path, Path]) -> None:
    heard = bytearray()
    async with listener(*pair, heard) as port:
        with pytest.raises(AnotherCertificate):
            await asyncio.open_connection("127.0.0.1", port, ssl=pinned_context("0" * 64))
    assert not heard


async def test_another_certificate_ends_every_way_to_a_hub_before_the_token_was_sent(pair: tuple[Path, Path]) -> None:
    heard = bytearray()
    async with listener(*pair, heard) as port:
        address = Address.parse(f"https://127.0.0.1:{port}/#sha256={'ab' * 32}")
        with pytest.raises(Unreachable, match="which is not the one that was pinned") as caught:
            await dial(address, SECRET, "client", bytes(16), "test")
        assert "Nothing was sent" in caught.value.failure.hint

        def by_http() -> Any:
            with httpx2.Client(verify=pinned_context("ab" * 32)) as http:
                return http.get(address.url, headers={"Authorization": f"Bearer {SECRET}"})

        with pytest.raises(httpx2.ConnectError):
            await asyncio.to_thread(by_http)

        def by_transfer() -> None:
            transfers(address, SECRET, None, silence_seconds=5).post("/v1/blobs", memoryview(b"x"), 1, "00")

        with pytest.raises(Broken, match="not the one that was pinned"):
            await asyncio.to_thread(by_transfer)
    assert not heard


@pytest.mark.parametrize("text", ["sha256=" + "aB" * 32, "sha256:" + "ab" * 32])
def test_a_fingerprint_is_read_in_either_spelling(text: str) -> None:
    assert read_fingerprint(text) == "ab" * 32


def test_an_address_carries_its_fingerprint_in_its_link_and_not_in_its_url() -> None:
    address = Address.parse(f"https://hub.example.org:8750/#sha256={'AB' * 32}")
    assert address.url == "https://hub.example.org:8750"
    assert Address.parse(address.link) == address == Address.parse(address.url)
    assert Address.parse(address.link).fingerprint == "ab" * 32


@pytest.mark.parametrize("end", ["#sha256=12", "#top", f"#md5={'ab' * 32}", f"?#sha256={'ab' * 32}x"])
def test_what_is_no_fingerprint_is_refused(end: str) -> None:
    with pytest.raises(BadAddress):
        Address.parse(f"https://hub.example.org/{end}")


def test_a_fingerprint_without_tls_is_refused() -> None:
    with pytest.raises(BadAddress, match="https"):
        Address.parse(f"http://hub.example.org/#sha256={'ab' * 32}")
