"""Named statements from the `.sql` files, and statements for many rows at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import apsw

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_FRAGMENT = re.compile(r"\{(\w+)\}")
_ROWS = "ROWS"
# Statements for many rows are prepared in these sizes, so that a handful of them stay prepared.
_SIZES = (256, 64, 16, 4, 1)


def read_statements(text: str) -> dict[str, str]:
    """The statements of one file, by the names that their ``-- name: x`` lines give them."""
    parts = _NAME.split(text)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def load_statements() -> dict[str, str]:
    """All named statements of the package; a name that occurs twice raises ValueError."""
    statements: dict[str, str] = {}
    directory = resources.files("farcall.stores.sqlite") / "sql"
    for file in sorted(directory.iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".sql"):
            continue
        for name, statement in read_statements(file.read_text(encoding="utf-8")).items():
            if name in statements:
                raise ValueError(f"two statements are named {name}")
            statements[name] = statement
    return {name: _filled(statement, statements) for name, statement in statements.items()}


def _filled(statement: str, statements: dict[str, str]) -> str:
    return _FRAGMENT.sub(lambda match: _filled(statements[match[1]], statements), statement)


class Bulk:
    """A statement with ``ROWS``, run for any number of rows in few steps.

    A step releases the interpreter's lock, and getting it back from a busy thread may take milliseconds: row by row,
    a batch would wait that long for each of its rows.
    """

    def __init__(self, statement: str, columns: int) -> None:
        group = "(" + ",".join("?" * columns) + ")"
        self._columns = columns
        self._sizes = [(size, statement.replace(_ROWS, ",".join([group] * size))) for size in _SIZES]

    def run(self, connection: apsw.Connection, flat: Sequence[Any]) -> int:
        """`flat` holds the values of all rows, one after the other. Returns how many rows were changed."""
        changed = 0
        for _, part, text in self._parts(flat):
            connection.execute(text, part)
            changed += connection.changes()
        return changed

    def totals(self, connection: apsw.Connection, flat: Sequence[Any]) -> list[int]:
        """The sums of what a query for one row of numbers answers."""
        answers = [connection.execute(text, part).fetchone() for _, part, text in self._parts(flat)]
        return [int(sum(column)) for column in zip(*answers, strict=True)]

    def _parts(self, flat: Sequence[Any]) -> list[tuple[int, Sequence[Any], str]]:
        parts = []
        start, left = 0, len(flat) // self._columns
        for size, text in self._sizes:
            while left >= size:
                end = start + size * self._columns
                parts.append((size, flat[start:end], text))
                start, left = end, left - size
        return parts


class Statements:
    """What the store says to SQLite. One per store; safe to share between threads."""

    def __init__(self) -> None:
        self._named = load_statements()
        self.insert_invocations = Bulk(self["insert_invocations"], 24)
        self.check_completions = Bulk(self["check_completions"], 3)
        self.complete_invocations = Bulk(self["complete_invocations"], 11)
        self.add_usage = Bulk(self["add_usage"], 9)
        self.charge_stored = Bulk(self["charge_stored"], 1)
        self.put_bodies = Bulk(self["put_bodies"], 2)
        self.add_notes = Bulk(self["add_notes"], 4)

    def __getitem__(self, name: str) -> str:
        return self._named[name]

    def names(self) -> list[str]:
        """What can be asked for."""
        return list(self._named)


class Speaker:
    """A connection and what may be said over it, by name."""

    def __init__(self, connection: apsw.Connection, statements: Statements) -> None:
        self.connection = connection
        self.statements = statements

    def one(self, name: str, *values: Any) -> Any:
        """The only row (its only value, if it has one column), or None."""
        return self.connection.execute(self.statements[name], values).get

    def all(self, name: str, *values: Any) -> list[tuple[Any, ...]]:
        """Every row."""
        return self.connection.execute(self.statements[name], values).fetchall()
