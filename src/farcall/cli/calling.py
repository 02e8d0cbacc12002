"""`call`, `status`, `result`, `logs`, `cancel`, `explain`, `invocations`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from farcall.cli import arguments, results
from farcall.cli.output import json_option, print_facts, print_json, print_table
from farcall.cli.remote import client, rest


@click.command()
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--args", "args_file", metavar="FILE", help="Arguments from a JSON file; - is standard input.")
@click.option("--template", is_flag=True, help="Print a JSON file of arguments to fill in, and do not call.")
@click.option("--submit", is_flag=True, help="Do not wait: print the invocation's id.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Write the result to files in DIR.")
@click.option("--timeout", type=float, help="Seconds that the function may run.")
@click.option("--queue/--no-queue", default=None, help="Wait if no worker is there / fail at once.")
@click.option("--priority", type=click.IntRange(-100, 100), default=0, help="Larger first.")
@click.option("--key", default="", help="Idempotency key: the same call again is not run again.")
@json_option
def call(
    name: str,
    values: tuple[str, ...],
    args_file: str | None,
    template: bool,
    submit: bool,
    output: Path | None,
    timeout: float | None,
    queue: bool | None,
    priority: int,
    key: str,
    as_json: bool,
) -> None:
    """Call NAME and print its result.

    KEY=VALUE is read by the parameter's type: strings literally, otherwise JSON. x=@a.npy reads a file, x:='[1, 2]'
    forces JSON. Exit code 3 if the function itself raised.
    """
    function = client().get(name)
    if template:
        print_json(arguments.template(function.interface))
        return
    given = arguments.from_file(function.interface, args_file) if args_file else {}
    given |= arguments.from_pairs(function.interface, values)
    positional, named = arguments.split(function.interface, given)
    invocation = function.options(timeout=timeout, queue=queue, priority=priority, key=key or None).submit(*positional, **named)
    if submit:
        print_json({"id": invocation.id}) if as_json else click.echo(invocation.id)
        return
    try:
        value = invocation.result()
    except KeyboardInterrupt:
        invocation.cancel()
        raise
    results.show(value, output, as_json, identifier=invocation.id)


@click.command()
@click.argument("identifier", metavar="ID")
@json_option
def status(identifier: str, as_json: bool) -> None:
    """The state of an invocation, and when it came there."""
    record = rest().get(f"/v1/invocations/{identifier}")
    if as_json:
        print_json(record)
        return
    failure = record.get("error") or {}
    print_facts({**{k: v for k, v in record.items() if k != "error"}, "error": failure.get("message", "")})


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Write the result to files in DIR.")
@click.option("--timeout", type=float, help="Seconds to wait for it; default: as long as it takes.")
@json_option
def result(identifier: str, output: Path | None, timeout: float | None, as_json: bool) -> None:
    """The result of an invocation; waits for it. Exit code 3 if the function itself raised."""
    value = client().invocation(identifier).result(timeout)
    results.show(value, output, as_json, identifier=identifier)


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Go on until the invocation ends.")
@json_option
def logs(identifier: str, follow: bool, as_json: bool) -> None:
    """What an invocation printed and logged."""
    for line in client().invocation(identifier).logs(follow=follow):
        if as_json:
            print_json({"at": line.at, "stream": line.stream, "text": line.text})
        else:
            click.echo(line.text, nl=not line.text.endswith("\n"), err=line.stream == "stderr")
        sys.stdout.flush()


@click.command()
@click.argument("identifier", metavar="ID")
@json_option
def cancel(identifier: str, as_json: bool) -> None:
    """Stop an invocation; the record stays."""
    answer = rest().delete(f"/v1/invocations/{identifier}")
    print_json(answer) if as_json else click.echo(f"{identifier} is being cancelled")


@click.command()
@click.argument("identifier", metavar="ID")
@json_option
def explain(identifier: str, as_json: bool) -> None:
    """Why an invocation is where it is: a timeline of the hub's own reasons."""
    answer = rest().get(f"/v1/invocations/{identifier}/explain")
    if as_json:
        print_json(answer)
        return
    click.echo(f"{answer['function']} · {identifier} · {answer['status']}")
    began: float | None = None
    for reason in answer["timeline"]:
        at = results.seconds(reason["at"])
        began = at if began is None else began
        click.echo(f"  {at - began:+9.3f} s  {reason['text']}")


@click.command()
@click.option("--role", type=click.Choice(["caller", "owner"]), default="caller", help="Calls of mine, or of my functions.")
@click.option("--function", help="Only this function, or namespace.")
@click.option("--status", "state", help="Only in this state: queued, running, succeeded, failed, cancelled, expired.")
@click.option("--since", help="Only those created since then (RFC 3339).")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
def invocations(role: str, function: str | None, state: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """Invocations, newest first."""
    page: dict[str, Any] = rest().get(
        "/v1/invocations", role=role, function=function, status=state, since=since, limit=limit
    )
    if as_json:
        print_json(page)
        return
    print_table(
        ["id", "function", "status", "created", "seconds", "attempt", "worker"],
        [
            [
                item["id"],
                item["function"],
                item["status"],
                item["created_at"],
                f"{item['run_seconds']:.3f}" if item.get("run_seconds") else "",
                item.get("attempt"),
                item.get("worker"),
            ]
            for item in page["items"]
        ],
        "No invocations.",
    )
