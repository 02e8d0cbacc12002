"""What segment files do beyond the port's contract: torn records, full queues, disks that refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from farcall.domain.ids import invocation_id
from farcall.hub.ports import LogLine
from farcall.stores.logs import SegmentLogFiles

AT = 1_800_000_000.0


def some_id(n: int = 1) -> bytes:
    return invocation_id(AT, n.to_bytes(15, "big") + b"\x07")


def line(seq: int, text: str = "line") -> LogLine:
    return LogLine(1, seq, AT, "stdout", text)


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[SegmentLogFiles]:
    logs = SegmentLogFiles(tmp_path / "logs", cap_bytes=10_000)
    yield logs
    await logs.close()


async def test_many_invocations_share_few_files(logs: SegmentLogFiles, tmp_path: Path) -> None:
    for n in range(1_000):
        logs.append(some_id(n), [line(0), line(1)])
    assert await logs.read(some_id(999)) == [line(0), line(1)]
    assert len(files_below(tmp_path)) == 1


async def test_a_record_that_was_cut_short_costs_only_itself(logs: SegmentLogFiles, tmp_path: Path) -> None:
    logs.append(some_id(1), [line(0)])
    logs.append(some_id(2), [line(0), line(1, "torn " * 20)])
    await logs.read(some_id(2))
    [file] = files_below(tmp_path)
    file.write_bytes(file.read_bytes()[:-30])
    logs.append(some_id(2), [line(2)])
    logs.append(some_id(1), [line(1)])
    assert await logs.read(some_id(2)) == [line(0), line(2)]
    assert await logs.read(some_id(1)) == [line(0), line(1)]
    await logs.delete(some_id(1))
    assert await logs.read(some_id(1)) == []
    assert await logs.read(some_id(2)) == [line(0), line(2)]


async def test_output_outlives_the_hub(logs: SegmentLogFiles, tmp_path: Path) -> None:
    logs.append(some_id(), [line(0)])
    await logs.close()
    again = SegmentLogFiles(tmp_path / "logs")
    again.append(some_id(), [line(1)])
    assert await again.read(some_id()) == [line(0), line(1)]
    await again.close()


async def test_what_the_disk_cannot_keep_up_with_is_cut_and_says_so(tmp_path: Path) -> None:
    logs = SegmentLogFiles(tmp_path, cap_bytes=1 << 20, queue_bytes=10_000)
    for n in range(2_000):  # faster than any thread takes them, since none can run in between
        logs.append(some_id(n % 5), [line(n, "x" * 500)])
    streams = [found.stream for n in range(5) for found in await logs.read(some_id(n))]
    assert set(streams) == {"stdout", "cut"}
    await logs.close()


async def test_a_disk_that_refuses_loses_output_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the directory should be")
    logs = SegmentLogFiles(tmp_path / "logs")
    logs.append(some_id(), [line(0)])
    with pytest.raises(OSError, match="Not a directory"):
        await logs.read(some_id())
    (tmp_path / "logs").unlink()
    logs.append(some_id(), [line(1)])
    assert await logs.read(some_id()) == [line(1)]
    await logs.close()
