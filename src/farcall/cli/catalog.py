"""`list`, `search`, `show`."""

from __future__ import annotations

from typing import Any

import click

from farcall.authoring.spelling import details_text
from farcall.cli.completion import function_names
from farcall.cli.output import clock, json_option, print_facts, print_json, print_table, when
from farcall.cli.remote import path, rest


def _functions(page: dict[str, Any], as_json: bool, empty: str) -> None:
    if as_json:
        print_json(page)
        return
    print_table(
        ["function", "version", "owner", "workers", "about"],
        [[_place(item), item["version"], item["owner"], _workers(item), _summary(item)] for item in page["items"]],
        empty,
    )
    if page.get("next"):
        click.echo("… and more: narrow it with --namespace, or raise --limit.", err=True)


def _place(item: dict[str, Any]) -> str:
    return f"{item['name']} → {item['link_to']}" if item["link_to"] else str(item["name"])


def _workers(item: dict[str, Any]) -> str:
    if item["workers"] or item["last_seen"] is None:
        return str(item["workers"])
    return f"0 since {when(item['last_seen'])}"


def _summary(item: dict[str, Any]) -> str:
    return f"deprecated: {item['deprecated']}" if item["deprecated"] else str(item["summary"])


@click.command("list")
@click.option("--namespace", metavar="NAME", help="Only below this namespace.")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
@json_option
def list_functions(namespace: str | None, limit: int, as_json: bool) -> None:
    """Functions that you may see, with their owner and how many workers serve them now.

    A function that is linked into another namespace is listed there too, with an arrow to its own name.
    """
    page = rest().get("/v1/functions", namespace=namespace, limit=limit)
    _functions(page, as_json, "No functions yet. farcall serve FILE publishes some; others can share theirs with you.")


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
@json_option
def search(text: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find functions by TEXT in their names, parameters, units, terms and documentation; the best first.

    All words have to be found; the last may be unfinished.
    """
    words = " ".join(text)
    _functions(rest().get("/v1/functions", q=words, limit=limit), as_json, f"Nothing found for {words!r}.")


@click.command()
@click.argument("name", shell_complete=function_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Signature, documentation, owner and availability of the function NAME.

    NAME may end with @NUMBER, @DIGEST or @ALIAS for a certain version.
    """
    record = rest().get(path("functions", name))
    if as_json:
        print_json(record)
        return
    options = record["options"]
    click.secho(record["name"].rpartition("/")[2] + record["signature"], bold=True)
    if record["doc"]:
        click.echo("".join(f"\n    {line}".rstrip(" ") for line in record["doc"].strip().splitlines()))
    details = details_text(record["interface"])
    if details:
        click.echo("".join(f"\n    {line}" for line in details.splitlines()))
    click.echo()
    print_facts(
        {
            "name": f"{record['name']}@{record['version']}",
            "owner": record["owner"],
            "deprecated": record["deprecated"],
            "aliases": ", ".join(record["aliases"]),
            "linked as": ", ".join(record["links"]),
            "workers": _availability(record),
            "takes": f"typically {_duration(record['typical_seconds'])}" if record["typical_seconds"] else "",
            "you may": "do everything: it is yours" if record["can"] == "owner" else record["can"],
            "since": clock(record["created_at"]),
            "timeout": f"{options['timeout_seconds']:g} s" if options["timeout_seconds"] else "",
            "tries": "runs at most once" if options["tries"] == 1 else "",
            "at once": options["concurrency"],
            "requires": ", ".join(f"{key}={value}" for key, value in options["requires"].items()),
            "without worker": "calls wait" if options["queue"] else "",
            "is shown": f"to {record['owner']} too: arguments and results" if record["visibility"] == "owner" else "",
        },
        indent="  ",
    )


def _availability(record: dict[str, Any]) -> str:
    if record["workers"]:
        return f"{record['workers']} ready"
    seen = record["last_seen"]
    return f"none is there now, since {clock(seen)}" if seen else "none is there now"


def _duration(seconds: float) -> str:
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"
