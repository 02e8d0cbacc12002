"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from farcall.cli.moments import Moment, moment

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


def test_how_long_ago_is_counted_back_from_now() -> None:
    assert moment("2h", NOW) == "2026-03-01T10:00:00+00:00"
    assert moment("7d ago", NOW) == "2026-02-22T12:00:00+00:00"


def test_a_zone_is_kept_and_without_one_it_is_this_machines() -> None:
    assert moment("2026-02-03T04:05:00Z", NOW) == "2026-02-03T04:05:00+00:00"
    assert datetime.fromisoformat(moment("2026-02-03", NOW)) == datetime(2026, 2, 3).astimezone()
    today = datetime.fromtimestamp(NOW, UTC).astimezone()
    assert datetime.fromisoformat(moment("08:30", NOW)) == today.replace(hour=8, minute=30)


@pytest.mark.parametrize("text", ["yesterday", "", "25:00", "2026-13-01", "999999w", "-1h", "12", "now"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write a day"):
        Moment().convert(text, None, None)
