"""A hub's life in a process of its own: listening, what it says at its start, until it is told to stop."""

from __future__ import annotations

import asyncio
import getpass
import re
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import structlog

from farcall.assemble.hub import Hub, Owner, build_hub
from farcall.assemble.secrets import read_secret
from farcall.authoring.harmless import harmless
from farcall.client import config
from farcall.gateway.certificates import ensure_certificate, fingerprint_of, own_addresses
from farcall.gateway.doors import EVERYWHERE, Doors, advice, doors
from farcall.gateway.server import listen, serve
from farcall.link.loops import new_event_loop
from farcall.settings import HubSettings

Say = Callable[[str], None]
_LOOPBACK = "127.0.0.1"


def run_hub(settings: HubSettings, say: Say) -> int:
    """Run a hub until SIGTERM or Ctrl-C; returns the exit code."""
    return _run(lambda: _live(settings, Owner(), say, lambda _hub, _doors: None))


def run_up(settings: HubSettings, say: Say, *, public: bool = False) -> int:
    """Run a hub whose first account is this machine's user, logged in here already; returns the exit code.

    `public`: with TLS and a certificate of its own making, at all addresses of this machine.
    """
    if public:
        settings = _made_public(settings)

    def opened(hub: Hub, doors: Doors) -> None:
        token = hub.first_token or read_secret(Path(settings.data) / "admin-token")
        elsewhere = doors.public.link()
        if token is None:
            say(f"log in with: farcall login '{elsewhere}'")
        else:
            config.remember(doors.here.link(), token)
            say(f"you are logged in here; elsewhere: farcall login --token '{elsewhere}'")
            say(f"  with the token in {_token_path(settings)}")
        if public:
            for line in advice(doors.public):
                say(line)

    return _run(lambda: _live(settings, _this_user(), say, opened))


def _made_public(settings: HubSettings) -> HubSettings:
    """All addresses, TLS, and a certificate that is made if there is none."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if not certificate:
        names = [socket.gethostname(), *own_addresses()]
        made = ensure_certificate(Path(settings.data) / "tls", names)
        certificate, key = str(made[0]), str(made[1])
    host = settings.host or "0.0.0.0"  # noqa: S104  # that is what public means
    return msgspec.structs.replace(settings, host=host, tls_certificate=certificate, tls_key=key)


def _doors(settings: HubSettings, host: str, port: int) -> Doors:
    certificate = Path(settings.tls_certificate) if settings.tls_certificate else None
    own = certificate is not None and certificate.parent == Path(settings.data) / "tls"
    return doors(
        host,
        port,
        tls=certificate is not None,
        fingerprint=fingerprint_of(certificate) if certificate is not None and own else "",
        public_url=settings.public_url,
    )


async def _live(settings: HubSettings, owner: Owner, say: Say, opened: Callable[[Hub, Doors], None]) -> int:
    _log_to_stderr()
    listener = listen(settings.host or _LOOPBACK, settings.port)
    doors = _doors(settings, *listener.getsockname()[:2])
    hub = await build_hub(settings, owner, doors.public)
    say(f"data in {_data_path(settings)}")
    if hub.first_token is not None:
        say(f"made the administrator {owner.handle}; the token is in {_token_path(settings)}")
    if hub.queued:
        say(f"{hub.queued} invocations wait from before")
    opened(hub, doors)
    everywhere = ", and at all other addresses of this machine" if settings.host in EVERYWHERE else ""
    say(f"listening on {doors.here.url}{everywhere}")
    tls = (settings.tls_certificate, settings.tls_key) if settings.tls_certificate else None
    try:
        await serve(
            hub.app,
            hub.services.channels,
            listener,
            before_end=hub.say_goodbye,
            tls=tls,
            trusted_proxies=settings.trusted_proxies,
        )
    finally:
        await hub.stop()
    return 0


def _log_to_stderr() -> None:
    """One line per event, tracebacks without the values of variables: those may be secrets."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
            lambda _logger, _method, line: harmless(str(line)),  # callers choose some of what is told
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _this_user() -> Owner:
    """The account of whoever starts `farcall up`: the user's name as far as handles allow it."""
    try:
        name = getpass.getuser().lower()
    except (OSError, KeyError):
        name = ""
    handle = re.sub(r"[^a-z0-9_]", "_", name).lstrip("_0123456789")[:30] or "admin"
    return Owner(handle, f"{handle}@localhost")


def _data_path(settings: HubSettings) -> Path:
    return Path(settings.data).resolve()


def _token_path(settings: HubSettings) -> Path:
    return Path(settings.data) / "admin-token"


def _run(life: Callable[[], Coroutine[Any, Any, int]]) -> int:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(life())
