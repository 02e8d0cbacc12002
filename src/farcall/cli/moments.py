"""Times as people type them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


class Moment(click.ParamType[str]):
    """``2026-03-01``, ``2026-03-01T12:00``, ``12:30`` (today), ``2h`` or ``7d`` (ago); gives RFC 3339 with a zone.

    Without a zone it is the time of this machine's clock.
    """

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return moment(value, time.time())
        except (ValueError, OverflowError, OSError):  # the last two: beyond what clocks tell
            self.fail(
                f"{value!r} is no time: write a day (2026-03-01), a time (2026-03-01T12:30, or 12:30 for today), "
                "or how long ago (2h, 7d).",
                param,
                ctx,
            )


def moment(text: str, now: float) -> str:
    """The time that `text` means, in RFC 3339; `now` in seconds since 1970. Raises ValueError."""
    ago = re.fullmatch(r"(\d{1,6})([mhdw])( ago)?", text.strip())
    if ago:
        return datetime.fromtimestamp(now - int(ago[1]) * _UNITS[ago[2]], UTC).isoformat()
    if re.fullmatch(r"\d\d:\d\d(:\d\d)?", text.strip()):
        text = f"{datetime.fromtimestamp(now, UTC).astimezone():%Y-%m-%d}T{text.strip()}"
    given = datetime.fromisoformat(text.strip())
    return (given if given.tzinfo else given.astimezone()).isoformat()
