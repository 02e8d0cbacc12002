"""Opening a data directory: locks, schema versions, and what is said when it cannot be used."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from farcall.hub.ports import CreateAccount, StoreFailed, StoreUnusable
from farcall.stores.sqlite import SqliteStore
from farcall.stores.sqlite.schema import DATABASE_NAME, migrations

HOLDER = """
import sys
from pathlib import Path
from farcall.stores.sqlite.lock import DirectoryLock
DirectoryLock(Path(sys.argv[1])).acquire()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def holding(directory: Path) -> subprocess.Popen[bytes]:
    """Another process that is about to lock the directory, and says so."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def at_once(call: Callable[[], None]) -> None:
    call()


async def test_a_directory_in_use_is_refused_and_the_holder_is_named(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(StoreUnusable, match=rf"in use by another hub \(the process {holder.pid}\); stop that one"):
            SqliteStore(tmp_path).open(at_once)
        holder.stdin.close()
        holder.wait()
    store = SqliteStore(tmp_path)
    store.open(at_once)
    await store.close()


async def test_the_lock_ends_with_the_process_however_it_ends(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        holder.wait()
        store = SqliteStore(tmp_path)
        store.open(at_once)
        await store.close()


async def test_a_closed_store_can_be_opened_again_and_kept_what_it_had(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    for count in range(1, 4):
        store = SqliteStore(tmp_path / "not" / "there" / "yet")
        store.open(loop.call_soon_threadsafe)
        await store.do(CreateAccount(f"user{count}", "", False, 1.0))
        assert len(await store.accounts()) == count
        await store.close()
        await store.close()


async def test_a_directory_that_cannot_be_written_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnusable, match=r"is not writable .*; choose another one"):
        SqliteStore(tmp_path / "file" / "data").open(at_once)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no modes")
async def test_what_it_keeps_is_for_nobody_else_even_in_an_open_directory(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    directory.mkdir(mode=0o755)
    store = SqliteStore(directory)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    try:
        await store.do(CreateAccount("alice", "", False, 1.0))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    finally:
        await store.close()
    assert {"farcall.db", "farcall.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}


async def test_a_schema_from_the_future_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.open(at_once)
    await store.close()
    with apsw.Connection(str(store.path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreUnusable, match="written by a newer farcall"):
        store.open(at_once)
    connection = apsw.Connection(str(store.path))
    assert connection.pragma("user_version") == 999
    connection.close()


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    connection = apsw.Connection(str(store.path))
    connection.execute("PRAGMA application_id = 7; CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreUnusable, match="database of another program"):
        store.open(at_once)


async def test_a_file_that_is_no_database_is_refused_and_the_lock_is_given_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.path.write_bytes(b"this is no database, but it is long enough to look like a file" * 100)
    for _ in range(2):
        with pytest.raises(StoreUnusable, match="cannot be used"):
            store.open(at_once)


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


async def test_accounts_and_tokens_of_the_first_schema_are_carried_over(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / DATABASE_NAME))
    connection.execute(migrations()[0][1])
    connection.execute(
        "INSERT INTO accounts (key, handle, email, admin, created_at) VALUES (1, 'alice', 'alice@lab.org', 1, 5.0);"
        "INSERT INTO tokens (account, digest, label, scopes, only_below, created_at)"
        """ VALUES (1, x'01', 'wide', '["invoke"]', '', 5.0), (1, x'02', 'narrow', '["invoke"]', 'alice/lab', 5.0);"""
        "PRAGMA user_version = 1"
    )
    connection.close()
    store = SqliteStore(tmp_path)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    [alice] = await store.accounts()
    assert (alice.handle, alice.kind, alice.email_confirmed_at) == ("alice", "person", 5.0)
    rows = [(row.label, row.only, row.kind, row.last_used_at) for row in await store.tokens(1)]
    assert rows == [("wide", (), "made", None), ("narrow", ("alice/lab",), "made", None)]
    assert await store.password(1) == ""
    await store.close()


async def test_a_store_that_is_not_open_answers_that_it_failed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    await store.close()
    with pytest.raises(StoreFailed, match="closed"):
        await store.do(CreateAccount("a", "", False, 1.0))
    with pytest.raises(StoreFailed, match="closed"):
        await store.accounts()
    store.write(CreateAccount("a", "", False, 1.0))
