"""The only place that builds a hub or a worker from its parts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farcall.settings import HubSettings

Say = Callable[[str], None]


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

    async def say_goodbye(self) -> None:
        """Tell everybody to come back later."""
        await self.services.channels.close_all("The hub stops; come back when it is up again.")

    async def stop(self) -> None:
        """Let go of everything; the store last."""
        self.services.dispatcher.stop()
        self.services.accounts.close()
        for part in self._parts:
            part.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._parts, return_exceptions=True)
        await self.log_files.close()
        await self.store.close()


async def build_hub(settings: HubSettings) -> Hub:
    """Open the store, recover, and wire everything. Raises ports.StoreUnusable."""
    from farcall.gateway.app import create_app
    from farcall.gateway.channels import Channels
    from farcall.gateway.services import GatewayOptions, HubServices
    from farcall.hub import ports
    from farcall.hub.accounts import Accounts
    from farcall.hub.blobs import BlobRoom
    from farcall.hub.catalog import Catalog
    from farcall.hub.dispatch.core import Core
    from farcall.hub.dispatch.events import Limits
    from farcall.hub.dispatcher import Dispatcher, now
    from farcall.hub.housekeeping import keep_house
    from farcall.hub.invocations import Invocations
    from farcall.hub.logs import Logs
    from farcall.hub.records import Records
    from farcall.hub.recovery import recover
    from farcall.hub.shares import Shares
    from farcall.hub.streams import Streams
    from farcall.hub.workers import Workers
    from farcall.stores.blobs import FileBlobs
    from farcall.stores.logs import SegmentLogs
    from farcall.stores.sqlite.store import SqliteStore
    from farcall.stores.sqlite.writer import WriterLimits

    loop = asyncio.get_running_loop()
    data = Path(settings.data)
    store = SqliteStore(data, WriterLimits(linger_seconds=settings.linger_seconds))
    store.open(loop.call_soon_threadsafe)
    try:
        identity = _identity(data)
        epoch = await store.do(ports.BeginEpoch(identity, now().wall))
        limits = Limits(
            window_items=settings.window_items,
            window_bytes=settings.window_bytes,
            prefetch_seconds=settings.prefetch_seconds,
            lease_seconds=settings.lease_seconds,
            lease_margin_seconds=settings.lease_margin_seconds,
            resume_grace_seconds=settings.resume_grace_seconds,
            no_worker_grace_seconds=settings.no_worker_grace_seconds,
        )
        dispatcher = Dispatcher(Core(epoch, limits, random.Random()), store)  # noqa: S311  # jitter only
        accounts = Accounts(store)
        catalog = Catalog(store)
        log_files = SegmentLogs(data / "logs")
        logs = Logs(log_files)
        streams = Streams(dispatcher)
        workers = Workers(dispatcher, store, catalog, logs, streams, identity)
        catalog.ready_for = workers.ready_for
        invocations = Invocations(
            dispatcher,
            store,
            catalog,
            ready_for=workers.ready_for,
            inline_limit_bytes=settings.inline_limit_bytes,
            resume_window_seconds=settings.resume_window_seconds,
        )
        records = Records(
            store, live=invocations.live_state, reasons=lambda identifier: workers.named(dispatcher.explain(identifier))
        )
        blobs = FileBlobs(data / "blobs")
        room = BlobRoom(store, blobs, limit_bytes=settings.blob_limit_bytes, needed_by=dispatcher.core.needs_blob)
        constants = {
            "hub": identity,
            "epoch": epoch,
            "heartbeat_seconds": settings.heartbeat_seconds,
            "lease_seconds": settings.lease_seconds,
            "resume_grace_seconds": settings.resume_grace_seconds,
            "inline_limit_bytes": settings.inline_limit_bytes,
            "blob_limit_bytes": settings.blob_limit_bytes,
        }
        channels = Channels(accounts, invocations, workers, dispatcher, streams, constants)
        catalog.on_changed(channels.catalog_changed)
        accounts.on_access_changed(lambda account: dispatcher.later(invocations.access_changed(account)))
        services = HubServices(
            accounts, Shares(store, accounts), catalog, invocations, records, logs, room, workers, dispatcher, channels
        )
        made = await accounts.ensure_administrator()
        if made is not None:
            _write_secret(data / "admin-token", made.token)
        queued = await recover(dispatcher, store, identity, settings.resume_grace_seconds)
        housekeeping = asyncio.ensure_future(
            keep_house(
                store,
                blobs,
                retention_seconds=settings.retention_seconds,
                interval_seconds=settings.housekeeping_seconds,
            )
        )
        app = create_app(services, GatewayOptions())
        return Hub(
            settings,
            app,
            services,
            store,
            log_files,
            identity,
            epoch,
            queued,
            made.token if made is not None else None,
            [housekeeping],
        )
    except BaseException:
        await store.close()
        raise


def _identity(data: Path) -> str:
    """The hub's own id: made once, kept in its data directory."""
    path = data / "hub-id"
    if not path.exists():
        path.write_text(uuid.uuid4().hex + "\n", encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")


def run_hub(settings: HubSettings, say: Say) -> int:
    """Run a hub until SIGTERM or Ctrl-C; returns the exit code."""
    from farcall.gateway.server import listen, serve

    async def life() -> int:
        listener = listen(settings.host, settings.port)
        hub = await build_hub(settings)
        host, port = listener.getsockname()[:2]
        say(f"data in {Path(settings.data).resolve()}")
        if hub.first_token is not None:
            say(f"the administrator's token is in {Path(settings.data) / 'admin-token'}")
        if hub.queued:
            say(f"{hub.queued} invocations wait from before")
        say(f"listening on http://{host}:{port}")
        try:
            await serve(hub.app, listener, before_end=hub.say_goodbye)
        finally:
            await hub.stop()
        return 0

    return _run(life)


def _run(life: Callable[[], Coroutine[Any, Any, int]]) -> int:
    try:
        import uvloop

        factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:  # not on Windows
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(life())
