"""Results that are tables, written as files that other programs read: CSV, or Parquet."""

from __future__ import annotations

import csv
import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from farcall import payload

FORMATS = ("csv", "parquet")
_SCALARS = (str, bool, int, float, complex, type(None), datetime.date, datetime.time, datetime.timedelta)


def columns_of(value: Any) -> dict[str, list[Any]] | None:
    """The columns of a list of equal records, of equally long named columns, or of an array with fields; else None."""
    if isinstance(value, Mapping):
        columns = {name: _column(part) for name, part in value.items() if isinstance(name, str)}
        filled = {name: column for name, column in columns.items() if column}
        lengths = {len(column) for column in filled.values()}
        return filled if len(filled) == len(value) > 1 and len(lengths) == 1 else None
    fields = getattr(getattr(value, "dtype", None), "names", None)
    if fields and value.ndim == 1:
        return {name: value[name].tolist() for name in fields}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value:
        rows = [_row(item) for item in value]
        if all(row is not None and row.keys() == rows[0].keys() for row in rows if rows[0]) and rows[0]:
            return {name: [row[name] for row in rows if row] for name in rows[0]}
    return None


def _row(item: Any) -> dict[str, Any] | None:
    fields = item if isinstance(item, dict) else getattr(item, "_asdict", lambda: None)()
    if isinstance(item, payload.Record):
        fields = dict(item)
    elif dataclasses.is_dataclass(item):
        fields = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        return None
    return fields if all(_scalar(part) for part in fields.values()) else None


def _column(part: Any) -> list[Any] | None:
    if hasattr(part, "__array_interface__"):
        part = part.tolist() if part.ndim == 1 else None
    return list(part) if isinstance(part, list | tuple) and all(_scalar(item) for item in part) else None


def _scalar(value: Any) -> bool:
    return isinstance(value, _SCALARS) or (hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0)


def write_table(columns: dict[str, list[Any]], path: Path, kind: str) -> Path:
    """Write it beside `path`, with the ending of `kind`; returns where. Raises click.ClickException."""
    path = path.with_suffix(f".{kind}")
    if kind == "parquet":
        _write_parquet(columns, path)
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(part) for part in row] for row in zip(*columns.values(), strict=True))
    return path


def _cell(value: Any) -> Any:
    """Times in ISO 8601; nothing stays empty."""
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value


def _write_parquet(columns: dict[str, list[Any]], path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise click.ClickException("Parquet takes pyarrow: pip install pyarrow, or take --tables csv.") from None
    try:
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    except pyarrow.ArrowException as error:
        raise click.ClickException(f"The table cannot be written as Parquet ({error}); take --tables csv.") from None
