"""A Redis of one's own for the peers that need one, with the append-only file synced every second."""

from __future__ import annotations

from pathlib import Path

from bench.processes import Processes, free_port, program

DURABLE = "every second"


def start_redis(processes: Processes, scratch: Path) -> str:
    """Start it and return its URL. Raises `Missing`."""
    port = free_port()
    options = {"bind": "127.0.0.1", "port": str(port), "dir": str(scratch), "appendonly": "yes", "save": ""}
    command = [program("redis-server")]
    for name, value in {**options, "appendfsync": "everysec"}.items():
        command += [f"--{name}", value]
    processes.start("redis", command)
    processes.wait_for_port(port, "redis-server")
    return f"redis://127.0.0.1:{port}/0"
