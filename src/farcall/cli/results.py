"""How results are shown and written to files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from farcall import payload
from farcall.cli.output import print_json


def seconds(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()


def plain_json(value: Any) -> Any:
    """A value as the JSON of the REST surface."""
    return payload.to_json(payload.encode(value))


def show(value: Any, output: Path | None, as_json: bool, *, identifier: str) -> None:
    """Print the result; with `output`, write it to files there and print their names."""
    if output is not None:
        for path in write(value, output):
            click.echo(path)
        return
    if as_json:
        print_json({"id": identifier, "result": plain_json(value)})
    elif isinstance(value, str):
        click.echo(value)
    elif isinstance(value, int | float | bool | list | dict) or value is None:
        click.echo(json.dumps(plain_json(value), ensure_ascii=False, indent=2 if isinstance(value, dict) else None))
    else:
        click.echo(value)


def write(value: Any, directory: Path) -> list[Path]:
    """One file per result: arrays as .npy, bytes and text as they are, files under their name, the rest as JSON."""
    directory.mkdir(parents=True, exist_ok=True)
    parts = getattr(value, "_asdict", lambda: {"result": value})()
    return [_write_one(name, part, directory) for name, part in parts.items()]


def _write_one(name: str, value: Any, directory: Path) -> Path:
    if isinstance(value, payload.FileContent):
        return value.save(directory)
    if hasattr(value, "__array_interface__"):
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
