"""What callers are told of a function before they call it, in words: `help()` and the command line say the same."""

from __future__ import annotations

from datetime import datetime

from farcall.authoring.harmless import harmless, harmless_line
from farcall.authoring.spelling import details_text
from farcall.domain.interface import Interface
from farcall.wire.frames import Resolved


def documentation(interface: Interface, resolved: Resolved) -> str:
    """The author's words, the parameters if there is more to say of them, and the facts; all of this moment."""
    return "\n\n".join(
        filter(None, (harmless(interface.doc), details_text(interface.to_document()), facts_text(resolved)))
    )


def facts_text(resolved: Resolved) -> str:
    """Aligned lines: the version, its owner, its workers, how long it takes, what the owner says of it."""
    facts = {
        "function": f"{resolved.name}@{resolved.version}",
        "owner": resolved.owner,
        "workers": availability(resolved.workers, resolved.seen_at),
        "takes": f"typically {duration(resolved.typical_seconds)}" if resolved.typical_seconds else "",
        "is shown": shown_to(resolved.owner, resolved.options.visibility),
        "deprecated": resolved.deprecated,
    }
    shown = {name: text for name, text in facts.items() if text}
    width = max(map(len, shown))
    return "\n".join(f"{name:<{width}}  {harmless_line(text)}" for name, text in shown.items())


def availability(ready: int, seen_at: float | None) -> str:
    """``2 ready``, or since when there is none; `seen_at` in seconds since 1970, told by this machine's clock."""
    if ready:
        return f"{ready} ready"
    return "none now" if seen_at is None else f"none now; last seen {moment(seen_at)}"


def shown_to(owner: str, visibility: str) -> str:
    """Who else sees what is sent and what comes back; empty if nobody does."""
    return f"to {owner} too: arguments and results of calls" if visibility == "owner" else ""


def duration(seconds: float) -> str:
    """``12 ms``."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def moment(seconds: float) -> str:
    """Seconds since 1970 as this machine's clock shows them."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
