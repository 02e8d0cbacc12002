"""Secrets that a hub leaves in its data directory for its operator."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Durable and whole, or not there at all; readable for its owner alone from the first moment."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # made with 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # its name, too, has to be on the disk before what it opens is committed
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read_secret(path: Path) -> str | None:
    """What was left there, or None."""
    return path.read_text(encoding="ascii").strip() if path.is_file() else None
