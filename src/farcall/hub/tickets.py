"""Waiting for one invocation without a channel, as REST requests do."""

from __future__ import annotations

import asyncio
from typing import Any

from farcall.domain.errors import Refused
from farcall.domain.model import Settlement
from farcall.wire import frames


class Ticket:
    """A caller that waits for one invocation. A `CallerLink`; made and read in the hub's loop."""

    def __init__(self, account: int, identifier: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.account = account
        self.id = identifier
        self._accepted: asyncio.Future[None] = loop.create_future()
        self._settled: asyncio.Future[Settlement] = loop.create_future()

    def send(self, frame: Any) -> None:
        if isinstance(frame, frames.Accepted | frames.Cancelling):
            self._committed()
        elif isinstance(frame, frames.Settled):
            self._committed()
            if not self._settled.done():
                self._settled.set_result(next(item for item in frame.items if item.id == self.id))
        elif isinstance(frame, frames.RefusedItems):
            refusal = Refused.of(frame.items[0].failure)
            for future in (self._accepted, self._settled):
                if not future.done():
                    future.set_exception(refusal)
                    future.exception()  # it may have no reader

    def _committed(self) -> None:
        if not self._accepted.done():
            self._accepted.set_result(None)

    async def accepted(self) -> None:
        """Returns once the invocation is committed; raises Refused."""
        await asyncio.shield(self._accepted)

    async def settled(self, timeout_seconds: float | None = None) -> Settlement | None:
        """The outcome, or None if there is none in time; raises Refused."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._settled), timeout_seconds)
        except TimeoutError:
            return None
