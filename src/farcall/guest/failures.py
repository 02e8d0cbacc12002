"""Exceptions of user code as values: type, message and a traceback in text, all bounded.

A traceback names files, lines and functions, but quotes no source: the code stays with its owner. The platform's own
frames and those of the import machinery are left out, and files are named relative to where they were loaded from.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from types import TracebackType
from typing import Final

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS: Final = (os.path.join(_PACKAGE, "guest", ""), os.path.join(_PACKAGE, "authoring", ""))
_IMPORTING: Final = ("<frozen importlib", os.path.join(os.path.dirname(importlib.__file__), ""))
_MESSAGE_CHARACTERS: Final = 8 * 1024
_TRACEBACK_CHARACTERS: Final = 32 * 1024
_FRAMES: Final = 40
_CHAIN: Final = 6


def type_name(error: BaseException) -> str:
    """``ValueError``, or ``package.module.Name`` for what is not built in."""
    kind = type(error)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"[:500]


def message_of(error: BaseException) -> str:
    """`str(error)`, bounded, even if that raises."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # a broken __str__ is user code too
        text = "(its message can't be read)"
    return _bounded(text, _MESSAGE_CHARACTERS)


def traceback_of(error: BaseException) -> str:
    """The traceback of `error` and of what led to it, oldest first."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _CHAIN:
        seen.add(id(current))
        cause, context = current.__cause__, current.__context__
        parts.append(_one(current))
        if cause is not None:
            parts.append("\nThe above exception was the direct cause of the following exception:\n\n")
            current = cause
        elif context is not None and not current.__suppress_context__:
            parts.append("\nDuring handling of the above exception, another exception occurred:\n\n")
            current = context
        else:
            current = None
    if current is not None:
        parts.pop()
    return _bounded("".join(reversed(parts)), _TRACEBACK_CHARACTERS)


def _one(error: BaseException) -> str:
    lines = ["Traceback (most recent call last):\n"]
    frames = [
        f'  File "{shown_path(code.co_filename)}", line {line}, in {code.co_name}\n'
        for code, line in ((f.f_code, n) for f, n in traceback.walk_tb(_user_part(error.__traceback__)))
        if not code.co_filename.startswith((*_OURS, *_IMPORTING))
    ]
    if len(frames) > _FRAMES:
        left_out = len(frames) - _FRAMES
        frames[_FRAMES // 2 : -_FRAMES // 2] = [f"  … {left_out} frames left out …\n"]
    lines += frames
    lines.append(f"{type_name(error)}: {message_of(error)}".removesuffix(": ") + "\n")
    lines += [f"{note}\n" for note in getattr(error, "__notes__", ())][:20]
    if isinstance(error, BaseExceptionGroup):
        lines += [f"  | {type_name(member)}: {message_of(member)}\n" for member in error.exceptions[:10]]
    return "".join(lines)


def _user_part(tb: TracebackType | None) -> TracebackType | None:
    """Without the frames of the guest, and of the event loop that it runs, that come before the user's."""
    first = tb
    while first is not None and _is_ours(first.tb_frame.f_code.co_filename):
        first = first.tb_next
    return first


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) or f"{os.sep}asyncio{os.sep}" in filename


def shown_path(filename: str) -> str:
    """The path without what it says about the machine: relative to the import path, or the bare name."""
    best = os.path.basename(filename)
    for root in sys.path:
        prefix = os.path.join(os.path.abspath(root), "")
        if filename.startswith(prefix):
            relative = filename[len(prefix) :]
            if len(relative) < len(filename) - len(best) + 1 and len(relative) >= len(best):
                return relative
    return best


def _bounded(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}\n… {len(text) - limit} characters left out …\n{text[-limit // 2 :]}"
