"""The only place that builds a hub or a worker from its parts."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import random
import re
import socket
import tempfile
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from farcall.hub.whereabouts import NOWHERE, Whereabouts
from farcall.link.loops import new_event_loop
from farcall.settings import HubSettings, WorkerSettings

if TYPE_CHECKING:
    from farcall.gateway.doors import Doors
    from farcall.gateway.services import GatewayOptions
    from farcall.hub.dispatch.core import Core
    from farcall.mail.smtp import SmtpMailer
    from farcall.worker.options import Event

Say = Callable[[str], None]
_LOOPBACK = "127.0.0.1"


@dataclass
class Hub:
    """A hub that runs in this process, in this thread's loop."""

    settings: HubSettings
    app: Any
    services: Any
    store: Any
    log_files: Any
    identity: str
    epoch: int
    queued: int
    first_token: str | None  # of the administrator that this start made
    _parts: list[Any]
    _post: Any

    def say_goodbye(self) -> None:
        """Tell everybody to come back later."""
        self.services.channels.close_all("The hub stops; come back when it is up again.")

    async def stop(self) -> None:
        """Let go of everything; the store last."""
        self.services.dispatcher.stop()
        self.services.accounts.close()
        self.services.logins.close()
        for part in self._parts:
            part.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._parts, return_exceptions=True)
        await self._post.close()
        await self.log_files.close()
        await self.store.close()


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom the first start makes the administrator."""

    handle: str = "admin"
    email: str = "admin@localhost"


async def build_hub(settings: HubSettings, owner: Owner = Owner(), whereabouts: Whereabouts = NOWHERE) -> Hub:
    """Open the store, recover, and wire everything. Raises ports.StoreUnusable."""
    from farcall.gateway.app import create_app
    from farcall.gateway.channels import Channels
    from farcall.gateway.services import HubServices
    from farcall.hub import ports
    from farcall.hub.accounts import Accounts
    from farcall.hub.audit import AuditLog
    from farcall.hub.blobs import BlobRoom
    from farcall.hub.catalog import Catalog
    from farcall.hub.confirmations import Confirmations
    from farcall.hub.dispatcher import Dispatcher, now
    from farcall.hub.erasure import Erasure
    from farcall.hub.expiries import watch_expiries
    from farcall.hub.groups import Groups
    from farcall.hub.housekeeping import keep_house
    from farcall.hub.invitations import Invitations, Rules
    from farcall.hub.invocations import Invocations
    from farcall.hub.logins import Logins
    from farcall.hub.logs import Logs
    from farcall.hub.mail import Post
    from farcall.hub.namespaces import Names
    from farcall.hub.quotas import Quotas
    from farcall.hub.records import Records
    from farcall.hub.recovery import recover
    from farcall.hub.releases import Releases
    from farcall.hub.revocation import Revocation
    from farcall.hub.shares import Shares
    from farcall.hub.streams import Streams
    from farcall.hub.usage import Usage
    from farcall.hub.workers import Workers
    from farcall.stores.blobs import FileBlobs
    from farcall.stores.logs import SegmentLogFiles
    from farcall.stores.sqlite.store import SqliteStore
    from farcall.stores.sqlite.writer import WriterLimits

    loop = asyncio.get_running_loop()
    data = Path(settings.data)
    store = SqliteStore(data, WriterLimits(linger_seconds=settings.linger_seconds))
    store.open(loop.call_soon_threadsafe)
    try:
        identity = _identity(data)
        epoch = await store.do(ports.BeginEpoch(identity, now().wall))
        dispatcher = Dispatcher(_core(settings, epoch), store)
        accounts = Accounts(store, registration=settings.registration)
        catalog = Catalog(store)
        log_files = SegmentLogFiles(data / "logs")
        logs = Logs(log_files)
        streams = Streams(dispatcher)
        workers = Workers(dispatcher, store, catalog, logs, streams, identity)
        catalog.ready_for = workers.ready_for
        catalog.duration_of = workers.duration_of
        spaces = Names(store, catalog, accounts, workers)
        quotas = Quotas(store, accounts)
        invocations = Invocations(
            dispatcher,
            store,
            catalog,
            ready_for=workers.ready_for,
            quotas=quotas,
            inline_limit_bytes=settings.inline_limit_bytes,
            resume_window_seconds=settings.resume_window_seconds,
        )
        records = Records(
            store,
            live=invocations.live_state,
            reasons=dispatcher.explain,
            underway=dispatcher.core.underway,
        )
        blobs = FileBlobs(data / "blobs")
        blobs.prepare()
        room = BlobRoom(
            store,
            blobs,
            limit_bytes=settings.blob_limit_bytes,
            pin_seconds=settings.blob_pin_seconds,
            needed_by=dispatcher.core.needs_blob,
        )
        channels = Channels(
            accounts, invocations, workers, dispatcher, streams, _said_in_welcome(settings, identity, epoch)
        )
        catalog.on_changed(channels.catalog_changed)
        revocation = Revocation(dispatcher, store)
        accounts.on_access_changed(revocation.look_again)
        post = Post(_mailer(settings))
        invitations = Invitations(
            store,
            accounts,
            post,
            rules=Rules(settings.invitation_seconds, settings.invitations_per_day),
            whereabouts=whereabouts,
        )
        services = HubServices(
            accounts,
            Logins(store, accounts),
            Shares(store, accounts),
            invitations,
            Confirmations(store, accounts, post, whereabouts=whereabouts),
            catalog,
            spaces,
            Releases(store, catalog, spaces),
            invocations,
            records,
            logs,
            room,
            workers,
            dispatcher,
            channels,
            Usage(store),
            quotas,
            Erasure(store, records, log_files),
            Groups(store, accounts),
            AuditLog(store),
        )
        made = await accounts.ensure_administrator(
            owner.handle, owner.email, lambda token: _write_secret(data / "admin-token", token)
        )
        queued = await recover(dispatcher, store, identity, settings.resume_grace_seconds)
        workers.expect(await store.presences())
        for caller in {lane.caller for lane, _ in await store.lanes()}:  # what was withdrawn shortly before the stop
            await revocation.access_changed(caller)
        expiries = asyncio.ensure_future(watch_expiries(store, accounts))
        housekeeping = asyncio.ensure_future(
            keep_house(
                store,
                room,
                log_files,
                retention_seconds=settings.retention_seconds,
                interval_seconds=settings.housekeeping_seconds,
            )
        )
        return Hub(
            settings,
            create_app(services, _gateway_options(settings)),
            services,
            store,
            log_files,
            identity,
            epoch,
            queued,
            made.token if made is not None else None,
            [housekeeping, expiries],
            post,
        )
    except BaseException:
        await store.close()
        raise


def _core(settings: HubSettings, epoch: int) -> Core:
    from farcall.hub.dispatch.core import Core
    from farcall.hub.dispatch.events import Limits

    limits = Limits(
        window_items=settings.window_items,
        window_bytes=settings.window_bytes,
        prefetch_seconds=settings.prefetch_seconds,
        lease_seconds=settings.lease_seconds,
        lease_margin_seconds=settings.lease_margin_seconds,
        resume_grace_seconds=settings.resume_grace_seconds,
        no_worker_grace_seconds=settings.no_worker_grace_seconds,
    )
    return Core(epoch, limits, random.Random())  # for jitter only


def _mailer(settings: HubSettings) -> SmtpMailer | None:
    """How letters leave, if a mail server is named."""
    from farcall.mail.smtp import SmtpMailer, SmtpServer

    if not settings.smtp_host:
        return None
    return SmtpMailer(
        SmtpServer(
            settings.smtp_host,
            settings.smtp_port,
            settings.mail_from,
            settings.smtp_user,
            settings.smtp_password,
            settings.smtp_security,
            settings.smtp_timeout_seconds,
        )
    )


def _said_in_welcome(settings: HubSettings, identity: str, epoch: int) -> dict[str, Any]:
    """What clients and workers must know of the hub."""
    return {
        "hub": identity,
        "epoch": epoch,
        "heartbeat_seconds": settings.heartbeat_seconds,
        "lease_seconds": settings.lease_seconds,
        "resume_grace_seconds": settings.resume_grace_seconds,
        "inline_limit_bytes": settings.inline_limit_bytes,
        "blob_limit_bytes": settings.blob_limit_bytes,
    }


def _gateway_options(settings: HubSettings) -> GatewayOptions:
    from farcall.gateway.services import GatewayOptions

    return GatewayOptions(
        version("farcall"), settings.body_limit_bytes, settings.default_wait_seconds, settings.wait_limit_seconds
    )


def _identity(data: Path) -> str:
    """The hub's own id: made once, kept in its data directory."""
    path = data / "hub-id"
    if not path.exists() or not path.read_text(encoding="ascii").strip():  # a crash may have left it empty
        path.write_text(uuid.uuid4().hex + "\n", encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def _write_secret(path: Path, text: str) -> None:
    """Durable and whole, or not there at all; readable for its owner alone from the first moment."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # made with 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # its name, too, has to be on the disk before what it opens is committed
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


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
        from farcall.client import config
        from farcall.gateway.doors import advice

        token = hub.first_token or _read_secret(Path(settings.data) / "admin-token")
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
    from farcall.gateway.certificates import ensure_certificate, own_addresses

    certificate, key = settings.tls_certificate, settings.tls_key
    if not certificate:
        names = [socket.gethostname(), *own_addresses()]
        made = ensure_certificate(Path(settings.data) / "tls", names)
        certificate, key = str(made[0]), str(made[1])
    host = settings.host or "0.0.0.0"  # noqa: S104  # that is what public means
    return msgspec.structs.replace(settings, host=host, tls_certificate=certificate, tls_key=key)


def _doors(settings: HubSettings, host: str, port: int) -> Doors:
    from farcall.gateway.certificates import fingerprint_of
    from farcall.gateway.doors import doors

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
    from farcall.gateway.server import listen, serve

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
    say(f"listening on {doors.here.url}")
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
    import sys

    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
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


def _read_secret(path: Path) -> str | None:
    return path.read_text(encoding="ascii").strip() if path.is_file() else None


@dataclass(frozen=True, slots=True)
class Serving:
    """What to serve, and to whom."""

    targets: tuple[str, ...]
    url: str
    token: str = field(repr=False)
    namespace: str = ""
    labels: dict[str, Any] = field(default_factory=dict)
    reload: bool = False


def run_worker(settings: WorkerSettings, serving: Serving, on_event: Callable[[Event], None]) -> int:
    """Serve functions until told to stop; returns the exit code."""
    from farcall.worker import ServeOptions, run

    return run(
        ServeOptions(
            targets=serving.targets,
            hub=serving.url,
            token=serving.token,
            name=settings.name,
            namespace=serving.namespace,
            slots=settings.slots or os.cpu_count() or 1,
            labels=serving.labels,
            reload=serving.reload,
            credit_per_slot=settings.credit_per_slot,
            kill_grace_seconds=settings.kill_grace_seconds,
            drain_seconds=settings.drain_seconds,
            connect_patience_seconds=settings.connect_patience_seconds,
            blob_limit_bytes=settings.blob_limit_bytes,
            blob_cache_limit_bytes=settings.blob_cache_limit_bytes,
            on_event=on_event,
        )
    )


def _run(life: Callable[[], Coroutine[Any, Any, int]]) -> int:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(life())
