"""What one connected client's frames make happen. Frames are handled one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from farcall.domain import access
from farcall.domain.errors import Refused
from farcall.hub import ports
from farcall.hub.accounts import Accounts
from farcall.hub.dispatcher import Dispatcher
from farcall.hub.invocations import Invocations
from farcall.hub.streams import Streams
from farcall.wire import frames


class CallerConversation:
    """Submit, resolve, attach, cancel and acknowledge, for one channel."""

    def __init__(
        self,
        invocations: Invocations,
        streams: Streams,
        dispatcher: Dispatcher,
        accounts: Accounts,
        token: str,
        subject: access.Subject,
        link: ports.CallerLink,
    ) -> None:
        self._invocations = invocations
        self._streams = streams
        self._dispatcher = dispatcher
        self._accounts = accounts
        self._token = token
        self._subject = subject
        self._link = link
        self.handlers: dict[type, Callable[[Any], Any]] = {
            frames.Submit: self._submit,
            frames.Resolve: self._resolve,
            frames.Attach: self._attach,
            frames.Cancel: self._cancel,
            frames.StreamAck: self._stream_ack,
        }

    def _submit(self, frame: frames.Submit) -> Any:
        target = self._invocations.known_target(self._subject, frame.function, frame.interface)
        if target is None:
            return self._submit_unknown(frame)
        self._take(frame, target)
        return None

    async def _submit_unknown(self, frame: frames.Submit) -> None:
        try:
            target = await self._invocations.target(self._subject, frame.function, frame.interface)
        except Refused as refusal:
            self._link.send(frames.RefusedItems([frames.RefusedItem(item.id, refusal.failure) for item in frame.items]))
            return
        self._take(frame, target)

    def _take(self, frame: frames.Submit, target: Any) -> None:
        refused = self._invocations.submit(
            self._subject, target, frame.options, frame.items, self._link, acknowledge=frame.acknowledge
        )
        if refused:
            self._link.send(frames.RefusedItems([frames.RefusedItem(*pair) for pair in refused]))

    async def _resolve(self, frame: frames.Resolve) -> None:
        try:
            answer = await self._invocations.resolve(self._subject, frame.name)
            answer.seq = frame.seq
        except Refused as refusal:
            answer = frames.Resolved(frame.seq, frame.name, failure=refusal.failure)
        self._link.send(answer)

    async def _attach(self, frame: frames.Attach) -> None:
        ended, going_on, unknown = await self._invocations.attach(self._subject, frame.ids, self._link)
        if ended:
            self._link.send(frames.Settled(ended))
        if going_on or unknown:
            self._link.send(frames.Attached(going_on, unknown))

    async def _cancel(self, frame: frames.Cancel) -> None:
        for identifier in frame.ids:
            try:
                await self._invocations.cancel(self._subject, identifier)
            except Refused as refusal:
                self._link.send(frames.RefusedItems([frames.RefusedItem(identifier, refusal.failure)]))

    def _stream_ack(self, frame: frames.StreamAck) -> None:
        self._streams.taken(self._link, frame)

    def visible(self, names: list[str]) -> list[str]:
        """Those of these names that the caller may know of."""
        return [name for name in names if access.decide(self._subject, "view", name).allowed]

    async def refresh(self) -> None:
        """The account's permissions changed: read them anew; raises Refused if the token no longer holds."""
        self._subject = await self._accounts.authenticate(self._token)
        self._link.send(frames.Changed([""]))  # all of them: what was found may be out of reach now

    def goodbye(self, frame: Any) -> None:
        """A client that leaves and one that vanishes are treated alike."""

    def disconnected(self) -> None:
        self._dispatcher.forget_caller(self._link)
