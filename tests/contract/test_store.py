"""The contract of the Store port, on each of its implementations."""

from __future__ import annotations

from pathlib import Path

import pytest

from farcall.stores.sqlite import SqliteStore, WriterLimits
from farcall.testing.contracts import StoreContract
from farcall.testing.memory_store import MemoryStore


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def new_store(self, tmp_path: Path) -> SqliteStore:
        return SqliteStore(tmp_path / "data", WriterLimits(log_pages=64))


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def new_store(self) -> MemoryStore:
        return MemoryStore()
