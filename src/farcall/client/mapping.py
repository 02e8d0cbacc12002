"""One function over many items, with a bounded number of calls under way."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING, Any

from farcall.client.errors import FarcallError
from farcall.client.function import result_of
from farcall.client.invocation import Invocation
from farcall.client.progressbar import ProgressBar

if TYPE_CHECKING:
    from farcall.client.function import RemoteFunction

_REFILL_SHARE = 8  # the window is refilled when an eighth of it is free: fewer, larger frames


class Map:
    """An iterator over results, also for `async for`. The first calls leave when it is made.

    At a bad item it raises; iterating on goes on with the next. Ctrl-C while it waits cancels what is under way.
    """

    def __init__(
        self,
        function: RemoteFunction,
        iterables: tuple[Any, ...],
        *,
        ordered: bool,
        return_exceptions: bool,
        progress: bool | None,
        window: int,
    ) -> None:
        if not iterables:
            raise TypeError("map() takes at least one iterable")
        if window < 1:
            raise ValueError(f"window= takes a number from 1, not {window!r}")
        self._function = function
        self._source: Iterator[tuple[Any, ...]] | None = zip(*iterables, strict=False)
        self._total = min(map(len, iterables)) if all(isinstance(one, Sized) for one in iterables) else None
        self._ordered = ordered
        self._return_exceptions = return_exceptions
        self._window = window
        self._refill = max(1, window // _REFILL_SHARE)
        self._ahead: deque[Invocation] = deque()  # in the order of the items
        self._under_way: set[Invocation] = set()  # if the order does not matter
        self._ended: queue.SimpleQueue[Invocation] = queue.SimpleQueue()
        self._all: list[Invocation] = []
        self._error: BaseException | None = None  # of the iterables
        self._bar = ProgressBar(function.__name__, self._total, progress)
        self._fill(window)

    @property
    def invocations(self) -> list[Invocation]:
        """The calls made so far, in the order of the items; without a known length, those whose results are to come."""
        if self._total is not None:
            return list(self._all)
        return list(self._ahead if self._ordered else self._under_way)

    def __len__(self) -> int:
        if self._total is None:
            raise TypeError("the iterables have no length")
        return self._total

    def __repr__(self) -> str:
        held = [*self._ahead, *self._under_way]
        ended = sum(invocation.done() for invocation in held)
        items = "" if self._total is None else f" over {self._total} items"
        return f"<Map of {self._function.name}{items}: {len(held) - ended} under way, {ended} ready to be taken>"

    def __iter__(self) -> Map:
        return self

    def __next__(self) -> Any:
        if not self._more():
            self._finish()
            raise StopIteration
        try:
            invocation = self._next()
            return self._outcome(invocation)
        except KeyboardInterrupt:
            self.cancel()
            raise

    def __aiter__(self) -> Map:
        return self

    async def __anext__(self) -> Any:
        if not self._more():
            self._finish()
            raise StopAsyncIteration
        if self._ordered:
            invocation = self._ahead.popleft()
        else:
            invocation = await asyncio.to_thread(self._ended.get)
            self._under_way.discard(invocation)
        try:
            return await result_of(invocation)
        except FarcallError as error:
            if self._return_exceptions:
                return error
            raise

    def cancel(self) -> None:
        """Cancel what is under way, and take no more items."""
        self._source = None
        for invocation in [*self._ahead, *self._under_way]:
            invocation.cancel()
        self._bar.close()

    def _next(self) -> Invocation:
        if self._ordered:
            return self._ahead.popleft()
        invocation = self._ended.get()
        self._under_way.discard(invocation)
        return invocation

    def _outcome(self, invocation: Invocation) -> Any:
        try:
            return invocation.result()
        except FarcallError as error:
            if self._return_exceptions:
                return error
            raise

    def _more(self) -> bool:
        """Whether there is something to wait for; takes new items when enough room is free."""
        held = len(self._ahead) if self._ordered else len(self._under_way)
        if self._source is not None and (held <= self._window - self._refill or not held):
            self._fill(self._window - held)
        return bool(self._ahead or self._under_way)

    def _finish(self) -> None:
        self._bar.close()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _fill(self, room: int) -> None:
        source = self._source
        if source is None:
            return
        start = self._function._begin
        watched = self._bar.watching
        for _ in range(room):
            try:
                args = next(source)
            except StopIteration:
                self._source = None
                return
            except Exception as error:  # of the caller's iterable: it comes after what was taken before
                self._source, self._error = None, error
                return
            invocation = start(args)
            if watched:
                invocation.add_done_callback(self._bar.step)
            if self._total is not None:
                self._all.append(invocation)
            if self._ordered:
                self._ahead.append(invocation)
            else:
                self._under_way.add(invocation)
                invocation.add_done_callback(self._ended.put)  # type: ignore[arg-type]  # it is this very invocation
