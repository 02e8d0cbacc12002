"""What a worker is told, and what it tells whoever started it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from farcall.domain.errors import Failure

MIB = 1024 * 1024


class EventKind(StrEnum):
    """What happened; the command line words it."""

    READY = "ready"  # the hub has published `names`
    RENAMED = "renamed"  # the hub publishes what `names` says under another name: `message`
    REFUSED = "refused"  # the hub does not publish `names`, because of `failure`
    UNLOADABLE = "unloadable"  # a target does not import: `message`, `detail`
    RELOADED = "reloaded"
    DISCONNECTED = "disconnected"  # and dialling again; `message` says why
    RECONNECTING = "reconnecting"  # dialling failed and goes on; `message` says why and when
    DRAINING = "draining"
    FUNCTION_ERROR = "function_error"  # one of `names` raised: `message`, `detail` is the traceback
    PROCESS_DIED = "process_died"  # a slot's process ended; `message` says how
    PRINTED = "printed"  # `message` was printed outside of any attempt, such as while loading
    LEASE_LAPSED = "lease_lapsed"
    FAILED = "failed"  # the worker ends because of `message`


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the owner may want to see."""

    kind: EventKind
    message: str = ""
    names: tuple[str, ...] = ()
    detail: str = ""
    failure: Failure | None = None


def _ignore(event: Event) -> None:
    """The hook of whoever does not listen."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve. `secret` (32 bytes) keys implementation digests; None: the one kept for this user.

    `on_event` is called in the worker's loop and must not block.
    """

    targets: tuple[str, ...]
    hub: str
    token: str = field(repr=False)
    name: str = ""  # of the worker; the machine's if empty
    namespace: str = ""  # put before names that are not absolute
    slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    labels: dict[str, int | float | str | bool] = field(default_factory=dict)
    reload: bool = False
    credit_per_slot: int = 512
    kill_grace_seconds: float = 2.0
    drain_seconds: float = 30.0
    connect_patience_seconds: float = 0.0  # how long the first connection may fail before the worker gives up
    stream_window: int = 64
    blob_limit_bytes: int = 1 << 30
    blob_cache_limit_bytes: int = 4 << 30
    cache_directory: Path | None = None
    secret: bytes | None = field(default=None, repr=False)
    ca_file: str | None = None
    on_event: Callable[[Event], None] = _ignore

    def __post_init__(self) -> None:
        if not self.targets:
            raise ValueError("there is nothing to serve: name a file or a module")
        if not 1 <= self.slots <= 4096:
            raise ValueError(f"a worker has 1 to 4096 slots, not {self.slots}")
        if self.secret is not None and len(self.secret) != 32:
            raise ValueError("the secret of implementation digests takes 32 bytes")
