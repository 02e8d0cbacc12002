"""`workers`."""

from __future__ import annotations

import click

from farcall.cli.output import json_option, print_json, print_table
from farcall.cli.remote import rest


@click.command()
@json_option
def workers(as_json: bool) -> None:
    """Workers that you may see, what they serve, and how busy they are."""
    page = rest().get("/v1/workers")
    if as_json:
        print_json(page)
        return
    print_table(
        ["worker", "owner", "state", "slots", "running", "functions"],
        [
            [item["name"], item["owner"], item["state"], item["slots"], item.get("running"), ", ".join(item["functions"])]
            for item in page["items"]
        ],
        "No worker is connected. farcall serve FILE starts one.",
    )
