"""The audit log on disk: nothing in it changes, and a question reads no more of it than it has to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from farcall.hub.ports import AddAudit, AuditEntry
from farcall.stores.sqlite import SqliteStore, WriterLimits
from farcall.stores.sqlite.queries import Statements
from farcall.stores.sqlite.schema import DATABASE_NAME


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def connection(tmp_path: Path) -> apsw.Connection:
    """To a database that a store has written an entry into."""
    store = SqliteStore(tmp_path, WriterLimits(log_pages=16))
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    await store.do(AddAudit([AuditEntry(1.0, 1, "alice", 1, "token.create", path="alice/f")]))
    await store.close()
    return apsw.Connection(str(tmp_path / DATABASE_NAME))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET what = 'nothing'",
        "DELETE FROM audit",
        "UPDATE audit_concerns SET account = 7",
        "DELETE FROM audit_concerns",
    ],
)
async def test_an_entry_is_neither_changed_nor_deleted_not_even_by_the_hub(
    connection: apsw.Connection, statement: str
) -> None:
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        connection.execute(statement)
    assert connection.execute("SELECT what FROM audit").get == "token.create"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("audit", "INTEGER PRIMARY KEY"),
        ("audit_of_who", "audit_by_who"),
        ("audit_at_path", "audit_by_path"),
        ("audit_concerning", "PRIMARY KEY (account=? AND entry<?)"),
    ],
)
async def test_a_page_is_found_by_an_index(connection: apsw.Connection, name: str, index: str) -> None:
    statement = Statements()[name]
    values = (1 << 62, 51, "alice", None, "alice", None, None, "[]", 1)
    count = max(number for number in range(1, 10) if f"?{number}" in statement)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values[:count])]
    assert any(index in line for line in plan), plan
    assert not any(line.startswith("SCAN audit") for line in plan), plan
