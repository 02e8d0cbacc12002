"""The contract of the LogFiles port, on segment files and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from farcall.stores.logs import SegmentLogFiles
from farcall.testing.contracts import LogFilesContract
from farcall.testing.memory_files import MemoryLogFiles


class TestSegmentLogFiles(LogFilesContract):
    @pytest.fixture
    def new_logs(self, tmp_path: Path) -> SegmentLogFiles:
        return SegmentLogFiles(tmp_path / "logs", cap_bytes=self.cap_bytes)


class TestMemoryLogFiles(LogFilesContract):
    @pytest.fixture
    def new_logs(self) -> MemoryLogFiles:
        return MemoryLogFiles(cap_characters=self.cap_bytes)
