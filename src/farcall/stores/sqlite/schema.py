"""Connections and the schema's versions."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from importlib import resources
from pathlib import Path

import apsw

from farcall.hub.ports import StoreUnusable

DATABASE_NAME = "farcall.db"
_APPLICATION_ID = 0x46617263  # "Farc": tells our files from other people's
_MIGRATION = re.compile(r"(\d{3})-[\w-]+\.sql")
_BUSY_MILLISECONDS = 5_000
_ROOM_BYTES = 256 * 1024 * 1024
_CACHE_KIB = 32_768


def connect_writer(path: Path, log_pages: int) -> apsw.Connection:
    """A connection that writes durably: a commit returns after the log reached the disk.

    After `log_pages` of it the log is copied into the database. Only this user may read what is made here, whatever the
    directory allows: it holds arguments and results.
    """
    with contextlib.suppress(OSError):  # SQLite says it in its own words
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # its other files get the same mode
    connection = apsw.Connection(str(path), statementcachesize=256)
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",  # what is erased is overwritten; costs nothing that can be measured
        f"wal_autocheckpoint = {log_pages}",
        f"cache_size = -{_CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def grow_log(connection: apsw.Connection, path: Path, log_pages: int) -> None:
    """Bring the log to its full length before it is used, unless the disk is nearly full.

    A commit that lengthens a file waits for the file's metadata too: about twice as long as one that overwrites it.
    After a checkpoint the log is written from its beginning again, so it only has to grow once.

    No checkpoint may run while nothing is synced: it would give up the log's copy of what it moves, and the log may
    hold what a hub that crashed had promised.
    """
    if shutil.disk_usage(path.parent).free < _ROOM_BYTES:
        return
    version = connection.execute("PRAGMA user_version").get
    connection.wal_autocheckpoint(0)
    connection.execute("PRAGMA synchronous = OFF")
    try:
        for _ in range(log_pages):  # each is one page of log, and changes nothing
            connection.execute(f"PRAGMA user_version = {version}")
    finally:
        connection.execute("PRAGMA synchronous = FULL")
        connection.wal_autocheckpoint(log_pages)
    with contextlib.suppress(apsw.BusyError):
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)


def connect_reader(path: Path) -> apsw.Connection:
    """A connection that cannot write."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=64)
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    connection.execute("PRAGMA query_only = ON")
    return connection


def migrations() -> list[tuple[int, str]]:
    """(number, statements) of every migration of this release, in order."""
    directory = resources.files("farcall.stores.sqlite") / "migrations"
    found = []
    for file in directory.iterdir():
        match = _MIGRATION.fullmatch(file.name)
        if match:
            found.append((int(match[1]), file.read_text(encoding="utf-8")))
    return sorted(found)


def migrate(connection: apsw.Connection, path: Path) -> None:
    """Bring the schema up to this release, each step in its own transaction. Raises StoreUnusable."""
    application = connection.pragma("application_id")
    version = connection.pragma("user_version")
    if not isinstance(version, int):
        raise StoreUnusable(f"{path} does not say its version; restore a backup, or choose another data directory.")
    steps = migrations()
    if application not in (0, _APPLICATION_ID):
        raise StoreUnusable(f"{path} is a database of another program; choose another data directory.")
    if version > steps[-1][0]:
        raise StoreUnusable(
            f"{path} was written by a newer farcall (schema {version}, this one knows {steps[-1][0]}); "
            "upgrade farcall, or restore a backup from before the upgrade."
        )
    for number, statements in steps:
        if number <= version:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(statements)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
