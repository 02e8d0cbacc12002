"""`call`: a function by name, with arguments from the command line, a file, or a template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from farcall.cli import arguments, results
from farcall.cli.completion import function_names
from farcall.cli.output import SECONDS, json_option, print_json, say
from farcall.cli.remote import resolved


@click.command()
@click.argument("name", shell_complete=function_names)
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--args", "args_file", metavar="FILE", help="Arguments from a JSON file; - is standard input.")
@click.option("--template", is_flag=True, help="Print a JSON file of arguments to fill in, and do not call.")
@click.option("--submit", is_flag=True, help="Do not wait: print the invocation's id.")
@results.output_option
@click.option("--timeout", metavar="SECONDS", type=SECONDS, help="How long the function may run.")
@click.option("--expires", metavar="SECONDS", type=SECONDS, help="How long it may wait for its start.")
@click.option("--queue/--no-queue", default=None, help="Wait if no worker is there / fail at once.")
@click.option("--priority", type=click.IntRange(-100, 100), default=0, help="Larger first; default 0.")
@click.option("--key", help="Idempotency key: the same call with the same key runs once.")
@json_option
def call(
    name: str,
    values: tuple[str, ...],
    args_file: str | None,
    template: bool,
    submit: bool,
    output: Path | None,
    tables: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Call the function NAME and print its result.

    KEY=VALUE is read by the parameter's type: text literally, everything else as JSON. x=@a.npy reads a file,
    x:='[1, 2]' forces JSON. What is given here goes before what --args gives.

    The exit code is 3 if the function itself raised.
    """
    function = resolved(name)
    if template:
        print_json(arguments.template(function.interface), spread=True)
        return
    given = arguments.from_file(function.interface, args_file) if args_file else {}
    given |= arguments.from_pairs(function.interface, values)
    positional, named = arguments.split(function.interface, given)
    prepared = function.options(**{option: value for option, value in options.items() if value not in (None, 0)})
    if output is not None and not submit:
        results.prepare(output)  # what it may take long to work out is not lost for want of a place
    if function.interface.stream and not submit:
        items = prepared.stream(*positional, **named)
        if output is None:
            results.show_items(items, as_json)
        else:
            results.show(list(items), output, as_json, identifier=items.invocation.id, tables=tables)
        return
    invocation = prepared.submit(*positional, **named)
    if submit:
        if as_json:
            print_json({"id": invocation.id})
        else:
            say(invocation.id)
        return
    try:
        value = invocation.result()
    except KeyboardInterrupt:
        invocation.cancel()
        say(f"\n{invocation.id} is being cancelled; farcall status {invocation.id} tells how it ended", err=True)
        raise
    results.show(value, output, as_json, identifier=invocation.id, tables=tables)
