"""What one connected worker's frames make happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from farcall.domain import access
from farcall.domain.errors import Failure, Refused
from farcall.domain.states import AttemptState
from farcall.hub import ports
from farcall.hub.accounts import Accounts
from farcall.hub.dispatch import events
from farcall.hub.dispatcher import Dispatcher
from farcall.hub.workers import MAX_CREDIT, Workers
from farcall.wire import frames

_OUTCOMES = frozenset({AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.LOST})
_MAX_STAGE = 200  # characters


class WorkerConversation:
    """What one registered worker's frames make happen. Frames are handled one after another."""

    def __init__(
        self,
        workers: Workers,
        dispatcher: Dispatcher,
        accounts: Accounts,
        token: str,
        subject: access.Subject,
        link: ports.WorkerLink,
    ) -> None:
        self._workers = workers
        self._dispatcher = dispatcher
        self._accounts = accounts
        self._token = token
        self._subject = subject
        self._link = link
        self._boot = link.boot
        self.handlers: dict[type, Callable[[Any], Any]] = {
            frames.Register: self._register,
            frames.Publish: self._publish,
            frames.Heartbeat: self._heartbeat,
            frames.Credit: self._credit,
            frames.Started: self._started,
            frames.Returned: self._returned,
            frames.Finished: self._finished,
            frames.Logs: self._logs,
            frames.Progress: self._progress,
            frames.Stream: self._stream,
            frames.Leaving: self._leaving,
        }

    def _register(self, frame: frames.Register) -> Any:
        return self._workers.register(self._subject, frame, self._link)

    async def _publish(self, frame: frames.Publish) -> None:
        answers = await self._workers.publish(self._subject, frame, self._boot)
        self._link.send(frames.Published(frame.seq, answers))

    def _heartbeat(self, frame: frames.Heartbeat) -> None:
        self._workers.seen(self._link)
        self._link.send(frames.HeartbeatAck(frame.seq))

    def _credit(self, frame: frames.Credit) -> None:
        self._dispatcher.feed(events.Credits(self._boot, max(0, min(frame.credit, MAX_CREDIT))))

    def _started(self, frame: frames.Started) -> None:
        self._dispatcher.feed(events.Started(self._boot, [(item.id, item.fence) for item in frame.items]))

    def _returned(self, frame: frames.Returned) -> None:
        self._dispatcher.feed(
            events.Returned(self._boot, [(item.id, item.fence, item.reason[:100]) for item in frame.items])
        )

    def _finished(self, frame: frames.Finished) -> Any:
        for item in frame.items:
            if item.state not in _OUTCOMES:
                raise Refused("invalid_request", f"{item.state} is not the state of an attempt that ended.")
        if any(item.blobs for item in frame.items):
            return self._finished_with_blobs(frame.items)
        self._dispatcher.feed(events.Finished(self._boot, frame.items))
        return None

    async def _finished_with_blobs(self, items: list[frames.FinishedItem]) -> None:
        """A result may name only what its worker may read: a digest is no capability."""
        checked = []
        for item in items:
            hidden = await self._workers.hidden_blob(self._subject, item.blobs)
            if hidden:
                failure = Failure("bad_result", f"The result names {hidden}, which its worker has not uploaded.")
                item = frames.FinishedItem(
                    item.id,
                    item.fence,
                    int(AttemptState.FAILED),
                    failure=failure,
                    run_seconds=item.run_seconds,
                    cpu_seconds=item.cpu_seconds,
                )
            checked.append(item)
        self._dispatcher.feed(events.Finished(self._boot, checked))

    def _logs(self, frame: frames.Logs) -> None:
        current = self._dispatcher.core.attempt
        kept = [item for item in frame.items if current(item.id) == (self._boot, item.fence)]
        if kept:
            self._workers.logs.store(kept)

    def _progress(self, frame: frames.Progress) -> None:
        current = self._dispatcher.core.attempt
        self._dispatcher.report_progress(
            [
                frames.ProgressItem(item.id, item.fence, _fraction(item.fraction), item.stage[:_MAX_STAGE])
                for item in frame.items
                if current(item.id) == (self._boot, item.fence)
            ]
        )

    def _stream(self, frame: frames.Stream) -> None:
        self._workers.streams.from_worker(self._boot, frame)

    def _leaving(self, frame: frames.Leaving) -> None:
        self._workers.left(self._link)

    async def refresh(self) -> None:
        """The account's permissions changed: read them anew; raises Refused if the token no longer holds."""
        self._subject = replace(await self._accounts.authenticate(self._token), origin=self._subject.origin)
        await self._workers.restrict(self._subject, self._link)

    def goodbye(self, frame: Any) -> None:
        """A worker that says goodbye will not come back under this boot."""
        if frame is not None:
            self._workers.left(self._link)

    def disconnected(self) -> None:
        self._workers.disconnected(self._link)


def _fraction(claimed: float) -> float:
    """A share of the whole; nonsense counts as nothing."""
    return min(1.0, claimed) if claimed > 0 else 0.0
