"""Keeping a line to the hub open, for as long as it is wanted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Protocol

from farcall.link.address import Address
from farcall.link.backoff import Backoff
from farcall.link.dialling import Line, dial
from farcall.link.errors import LinkError, Refused, Unreachable
from farcall.wire import frames
from farcall.wire.session import Role


class Handler(Protocol):
    """Whoever uses the link. All is called in the link's loop, and must not block.

    Order: `connected`, then frames, then `disconnected`, and again. Nothing is kept for later: what must survive a
    reconnect is sent again by the handler in `connected`.
    """

    def connected(self, welcome: frames.Welcome) -> None:
        """A line is open; what is sent here leaves first."""

    def received(self, frame: Any) -> None:
        """A frame came, other than Welcome and Goodbye."""

    def disconnected(self, error: LinkError | None) -> None:
        """The line is gone; `error` is what the hub said, or what broke, if that is known. It will be dialled again
        unless `run` ends.
        """

    def failed(self, error: Unreachable, again_seconds: float) -> None:
        """Dialling failed, and will be tried again."""


class Link:
    """One end of a channel that reconnects."""

    def __init__(
        self,
        address: Address,
        token: str,
        role: Role,
        boot: bytes,
        software: str,
        handler: Handler,
        *,
        ca_file: str | None = None,
        first_patience_seconds: float = 0.0,
        patience_seconds: float = float("inf"),
        backoff: Backoff | None = None,
    ) -> None:
        self.address = address
        self._token = token
        self._role: Role = role
        self._boot = boot
        self._software = software
        self._handler = handler
        self._ca_file = ca_file
        self._first_patience_seconds = first_patience_seconds
        self._patience_seconds = patience_seconds
        self._backoff = backoff or Backoff(random.random)
        self._line: Line | None = None
        self._closing: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        return self._line is not None

    def send(self, frame: frames.Frame) -> None:
        """Send at the end of this turn of the loop; while disconnected nothing happens."""
        if self._line is not None:
            self._line.send(frame)

    def send_now(self, frame: frames.Frame) -> bool:
        """From any thread: send a frame past the loop, if a line is open and nothing waits there; False: nothing was
        sent. What was sent may be lost, as ever.
        """
        line = self._line
        return line is not None and line.send_now(frame)

    def lend(self, unless: Callable[[], Any]) -> None:
        """Let threads read with `read_now`, unless `unless` says otherwise once they can."""
        if self._line is not None:
            self._line.lend(unless)

    def read_now(self, wants: Callable[[Any], bool]) -> bool:
        """From any thread: wait a moment for the next frame, if reading is lent; True if `wants` took it. Whatever else
        comes goes to the handler, in the loop.
        """
        line = self._line
        return line is not None and line.read_now(wants)

    def ask_back(self) -> None:
        """From any thread: let the loop read again, if reading is lent."""
        line = self._line
        if line is not None:
            line.ask_back()

    def flush(self) -> None:
        """Let what was sent leave now instead of at the turn's end."""
        if self._line is not None:
            self._line.flush()

    def redial(self) -> None:
        """Drop the line, if there is one: it may be dead without a word. `run` dials again."""
        if self._line is not None:
            self._line.abort()

    async def run(self) -> None:
        """Dial, listen, dial again. Returns after `close`.

        Raises Refused when the hub will not have us, and Unreachable when none answered for longer than the patience:
        `first_patience_seconds` before the first Welcome, `patience_seconds` after.
        """
        loop = asyncio.get_running_loop()
        self._closing = loop.create_future()
        patience = self._first_patience_seconds
        failing_since: float | None = None
        while not self._closing.done():
            try:
                line = await self._dial()
            except Unreachable as error:
                now = loop.time()
                failing_since = now if failing_since is None else failing_since
                pause = self._backoff.next_seconds()
                if now + pause - failing_since > patience:
                    raise
                self._handler.failed(error, pause)
                await asyncio.wait([self._closing], timeout=pause)
                continue
            if line is None:
                return
            self._backoff.reset()
            patience, failing_since = self._patience_seconds, None
            error_at_end = await self._converse(line)
            if isinstance(error_at_end, Refused):
                raise error_at_end
            if error_at_end is not None and not self._closing.done():  # told to go away: not at once again
                await asyncio.wait([self._closing], timeout=self._backoff.next_seconds())

    async def _dial(self) -> Line | None:
        """A line, or None if it was closed meanwhile."""
        assert self._closing is not None  # run() made it
        dialling = asyncio.ensure_future(
            dial(self.address, self._token, self._role, self._boot, self._software, ca_file=self._ca_file)
        )
        waited: list[asyncio.Future[Any]] = [dialling, self._closing]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not dialling.done():
            dialling.cancel()
            await asyncio.wait([dialling])
            return None
        return dialling.result()

    async def _converse(self, line: Line) -> LinkError | None:
        assert self._closing is not None  # run() made it
        self._line = line
        self._handler.connected(line.welcome)
        line.listen(self._handler.received)
        waited: list[asyncio.Future[Any]] = [line.closed, self._closing]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not line.closed.done():
            await line.close()
        self._line = None
        error = line.closed.result() if line.closed.done() else None
        self._handler.disconnected(error)
        return error

    def close(self) -> None:
        """Make `run` say goodbye and return."""
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)
