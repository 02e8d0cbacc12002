"""How a worker lives: its connection, slots, attempts, outbox, leases, and how it stops.

It dials out and never imports `hub`. `serve.py` is the life as a whole; `pool` gives attempts to slots, `supervision`
watches what runs, `outbox` keeps what the hub has not acknowledged, `lease` kills what the hub can no longer count on.
Not here: how a function runs (`runtimes`), what is said (`wire`), how a hub is reached (`link`).
"""

from farcall.worker.options import Event, EventKind, ServeOptions
from farcall.worker.serve import Worker, run

__all__ = ["Event", "EventKind", "ServeOptions", "Worker", "run"]
