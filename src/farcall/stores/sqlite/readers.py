"""A few threads with a connection each, that answer questions beside the writer."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from farcall.stores.sqlite.reads import Reads

T = TypeVar("T")


class Readers:
    """`count` connections are made when first needed."""

    def __init__(self, connect: Callable[[], Reads], count: int) -> None:
        self._connect = connect
        self._idle: queue.SimpleQueue[Reads] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="farcall-store-reader")

    async def ask(self, question: Callable[[Reads], T]) -> T:
        """Run in a reader's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)

    def _answer(self, question: Callable[[Reads], T]) -> T:
        try:
            reads = self._idle.get_nowait()
        except queue.Empty:
            reads = self._connect()
        try:
            return question(reads)
        finally:
            self._idle.put(reads)

    def close(self) -> None:
        """Waits for questions that are being answered."""
        self._pool.shutdown()
        while not self._idle.empty():
            self._idle.get_nowait().close()
