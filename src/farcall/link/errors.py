"""Why there is no line to the hub."""

from __future__ import annotations

from farcall.domain.errors import Failure


class LinkError(Exception):
    """Carries the failure that the user shall see."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.failure = Failure(code, message, hint)


class Unreachable(LinkError):
    """No hub answers, now; it may later."""

    def __init__(self, message: str, hint: str = "", code: str = "hub_unreachable") -> None:
        super().__init__(code, message, hint)


class Refused(LinkError):
    """The hub answered, and said no: trying again does not help."""
