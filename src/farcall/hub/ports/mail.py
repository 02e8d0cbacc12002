"""How letters leave the hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter to one address. `subject` is one line; `html` says the same as `text`, for those who prefer it."""

    to: str
    subject: str
    text: str
    html: str


class MailFailed(Exception):
    """It was not taken; the message is a sentence for whoever sends it. `again`: another try may succeed."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Mailer(Protocol):
    """Hands letters over to a mail server. Safe to call many times at once."""

    async def send(self, mail: Mail) -> None:
        """Returns when the server has taken it; raises MailFailed, within a bounded time."""
