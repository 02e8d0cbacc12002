"""What a running function can ask and tell: `current`, `progress`, `log`.

The process that runs a function installs a `Context` around each attempt (`installed`). Outside an attempt the same
calls work: `current` describes a local call, and `progress` goes to `log`.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol

log = logging.getLogger("farcall.function")
"""The logger of the running function; its lines are kept with the attempt."""


class Context(Protocol):
    """The attempt that is running. `attempt` counts from 1; `caller` is a handle; `id` reads ``inv_…``."""

    @property
    def id(self) -> str: ...

    @property
    def function(self) -> str: ...

    @property
    def caller(self) -> str: ...

    @property
    def attempt(self) -> int: ...

    def report_progress(self, fraction: float, stage: str) -> None:
        """Take note of progress; lossy, must not block and must not raise. `fraction` is within 0 and 1."""


class LocalCall:
    """A call of the plain function, here and now: no hub knows of it."""

    id = ""
    function = ""
    caller = "local"
    attempt = 1

    def report_progress(self, fraction: float, stage: str) -> None:
        log.info("%3.0f %% %s", fraction * 100, stage)


_LOCAL = LocalCall()
_running: ContextVar[Context | None] = ContextVar("farcall_running_attempt", default=None)


def current() -> Context:
    """The attempt that this code runs in; outside one a `LocalCall` with an empty `id`. Never None."""
    return _running.get() or _LOCAL


def progress(fraction: float, stage: str = "") -> None:
    """Tell the caller how far this is: `fraction` from 0 to 1, and what is being done.

    Values a little outside are brought to the nearest end, since sums of parts overshoot; nan raises ValueError.
    """
    number = float(fraction)
    if math.isnan(number):
        raise ValueError("progress takes a fraction from 0 to 1, not nan")
    current().report_progress(min(1.0, max(0.0, number)), str(stage))


@contextlib.contextmanager
def installed(context: Context) -> Iterator[None]:
    """Make `context` the current one within the block, also for tasks and threads that copy this one's variables."""
    token = _running.set(context)
    try:
        yield
    finally:
        _running.reset(token)
