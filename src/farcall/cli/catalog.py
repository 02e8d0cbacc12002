"""`list`, `search`, `show`."""

from __future__ import annotations

from typing import Any

import click

from farcall.cli.output import json_option, print_json, print_table
from farcall.cli.remote import client, rest


def _functions(page: dict[str, Any], as_json: bool, empty: str) -> None:
    if as_json:
        print_json(page)
        return
    print_table(
        ["function", "owner", "workers", "about"],
        [[item["name"], item["owner"], item["workers"], (item.get("doc") or "").split("\n")[0]] for item in page["items"]],
        empty,
    )
    if page.get("next"):
        click.echo("… and more; --limit or --namespace narrows it.", err=True)


@click.command("list")
@click.option("--namespace", help="Only below this namespace.")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
@json_option
def list_functions(namespace: str | None, limit: int, as_json: bool) -> None:
    """Functions that you may see, with their owner and how many workers serve them now."""
    page = rest().get("/v1/functions", namespace=namespace, limit=limit)
    _functions(page, as_json, "No functions yet. farcall serve FILE publishes some; others can share theirs with you.")


@click.command()
@click.argument("text", nargs=-1, required=True)
@json_option
def search(text: tuple[str, ...], as_json: bool) -> None:
    """Find functions by words in their names and documentation."""
    _functions(rest().get("/v1/functions", q=" ".join(text)), as_json, "Nothing found.")


@click.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Signature, documentation, owner and availability of a function."""
    record = rest().get(f"/v1/functions/{name}")
    if as_json:
        print_json(record)
        return
    function = client().get(name)
    short = record["name"].rsplit("/", 1)[-1]
    click.secho(f"{short}{function.__signature__}", bold=True)
    if record.get("doc"):
        click.echo(f"\n    {record['doc']}\n")
    ready = record["workers"]
    click.echo(f"{record['name']}@{record['number']} · owner {record['owner']} · " + (
        f"{ready} worker{'s' if ready != 1 else ''} ready" if ready else "no worker is there now"
    ))
