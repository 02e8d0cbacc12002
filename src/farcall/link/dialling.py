"""Opening one line to a hub, up to its Welcome."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import websockets.asyncio.client
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)

from farcall.domain.errors import ERRORS
from farcall.link.address import Address
from farcall.link.batching import encoded, joined
from farcall.link.errors import LinkError, Refused, Unreachable
from farcall.link.security import certificate_hint, certificate_reason, proxy_for, tls_context, tls_for
from farcall.link.transport import Connection
from farcall.wire import frames
from farcall.wire.session import DialerSession, ProtocolError, Role
from farcall.wire.shortcut import only

_PASSING = frozenset({"", "hub_unavailable", "internal", "quota_exceeded", "worker_lost"})
_CLOSE_CODES = {4401: "unauthenticated", 4403: "permission_denied", 4426: "unsupported_protocol"}
_ALONE_ITEMS = 2  # a batch with no more leaves at once …
_QUIET_SECONDS = 0.0002  # … if none did so shortly before: then it is one of many, which leave together
_ASK = "Ask for a new token, or log in with farcall login."


class Line:
    """An open channel. Not for threads: everything but `send_now` is called in its loop.

    Frames sent during one turn of the loop leave together at its end; adjacent batches of one kind leave as one.
    """

    def __init__(self, connection: Connection, session: DialerSession, address: Address) -> None:
        self.closed: asyncio.Future[LinkError | None] = asyncio.get_running_loop().create_future()
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._session = session
        self.address = address
        self._loop = asyncio.get_running_loop()
        self._on_frame: Callable[[Any], None] | None = None
        self._early: deque[Any] = deque()
        self._queue: list[frames.Frame] = []
        self._flushing = False
        self._sent_at = 0.0  # something that left at once, or would have
        self._error: LinkError | None = None

    @property
    def welcome(self) -> frames.Welcome:
        """The constants of this connection."""
        assert self._session.constants is not None  # a line is given out after its Welcome
        return self._session.constants

    def listen(self, on_frame: Callable[[Any], None]) -> None:
        """Call `on_frame` for each frame from now on, and for those that came before."""
        self._on_frame = on_frame
        while self._early:
            on_frame(self._early.popleft())

    def send(self, frame: frames.Frame) -> None:
        """Send a frame at the end of this turn; at once if it is small and not one of many. Lost without a word if the
        line is closing."""
        self._queue.append(frame)
        if self._flushing:
            return
        if 0 < len(getattr(frame, "items", ())) <= _ALONE_ITEMS and self._quiet():
            self.flush()  # perhaps the only one of this turn, and somebody waits for it
            return
        self._flushing = True
        self._loop.call_soon(self.flush)

    def _quiet(self) -> bool:
        """Whether nothing was sent a moment ago. Asking the loop when its turn ends would cost it another turn."""
        before, self._sent_at = self._sent_at, time.monotonic()
        return self._sent_at - before > _QUIET_SECONDS

    def flush(self) -> None:
        """Let everything that is queued leave now."""
        self._flushing = False
        queue, self._queue = self._queue, []
        if not queue:
            return
        messages: list[bytes] = []
        try:
            for frame in queue if len(queue) == 1 else joined(queue):
                messages += encoded(frame, self._session.encode)
        except ProtocolError as error:
            self._end(Refused(error.code, error.message))
        self._connection.write(messages)

    def send_now(self, frame: frames.Frame) -> bool:
        """From any thread: send a frame past the loop, if nothing waits there; False: nothing was sent."""
        if self._queue or self._error is not None:
            return False
        try:
            data = self._session.encode(frame)
        except ProtocolError:
            return False  # the loop sends it in parts
        return self._connection.write_now(data)

    def lend(self, unless: Callable[[], Any]) -> None:
        """Let threads read with `read_now`, unless `unless` says otherwise once they can."""
        self._connection.lend(unless)

    def ask_back(self) -> None:
        """From any thread: let the loop read again."""
        lending = self._connection.lending
        if lending is not None:
            lending.ask_back()

    def read_now(self, wants: Callable[[Any], bool]) -> bool:
        """From any thread: read the next frame past the loop, if reading is lent; True if `wants` took it. Whatever
        else comes goes to the loop.
        """
        lending = self._connection.lending

        def takes(data: bytes) -> bool:
            message = only(data)
            frame = None if message is None else self._session.glance(message)
            return frame is not None and wants(frame)

        return lending is not None and lending.read(takes)

    async def close(self, code: str = "", message: str = "") -> None:
        """Say goodbye and close; returns when the socket is closed."""
        self.send(frames.Goodbye(code, message))
        self.flush()
        await self._connection.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._connection.abort()

    def _start(self) -> None:
        self._connection.listen(self._message, self._lost)
        self._connection.write([self._session.hello()])

    def _message(self, data: bytes) -> None:
        try:
            frame = self._session.receive(data)
        except ProtocolError as error:
            self._end(Refused(error.code, f"The hub at {self.address.url} broke the protocol: {error.message}"))
            return
        if type(frame) is frames.Goodbye:
            self._end(_parting(self.address, frame.code, frame.message))
        elif type(frame) is frames.Welcome:
            self.greeted.set_result(None)
        elif self._on_frame is not None:
            self._on_frame(frame)
        else:
            self._early.append(frame)

    def _end(self, error: LinkError) -> None:
        self._error = self._error or error
        self._loop.call_soon(self._connection.drop)

    def _lost(self) -> None:
        if self._error is None:
            code = _CLOSE_CODES.get(self._connection.close_code or 0, "")
            if code:
                self._error = _parting(self.address, code, self._connection.close_reason or "")
        if not self.closed.done():
            self.closed.set_result(self._error)


async def dial(
    address: Address,
    token: str,
    role: Role,
    boot: bytes,
    software: str,
    *,
    ca_file: str | None = None,
    timeout_seconds: float = 10.0,
) -> Line:
    """Open a line to the hub, greeted and welcomed.

    Raises Unreachable if no hub answers now, and Refused if it answers and will not have us.
    """
    session = DialerSession(role, boot, software)
    try:
        async with asyncio.timeout(timeout_seconds):
            connection = await _connect(address, token, role, ca_file)
            line = Line(connection, session, address)
            line._start()
            await _welcomed(line)
            return line
    except TimeoutError:
        raise Unreachable(
            f"The hub at {address.url} did not answer within {timeout_seconds:g} s.", _check(address)
        ) from None


async def _connect(address: Address, token: str, role: Role, ca_file: str | None) -> Connection:
    proxy = proxy_for(address)
    options: dict[str, Any] = {"ssl": tls_for(address, ca_file)} if address.secure else {}
    if proxy is not None and proxy.startswith("https://"):
        options["proxy_ssl"] = tls_context(ca_file)
    try:
        connection = await websockets.asyncio.client.connect(
            address.channel(role),
            create_connection=Connection,
            additional_headers={"Authorization": f"Bearer {token}"},
            user_agent_header=None,
            compression=None,
            proxy=proxy,
            open_timeout=None,
            ping_interval=15.0,
            ping_timeout=20.0,
            close_timeout=2.0,
            max_size=frames.FRAME_LIMIT_BYTES,
            max_queue=None,
            write_limit=1024 * 1024,
            **options,
        )
    except InvalidStatus as error:
        raise _status(address, error.response.status_code) from None
    except (ProxyError, InvalidProxy, InvalidProxyStatus) as error:
        hint = "Look at HTTPS_PROXY and NO_PROXY."
        raise Unreachable(
            f"The proxy {_without_secrets(proxy)} does not lead to {address.url}: {error}.", hint
        ) from None
    except ssl.SSLError as error:
        reason = certificate_reason(error)
        hint = certificate_hint(error) if isinstance(error, ssl.SSLCertVerificationError) else "Is it https or http?"
        raise Unreachable(f"No safe connection to {address.url} is possible: {reason}.", hint) from None
    except InvalidHandshake as error:
        raise Unreachable(f"What answers at {address.url} is no hub: {error}.", _check(address)) from None
    except ConnectionClosed:
        raise Unreachable(f"The hub at {address.url} closed the connection.", _check(address)) from None
    except (OSError, EOFError) as error:
        reason = _reason(error)
        cut = isinstance(error, ConnectionResetError | EOFError)
        hint = f"Is it {address.scheme}, and not the other of http and https?" if cut else _check(address)
        raise Unreachable(f"No hub answers at {address.url} ({reason}).", hint) from None
    assert isinstance(connection, Connection)  # that is what was asked for
    return connection


def _reason(error: Exception) -> str:
    """What the system says, rather than what asyncio made of it."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


async def _welcomed(line: Line) -> None:
    waited: list[asyncio.Future[Any]] = [line.greeted, line.closed]
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        line.abort()
        raise
    if not line.greeted.done():
        url = line.address.url
        raise line.closed.result() or Unreachable(f"The hub at {url} closed the connection without a word.")


def _status(address: Address, status: int) -> LinkError:
    if status == 401:
        return _parting(address, "unauthenticated", "")
    if status == 403:
        return _parting(address, "permission_denied", "")
    if status == 404:
        return Unreachable(f"There is a web server at {address.url}, but no hub.", _check(address))
    return Unreachable(f"The hub at {address.url} does not take connections now (status {status}).", "Try again later.")


def _parting(address: Address, code: str, message: str) -> LinkError:
    """The error of a Goodbye, or of a close code that stands for one."""
    if code in _PASSING or code not in ERRORS:
        return Unreachable(message or f"The hub at {address.url} closed the connection.", "Try again later.")
    if code == "unauthenticated":
        return Refused(code, message or f"The hub at {address.url} does not accept the token.", _ASK)
    return Refused(code, message or f"The hub at {address.url} refuses the connection.")


def _check(address: Address) -> str:
    if address.loopback:
        return "Is it running (farcall up), and is the port right?"
    return "Check the address, and that the hub is running and can be reached from here."


def _without_secrets(proxy: str | None) -> str:
    scheme, _, rest = (proxy or "").partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
