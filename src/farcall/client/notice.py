"""Waiting is not silent: one line on a terminal or in a notebook."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from farcall.authoring.harmless import harmless_line

if TYPE_CHECKING:
    from farcall.client.invocation import Invocation

AFTER_SECONDS = 3.0


def interactive() -> bool:
    """Whether somebody watches: stderr is a terminal, or this is a notebook."""
    try:
        if sys.stderr.isatty():
            return os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False
    return "ipykernel" in sys.modules


def wanted() -> bool:
    """Whether a notice would be seen by whoever waits: only the main thread speaks."""
    return threading.current_thread() is threading.main_thread() and interactive()


def waiting(invocation: Invocation) -> None:
    """Say what an invocation waits for, as far as the hub tells."""
    from farcall.client.errors import FarcallError
    from farcall.domain.ids import to_text

    identifier = to_text(invocation._identifier)
    try:
        reason = _reason(invocation)
    except FarcallError as error:
        reason = "the hub does not answer" if error.code == "hub_unreachable" else "waiting"
    say(f"{identifier} {reason} · farcall explain {identifier}")


def _reason(invocation: Invocation) -> str:
    rest = invocation._channel.rest
    identifier = f"/v1/invocations/{invocation.id}"
    status = rest.get(identifier)["status"]
    items = rest.get(f"{identifier}/explain")["items"]
    detail = items[-1]["detail"] if items else ""
    return f"{'waiting' if status == 'queued' else status}: {detail}" if detail else str(status)


def say(line: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{harmless_line(line)}\n")
    sys.stderr.flush()
