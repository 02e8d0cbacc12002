"""The HTTP server: a socket, uvicorn, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from farcall.gateway.intake import Intake
from farcall.gateway.websocket import Doorkeeper, WebSocket
from farcall.wire.frames import FRAME_LIMIT_BYTES

_SOCKET_MESSAGE_LIMIT_BYTES = FRAME_LIMIT_BYTES + 1024 * 1024  # the session refuses what is over its own, in words
_END_PATIENCE_SECONDS = 3


class CannotListen(OSError):
    """The address cannot be listened on; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 picks a free one. Raises CannotListen."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        hint = "another program listens there; choose another port with --port" if taken else "see --host and --port"
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}; {hint}") from error
    except OverflowError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host}:{port}: a port is a number up to 65535") from error
    return listener


class _Server(uvicorn.Server):
    """Uvicorn's server without its own signal handlers: the hub says goodbye on its channels first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _socket_factory(app: Any, doorkeeper: Doorkeeper, trusted_proxies: str) -> Any:
    believed = ProxyHeadersMiddleware(app, trusted_proxies).trusted_hosts

    def whence(peer: str, forwarded: list[str]) -> str:
        """As uvicorn finds it for requests: channels do not pass through its middleware."""
        if not forwarded or not trusted_proxies or peer not in believed:
            return peer
        return believed.get_trusted_client_address(", ".join(forwarded))[0] or peer

    def make(config: Any, server_state: Any, app_state: Any) -> WebSocket:
        return WebSocket(doorkeeper, _SOCKET_MESSAGE_LIMIT_BYTES, server_state, whence)

    return make


async def serve(
    app: Any,
    doorkeeper: Doorkeeper,
    listener: socket.socket,
    *,
    before_end: Callable[[], None],
    told: asyncio.Event | None = None,
    tls: tuple[str, str] | None = None,
    trusted_proxies: str = "",
) -> None:
    """Answer on `listener` until `told`, or, without one, until SIGTERM or SIGINT. `tls`: certificate and key in PEM.
    `trusted_proxies`: addresses, with commas, that are believed when they say for whom they ask.

    Then call `before_end`, and wait a little for what is under way.
    """
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            http=Intake,
            ws=_socket_factory(app, doorkeeper, trusted_proxies),
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_END_PATIENCE_SECONDS,
            lifespan="off",
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=trusted_proxies,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
    )
    if told is None:
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, told.set)
    serving = asyncio.ensure_future(server.serve([listener]))
    stopping = asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        before_end()
        server.should_exit = True
        await serving
    finally:
        stopping.cancel()
