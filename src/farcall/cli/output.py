"""How commands print: tables for people, JSON for machines. Nothing that others wrote speaks to the terminal: all that
is printed goes through here.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from farcall.authoring.harmless import harmless, harmless_json, harmless_line

Command = TypeVar("Command", bound=Callable[..., Any])
WATCH_SECONDS = 2.0
SECONDS = click.FloatRange(0, min_open=True)  # the type of options


def json_option(command: Command) -> Command:
    """`--json`: the answer as JSON on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def watch_option(command: Command) -> Command:
    """`--watch`, as `repeat` takes it."""
    return click.option("--watch", is_flag=True, help="Show it anew every 2 seconds; stop with Ctrl-C.")(command)


def repeat(show: Callable[[], bool], watch: bool) -> None:
    """Call `show`; with `watch` again and again, as long as it returns True."""
    if not watch:
        show()
        return
    with contextlib.suppress(KeyboardInterrupt):  # that is how watching ends
        while True:
            click.clear()  # on a terminal; nothing elsewhere
            if not show():
                return
            sys.stdout.flush()
            time.sleep(WATCH_SECONDS)


def say(text: object = "", *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print text, on stderr if `err`; `style` as click has it. What would steer the terminal is spelt out."""
    click.secho(harmless(str(text)), err=err, nl=nl, **style)


def print_json(value: Any, *, spread: bool = False) -> None:
    """One JSON document; on one line unless a person looks at it, or is to edit it (`spread`)."""
    click.echo(json_text(value, spread=spread or sys.stdout.isatty()))


def json_text(value: Any, *, spread: bool = False) -> str:
    """JSON as it is printed: letters of all languages as they are, what would steer a terminal escaped."""
    return harmless_json(json.dumps(value, ensure_ascii=False, indent=2 if spread else None))


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    say(text.getvalue(), nl=False)


def print_exactly(text: str) -> None:
    """What a function gave: as it is for a file or another program, harmless for a terminal."""
    click.echo(harmless(text) if sys.stdout.isatty() else text, color=True)  # color: click takes nothing out of it


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """A table; or the sentence `empty` on stderr if there is nothing to show."""
    if not rows:
        say(empty, err=True)
        return
    texts = [["" if cell is None else harmless_line(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(len(column), *(len(row[place]) for row in texts)) for place, column in enumerate(columns)]
        for row in [list(columns), *texts]:
            say("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)  # the first names the row, and is copied
    for row in texts:
        table.add_row(*map(Text, row))  # Text: what others wrote is no markup
    Console().print(table)


def print_facts(facts: Mapping[str, Any], indent: str = "") -> None:
    """Aligned `name  value` lines; empty values are left out."""
    shown = {name: value for name, value in facts.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        lines = harmless(str(value)).rstrip("\n").split("\n")
        say(f"{indent}{name:<{width}}  " + f"\n{indent}{'':<{width}}  ".join(lines))


def seconds(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()


def clock(text: str | None) -> str:
    """An RFC 3339 time as this machine's clock shows it; empty for none."""
    return "" if text is None else datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock_of(seconds: float) -> str:
    """Seconds since 1970 as this machine's clock shows them."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def when(text: str | None) -> str:
    """The same, short: the time of day for today, the minute for other days."""
    if text is None:
        return ""
    moment = datetime.fromisoformat(text).astimezone()
    today = moment.date() == datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def count(number: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
