"""That a version will go is said to whoever imports it, at their own line: why, and what to use instead."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Final

from farcall.authoring.harmless import harmless_line

_OURS: Final = f"{Path(__file__).parent.parent}{os.sep}"


class DeprecatedFunction(UserWarning):
    """The owner of an imported function has deprecated this version of it. Shown by default, once for each line."""


def warn_deprecated(function: str, message: str) -> None:
    """Warn about a version, named in full, at the line of whoever looks it up; filters of warnings hold as ever."""
    frame = _callers_frame()
    warnings.warn_explicit(
        f"{function} is deprecated: {harmless_line(message)}",
        DeprecatedFunction,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__", "sys"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _callers_frame() -> FrameType:
    """The innermost frame that is neither Farcall's nor of the import system, else the outermost."""
    frame = sys._getframe(2)
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _is_inside(filename: str) -> bool:
    # What skip_file_prefixes does, which came with Python 3.12.
    return filename.startswith((_OURS, "<frozen importlib")) or filename == importlib.__file__
