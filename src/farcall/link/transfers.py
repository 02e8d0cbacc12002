"""Bytes to and from a hub over HTTP, without a copy more than the socket needs.

The HTTP library in use elsewhere costs as much as everything else together when a value has 100 MB, so there is a plain
way, on sockets; behind a proxy its way is taken nevertheless, since it knows all kinds of them.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any, Final, Protocol

from farcall.link.address import Address
from farcall.link.security import proxy_for, tls_for

PIECE_BYTES: Final = 1024 * 1024
"""What is received at once: the calls for it do not count, and most of it is still in a processor's cache when it is
hashed and written.
"""
_SENT_AT_ONCE_BYTES: Final = 256 * 1024  # what was read is in that cache when it is sent

_CONNECT_SECONDS: Final = 10.0
_KEPT_SECONDS: Final = 30.0  # less than a hub keeps an idle connection
_ANSWER_LIMIT_BYTES: Final = 1024 * 1024


class Broken(Exception):
    """The hub was not reached, or the connection broke; another try may help. The message says why."""


class Incoming(Protocol):
    """An answer whose body is still on its way."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    def fill(self, buffer: memoryview) -> int:
        """Put the next bytes at the buffer's beginning; returns how many, 0 at the end. Raises Broken."""

    def rest(self) -> bytes:
        """What is left of a small body, as of an error. Raises Broken."""


class Transfers(Protocol):
    """Blocking; safe with threads. The token goes to this hub alone: redirects are not followed."""

    def post(self, path: str, source: memoryview | BufferedIOBase, size: int, digest: str) -> tuple[int, bytes]:
        """Send `size` bytes, which the hub refuses unless they have this digest; returns status and body of the answer.

        Raises Broken. A file is read from its beginning.
        """

    def get(self, path: str) -> contextlib.AbstractContextManager[Incoming]:
        """The answer to `GET path`. Raises Broken."""

    def close(self) -> None:
        """Break what is under way; later transfers raise Broken."""


def transfers(address: Address, token: str, ca_file: str | None, *, silence_seconds: float) -> Transfers:
    """Transfers to one hub, which is taken for lost if it is silent for that long. Connections are made when needed."""
    proxy = proxy_for(address)
    if proxy is not None:
        from farcall.link.proxied import ProxiedTransfers

        return ProxiedTransfers(address, token, ca_file, proxy, silence_seconds)
    return _DirectTransfers(address, token, ca_file, silence_seconds)


def request_headers(token: str, size: int, digest: str) -> dict[str, str]:
    """Of an upload."""
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(size),
        "X-Farcall-Digest": digest,
    }


class _DirectTransfers:
    """One connection per transfer under way; those that are done are kept a while."""

    def __init__(self, address: Address, token: str, ca_file: str | None, silence_seconds: float) -> None:
        self._address = address
        self._token = token
        self._ca_file = ca_file
        self._silence_seconds = silence_seconds
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._closed = False

    def post(self, path: str, source: memoryview | BufferedIOBase, size: int, digest: str) -> tuple[int, bytes]:
        headers = request_headers(self._token, size, digest)
        with self._answer("POST", path, headers, source, size) as answer:
            return answer.status, answer.rest()

    @contextlib.contextmanager
    def get(self, path: str) -> Iterator[Incoming]:
        with self._answer("GET", path, {"Authorization": f"Bearer {self._token}"}, None, 0) as answer:
            yield answer

    def close(self) -> None:
        with self._lock:
            self._closed = True
            connections = [*self._busy, *(connection for _, connection in self._idle)]
            self._idle.clear()
        for connection in connections:
            _break(connection)

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, headers: dict[str, str], source: memoryview | BufferedIOBase | None, size: int
    ) -> Iterator[_Answer]:
        connection, answer = self._asked(method, path, headers, source, size)
        try:
            yield answer
            if answer.complete:
                self._keep(connection)
        finally:
            with self._lock:
                kept = connection not in self._busy
                self._busy.discard(connection)
            if not kept:
                connection.close()

    def _asked(
        self, method: str, path: str, headers: dict[str, str], source: memoryview | BufferedIOBase | None, size: int
    ) -> tuple[http.client.HTTPConnection, _Answer]:
        while True:
            connection, used = self._connection()
            try:
                connection.putrequest(method, self._address.path + path)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders()
                broken: OSError | None = None
                if source is not None:
                    try:
                        _send(connection, source, size)
                    except (BrokenPipeError, ConnectionResetError) as error:
                        broken = error  # the hub may have said why before it hung up
                try:
                    return connection, _Answer(connection.getresponse())
                except (OSError, http.client.HTTPException) as error:
                    raise broken or error from None
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self._busy.discard(connection)
                connection.close()
                if used and isinstance(error, ConnectionError):
                    continue  # the hub had hung up while nothing was to be said
                raise Broken(f"{error}" or type(error).__name__) from None
            except BaseException:
                with self._lock:
                    self._busy.discard(connection)
                connection.close()
                raise

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """One to use, and whether it was used before."""
        with self._lock:
            if self._closed:
                raise Broken("the transfers were ended")
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _KEPT_SECONDS:
                    self._busy.add(connection)
                    return connection, True
                connection.close()
            connection = self._made()
            self._busy.add(connection)
        try:
            connection.connect()
        except OSError as error:
            with self._lock:
                self._busy.discard(connection)
            connection.close()
            raise Broken(f"{error}" or type(error).__name__) from None
        connection.sock.settimeout(self._silence_seconds)
        return connection, False

    def _made(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if not self._address.secure:
            return http.client.HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
        if self._tls is None:
            self._tls = tls_for(self._address, self._ca_file)
        return http.client.HTTPSConnection(host, port, timeout=_CONNECT_SECONDS, context=self._tls)

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if connection.sock is not None and not self._closed:
                self._busy.discard(connection)
                self._idle.append((time.monotonic(), connection))


class _Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status

    @property
    def complete(self) -> bool:
        """Whether all of the body was read, so that the connection is at the beginning of the next answer."""
        return self._response.isclosed()

    def fill(self, buffer: memoryview) -> int:
        try:
            count = self._response.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"{error}" or type(error).__name__) from None
        if not count and self._response.length:
            raise Broken("the answer was cut off")
        return count

    def rest(self) -> bytes:
        try:
            body = self._response.read(_ANSWER_LIMIT_BYTES)
            if not self._response.isclosed():
                self._response.read(1)  # the end, which may come by itself
            return body
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"{error}" or type(error).__name__) from None


def _send(connection: http.client.HTTPConnection, source: memoryview | BufferedIOBase, size: int) -> None:
    """Piece by piece, so that the time-out is one of silence and not of the whole."""
    socket = connection.sock
    if isinstance(source, memoryview):
        for start in range(0, size, _SENT_AT_ONCE_BYTES):
            socket.sendall(source[start : start + _SENT_AT_ONCE_BYTES])
    else:
        source.seek(0)
        buffer = memoryview(bytearray(_SENT_AT_ONCE_BYTES))
        left = size  # what somebody appends meanwhile would be taken for another request
        while left and (count := source.readinto(buffer[:left])):  # faster than `sendfile`, where the other end is near
            socket.sendall(buffer[:count])
            left -= count
        if left:
            raise http.client.HTTPException("the file became shorter while it was sent")


def _break(connection: http.client.HTTPConnection) -> None:
    """Wake whoever waits for this connection in another thread."""
    import socket

    held: Any = connection.sock
    if held is not None:
        with contextlib.suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)
