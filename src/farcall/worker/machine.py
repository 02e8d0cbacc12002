"""What this machine is, for `requires=` to be matched against; and the owner's secret, which never leaves it."""

from __future__ import annotations

import os
import platform
import secrets
import socket
from pathlib import Path

import platformdirs

SECRET_BYTES = 32


def resources(labels: dict[str, int | float | str | bool]) -> dict[str, int | float | str | bool]:
    """What a worker advertises: cpus, memory_gb (2**30 bytes), platform, machine, python, and the owner's labels."""
    found: dict[str, int | float | str | bool] = {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "platform": platform.system().lower(),
        "machine": platform.machine().lower(),
        "python": platform.python_version(),
    }
    memory = memory_bytes()
    if memory:
        found["memory_gb"] = round(memory / (1 << 30), 2)
    return {**found, **labels}


def memory_bytes() -> int:
    """The machine's memory, or this control group's share if that is less; 0 where unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def host_name() -> str:
    """This machine's name without its domain."""
    return socket.gethostname().partition(".")[0] or "worker"


def cache_directory() -> Path:
    """Where blobs are kept between calls."""
    return Path(platformdirs.user_cache_dir("farcall")) / "blobs"


def owner_secret() -> bytes:
    """The secret that keys implementation digests: made once for this user, readable by nobody else."""
    path = Path(platformdirs.user_data_dir("farcall")) / "implementation-secret"
    try:
        known = path.read_bytes()
        if len(known) == SECRET_BYTES:
            return known
    except OSError:
        pass
    made = secrets.token_bytes(SECRET_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(made)
    try:
        os.link(temporary, path)  # the first of several workers that start at once decides
    except OSError:
        if not path.exists() or path.stat().st_size != SECRET_BYTES:
            os.replace(temporary, path)
            return path.read_bytes()
    temporary.unlink(missing_ok=True)
    return path.read_bytes()
