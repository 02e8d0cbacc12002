"""A worker from its settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from farcall.settings import WorkerSettings
from farcall.worker import Event, ServeOptions, run


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
