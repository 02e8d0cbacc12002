"""From the end of an attempt to the outbox: outcomes, their large parts, and streams that the caller still reads."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from farcall.domain.errors import Failure
from farcall.domain.states import AttemptState
from farcall.guest.messages import Failed, Succeeded
from farcall.runtimes.ports import Death
from farcall.wire import frames
from farcall.worker.attempts import Attempt, Ending, Key
from farcall.worker.blobs import BlobError, Blobs
from farcall.worker.outbox import Outbox

STREAM_HOLD_SECONDS: Final = 60.0
_CODES_OF_GUESTS: Final = frozenset({"function_error", "bad_result", "invalid_arguments"})


class Delivery:
    """Makes outcomes. `attempts` are those that the worker holds; who is delivered leaves it."""

    def __init__(self, outbox: Outbox, attempts: dict[Key, Attempt], blobs: Blobs) -> None:
        self._outbox = outbox
        self._attempts = attempts
        self._blobs = blobs
        self._batch: list[frames.FinishedItem] = []
        self._held: dict[Key, frames.FinishedItem] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def flush(self) -> None:
        """Send what has ended since the last time."""
        if self._batch:
            batch, self._batch = self._batch, []
            self._outbox.finish(batch)

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def succeeded(self, attempt: Attempt, end: Succeeded, spool: Path) -> None:
        """The function gave back a value."""
        if attempt.ending is Ending.TIMEOUT:
            self._put(attempt, self._stopped(attempt, end.run_seconds, end.cpu_seconds))
            return
        item = frames.FinishedItem(
            attempt.id,
            attempt.fence,
            AttemptState.SUCCEEDED,
            end.result,
            None,
            end.run_seconds,
            end.blobs,
            end.cpu_seconds,
        )
        if end.blobs:
            self._upload(attempt, item, spool)
        else:
            self._put(attempt, item)

    def failed(self, attempt: Attempt, end: Failed) -> Failure:
        """The function raised, was interrupted, or gave back what can't travel."""
        if (end.code == "cancelled" and attempt.ending is not None) or attempt.ending is Ending.TIMEOUT:
            item = self._stopped(attempt, end.run_seconds, end.cpu_seconds)
        else:
            code = end.code if end.code in _CODES_OF_GUESTS else "function_error"
            failure = Failure(code, end.message, end.hint, end.remote_type, end.traceback)
            item = frames.FinishedItem(
                attempt.id,
                attempt.fence,
                AttemptState.FAILED,
                failure=failure,
                run_seconds=end.run_seconds,
                cpu_seconds=end.cpu_seconds,
            )
        self._put(attempt, item)
        return item.failure or Failure("internal", "")

    def lost(self, attempt: Attempt, death: Death) -> None:
        """The attempt's process ended under it."""
        if attempt.ending is not None:
            self._put(attempt, self._stopped(attempt, death.run_seconds, 0.0))  # its CPU time ended with the process
            return
        failure = Failure(death.code, death.message)
        self._put(attempt, frames.FinishedItem(attempt.id, attempt.fence, AttemptState.LOST, failure=failure))

    def cancelled(self, attempt: Attempt) -> None:
        """It was cancelled before it started."""
        attempt.ending = Ending.CANCEL
        self._put(attempt, self._stopped(attempt, 0.0, 0.0))

    def refused(self, attempt: Attempt, failure: Failure) -> None:
        """It can't be run here, and nowhere else either."""
        self._put(attempt, frames.FinishedItem(attempt.id, attempt.fence, AttemptState.FAILED, failure=failure))

    def unknown(self, key: frames.AttemptKey) -> None:
        """The hub wants something stopped that is not here: then it does not run."""
        failure = Failure("cancelled", "It was not running.")
        self._batch.append(frames.FinishedItem(key.id, key.fence, AttemptState.CANCELLED, failure=failure))

    def _stopped(self, attempt: Attempt, run_seconds: float, cpu_seconds: float) -> frames.FinishedItem:
        name = attempt.name
        if attempt.ending is Ending.CANCEL:
            state, failure = AttemptState.CANCELLED, Failure("cancelled", f"{name} was cancelled.")
        elif attempt.ending is Ending.TIMEOUT:
            state = AttemptState.FAILED
            failure = Failure(
                "invocation_timeout", f"{name} ran longer than its timeout of {attempt.timeout_seconds:g} s."
            )
        elif attempt.ending is Ending.LAPSE:
            state = AttemptState.LOST
            failure = Failure(
                "worker_lost", "The worker had no contact with the hub for so long that it stopped the call."
            )
        else:
            state, failure = AttemptState.LOST, Failure("worker_lost", "The worker left before the call had ended.")
        return frames.FinishedItem(
            attempt.id, attempt.fence, state, failure=failure, run_seconds=run_seconds, cpu_seconds=cpu_seconds
        )

    # -- what keeps an outcome back ------------------------------------------------------------------------------------

    def _put(self, attempt: Attempt, item: frames.FinishedItem) -> None:
        stream = attempt.stream
        if stream is not None and stream.items and item.state in (AttemptState.SUCCEEDED, AttemptState.FAILED):
            # Once the outcome is recorded, nobody forwards items any more.
            attempt.delivering = True
            self._held[attempt.key] = item
            asyncio.get_running_loop().call_later(STREAM_HOLD_SECONDS, self.release, attempt)
            return
        self._attempts.pop(attempt.key, None)
        self._batch.append(item)

    def release(self, attempt: Attempt) -> None:
        """The stream's items are all taken, or nobody has come for them."""
        item = self._held.pop(attempt.key, None)
        if item is not None:
            attempt.stream = None
            self._put(attempt, item)
            self.flush()

    def abandon(self, attempt: Attempt) -> None:
        """The hub does not want this outcome any more."""
        self._held.pop(attempt.key, None)
        self._attempts.pop(attempt.key, None)

    def _upload(self, attempt: Attempt, item: frames.FinishedItem, spool: Path) -> None:
        attempt.delivering = True
        try:
            # At once: the slot may overwrite the files, or end and take them along.
            files = [self._blobs.claim(spool, digest) for digest in item.blobs]
        except BlobError as error:
            self._put(attempt, _bad_result(attempt, error))
            return
        task = asyncio.get_running_loop().create_task(self._upload_all(attempt, item, files))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _upload_all(self, attempt: Attempt, item: frames.FinishedItem, files: list[Path]) -> None:
        try:
            await asyncio.gather(
                *(self._blobs.upload(file, digest) for file, digest in zip(files, item.blobs, strict=True))
            )
        except BlobError as error:
            item = _bad_result(attempt, error)
        finally:
            # In a thread: giving 100 MB back to the disk takes as long as many calls.
            removing = asyncio.get_running_loop().run_in_executor(None, _remove, files)
        if attempt.key in self._attempts:
            self._put(attempt, item)
            self.flush()
        await removing

    async def close(self) -> None:
        """Give up on uploads that are under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _bad_result(attempt: Attempt, error: BlobError) -> frames.FinishedItem:
    failure = Failure("bad_result", f"The result's large parts could not be stored: {error}.")
    return frames.FinishedItem(attempt.id, attempt.fence, AttemptState.FAILED, failure=failure)
