"""One file per peer, each with a class `Subject` that fulfils `bench.peer.Peer`.

A peer that is not installed raises `ImportError` or `Missing`; the run leaves it out and says so.
"""

from __future__ import annotations

NAMES = ("farcall", "process_pool", "nats", "ray", "parsl", "celery", "dramatiq", "dask")
