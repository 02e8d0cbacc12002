"""What a running function can ask and tell: `current`, `progress`, `log`.

The process that runs a function installs a `Context` around each attempt (`install`). Outside an attempt the same
calls work: `current` describes a local call, and `progress` goes to `log`.
"""

from __future__ import annotations

import logging
import math
from contextvars import ContextVar, Token
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


def install(context: Context) -> Token[Context | None]:
    """Make `context` the current one, also for tasks and threads that copy this one's variables, until `uninstall`."""
    return _running.set(context)


def uninstall(token: Token[Context | None]) -> None:
    """What was current before `install`, which gave `token`, is so again."""
    _running.reset(token)
