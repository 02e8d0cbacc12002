"""`audit`."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import click

from farcall.cli.completion import paths
from farcall.cli.moments import Moment
from farcall.cli.output import clock, json_option, print_csv, print_json, print_table
from farcall.cli.remote import rest

_FIELDS = ("id", "at", "who", "token", "what", "path", "target", "origin", "outcome", "detail")
_PAGE = 500


@click.command()
@click.option("--who", default="", help="Only what this account did.")
@click.option("--what", default="", help="Only this: token.create, or token for all about tokens.")
@click.option(
    "--path", "below", default="", metavar="NAME", shell_complete=paths, help="Only about this function or namespace."
)
@click.option("--since", type=Moment(), help="From this time on: 2026-03-01, 2026-03-01T12:00Z, or 2h, 7d ago.")
@click.option("--until", type=Moment(), help="Up to this time.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, newest first.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def audit(
    who: str, what: str, below: str, since: str | None, until: str | None, limit: int, as_csv: bool, as_json: bool
) -> None:
    """Who did what to what, when, from where.

    Administrators see everything; you see what your account did, and what happened to it, to what is yours, and to the
    groups that you manage.
    """
    asked = {"who": who, "what": what, "path": below, "since": since, "until": until}
    narrowed = {name: value for name, value in asked.items() if value}
    items = list(islice(rest().items("/v1/audit", **narrowed, limit=min(limit, _PAGE)), limit))
    if as_json:
        print_json({"items": items})
    elif as_csv:
        print_csv(_FIELDS, ([_cell(item[name]) for name in _FIELDS] for item in items))
    else:
        print_table(
            ["when", "who", "what", "of", "detail", "from"],
            [
                [
                    clock(item["at"]),
                    item["who"],
                    item["what"] if item["outcome"] == "ok" else f"{item['what']}: {item['outcome']}",
                    " ".join(filter(None, (item["path"], item["target"]))),
                    ", ".join(f"{name} {_cell(value)}" for name, value in item["detail"].items()),
                    item["origin"],
                ]
                for item in items
            ],
            "Nothing was recorded.",
        )


def _cell(value: Any) -> Any:
    """As one cell of a table, or of a sheet: what a spreadsheet would take for a formula is made text."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
