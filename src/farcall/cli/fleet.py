"""`workers`."""

from __future__ import annotations

from typing import Any

import click

from farcall.cli.output import clock, json_option, print_json, print_table
from farcall.cli.remote import rest


@click.command()
@json_option
def workers(as_json: bool) -> None:
    """Your workers, and those that serve your functions: where, how large, since when, and what they serve."""
    page = rest().get("/v1/workers")
    if as_json:
        print_json(page)
        return
    print_table(
        ["worker", "of", "state", "slots", "machine", "since", "functions"],
        [
            [
                item["name"],
                item["account"],
                item["state"],
                item["slots"],
                _machine(item["resources"]),
                clock(item["connected_at"]),
                ", ".join(item["functions"]),
            ]
            for item in page["items"]
        ],
        "No worker is connected. farcall serve FILE starts one.",
    )


def _machine(resources: dict[str, Any]) -> str:
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in resources.items()
    )
