"""The contract of the Blobs port, on files and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from farcall.hub.ports import Blobs
from farcall.stores.blobs import FileBlobs
from farcall.testing.contracts import BlobsContract
from farcall.testing.memory_files import MemoryBlobs


class TestFileBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> FileBlobs:
        self.root = tmp_path / "blobs"
        return FileBlobs(self.root)

    def leftovers(self, blobs: Blobs) -> list[str]:
        return [path.name for path in (self.root / "unfinished").iterdir()]


class TestMemoryBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self) -> MemoryBlobs:
        return MemoryBlobs()
