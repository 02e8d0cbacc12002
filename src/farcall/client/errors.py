"""The exceptions of the Python API, made from the table of errors.

`from_failure` is the one place where a failure becomes an exception. If a function raised one of the builtin types
below, what the caller gets is a FunctionError and also an instance of that very type: `except ValueError` works.
"""

from __future__ import annotations

import builtins
import concurrent.futures
from functools import cache
from typing import Any

from msgspec.structs import astuple

from farcall.authoring.harmless import harmless
from farcall.domain.errors import Failure


class FarcallError(Exception):
    """Base of all errors of calls.

    `code` is stable (see the table of errors), `hint` says what to do, `function` is the full name and `invocation_id`
    the id as text, each empty if there is none.
    """

    def __init__(self, failure: Failure, function: str = "", invocation_id: str = "") -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.function = function
        self.invocation_id = invocation_id

    @property
    def code(self) -> str:
        """One of the table of errors."""
        return self.failure.code

    @property
    def hint(self) -> str:
        """What to do about it, or nothing."""
        return self.failure.hint

    def __str__(self) -> str:
        """Message and hint, harmless for a terminal; `failure` has them as they came."""
        message, hint = self.failure.message, self.failure.hint
        if message and hint and message[-1] not in ".!?:":
            message += "."
        return harmless(f"{message} {hint}".strip())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.failure.code!r}, {self.failure.message!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (astuple(self.failure), self.function, self.invocation_id)


class FunctionError(FarcallError):
    """The function itself raised. `remote_type` names what it raised, `traceback` is the worker's, as text."""

    @property
    def remote_type(self) -> str:
        """``ValueError``, or ``package.module.Name``."""
        return self.failure.remote_type

    @property
    def traceback(self) -> str:
        """Freed of the platform's own frames; it quotes no source."""
        return self.failure.traceback

    def __str__(self) -> str:
        message = harmless(self.failure.message or self.failure.remote_type)
        if not self.failure.traceback:
            return message
        shown = harmless(self.failure.traceback).rstrip().replace("\n", "\n    ")
        return f"{message}\n\n  raised on the worker by {self.function or 'the function'}:\n    {shown}"


class PlatformError(FarcallError):
    """The call failed, and neither the caller nor the function is to blame."""


class WorkerLost(PlatformError):
    """The worker vanished, or the function's process died, while it ran."""


class InvocationTimeout(PlatformError):
    """It ran for too long, or was not started before it expired."""


class OutOfMemory(PlatformError):
    """The function's process was killed for want of memory."""


class NoWorkerAvailable(PlatformError):
    """Nobody serves the function now; `options(queue=True)` waits."""


class StreamBroken(PlatformError):
    """A stream was lost after some of its items had been delivered."""


class InvocationCancelled(FarcallError, concurrent.futures.CancelledError):
    """The invocation was cancelled."""


class RequestError(FarcallError):
    """The request was refused."""


class NotFound(RequestError):
    """There is no such thing, or you may not know of it."""


class PermissionDenied(RequestError):
    """You may not do this, or the token is not accepted."""


class InvalidArguments(RequestError):
    """The arguments do not fit the interface; `problems` are pairs of path and message."""

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Every bad argument: where, and what."""
        return self.failure.problems


class QuotaExceeded(RequestError):
    """A limit of the account, or of what it was given, is reached. `retry_after` seconds later there is room again."""

    @property
    def retry_after(self) -> float | None:
        """Seconds; None if the hub did not say."""
        return self.failure.retry_after_seconds


class SignatureChanged(RequestError):
    """The function's interface is no longer the one that was imported."""


class HubUnreachable(FarcallError):
    """No hub answers."""


_CLASSES: dict[str, type[FarcallError]] = {
    kind.__name__: kind
    for kind in (
        FunctionError,
        PlatformError,
        WorkerLost,
        InvocationTimeout,
        OutOfMemory,
        NoWorkerAvailable,
        StreamBroken,
        InvocationCancelled,
        RequestError,
        NotFound,
        PermissionDenied,
        InvalidArguments,
        QuotaExceeded,
        SignatureChanged,
        HubUnreachable,
    )
}

ALSO_BUILTIN = frozenset(
    {
        "ArithmeticError",
        "AssertionError",
        "AttributeError",
        "BlockingIOError",
        "BrokenPipeError",
        "BufferError",
        "ConnectionAbortedError",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "EOFError",
        "FileExistsError",
        "FileNotFoundError",
        "FloatingPointError",
        "ImportError",
        "IndexError",
        "InterruptedError",
        "IsADirectoryError",
        "KeyError",
        "LookupError",
        "MemoryError",
        "ModuleNotFoundError",
        "NameError",
        "NotADirectoryError",
        "NotImplementedError",
        "OSError",
        "OverflowError",
        "PermissionError",
        "ProcessLookupError",
        "RecursionError",
        "ReferenceError",
        "RuntimeError",
        "TimeoutError",
        "TypeError",
        "UnboundLocalError",
        "ValueError",
        "ZeroDivisionError",
    }
)
"""Builtin exceptions that one message makes. What is not here (StopIteration, …) stays a FunctionError."""


def from_failure(failure: Failure, function: str = "", invocation_id: str = "") -> FarcallError:
    """The exception that the table names for a failure."""
    kind = _CLASSES.get(failure.kind.exception, PlatformError)
    if kind is FunctionError and failure.remote_type in ALSO_BUILTIN:
        kind = _also(FunctionError, getattr(builtins, failure.remote_type))
    return kind(failure, function, invocation_id)


def also(error: FarcallError, builtin: type[Exception]) -> FarcallError:
    """The same error, that is also an instance of `builtin` (ImportError, AttributeError)."""
    made: FarcallError = _also(type(error), builtin)(error.failure, error.function, error.invocation_id)
    return made


def _join(kind: type, builtin: type) -> type:
    if issubclass(kind, builtin):
        return kind
    made = type(kind.__name__, (kind, builtin), {"__module__": kind.__module__, "__doc__": kind.__doc__})
    made.__qualname__ = kind.__qualname__
    return made


_also: Any = cache(_join)


def _rebuilt(fields: tuple[Any, ...], function: str, invocation_id: str) -> FarcallError:
    return from_failure(Failure(*fields), function, invocation_id)
