"""`status`, `result`, `logs`, `cancel`, `explain`, `invocations`: what became of calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from farcall.authoring.harmless import harmless_line
from farcall.cli import results
from farcall.cli.completion import invocation_ids, paths
from farcall.cli.moments import Moment
from farcall.cli.output import (
    SECONDS,
    clock,
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
from farcall.cli.remote import client, path, rest

_STATES = ["waiting", "queued", "running", "succeeded", "failed", "cancelled", "expired"]
_UNFINISHED = _STATES[:3]
_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow", "expired": "yellow", "lost": "red"}


def _heading(record: dict[str, Any]) -> None:
    state = record["status"] + (", being cancelled" if record["cancelling"] else "")
    say(f"{record['function']}@{record['version']}", bold=True, nl=False)
    say(f" · {record['id']} · ", nl=False)
    say(state, fg=_COLOURS.get(record["status"]))


@click.command()
@click.argument("identifier", metavar="ID", shell_complete=invocation_ids)
@click.option("--arguments", is_flag=True, help="Also what it was called with, if that is for you to see.")
@watch_option
@json_option
def status(identifier: str, arguments: bool, watch: bool, as_json: bool) -> None:
    """The state of an invocation, and when it came there. Watching ends when it has ended."""
    repeat(lambda: _status(identifier, arguments, as_json), watch)


def _status(identifier: str, arguments: bool, as_json: bool) -> bool:
    """Whether it goes on."""
    record = rest().get(path("invocations", identifier))
    given: dict[str, Any] = {}
    if arguments:
        given = rest().get(path("invocations", identifier, "arguments"))["arguments"]
        record["arguments"] = given
    goes_on = record["status"] in _UNFINISHED
    if as_json:
        print_json(record)
        return goes_on
    _heading(record)
    progress = record.get("progress")
    failure = record.get("failure")
    print_facts(
        {
            "called by": record["caller"],
            "created": clock(record["created_at"]),
            "started": clock(record["started_at"]),
            "finished": clock(record["finished_at"]),
            "ran for": _ran(record),
            "worker": record["worker"],
            "attempt": record["attempt"] or "",
            "priority": record["priority"] or "",
            "progress": f"{progress['fraction']:.0%} {progress['stage']}".strip() if progress else "",
            "failure": _failure(failure) if failure else "",
            "erased": clock(record["erased_at"]),
            **{f"argument {name}": json.dumps(value, ensure_ascii=False) for name, value in given.items()},
        },
        indent="  ",
    )
    return goes_on


def _ran(record: dict[str, Any]) -> str:
    if not record["run_seconds"]:
        return ""
    return f"{record['run_seconds']:.3f} s" + (f", CPU {record['cpu_seconds']:.3f} s" if record["cpu_seconds"] else "")


def _failure(problem: dict[str, Any]) -> str:
    kind = problem.get("remote_type", "").removeprefix("builtins.") or problem["code"]
    return f"{kind}: {problem['detail']}"


@click.command()
@click.argument("identifier", metavar="ID", shell_complete=invocation_ids)
@results.output_option
@click.option(
    "--timeout", metavar="SECONDS", type=SECONDS, help="How long to wait for it; default: as long as it takes."
)
@json_option
def result(identifier: str, output: Path | None, tables: str, timeout: float | None, as_json: bool) -> None:
    """The result of an invocation; waits for it. The exit code is 3 if the function itself raised."""
    if output is not None:
        results.prepare(output)
    try:
        value = client().invocation(identifier).result(timeout)
    except TimeoutError as error:
        if getattr(error, "code", None) is not None:  # what the function raised, or the platform says
            raise
        raise click.ClickException(f"{identifier} is not finished after {timeout:g} s; ask again later.") from error
    results.show(value, output, as_json, identifier=identifier, tables=tables)


@click.command()
@click.argument("identifier", metavar="ID", shell_complete=invocation_ids)
@click.option("-f", "--follow", is_flag=True, help="Go on until the invocation ends.")
@json_option
def logs(identifier: str, follow: bool, as_json: bool) -> None:
    """What an invocation printed and logged."""
    for line in rest().logs(quote(identifier), follow=follow):
        if as_json:
            print_json({"at": line.at.isoformat(), "stream": line.stream, "text": line.text})
        else:
            say(line.text, nl=not line.text.endswith("\n"), err=line.stream == "stderr")
        sys.stdout.flush()


@click.command()
@click.argument("identifier", metavar="ID", shell_complete=invocation_ids)
@json_option
def cancel(identifier: str, as_json: bool) -> None:
    """Stop an invocation; its record stays."""
    answer = rest().delete(path("invocations", identifier))
    if as_json:
        print_json(answer)
    else:
        say(f"{identifier} is being cancelled; farcall status {identifier} tells when it has stopped.")


@click.command()
@click.argument("identifier", metavar="ID", shell_complete=invocation_ids)
@json_option
def explain(identifier: str, as_json: bool) -> None:
    """Why an invocation is where it is: a timeline of the hub's own reasons."""
    service = rest()
    answer = service.get(path("invocations", identifier, "explain"))
    if as_json:
        print_json(answer)
        return
    _heading(service.get(path("invocations", identifier)))
    began = seconds(answer["items"][0]["at"]) if answer["items"] else 0.0
    for line in answer["items"]:
        say(f"  {seconds(line['at']) - began:+9.3f} s  ", nl=False)
        say(f"{line['what']:<10}", fg=_COLOURS.get(line["what"]), nl=False)
        say(f"  {harmless_line(line['detail'])}")


@click.command()
@click.option(
    "--role",
    type=click.Choice(["caller", "owner"]),
    default="caller",
    show_default=True,
    help="Calls of yours, or of your functions.",
)
@click.option("--function", metavar="NAME", shell_complete=paths, help="Only of this function, or namespace.")
@click.option("--status", "state", type=click.Choice(_STATES), help="Only those in this state.")
@click.option(
    "--since", metavar="TIME", type=Moment(), help="Only those created since then: 2026-03-01, 12:30, 2h ago."
)
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@watch_option
@json_option
def invocations(
    role: str, function: str | None, state: str | None, since: str | None, limit: int, watch: bool, as_json: bool
) -> None:
    """Invocations, newest first."""
    asked = {"role": role, "function": function, "status": state, "since": since, "limit": limit}
    repeat(lambda: _invocations(asked, as_json), watch)


def _invocations(asked: dict[str, Any], as_json: bool) -> bool:
    page = rest().get("/v1/invocations", **asked)
    if as_json:
        print_json(page)
        return True
    print_table(
        ["id", "status", "function", "created", "ran", "try", "worker"],
        [
            [
                item["id"],
                item["status"],
                f"{item['function']}@{item['version']}",
                when(item["created_at"]),
                f"{item['run_seconds']:.3f} s" if item["run_seconds"] else "",
                item["attempt"] or "",
                item["worker"],
            ]
            for item in page["items"]
        ],
        "No invocations.",
    )
    if page.get("next"):
        say("… and older ones: narrow it with --status or --since, or raise --limit.", err=True)
    return True
