"""Transfers through a proxy, by the HTTP library, which knows all kinds of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Final

import httpx2

from farcall.link.address import Address
from farcall.link.security import tls_for
from farcall.link.transfers import PIECE_BYTES, Broken, Incoming, request_headers

_CONNECT_SECONDS: Final = 10.0


class ProxiedTransfers:
    """See `Transfers`. `proxy` is its URL, with whatever secrets it needs."""

    def __init__(self, address: Address, token: str, ca_file: str | None, proxy: str, silence_seconds: float) -> None:
        self._url = address.url
        self._token = token
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(silence_seconds, connect=_CONNECT_SECONDS),
            verify=tls_for(address, ca_file) if address.secure else True,
            proxy=proxy,
            trust_env=False,
            follow_redirects=False,
        )

    def post(self, path: str, source: memoryview | BufferedIOBase, size: int, digest: str) -> tuple[int, bytes]:
        headers = request_headers(self._token, size, digest)
        try:
            answer = self._http.post(self._url + path, content=_pieces(source, size), headers=headers)
        except (httpx2.HTTPError, RuntimeError) as error:  # the latter of a client that was closed
            raise Broken(f"{error}") from None
        return answer.status_code, answer.content

    @contextlib.contextmanager
    def get(self, path: str) -> Iterator[Incoming]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"}
        try:
            with self._http.stream("GET", self._url + path, headers=headers) as answer:
                yield _Answer(answer)
        except (httpx2.HTTPError, RuntimeError) as error:
            raise Broken(f"{error}") from None

    def close(self) -> None:
        self._http.close()


class _Answer:
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._pieces = response.iter_bytes(PIECE_BYTES)
        self._left = b""
        self.status = response.status_code

    def fill(self, buffer: memoryview) -> int:
        if not self._left:
            self._left = next(self._pieces, b"")
        count = min(len(self._left), len(buffer))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def rest(self) -> bytes:
        return self._response.read()


def _pieces(source: memoryview | BufferedIOBase, size: int) -> Iterator[bytes]:
    if isinstance(source, memoryview):
        for start in range(0, size, PIECE_BYTES):
            yield bytes(source[start : start + PIECE_BYTES])
    else:
        source.seek(0)
        while piece := source.read(PIECE_BYTES):
            yield piece
