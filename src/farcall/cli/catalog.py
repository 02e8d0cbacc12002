"""`list`, `search`, `show`."""

from __future__ import annotations

from typing import Any

import click

from farcall.authoring.harmless import harmless, harmless_line
from farcall.authoring.spelling import details_text
from farcall.cli.completion import function_names, paths
from farcall.cli.output import (
    clock,
    count,
    json_option,
    print_facts,
    print_json,
    print_table,
    repeat,
    say,
    seconds,
    watch_option,
    when,
)
from farcall.cli.remote import is_namespace, naming, path, rest
from farcall.client.about import availability, duration, shown_to
from farcall.client.errors import NotFound
from farcall.client.neighbours import with_neighbours
from farcall.domain.errors import Failure

_SEE = "farcall namespace list shows those that there are."


def _functions(page: dict[str, Any], as_json: bool, empty: str) -> None:
    if as_json:
        print_json(page)
        return
    items = page["items"]
    columns: dict[str, list[Any]] = {
        "function": [_place(item) for item in items],
        "version": [item["version"] for item in items],
        "owner": [item["owner"] for item in items],
        "workers": [_workers(item) for item in items],
        "takes": [duration(item["typical_seconds"]) if item["typical_seconds"] else "" for item in items],
        "owner sees": ["calls" if item["visibility"] == "owner" else "" for item in items],
        "about": [_summary(item) for item in items],
    }
    shown = {name: cells for name, cells in columns.items() if name in ("function", "workers") or any(cells)}
    print_table(list(shown), list(zip(*shown.values(), strict=True)), empty)
    if page.get("next"):
        say("… and more: narrow it with --namespace, or raise --limit.", err=True)


def _place(item: dict[str, Any]) -> str:
    return f"{item['name']} → {item['link_to']}" if item["link_to"] else str(item["name"])


def _workers(item: dict[str, Any]) -> str:
    if item["missed_calls"]:
        there = count(item["workers"], "worker") if item["workers"] else "no worker"
        return f"{there} · {missed(item)}"
    if item["workers"] or item["last_seen"] is None:
        return str(item["workers"])
    return f"0 since {when(item['last_seen'])}"


def missed(item: dict[str, Any]) -> str:
    """``3 calls missed since 14:02:11``; empty if there are none, or they are not yours to know."""
    if not item["missed_calls"]:
        return ""
    return f"{count(item['missed_calls'], 'call')} missed since {when(item['missed_since'])}"


def _summary(item: dict[str, Any]) -> str:
    return f"deprecated: {item['deprecated']}" if item["deprecated"] else str(item["summary"])


@click.command("list")
@click.option("--namespace", metavar="NAME", shell_complete=paths, help="Only below this namespace.")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
@watch_option
@json_option
def list_functions(namespace: str | None, limit: int, watch: bool, as_json: bool) -> None:
    """Functions that you may see, with their owner and how many workers serve them now.

    A function that is linked into another namespace is listed there too, with an arrow to its own name.
    """
    repeat(lambda: _list(namespace, limit, as_json), watch)


def _list(namespace: str | None, limit: int, as_json: bool) -> bool:
    page = rest().get("/v1/functions", namespace=namespace, limit=limit)
    empty = "No functions yet. farcall serve FILE publishes some; others can share theirs with you."
    if namespace and not page["items"]:
        empty = nothing_in(namespace)
    _functions(page, as_json, empty)
    return True


def nothing_in(namespace: str) -> str:
    """That nothing is there; raises NotFound if there is no such namespace."""
    if "/" in namespace and not is_namespace(namespace):
        missing = Failure("not_found", f"There is no {namespace}, or you may not know of it.", _SEE)
        raise with_neighbours(NotFound(missing), rest(), namespace)
    return f"There is nothing in {namespace} that you may see."


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
    with naming(name):
        record = rest().get(path("functions", name))
    if as_json:
        print_json(record)
        return
    options = record["options"]
    say(record["name"].rpartition("/")[2] + harmless_line(record["signature"]), bold=True)
    if record["doc"]:
        say("".join(f"\n    {line}".rstrip(" ") for line in harmless(record["doc"]).strip().splitlines()))
    details = details_text(record["interface"])
    if details:
        say("".join(f"\n    {line}" for line in details.splitlines()))
    say()
    print_facts(
        {
            "name": f"{record['name']}@{record['version']}",
            "owner": record["owner"],
            "deprecated": record["deprecated"],
            "aliases": ", ".join(record["aliases"]),
            "linked as": ", ".join(record["links"]),
            "workers": availability(record["workers"], record["last_seen"] and seconds(record["last_seen"])),
            "missed": missed(record),
            "takes": f"typically {duration(record['typical_seconds'])}" if record["typical_seconds"] else "",
            "you may": "do everything: it is yours" if record["can"] == "owner" else record["can"],
            "since": clock(record["created_at"]),
            "timeout": f"{options['timeout_seconds']:g} s" if options["timeout_seconds"] else "",
            "tries": "runs at most once" if options["tries"] == 1 else "",
            "at once": options["concurrency"],
            "requires": ", ".join(f"{key}={value}" for key, value in options["requires"].items()),
            "without worker": "calls wait" if options["queue"] else "",
            "is shown": shown_to(record["owner"], record["visibility"]),
        },
        indent="  ",
    )
