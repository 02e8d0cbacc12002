"""Names of files that came from elsewhere, made harmless."""

import re
from io import BufferedWriter
from itertools import count
from pathlib import Path
from typing import Final

_UNWANTED: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST_BYTES: Final = 200


def safe_name(name: str) -> str:
    """A name that is one component of a path on every system: no separators, devices, control characters, dots only."""
    last = re.split(r"[/\\]", name)[-1]
    clean = _UNWANTED.sub("_", last).rstrip(". ").lstrip(" ")
    stem, dot, suffix = clean.rpartition(".")
    while len(clean.encode()) > _LONGEST_BYTES:
        if dot and stem and len(suffix) <= 20:
            stem = stem[:-1]
            clean = f"{stem}.{suffix}"
        else:
            clean = clean[:-1]
    if not clean.strip("."):
        return "file"
    return f"_{clean}" if _DEVICES.fullmatch(clean) else clean


def place_file(directory: Path, name: str) -> tuple[Path, BufferedWriter]:
    """A new file in `directory`, open for writing, named like `name`; existing files and links are never written to."""
    directory.mkdir(parents=True, exist_ok=True)
    first = directory / safe_name(name)
    for number in count(2):
        path = first if number == 2 else first.with_name(f"{first.stem}-{number - 1}{first.suffix}")
        try:
            return path, path.open("xb")
        except FileExistsError:
            continue
    raise AssertionError("count does not end")
