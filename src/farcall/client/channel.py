"""The client's end of the channel: one thread with one loop that holds the link, for callers in any thread.

Callers append to a deque and wake the loop once, or, while hardly anything is under way, send by themselves. Results
are set from the loop's thread. What was not answered is kept, and after a reconnect asked for first: only what the hub
does not know is sent again, under the same id.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from farcall.client import notice
from farcall.client.errors import FarcallError, from_failure
from farcall.client.invocation import Invocation
from farcall.client.ledger import Ledger
from farcall.client.rest import Rest
from farcall.domain.errors import Failure
from farcall.link import Address, Link, LinkError, Unreachable
from farcall.link.loops import new_event_loop
from farcall.wire import frames

PATIENCE_SECONDS = 600.0  # for a hub that was there and went away
_EXIT_SECONDS = 5.0
_BURST_ITEMS = 3  # posted during one turn: more are taken to follow
_BURST_SECONDS = 0.001


class Channel:
    """One connection of one client, opened with the first thing that is sent. After its end a client makes another.

    `elsewhere` gives the channel to use in a process that was forked from this one.
    """

    def __init__(
        self,
        address: Address,
        token: str,
        rest: Rest,
        software: str,
        elsewhere: Callable[[], Channel],
        *,
        ca_file: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        on_names_changed: Callable[[list[str]], None] = lambda _names: None,
    ) -> None:
        self.rest = rest
        self._on_names_changed = on_names_changed
        self.guard = threading.Lock()  # of the invocations' making and ending
        self.error: FarcallError | None = None  # why it ended
        self._pid = os.getpid()
        self._elsewhere = elsewhere
        self._link = Link(
            address, token, "client", os.urandom(16), software, self, ca_file=ca_file, patience_seconds=patience_seconds
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._changed = threading.Condition()
        self._watchers = 0
        self._outbox: deque[Any] = deque()
        self._awake = False
        self._ledger = Ledger(self._link)
        self._welcome: frames.Welcome | None = None
        self._resolved: dict[str, frames.Resolved] = {}
        self._resolving: dict[int, tuple[str, Future[frames.Resolved]]] = {}
        self._seq = 0
        self._told = False  # that the hub is away
        self._handlers: dict[type, Callable[[Any], None]] = {
            **self._ledger.handlers,
            frames.Resolved: self._answered,
            frames.Changed: self._names_changed,
        }

    # -- from any thread -----------------------------------------------------------------------------------------------

    def here(self) -> Channel:
        """This channel, or in a forked process that process's own."""
        return self if os.getpid() == self._pid else self._elsewhere()

    @property
    def usable(self) -> bool:
        """Whether it has not ended, and belongs to this process."""
        return self.error is None and os.getpid() == self._pid

    @property
    def connected_once(self) -> bool:
        """Whether the hub ever answered; it tells of changes since then, and every interruption counts as one."""
        return self._welcome is not None

    def submit(self, invocation: Invocation) -> None:
        """Send it, and settle it when the answer comes. Never blocks and never raises: failures settle it too.

        An interrupt may strike here all the same; then it was perhaps sent, and `cancel` is the answer.
        """
        if self._awake or self._outbox or not self._ledger.send_now(invocation):
            self._post(invocation)
        elif self.error is not None:
            self._sweep()

    def read_now(self, invocation: Invocation) -> bool:
        """From the thread that waits for it: read the answer past the loop; False: it comes, or came, by the loop."""
        return self._ledger.read_now(invocation)

    def adopt(self, invocation: Invocation) -> None:
        """Ask the hub after an invocation that another connection submitted."""

        self._post(lambda: self._ledger.ask(invocation))

    def cancel(self, identifier: bytes) -> None:
        """Ask for an end; what was not sent yet is not sent."""
        self._post(lambda: self._ledger.cancel(identifier))

    def send(self, frame: frames.Frame) -> None:
        """Send a frame that may be lost."""
        self._post(lambda: self._link.send(frame))

    def resolve(self, name: str) -> frames.Resolved:
        """What `name` is now; kept until the hub says that it changed. Raises FarcallError."""
        known = self._resolved.get(name)
        if known is not None:
            return known
        answer: Future[frames.Resolved] = Future()

        def ask() -> None:
            self._seq += 1
            self._resolving[self._seq] = (name, answer)
            self._link.send(frames.Resolve(self._seq, name))

        self.may_block()
        self._post((ask, answer))
        return answer.result()

    def welcome(self) -> frames.Welcome:
        """The constants of the connection; waits for it. Raises FarcallError."""
        if self._welcome is None:
            self._post(lambda: None)
            self.wait_until(lambda: self._welcome is not None)
        if self._welcome is None:
            raise self._ended()
        return self._welcome

    def wait_until(self, holds: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait for what an answer of the hub makes true, or for the end of the channel."""
        self.may_block()
        with self._changed:
            self._watchers += 1
            try:
                self._changed.wait_for(lambda: holds() or self.error is not None, timeout)
            finally:
                self._watchers -= 1

    def may_block(self) -> None:
        """Raises RuntimeError in the channel's own thread: what is waited for there would never come."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback of an invocation must not wait for the hub; hand the work to another thread")

    def close(self, timeout: float = _EXIT_SECONDS) -> None:
        """Let submissions get through, say goodbye, end. What is under way goes on at the hub."""
        if os.getpid() != self._pid or self._loop is None or self.error is not None:
            return
        self.wait_until(lambda: not self._outbox and not self._ledger.unaccepted(), timeout)
        lost = self._ledger.unaccepted()
        if lost:
            notice.say(f"farcall: the hub has not accepted {lost} of the submitted invocations; they may not run.")
        try:
            self._loop.call_soon_threadsafe(self._link.close)
        except RuntimeError:
            return  # it ended meanwhile
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        atexit.unregister(self.close)

    def _ended(self) -> FarcallError:
        return self.error or from_failure(Failure("hub_unreachable", "The connection to the hub was closed."))

    def _post(self, item: Any) -> None:
        self._outbox.append(item)
        if not self._awake:
            self._awake = True
            if self._loop is None:
                self._start()
            try:
                self._loop.call_soon_threadsafe(self._drain)  # type: ignore[union-attr]  # _start made it
            except RuntimeError:
                self._awake = False
        if self.error is not None:
            self._sweep()

    def _start(self) -> None:
        with self._starting:
            if self._loop is not None:
                return
            loop = new_event_loop()
            self._thread = threading.Thread(target=self._live, args=(loop,), name="farcall", daemon=True)
            self._loop = loop
            self._thread.start()
        atexit.register(self.close)

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        failure = Failure("hub_unreachable", "The client was closed.", "Use a new one.")
        try:
            loop.run_until_complete(self._link.run())
        except LinkError as error:
            failure = error.failure
        except BaseException as error:
            failure = Failure("internal", f"The client's connection failed: {error!r}.")
            raise
        finally:
            self.error = from_failure(failure)
            loop.close()
            self._sweep()
            self._notify()

    def _sweep(self) -> None:
        """The channel has ended: nobody shall wait for an answer."""
        failure = self._ended().failure
        while self._outbox:
            try:
                item = self._outbox.popleft()
            except IndexError:
                break
            if isinstance(item, Invocation):
                item._refuse(failure)
            elif isinstance(item, tuple):
                item[1].set_exception(self._ended())
        self._ledger.abandon(failure)
        while self._resolving:
            try:
                _, (_, answer) = self._resolving.popitem()
            except KeyError:
                break
            answer.set_exception(self._ended())

    def _drain(self) -> None:
        """Everything that callers posted, in one turn; calls of one route leave as one frame.

        In a burst the loop looks again by itself a millisecond later, so that callers need not wake it: a wake-up per
        call would make caller and loop hand the interpreter's lock to and fro.
        """
        while True:
            try:
                count = self._take_outbox()
            except BaseException:
                self._awake = False  # or nobody would ever wake it again
                raise
            self._link.flush()
            if self._watchers:
                self._notify()
            if count > _BURST_ITEMS:
                asyncio.get_running_loop().call_later(_BURST_SECONDS, self._drain)
                return
            self._awake = False
            if not self._outbox:
                return
            self._awake = True  # something was posted between the last look and now

    def _take_outbox(self) -> int:
        outbox = self._outbox
        count = 0
        while outbox:
            item = outbox.popleft()
            count += 1
            if item.__class__ is Invocation:
                self._ledger.add(item)
            else:
                self._ledger.send()
                (item[0] if item.__class__ is tuple else item)()
        self._ledger.send()
        return count

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # -- what the link tells -------------------------------------------------------------------------------------------

    def connected(self, welcome: frames.Welcome) -> None:
        self._welcome = welcome
        self._told = False
        self._ledger.reconnected()
        for seq, (name, _) in self._resolving.items():
            self._link.send(frames.Resolve(seq, name))
        self._notify()

    def disconnected(self, error: LinkError | None) -> None:
        """What was resolved may change unseen."""
        self._resolved.clear()
        self._on_names_changed([])

    def failed(self, error: Unreachable, again_seconds: float) -> None:
        """The link tries again by itself; whoever waits and watches is told once."""
        if not self._told and self._ledger and notice.interactive():
            self._told = True
            notice.say(f"{error.failure.message} Trying again for {PATIENCE_SECONDS / 60:.0f} minutes.")

    def received(self, frame: Any) -> None:
        """A frame that this version has no use for is let pass."""
        handler = self._handlers.get(type(frame))
        if handler is not None:
            handler(frame)
            if self._watchers:
                self._notify()

    def _answered(self, frame: frames.Resolved) -> None:
        name, answer = self._resolving.pop(frame.seq, ("", None))
        if answer is None:
            return
        if frame.failure is not None:
            answer.set_exception(from_failure(frame.failure, name))
        else:
            self._resolved[name] = frame
            answer.set_result(frame)

    def _names_changed(self, frame: frames.Changed) -> None:
        """Names may be written with a version or an alias; forgetting too much costs one question."""
        for changed in frame.names:
            for name, known in list(self._resolved.items()):
                if known.name == changed or name.partition("@")[0] == changed or not changed:
                    del self._resolved[name]
        self._on_names_changed(frame.names)
