"""How results are shown and written to files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from farcall import payload
from farcall.cli.output import json_text, print_exactly, print_json, say
from farcall.cli.remote import path, rest
from farcall.cli.tables import FORMATS, columns_of, write_table

Command = TypeVar("Command", bound=Callable[..., Any])


def output_option(command: Command) -> Command:
    """`--output DIR` and `--tables`, as `show` takes them."""
    directory = click.Path(file_okay=False, path_type=Path)
    command = click.option(
        "--tables", type=click.Choice(FORMATS), default="csv", show_default=True, help="How --output writes tables."
    )(command)
    return click.option(
        "--output",
        metavar="DIR",
        type=directory,
        help="Write the result to files in DIR: one per result, arrays as .npy, tables as .csv or .parquet.",
    )(command)


def recorded(identifier: str) -> dict[str, Any]:
    """The REST surface's answer for a finished invocation: id, status, and the result by the interface."""
    answer: dict[str, Any] = rest().get(path("invocations", identifier, "result"))
    return answer


def show(value: Any, output: Path | None, as_json: bool, *, identifier: str, tables: str = "csv") -> None:
    """Print the result; with `output`, write it to files there and print their names."""
    if output is not None:
        paths = write(value, output, tables)
        if as_json:
            print_json({"id": identifier, "files": [str(path) for path in paths]})
        else:
            for path in paths:
                say(path)
    elif as_json:
        print_json(recorded(identifier))
    elif isinstance(value, str | int | float | complex) or _is_array(value):
        print_exactly(str(value))
    else:
        say(_readable(recorded(identifier)["result"]))


def show_items(items: Iterable[Any], as_json: bool) -> None:
    """Print the items of a stream, one per line, as they come."""
    for item in items:
        if not as_json and (isinstance(item, str | int | float | complex) or _is_array(item)):
            print_exactly(str(item))
        else:
            say(json_text(plain_json(item)))


def _readable(value: Any) -> str:
    """JSON on one line if it fits there or is a plain list."""
    line = json_text(value)
    plain = isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)
    return line if plain or len(line) <= 100 else json_text(value, spread=True)


def plain_json(value: Any) -> Any:
    """A value as JSON that marks its types itself."""
    return payload.to_json(payload.encode(value))


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array_interface__")


def prepare(directory: Path) -> None:
    """Make a directory for results; raises click.ClickException if nothing can be written there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        writable = os.access(directory, os.W_OK | os.X_OK)
    except OSError as error:
        raise click.ClickException(f"{directory} cannot be made: {error.strerror}.") from None
    if not writable:
        raise click.ClickException(f"{directory} cannot be written to.")


def write(value: Any, directory: Path, tables: str = "csv") -> list[Path]:
    """One file per result: arrays as .npy, tables as .csv or .parquet, bytes and text as they are, files under their
    name, the rest as JSON.

    A named tuple is several results, each under its own name.
    """
    prepare(directory)
    parts = getattr(value, "_asdict", lambda: {"result": value})()
    # The names are the other side's: only an identifier is taken for a file name.
    return [
        _write_one(name if name.isidentifier() else f"result_{place}", part, directory, tables)
        for place, (name, part) in enumerate(parts.items())
    ]


def _write_one(name: str, value: Any, directory: Path, tables: str) -> Path:
    if isinstance(value, payload.FileContent):
        return value.save(directory)
    columns = columns_of(value)
    if columns is not None:
        return write_table(columns, directory / name, tables)
    if _is_array(value) and value.ndim > 0:
        import numpy

        path = directory / f"{name}.npy"
        numpy.save(path, value, allow_pickle=False)
    elif isinstance(value, bytes):
        path = directory / f"{name}.bin"
        path.write_bytes(value)
    elif isinstance(value, str):
        path = directory / f"{name}.txt"
        path.write_text(value, encoding="utf-8")
    else:
        path = directory / f"{name}.json"
        path.write_text(json.dumps(plain_json(value), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return path
