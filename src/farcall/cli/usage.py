"""`usage`, `erase`, `account limit`: what was used, what is kept of it, how much is allowed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from farcall.cli.completion import invocation_ids, paths
from farcall.cli.output import json_option, print_csv, print_facts, print_json, print_table, repeat, say, watch_option
from farcall.cli.remote import path, rest

_PARTS = ("day", "function", "version", "caller")
_SUMS = ("invocations", "failures", "run_seconds", "cpu_seconds", "bytes_in", "bytes_out")
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option(
    "--role",
    type=click.Choice(["caller", "owner", "admin"]),
    default="caller",
    show_default=True,
    help="What you used, what was used of yours, or everything (administrators).",
)
@click.option(
    "--by",
    metavar="PARTS",
    default="function",
    show_default=True,
    help="What is told apart: some of day, function, version, caller, with commas between.",
)
@click.option("--function", metavar="NAME", shell_complete=paths, help="Only of this function, or namespace.")
@click.option("--since", metavar="DAY", type=_DAY, help="First day, such as 2026-01-31; default: 30 days ago.")
@click.option("--until", metavar="DAY", type=_DAY, help="Last day; default: today. Days are those of UTC.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@watch_option
@json_option
def usage(
    role: str,
    by: str,
    function: str | None,
    since: datetime | None,
    until: datetime | None,
    as_csv: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """How much was used: calls, failures, seconds by the clock and of CPU, bytes of arguments (in) and results (out).

    A call counts on the day on which it ended.
    """
    parts = [part for part in by.split(",") if part]
    unknown = [part for part in parts if part not in _PARTS]
    if unknown:
        raise click.UsageError(f"--by takes some of {', '.join(_PARTS)}, not {unknown[0]!r}.")
    if since and until and since > until:
        raise click.UsageError("--since is a day after --until.")
    asked = {
        "role": role,
        "by": ",".join(parts),
        "function": function,
        "since": since and since.date().isoformat(),
        "until": until and until.date().isoformat(),
    }
    repeat(lambda: _usage(asked, parts, as_csv, as_json), watch)


def _usage(asked: dict[str, Any], parts: list[str], as_csv: bool, as_json: bool) -> bool:
    items = list(rest().items("/v1/usage", **asked, limit=500))
    told_apart = [part for part in _PARTS if part in parts or (part == "function" and "version" in parts)]
    if as_json:
        print_json({"items": items, "next": None})
    elif as_csv:
        columns = [*told_apart, *_SUMS]
        print_csv(columns, ([item[column] for column in columns] for item in items))
    else:
        print_table(
            [*told_apart, "calls", "failed", "ran", "CPU", "in", "out"],
            [[*(item[part] for part in told_apart), *_shown(item)] for item in items],
            "Nothing was used.",
        )
    return True


def _shown(item: dict[str, Any]) -> list[str]:
    seconds = [f"{item[name]:.3f} s" for name in ("run_seconds", "cpu_seconds")]
    return [str(item["invocations"]), str(item["failures"]), *seconds, *(_size(item[n]) for n in _SUMS[4:])]


def _size(count: int) -> str:
    """`512 B`, `1.2 MB`."""
    if count < 1000:
        return f"{count} B"
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        size, unit = size / 1000, larger
        if size < 999.95:
            break
    return f"{size:.1f} {unit}"


@click.command()
@click.argument("identifier", metavar="ID", shell_complete=invocation_ids)
@json_option
def erase(identifier: str, as_json: bool) -> None:
    """Erase arguments, result and output of an invocation that has ended, for good. Its record stays."""
    answer = rest().post(path("invocations", identifier, "erase"))
    if as_json:
        print_json(answer)
    else:
        say(f"Arguments, result and output of {identifier} are erased; the record stays.")


@click.command("limit")
@click.argument("handle")
@click.option("--per-minute", metavar="N", type=click.IntRange(0), help="Invocations accepted in any 60 seconds.")
@click.option("--in-flight", metavar="N", type=click.IntRange(0), help="Invocations accepted and not ended.")
@click.option("--seconds-per-day", metavar="S", type=click.FloatRange(0), help="Seconds of running in a day (UTC).")
@click.option("--none", "lift", is_flag=True, help="No limits any more.")
@json_option
def limit_account(
    handle: str,
    per_minute: int | None,
    in_flight: int | None,
    seconds_per_day: float | None,
    lift: bool,
    as_json: bool,
) -> None:
    """Limit what HANDLE may use, from its next call on; without options show the limits.

    What is given replaces all limits that there were.
    """
    given = {"per_minute": per_minute, "in_flight": in_flight, "seconds_per_day": seconds_per_day}
    wanted = {name: value for name, value in given.items() if value is not None}
    if lift and wanted:
        raise click.UsageError("--none goes without other limits.")
    where = path("accounts", handle, "limits")
    answer = rest().put(where, wanted) if wanted or lift else rest().get(where)
    if as_json:
        print_json(answer)
        return
    shown = {name.replace("_", " "): value for name, value in answer.items() if value is not None}
    say(f"{handle} may use:" if shown else f"{handle} is not limited.")
    print_facts(shown, indent="  ")
