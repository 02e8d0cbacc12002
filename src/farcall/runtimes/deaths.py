"""Why a process ended, in words: its exit status, and whether the kernel killed it for want of memory."""

from __future__ import annotations

import signal
import sys
from pathlib import Path


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory, here and in this control group; 0 where unknown."""
    if sys.platform != "linux":
        return 0
    total = _counter(Path("/proc/vmstat"))
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2].lstrip("/")
    except OSError:
        return total
    return total + _counter(Path("/sys/fs/cgroup") / group / "memory.events")


def _counter(path: Path) -> int:
    try:
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    except (OSError, ValueError):
        pass
    return 0


def explain_exit(return_code: int, oom_kills_before: int) -> tuple[str, str]:
    """Code and sentence. `return_code` as of `subprocess.Popen`: negative for a signal."""
    if return_code == -9 and oom_kills() > oom_kills_before:
        return (
            "out_of_memory",
            "The function's process was killed because the machine, or its share of it, ran out of memory.",
        )
    if return_code < 0:
        try:
            name = signal.Signals(-return_code).name
        except ValueError:
            name = f"signal {-return_code}"
        return "process_died", f"The function's process was killed by {name}{_meaning(name)}."
    return "process_died", f"The function's process ended by itself with exit code {return_code}."


def _meaning(name: str) -> str:
    meanings = {
        "SIGSEGV": " (a crash in native code)",
        "SIGABRT": " (native code gave up)",
        "SIGBUS": " (a crash in native code)",
        "SIGILL": " (native code that this processor does not have)",
        "SIGFPE": " (a crash in native code)",
    }
    return meanings.get(name, "")
