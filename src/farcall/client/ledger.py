"""The invocations of one channel that were not answered, and what the hub's answers make of them.

Lives in the channel's thread, but for `send_now`. What is here is kept until the end: after a reconnect the hub is
asked for it, and only what the hub does not know is sent again, under the same id.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from farcall.client.invocation import Invocation, Progress, Route
from farcall.client.patience import Patience
from farcall.domain.errors import Failure
from farcall.domain.ids import to_text
from farcall.link import Link
from farcall.wire import frames

_ALONE_ANSWERS = 8  # in succession, each to a thread that waited for nothing else: then such a thread may read
_BATCH_ITEMS = 2048
_BATCH_BYTES = 1024 * 1024
_ATTACH_IDS = 20_000
_FEW = 3  # under way; with more, frames of many are cheaper than a fast one for each
_RETRY_SECONDS = 0.5
_RETRIES = 60


class Ledger:
    """`handlers` are the frames that it understands."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pending: dict[bytes, Invocation] = {}
        self._unsent: deque[Invocation] = deque()
        self._patience = Patience(self._send_again)
        self._alone = 0
        self._taking = threading.Lock()  # an invocation out of `pending`, or joining one there
        self._cancelling: set[bytes] = set()  # until they end: the wish is repeated after a reconnect
        self.handlers: dict[type, Callable[[Any], None]] = {
            frames.Settled: self._settled,
            frames.Accepted: self._accepted,
            frames.RefusedItems: self._refused,
            frames.Attached: self._attached,
            frames.StreamItems: self._stream_items,
            frames.Progress: self._progress,
        }

    def __bool__(self) -> bool:
        return bool(self._pending or self._unsent)

    def unaccepted(self) -> int:
        """How many were submitted to go on without us, and are not committed yet. From any thread."""
        held = [*self._pending.values(), *self._unsent]
        return sum(invocation._route.acknowledge and not invocation._accepted for invocation in held)

    def _first(self, invocation: Invocation) -> bool:
        """Whether it is the only handle of its invocation; another one waits with the first."""
        held = self._pending.setdefault(invocation._identifier, invocation)
        if held is not invocation:
            with self._taking:
                if self._pending.get(invocation._identifier) is held:
                    held._twin(invocation)
                    return False
                self._pending[invocation._identifier] = invocation  # the other has just ended
        return True

    # -- to the hub ----------------------------------------------------------------------------------------------------

    def add(self, invocation: Invocation) -> None:
        """Keep it; `send` lets it leave."""
        self._unsent.append(invocation)

    def ask(self, invocation: Invocation) -> None:
        """Ask after an invocation that was submitted by somebody else."""
        if self._first(invocation):
            self._link.send(frames.Attach([invocation._identifier]))

    def send_now(self, invocation: Invocation) -> bool:
        """From any thread: send it past the loop, if hardly anything is under way; False: it is not here.

        It is kept first: so whatever strikes in between, it is asked for after a reconnect, and can be cancelled.
        """
        route, arguments = invocation._route, invocation._arguments
        if len(self._pending) > _FEW or self._unsent or arguments is None or not self._link.connected:
            return False
        if self._pending.setdefault(invocation._identifier, invocation) is not invocation:
            return False  # they become twins in the loop
        items = [frames.SubmitItem(invocation._identifier, arguments)]
        if self._link.send_now(frames.Submit(route.function, route.interface, route.options, route.acknowledge, items)):
            if not route.reads:
                self._link.ask_back()
            return True
        self._pending.pop(invocation._identifier, None)
        return False

    def read_now(self, invocation: Invocation) -> bool:
        """From the thread that waits for it: read its answer past the loop; False: the loop reads."""

        def wants(frame: Any) -> bool:
            if frame.__class__ is not frames.Settled or len(frame.items) != 1:
                return False
            settlement = frame.items[0]
            with self._taking:
                mine = self._pending.get(settlement.id) is invocation
                if not mine or invocation._twins or self._cancelling:  # others have to be told: in the loop
                    return False
                del self._pending[settlement.id]
            invocation._settle(settlement)
            return True

        taken = self._link.read_now(wants)
        if self._pending:  # somebody came meanwhile, found the reading taken, and waits
            self._link.ask_back()
        return taken

    def send(self) -> None:
        """Send what was not sent, if there is a line; calls of one route leave as one frame."""
        if not self._link.connected:
            return
        unsent, pending = self._unsent, self._pending
        items: list[frames.SubmitItem] = []
        route: Route | None = None
        weight = 0
        while unsent:
            invocation = unsent.popleft()
            arguments = invocation._arguments
            if arguments is None or invocation.done():
                continue
            if invocation._route is not route or len(items) >= _BATCH_ITEMS or weight > _BATCH_BYTES:
                self._submit(route, items)
                route, items, weight = invocation._route, [], 0
            if pending.setdefault(invocation._identifier, invocation) is not invocation and not self._first(invocation):
                continue
            items.append(frames.SubmitItem(invocation._identifier, arguments))
            weight += len(arguments)
        self._submit(route, items)

    def _submit(self, route: Route | None, items: list[frames.SubmitItem]) -> None:
        if route is not None and items:
            self._link.send(frames.Submit(route.function, route.interface, route.options, route.acknowledge, items))

    def cancel(self, identifier: bytes) -> None:
        """Ask for an end; what was not sent yet is not sent."""
        for invocation in self._unsent:
            if invocation._identifier == identifier:
                self._unsent.remove(invocation)
                invocation._refuse(Failure("cancelled", "The invocation was cancelled before it was sent."))
                return
        if self._patience.give_up(identifier):
            self._pending.pop(identifier)._refuse(
                Failure("cancelled", "The invocation was cancelled before it was accepted.")
            )
            return
        with self._taking:
            if identifier in self._pending:
                self._cancelling.add(identifier)
        if identifier in self._cancelling:
            self._link.send(frames.Cancel([identifier]))

    def reconnected(self) -> None:
        """First what is unanswered is asked for, then what was never sent is sent."""
        asked = list(self._pending)
        for start in range(0, len(asked), _ATTACH_IDS):
            self._link.send(frames.Attach(asked[start : start + _ATTACH_IDS]))
        for invocation in list(self._pending.values()):
            if invocation._items is not None:
                for frame in invocation._items.resume():
                    self._link.send(frame)
        if self._cancelling:
            self._link.send(frames.Cancel(list(self._cancelling)))
        self.send()

    def abandon(self, failure: Failure) -> None:
        """The channel has ended: nobody shall wait for an answer. From any thread."""
        for invocation in self._taken_out():
            if not invocation.done():
                invocation._abandon(failure)

    def _taken_out(self) -> Iterator[Invocation]:
        while self._pending:
            try:
                yield self._pending.popitem()[1]
            except KeyError:
                break
        while self._unsent:
            try:
                yield self._unsent.popleft()
            except IndexError:
                break

    # -- from the hub --------------------------------------------------------------------------------------------------

    def _settled(self, frame: frames.Settled) -> None:
        pending = self._pending
        for item in frame.items:
            invocation = pending.pop(item.id, None)
            if invocation is not None:
                self._alone = self._alone + 1 if invocation._route.reads and not pending else 0
                if self._alone >= _ALONE_ANSWERS:
                    self._alone = 0
                    self._link.lend(lambda: self)
                invocation._settle(item)
        self._patience.ended(len(frame.items))
        if self._cancelling:
            self._cancelling.difference_update([item.id for item in frame.items])

    def _accepted(self, frame: frames.Accepted) -> None:
        pending = self._pending
        for identifier in frame.ids:
            invocation = pending.get(identifier)
            if invocation is not None:
                invocation._note_accepted()

    def _refused(self, frame: frames.RefusedItems) -> None:
        for item in frame.items:
            invocation = self._pending.get(item.id)
            if invocation is None:
                continue
            if item.failure.code == "quota_exceeded" and self._patience.takes(invocation, item.failure):
                continue
            if item.failure.code == "hub_unavailable" and invocation._refusals < _RETRIES:
                invocation._refusals += 1
                self._later(invocation)
            elif not invocation._accepted or invocation._arguments is None:
                del self._pending[item.id]
                invocation._refuse(item.failure)

    def _later(self, invocation: Invocation) -> None:
        """The hub cannot store for a moment."""
        asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._send_again, [invocation])

    def _send_again(self, invocations: list[Invocation]) -> None:
        """Unless a reconnect came first and did it."""
        self._unsent.extend(one for one in invocations if self._pending.get(one._identifier) is one)
        self.send()

    def _attached(self, frame: frames.Attached) -> None:
        for identifier in frame.ids:
            invocation = self._pending.get(identifier)
            if invocation is not None:
                invocation._note_accepted()
        for identifier in frame.unknown:
            invocation = self._pending.get(identifier)
            if invocation is None:
                continue
            if identifier in self._cancelling:
                self._cancelling.discard(identifier)
                del self._pending[identifier]
                invocation._refuse(Failure("cancelled", "The invocation was cancelled before it was accepted."))
            elif invocation._arguments is not None:
                self._unsent.append(invocation)
            else:
                del self._pending[identifier]
                text = to_text(identifier)
                invocation._refuse(Failure("not_found", f"There is no invocation {text}, or it is not yours."))
        self.send()

    def _stream_items(self, frame: frames.StreamItems) -> None:
        invocation = self._pending.get(frame.id)
        if invocation is not None and invocation._items is not None:
            invocation._items.arrived(frame)

    def _progress(self, frame: frames.Progress) -> None:
        for item in frame.items:
            invocation = self._pending.get(item.id)
            if invocation is not None:
                invocation._progress = Progress(item.fraction, item.stage)
