"""Measure one subject in this process and write its figures to a file: `python -m bench.run_one NAME OUTPUT [--quick]`.

The file holds `{"figures": {…}, …}` or `{"left_out": "why"}`.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.measure import FULL, QUICK, Method, measure
from bench.peer import Missing, Peer


def run_peer(name: str, method: Method) -> dict[str, Any]:
    try:
        subject: type[Peer] = importlib.import_module(f"bench.peers.{name}").Subject
    except ImportError as error:
        return {"left_out": f"{error.name or error} is not installed"}
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", ignore_cleanup_errors=True) as scratch:
        peer = subject(Path(scratch))
        try:
            peer.start()
            figures = measure(peer, method)
        except Missing as error:
            return {"left_out": f"{error} is not installed"}
        finally:
            peer.stop()
    return {
        "title": peer.title,
        "durable": peer.durable,
        "checks_caller": peer.checks_caller,
        "figures": figures,
    }


def run_figures(method: Method) -> dict[str, Any]:
    from bench.figures import take_figures

    return {"figures": take_figures(method)}


def run_catalog(method: Method) -> dict[str, Any]:
    from bench.catalog import take_catalog_figures

    with tempfile.TemporaryDirectory(prefix="bench-catalog-", ignore_cleanup_errors=True) as scratch:
        return {"figures": take_catalog_figures(method, Path(scratch))}


def main(name: str, output: str, *flags: str) -> None:
    method = QUICK if "--quick" in flags else FULL
    own = {"figures": run_figures, "catalog": run_catalog}
    outcome = own[name](method) if name in own else run_peer(name, method)
    Path(output).write_text(json.dumps(outcome))


# Spawned workers of some peers import this module again.
if __name__ == "__main__":
    main(*sys.argv[1:])
