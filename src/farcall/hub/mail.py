"""Letters on their way: sent beside everything else, tried again a few times, and whoever asked is told how it went.

Nothing waits for a letter: what it tells of stands whatever becomes of it. What is on its way is in memory only, since
letters hold secrets; if the hub stops, they are lost, and are sent by asking again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from farcall.hub.ports import Mail, Mailer, MailFailed

log = structlog.get_logger("farcall.hub.mail")

SENT = "sent"
SENDING = "sending"
PAUSES_SECONDS = (10.0, 60.0, 600.0)
_AT_ONCE = 4
_WAITING_LIMIT = 1_000

Told = Callable[[str], Awaitable[None]]


async def nobody(outcome: str) -> None:
    """Whoever need not know what became of a letter."""


class Delivery:
    """One letter. `state` is `sending`, `sent`, or a sentence that says why not; `ended`: it does not change again."""

    def __init__(self) -> None:
        self.state = SENDING
        self.ended = False
        self._tried = asyncio.Event()

    async def first_try(self, patience_seconds: float) -> str:
        """The state after the first try, or after `patience_seconds`."""
        try:
            await asyncio.wait_for(self._tried.wait(), patience_seconds)
        except TimeoutError:
            pass
        return self.state

    def note(self, state: str, *, ended: bool) -> None:
        self.state, self.ended = state, ended
        self._tried.set()


class Post:
    """Takes letters. Without a mailer it takes none: see `configured`. To be closed."""

    def __init__(self, mailer: Mailer | None, *, pauses_seconds: Sequence[float] = PAUSES_SECONDS) -> None:
        self._mailer = mailer
        self._pauses_seconds = tuple(pauses_seconds)
        self._counters = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def configured(self) -> bool:
        """Whether letters can leave this hub."""
        return self._mailer is not None

    def send(self, mail: Mail, told: Told = nobody) -> Delivery:
        """Send it beside everything else. `told` hears `sent`, or why a try failed, after each try."""
        delivery = Delivery()
        if self._mailer is None:
            delivery.note("This hub sends no e-mail.", ended=True)
        elif len(self._tasks) >= _WAITING_LIMIT:
            delivery.note("Too many letters wait to be sent.", ended=True)
        else:
            task = asyncio.ensure_future(self._deliver(self._mailer, mail, told, delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return delivery

    async def _deliver(self, mailer: Mailer, mail: Mail, told: Told, delivery: Delivery) -> None:
        for pause_seconds in (*self._pauses_seconds, None):
            try:
                async with self._counters:
                    await mailer.send(mail)
            except MailFailed as failure:
                last = pause_seconds is None or not failure.again
                delivery.note(str(failure), ended=last)
                log.warning("a letter was not sent", reason=str(failure), tried_again=not last)
            except Exception:  # a defect of ours must not leave the letter `sending` for ever
                log.exception("a letter could not be sent")
                last = True
                delivery.note("The hub failed to send it; its log has the detail.", ended=True)
            else:
                last = True
                delivery.note(SENT, ended=True)
            await self._tell(told, delivery.state)
            if last or pause_seconds is None:
                return
            await asyncio.sleep(pause_seconds)

    async def _tell(self, told: Told, state: str) -> None:
        try:
            await told(state)
        except Exception:
            log.exception("what became of a letter could not be noted")

    async def close(self) -> None:
        """Forget what is on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
