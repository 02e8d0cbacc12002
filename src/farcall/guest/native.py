"""What needs the C library: dying with the starter, and native output that arrives line by line."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LINE_BUFFERED: Final = 1
_STDOUT_SYMBOLS: Final = {"linux": "stdout", "darwin": "__stdoutp"}


def prepare() -> None:
    """Do what this platform can; the rest does without."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError, AttributeError, ValueError):
        library = ctypes.CDLL(None)
        if sys.platform == "linux":
            library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        symbol = _STDOUT_SYMBOLS.get(sys.platform)
        if symbol is not None:
            # Behind a pipe the C library would keep output back until 4 KiB of it are there.
            library.setvbuf(ctypes.c_void_p.in_dll(library, symbol), None, _LINE_BUFFERED, 0)
