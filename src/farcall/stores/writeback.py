"""Telling the system to begin writing to the disk, so that waiting for it at the end is short."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any, Final

_SYNC_FILE_RANGE_WRITE: Final = 2


def start_write_back(descriptor: int, start: int, size: int) -> None:
    """Begin to write these bytes of a file, and wait for nothing: a hint, without which all is written at the fsync.

    Only Linux takes it (`sync_file_range(2)`).
    """
    function = _sync_file_range()
    if function is not None:
        function(descriptor, start, size, _SYNC_FILE_RANGE_WRITE)


@functools.cache
def _sync_file_range() -> Callable[..., Any] | None:
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, AttributeError):
        function = ctypes.CDLL(None).sync_file_range
        function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
        return function
    return None
