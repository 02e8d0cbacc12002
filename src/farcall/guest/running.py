"""One attempt: from its item to what is told of its end."""

from __future__ import annotations

import inspect
import itertools
import os
import sys
import time
from collections.abc import Callable
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from farcall.authoring.calling import CannotCall
from farcall.authoring.context import install, uninstall
from farcall.authoring.conversion import Unfit
from farcall.guest.board import Board
from farcall.guest.coding import Coder, TooLarge
from farcall.guest.cputime import Meter
from farcall.guest.failures import message_of, traceback_of, type_name
from farcall.guest.interrupts import Interrupts
from farcall.guest.loading import Served
from farcall.guest.messages import Failed, RunItem, Succeeded
from farcall.guest.output import Output
from farcall.guest.streaming import Streaming
from farcall.payload.errors import MalformedPayload, Unencodable

if TYPE_CHECKING:
    import asyncio

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_DIGITS = 36


class Attempt:
    """What `farcall.current()` gives inside a running function."""

    __slots__ = ("_id", "_output", "attempt", "caller", "function")

    def __init__(self, item: RunItem, function: str, output: Output) -> None:
        self._id = item.id
        self._output = output
        self.function = function
        self.caller = item.caller
        self.attempt = item.attempt

    @property
    def id(self) -> str:
        """The invocation, as ``inv_…`` (`farcall.domain.ids`, which a guest does not see)."""
        number = int.from_bytes(self._id, "big")
        return "inv_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_ID_DIGITS - 1), -1, -5))

    def report_progress(self, fraction: float, stage: str) -> None:
        self._output.report(fraction, stage)


class Runner:
    """Runs attempts in the main thread, one after another."""

    def __init__(
        self,
        functions: list[Served],
        coder: Coder,
        output: Output,
        board: Board,
        interrupts: Interrupts,
        streaming: Streaming,
    ) -> None:
        self._functions = functions
        self._coder = coder
        self._output = output
        self._board = board
        self._interrupts = interrupts
        self._streaming = streaming
        self._pid = os.getpid()
        self._meter = Meter()
        self._loop: asyncio.AbstractEventLoop | None = None
        if any(_is_async(served) for served in functions):
            import asyncio  # noqa: F401  # now rather than in the first call; the others do without its 10 MiB

    def run(self, item: RunItem) -> Succeeded | Failed:
        """Never raises; what the function does to this process is another matter."""
        self._output.seq = item.seq
        started = time.monotonic()
        self._meter.begin()
        self._board.start(item.seq, started)
        end = self._end(item, started)
        end.cpu_seconds = self._meter.end(end.run_seconds)
        return end

    def _end(self, item: RunItem, started: float) -> Succeeded | Failed:
        served = self._functions[item.function]
        try:
            value = self._value(served, item)
            if served.fit is not None and not served.streams:
                value = served.fit(value, "result")
            result, blobs = self._coder.result(value)
            return Succeeded(item.seq, result, time.monotonic() - started, blobs)
        except _Ended as end:
            return Failed(item.seq, time.monotonic() - started, *end.args)
        except Unfit as error:
            hint = "The function gave back something else than its interface declares."
            return Failed(item.seq, time.monotonic() - started, "function_error", message_of(error), hint, "ValueError")
        except Unencodable as error:
            return self._bad_result(item, started, f"{error}")
        except TooLarge as error:
            return self._bad_result(item, started, f"{error}")
        except BaseException as error:  # noqa: BLE001  # encoding runs user code too: properties, __len__, iteration
            return Failed(item.seq, time.monotonic() - started, *_of_function(error))
        finally:
            if self._pid != os.getpid():
                os._exit(0)  # a fork of the function came back: there is only one of us
            self._coder.forget(item)
            if served.leave is not None:
                served.leave()

    def _bad_result(self, item: RunItem, started: float, message: str) -> Failed:
        hint = "Give back numbers, text, containers, dataclasses, numpy arrays or files."
        return Failed(item.seq, time.monotonic() - started, "bad_result", message, hint)

    def _value(self, served: Served, item: RunItem) -> object:
        """What the function gives back, or for a stream the number of its items; raises _Ended."""
        try:
            bound = self._coder.arguments(served, item)
            if served.hold is not None:
                served.hold(bound)
            args, kwargs = served.prepare(bound)
        except (MalformedPayload, CannotCall, Unfit) as error:
            raise _Ended("invalid_arguments", message_of(error)) from None
        interrupts = self._interrupts
        context = install(Attempt(item, served.described.name, self._output))
        try:
            try:
                interrupts.begin(item.seq)
                value = served.fn(*args, **kwargs)
                if served.streams:
                    return self._drive(served, item.seq, value)
                if type(value) is CoroutineType:
                    value = self._await(value)
                return value
            finally:
                interrupts.seq = 0
                uninstall(context)
        except (Unfit, Unencodable, TooLarge):
            raise
        except BaseException as error:  # noqa: BLE001  # SystemExit and KeyboardInterrupt end the attempt, not the guest
            interrupts.seq = 0
            if interrupts.struck == item.seq and (isinstance(error, KeyboardInterrupt) or _is_cancellation(error)):
                raise _Ended("cancelled", "It was interrupted.") from None
            raise _Ended(*_of_function(error)) from None

    def _drive(self, served: Served, seq: int, value: Any) -> int:
        emit = _fitted(served.fit, self._streaming.begin(seq))
        if hasattr(value, "__aiter__"):
            return int(self._await(_drive_async(value, emit)))
        count = 0
        for count, item in enumerate(value, 1):  # noqa: B007  # the last count is the result
            emit(item)
        return count

    def _await(self, coroutine: Any) -> Any:
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(coroutine)
        self._interrupts.loop_runs(task, os.path.dirname(asyncio.__file__))
        try:
            return self._loop.run_until_complete(task)
        finally:
            self._interrupts.loop_runs(None)


def _fitted(fit: Callable[[Any, str], Any] | None, emit: Callable[[object], None]) -> Callable[[object], None]:
    """`emit`, of items that were held against the interface."""
    if fit is None:
        return emit
    numbers = itertools.count()
    return lambda value: emit(fit(value, f"item[{next(numbers)}]"))


def _is_async(served: Served) -> bool:
    plain = inspect.unwrap(served.fn)
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


def _is_cancellation(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio")  # who has not loaded it can't have been cancelled by it
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


async def _drive_async(items: Any, emit: Callable[[object], None]) -> int:
    count = 0
    async for item in items:
        emit(item)
        count += 1
    return count


class _Ended(Exception):
    """The attempt ended without a value; its arguments are those of `Failed` from `code` on."""


def _of_function(error: BaseException) -> tuple[str, str, str, str, str]:
    return ("function_error", message_of(error), "", type_name(error), traceback_of(error))
