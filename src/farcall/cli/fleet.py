"""`workers`."""

from __future__ import annotations

from typing import Any

import click

from farcall.cli.output import json_option, print_json, print_table, repeat, watch_option, when
from farcall.cli.remote import rest


@click.command()
@watch_option
@json_option
def workers(watch: bool, as_json: bool) -> None:
    """Your workers, and those that serve your functions: where, how large, since when, and what they serve."""
    repeat(lambda: _show(as_json), watch)


def _show(as_json: bool) -> bool:
    page = rest().get("/v1/workers")
    if as_json:
        print_json(page)
        return True
    print_table(
        ["worker", "of", "state", "slots", "machine", "since", "functions"],
        [
            [
                item["name"],
                item["account"],
                item["state"],
                item["slots"],
                _machine(item["resources"]),
                when(item["connected_at"]),
                ", ".join(item["functions"]),
            ]
            for item in page["items"]
        ],
        "No worker is connected. farcall serve FILE starts one.",
    )
    return True


def _machine(resources: dict[str, Any]) -> str:
    """`2 cpus, 16 GB, linux x86_64, Python 3.11.7`, then the labels."""
    known = dict(resources)
    parts = [f"{known.pop('cpus')} cpus"] if "cpus" in known else []
    if "memory_gb" in known:
        parts.append(f"{known.pop('memory_gb'):.0f} GB")
    parts.append(" ".join(str(known.pop(name)) for name in ("platform", "machine") if name in known))
    if "python" in known:
        parts.append(f"Python {known.pop('python')}")
    return ", ".join([part for part in parts if part] + [f"{name}={value}" for name, value in known.items()])
