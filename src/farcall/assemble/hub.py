"""A hub from its parts."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from farcall.assemble.secrets import write_secret
from farcall.gateway.app import create_app
from farcall.gateway.channels import Channels
from farcall.gateway.services import GatewayOptions, HubServices
from farcall.hub import ports
from farcall.hub.accounts import Accounts
from farcall.hub.audit import AuditLog
from farcall.hub.blobs import BlobRoom
from farcall.hub.bounds import Bounds
from farcall.hub.catalog import Catalog
from farcall.hub.confirmations import Confirmations
from farcall.hub.dispatch.core import Core
from farcall.hub.dispatch.events import Limits
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
from farcall.hub.missed import Missed
from farcall.hub.namespaces import Names
from farcall.hub.quotas import Quotas
from farcall.hub.records import Records
from farcall.hub.recovery import recover
from farcall.hub.releases import Releases
from farcall.hub.revocation import Revocation
from farcall.hub.shares import Shares
from farcall.hub.streams import Streams
from farcall.hub.usage import Usage
from farcall.hub.whereabouts import NOWHERE, Whereabouts
from farcall.hub.workers import Workers
from farcall.mail.smtp import SmtpMailer, SmtpServer
from farcall.settings import HubSettings
from farcall.stores.blobs import FileBlobs
from farcall.stores.logs import SegmentLogFiles
from farcall.stores.sqlite.store import SqliteStore
from farcall.stores.sqlite.writer import WriterLimits

ADMIN_TOKEN = "admin-token"


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was put together, beside the services: who looks after a change of access, the logs' files, the post,
    what is missed."""

    services: HubServices
    revocation: Revocation
    log_files: SegmentLogFiles
    post: Post
    missed: Missed


@dataclass
class Hub:
    """A hub that runs in this process, in this thread's loop."""

    settings: HubSettings
    app: Any
    services: HubServices
    store: SqliteStore
    identity: str
    epoch: int
    queued: int
    first_token: str | None  # of the administrator that this start made
    _parts: _Parts
    _tasks: Sequence[asyncio.Future[Any]]

    def say_goodbye(self) -> None:
        """Tell everybody to come back later."""
        self.services.channels.close_all("The hub stops; come back when it is up again.")

    async def stop(self) -> None:
        """Let go of everything; the store last."""
        self.services.dispatcher.stop()
        self.services.accounts.close()
        self.services.logins.close()
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._parts.missed.close()
        await self._parts.post.close()
        await self._parts.log_files.close()
        await self.store.close()


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom the first start makes the administrator."""

    handle: str = "admin"
    email: str = "admin@localhost"


async def build_hub(settings: HubSettings, owner: Owner = Owner(), whereabouts: Whereabouts = NOWHERE) -> Hub:
    """Open the store, recover, and wire everything. Raises ports.StoreUnusable."""
    data = Path(settings.data)
    store = SqliteStore(data, WriterLimits(linger_seconds=settings.linger_seconds))
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    try:
        identity = _identity(data)
        epoch = await store.do(ports.BeginEpoch(identity, now().wall))
        parts = _wired(settings, store, identity, epoch, whereabouts)
        services = parts.services
        made = await services.accounts.ensure_administrator(
            owner.handle, owner.email, lambda token: write_secret(data / ADMIN_TOKEN, token)
        )
        await parts.missed.load()
        queued = await _recovered(settings, store, identity, parts)
        tasks = [
            asyncio.ensure_future(watch_expiries(store, services.accounts)),
            asyncio.ensure_future(
                keep_house(
                    store,
                    services.blobs,
                    parts.log_files,
                    retention_seconds=settings.retention_seconds,
                    interval_seconds=settings.housekeeping_seconds,
                )
            ),
        ]
        app = create_app(services, _gateway_options(settings))
        token = made.token if made is not None else None
        return Hub(settings, app, services, store, identity, epoch, queued, token, parts, tasks)
    except BaseException:
        await store.close()
        raise


async def _recovered(settings: HubSettings, store: SqliteStore, identity: str, parts: _Parts) -> int:
    """Take up what the last stop left; returns how many invocations wait."""
    queued = await recover(parts.services.dispatcher, store, identity, settings.resume_grace_seconds)
    parts.services.workers.expect(await store.presences())
    for caller in {lane.caller for lane, _ in await store.lanes()}:  # what was withdrawn shortly before the stop
        await parts.revocation.access_changed(caller)
    return queued


def _wired(settings: HubSettings, store: SqliteStore, identity: str, epoch: int, whereabouts: Whereabouts) -> _Parts:
    data = Path(settings.data)
    dispatcher = Dispatcher(_core(settings, epoch), store)
    bounds = Bounds(*(getattr(settings, field.name) for field in fields(Bounds)))
    accounts = Accounts(store, registration=settings.registration, bounds=bounds)
    catalog = Catalog(store, bounds=bounds)
    log_files = SegmentLogFiles(data / "logs")
    logs = Logs(log_files)
    streams = Streams(dispatcher)
    workers = Workers(dispatcher, store, catalog, logs, streams, identity)
    catalog.ready_for = workers.ready_for
    catalog.duration_of = workers.duration_of
    catalog.seen_at_of = workers.seen_at
    spaces = Names(store, catalog, accounts, workers, bounds)
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
        needing=dispatcher.core.needing_blob,
    )
    channels = Channels(
        accounts, invocations, workers, dispatcher, streams, _said_in_welcome(settings, identity, epoch)
    )
    catalog.on_changed(channels.catalog_changed)
    revocation = Revocation(dispatcher, store)
    accounts.on_access_changed(revocation.look_again)
    post = Post(_mailer(settings))
    missed = Missed(store, catalog, post, tell=settings.tell_owners, whereabouts=whereabouts)
    catalog.missed_of, dispatcher.on_missed, workers.on_served = missed.of, missed.note, missed.served
    invitations = Invitations(
        store,
        accounts,
        post,
        rules=Rules(settings.invitation_seconds, settings.invitations_per_day),
        bounds=bounds,
        whereabouts=whereabouts,
    )
    services = HubServices(
        accounts,
        Logins(store, accounts),
        Shares(store, accounts, bounds=bounds),
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
        Groups(store, accounts, bounds=bounds),
        AuditLog(store),
    )
    return _Parts(services, revocation, log_files, post, missed)


def _core(settings: HubSettings, epoch: int) -> Core:
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
    return GatewayOptions(
        version("farcall"), settings.body_limit_bytes, settings.default_wait_seconds, settings.wait_limit_seconds
    )


def _identity(data: Path) -> str:
    """The hub's own id: made once, kept in its data directory."""
    path = data / "hub-id"
    if not path.exists() or not path.read_text(encoding="ascii").strip():  # a crash may have left it empty
        path.write_text(uuid.uuid4().hex + "\n", encoding="ascii")
    return path.read_text(encoding="ascii").strip()
