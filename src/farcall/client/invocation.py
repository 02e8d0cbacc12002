"""One call under way, seen by its caller: a `concurrent.futures.Future` that can also be asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from farcall.authoring.harmless import harmless_line
from farcall.client import notice
from farcall.client.errors import FarcallError, InvocationCancelled, from_failure
from farcall.client.futures import LeanFuture
from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure
from farcall.domain.model import CallOptions, Settlement
from farcall.domain.states import InvocationState
from farcall.payload import MalformedPayload
from farcall.wire.rest import LogLine

if TYPE_CHECKING:
    from farcall.client.channel import Channel
    from farcall.client.streaming import Items, Stream

_SUCCEEDED = int(InvocationState.SUCCEEDED)
_ENDS = {
    InvocationState.FAILED: Failure("internal", "The invocation failed, and the hub did not say why."),
    InvocationState.CANCELLED: Failure("cancelled", "The invocation was cancelled."),
    InvocationState.EXPIRED: Failure("expired", "The invocation was not started before it expired."),
}


class Progress(NamedTuple):
    """What the function said last: a fraction from 0 to 1, and a stage."""

    fraction: float
    stage: str


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """What all calls of one function with one set of options have in common."""

    function: str
    interface: bytes
    options: CallOptions
    acknowledge: bool  # somebody may ask for the id before the end
    decode: Callable[[bytes], Any]
    streams: bool = False
    reads: bool = False  # the thread that calls waits for it, and for nothing else
    patient: bool = False  # a limit that is reached for a while is waited for


class Invocation(LeanFuture):
    """A call that was sent. Made by `submit`, `map` and `farcall.invocation`; safe with threads.

    All of `concurrent.futures.Future`, plus `id`, `status`, `progress`, `logs`, `explain`, `info` and `stream`.
    """

    _twins: tuple[Invocation, ...] = ()  # other handles of the same invocation in this process

    def __init__(self, channel: Channel, identifier: bytes, route: Route, arguments: bytes | None) -> None:
        super().__init__(channel.guard)
        self._channel = channel
        self._identifier = identifier
        self._route = route
        self._arguments = arguments  # kept until the end, to be sent again; None: it was submitted by somebody else
        self._accepted = arguments is None
        self._refused = False
        self._refusals = 0  # by a hub that could not store, for a moment
        self._outcome = 0
        self._raw: bytes | None = None
        self._value: Any = None
        self._broken: FarcallError | None = None
        self._progress: Progress | None = None
        self._items: Items | None = None

    # -- asking --------------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """``inv_…``; waits until the hub has committed it, so that it can be written down. Raises if it was refused."""
        if self._route.acknowledge and not self._accepted:
            self._home().wait_until(lambda: self._accepted or self.done())
        if self._refused:
            super().result()
        return identifiers.to_text(self._identifier)

    @property
    def function(self) -> str:
        """The full name, or nothing if it was submitted by somebody else."""
        return self._route.function

    @property
    def status(self) -> str:
        """waiting, queued, running, succeeded, failed, cancelled or expired."""
        if self.done():
            return InvocationState(self._outcome or InvocationState.FAILED).label
        return str(self.info()["status"])

    @property
    def progress(self) -> Progress | None:
        """What the function said last, or None if it said nothing."""
        return self._progress

    @property
    def stream(self) -> Stream:
        """The items of a generator function, as they come; once."""
        if self._items is None:
            raise from_failure(
                Failure("invalid_request", f"{self.function or 'This function'} gives one result, not a stream."),
                self.function,
            )
        from farcall.client.streaming import Stream

        return Stream(self._items)

    def info(self) -> dict[str, Any]:
        """The hub's record: function, version, status, times, worker, attempt."""
        record: dict[str, Any] = self._home().rest.get(f"/v1/invocations/{self.id}")
        return record

    def logs(self, *, follow: bool = False) -> Iterator[LogLine]:
        """What it printed and logged: lines with `at`, `stream` and `text`; with `follow` until it has ended."""
        return self._home().rest.logs(self.id, follow=follow)

    def erase(self) -> None:
        """Erase arguments, result and output at the hub, for good; the record stays. It has to have ended.

        A result that is here already stays here.
        """
        self._home().rest.post(f"/v1/invocations/{self.id}/erase")

    def explain(self) -> str:
        """Why it is where it is: a timeline of the hub's reasons, as text."""
        answer = self._home().rest.get(f"/v1/invocations/{self.id}/explain")
        lines = [f"{self.function or 'invocation'} · {answer['id']} · {answer['status']}"]
        lines += [
            f"  {item['at']}  {item['what']}  {harmless_line(item['detail'])}".rstrip() for item in answer["items"]
        ]
        return "\n".join(lines)

    # -- as a future ---------------------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """The value, as soon as it is there; raises what the call failed with, or TimeoutError after `timeout` seconds.

        A timeout ends the waiting, not the invocation.
        """
        if not self.done():
            self._wait(timeout)
        if self._exception is not None:
            super().result(0)  # raises it
        if self._raw is not None:
            self._open()
        if self._broken is not None:
            raise self._broken
        return self._value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the call failed with, or None if it succeeded; raises TimeoutError after `timeout` seconds."""
        if not self.done():
            self._wait(timeout)
        error = self._exception
        if error is None and self._raw is not None:
            self._open()
        return error or self._broken

    def cancel(self) -> bool:
        """Ask for it to be stopped; False if it had ended. The end itself comes when the worker has confirmed it."""
        if self.done():
            return False
        self._home().cancel(self._identifier)
        return True

    def cancelled(self) -> bool:
        """Whether it ended by being cancelled."""
        return self._outcome == InvocationState.CANCELLED

    def _wait(self, timeout: float | None) -> None:
        """Until the end; raises TimeoutError after `timeout` seconds without it."""
        channel = self._home()
        channel.may_block()
        if timeout is None:
            if self._route.reads and channel.read_now(self):
                return
            if self._wait_for_end(notice.AFTER_SECONDS):
                return
            if notice.wanted():
                notice.waiting(self)
        if not self._wait_for_end(timeout):
            raise TimeoutError

    def _home(self) -> Channel:
        """The channel that knows of it; in a process that was forked meanwhile, that process's own."""
        channel = self._channel.here()
        if channel is not self._channel:
            self._channel = channel
            if not self.done():
                super().__init__(channel.guard)  # locks and waiters were the parent's
                channel.adopt(self)
        return channel

    def __repr__(self) -> str:
        state = InvocationState(self._outcome).label if self.done() else "under way"
        return f"<Invocation {identifiers.to_text(self._identifier)} {self.function} {state}>"

    # -- by the channel, in its thread ---------------------------------------------------------------------------------

    def _twin(self, other: Invocation) -> None:
        """`other` names the same invocation: it ends as this one does, unless it asks for something else."""
        if other._arguments is not None and not other._asks_as(self):
            other._refuse(Failure("conflict", "Another call of this process has the same key.", "Use a new key."))
            return
        other._accepted = other._accepted or self._accepted
        self._twins = (*self._twins, other)

    def _asks_as(self, other: Invocation) -> bool:
        return (self._arguments, self._route.function, self._route.options) == (
            other._arguments,
            other._route.function,
            other._route.options,
        )

    def _note_accepted(self) -> None:
        self._accepted = True
        for twin in self._twins:
            twin._accepted = True

    def _settle(self, settlement: Settlement) -> None:
        for twin in self._twins:
            twin._settle(settlement)
        self._accepted = True
        self._arguments = None
        self._outcome = settlement.state
        if settlement.state == _SUCCEEDED:
            self._raw = settlement.result
            self._finish(None)
        else:
            self._raise(
                settlement.failure or _ENDS.get(InvocationState(settlement.state), _ENDS[InvocationState.FAILED])
            )

    def _refuse(self, failure: Failure) -> None:
        for twin in self._twins:
            twin._refuse(failure)
        self._refused = True
        self._arguments = None
        self._outcome = InvocationState.FAILED
        self._raise(failure)

    def _abandon(self, failure: Failure) -> None:
        """The connection has ended for good; if it was accepted, it goes on without us."""
        if not self._accepted:
            self._refuse(failure)
            return
        for twin in self._twins:
            twin._abandon(failure)
        text = identifiers.to_text(self._identifier)
        hint = f"The invocation was accepted and goes on: farcall.invocation({text!r}) asks for it later."
        self._raise(Failure(failure.code, failure.message, hint))

    def _raise(self, failure: Failure) -> None:
        identifier = "" if self._refused else identifiers.to_text(self._identifier)
        error = from_failure(failure, self._route.function, identifier)
        if isinstance(error, InvocationCancelled):
            self._outcome = InvocationState.CANCELLED
        self._finish(error)

    def _open(self) -> None:
        """Decode the result, in the thread of whoever wants it: it may have to be fetched."""
        raw = self._raw
        if raw is None:
            return
        try:
            self._value = self._route.decode(raw)
        except MalformedPayload as error:
            failure = Failure("bad_result", f"The result cannot be read: {error}.")
            self._broken = from_failure(failure, self._route.function, identifiers.to_text(self._identifier))
        self._raw = None
