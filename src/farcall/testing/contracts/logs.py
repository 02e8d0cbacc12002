"""The contract of the LogFiles port."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from farcall.domain.ids import invocation_id, keyed_id
from farcall.hub.ports import LogFiles, LogLine

AT = 1_800_000_000.0


def some_id(seed: int = 1, at: float = AT) -> bytes:
    return invocation_id(at, random.Random(seed).randbytes(16))


def lines(count: int, fence: int = 1, first: int = 0, text: str = "line") -> list[LogLine]:
    return [LogLine(fence, seq, AT + seq, "stdout", f"{text} {seq}") for seq in range(first, first + count)]


class LogFilesContract:
    """Inherit, and give `new_logs`: empty, cutting an invocation's output at `cap_bytes`."""

    cap_bytes = 10_000

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def new_logs(self) -> LogFiles:
        raise NotImplementedError("return empty log files")

    @pytest.fixture
    async def logs(self, new_logs: LogFiles) -> AsyncIterator[LogFiles]:
        yield new_logs
        await new_logs.close()

    async def test_lines_come_back_in_order_and_only_those_of_the_invocation(self, logs: LogFiles) -> None:
        first, second, keyed = some_id(1), some_id(2), keyed_id("bob", "key")
        logs.append(first, lines(3))
        logs.append(second, lines(2, text="other"))
        logs.append(keyed, lines(1, text="keyed"))
        logs.append(first, lines(2, first=3))
        assert await logs.read(first) == lines(5)
        assert await logs.read(second) == lines(2, text="other")
        assert await logs.read(keyed) == lines(1, text="keyed")
        assert await logs.read(some_id(3)) == []

    async def test_reading_resumes_after_a_place(self, logs: LogFiles) -> None:
        identifier = some_id()
        logs.append(identifier, [*lines(3, fence=1), *lines(3, fence=2)])
        assert await logs.read(identifier, (1, 1)) == [*lines(1, fence=1, first=2), *lines(3, fence=2)]
        assert await logs.read(identifier, (1, 99)) == lines(3, fence=2)
        assert await logs.read(identifier, (2, 2)) == []

    async def test_lines_that_are_sent_again_are_there_once(self, logs: LogFiles) -> None:
        identifier = some_id()
        logs.append(identifier, lines(3))
        logs.append(identifier, lines(4))
        assert await logs.read(identifier) == lines(4)

    async def test_any_text_survives(self, logs: LogFiles) -> None:
        identifier = some_id()
        texts = ["", "✓ ünïcode\n\r\0", "\xf1L" + "a" * 40, identifier.decode("latin-1"), "x" * 3_000]
        written = [LogLine(1, seq, AT, "stderr", text) for seq, text in enumerate(texts)]
        logs.append(identifier, written)
        assert await logs.read(identifier) == written

    async def test_half_a_character_does_not_stop_the_rest(self, logs: LogFiles) -> None:
        identifier = some_id()
        logs.append(identifier, [LogLine(1, 0, AT, "stdout", "a\ud800b"), *lines(1, first=1)])
        found = await logs.read(identifier)
        assert [line.seq for line in found] == [0, 1]

    async def test_beyond_the_cap_one_marker_says_that_it_was_cut(self, logs: LogFiles) -> None:
        noisy, other = some_id(1), some_id(2)
        for start in range(0, 100, 10):
            logs.append(noisy, lines(10, first=start, text="x" * 400))
        logs.append(other, lines(1))
        found = await logs.read(noisy)
        assert [line.stream for line in found] == ["stdout"] * (len(found) - 1) + ["cut"]
        assert found[:-1] == lines(len(found) - 1, text="x" * 400)
        assert 5 < len(found) < 40
        assert await logs.read(other) == lines(1)

    async def test_deleting_takes_away_one_invocation_and_is_idempotent(self, logs: LogFiles) -> None:
        neighbours = [some_id(seed) for seed in range(300)]
        for identifier in neighbours:
            logs.append(identifier, lines(2))
        await logs.delete(neighbours[7])
        await logs.delete(neighbours[7])
        await logs.delete(some_id(999))
        assert await logs.read(neighbours[7]) == []
        for identifier in neighbours[:7] + neighbours[8:]:
            assert await logs.read(identifier) == lines(2)

    async def test_retention_takes_what_is_older_and_leaves_the_rest(self, logs: LogFiles) -> None:
        old, new, keyed = some_id(1, AT - 86_400), some_id(2, AT), keyed_id("bob", "key")
        for identifier in (old, new):
            logs.append(identifier, lines(2))
        logs.append(keyed, [LogLine(1, 0, AT - 86_400, "stdout", "old"), LogLine(1, 1, AT, "stdout", "new")])
        assert await logs.delete_before(AT - 7_200) > 0
        assert await logs.read(old) == []
        assert await logs.read(new) == lines(2)
        assert [line.text for line in await logs.read(keyed)] == ["new"]
        assert await logs.delete_before(AT - 7_200) == 0
        logs.append(old, lines(1))
        assert await logs.read(old) == lines(1)

    @pytest.mark.parametrize("made_up", [b"", b"x", bytes(21), bytes(23), b"/../../etc/passwd"])
    async def test_what_is_no_id_has_no_output_and_harms_nobody(self, logs: LogFiles, made_up: bytes) -> None:
        logs.append(made_up, lines(1))
        logs.append(some_id(), lines(2))
        assert await logs.read(made_up) == []
        await logs.delete(made_up)
        assert await logs.read(some_id()) == lines(2)

    async def test_closing_writes_what_waits_and_may_be_repeated(self, logs: LogFiles) -> None:
        identifier = some_id()
        logs.append(identifier, lines(10))
        await logs.close()
        await logs.close()
        assert await logs.read(identifier) == lines(10)
