"""`python -m farcall.testing.simulate`: many seeds of the simulation, or one, told event by event."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from farcall.testing.simulation.schedule import Failed, run


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every seed held; 1 at the first that did not, which is printed."""
    parser = argparse.ArgumentParser(prog="python -m farcall.testing.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to try (default: %(default)s)")
    parser.add_argument("--start", type=int, default=0, help="the first of them (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="replay this one, and print everything the core hears and wants")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _replay(options.seed)
    return _many(options.start, options.seeds)


def _replay(seed: int) -> int:
    try:
        print(run(seed, trace=print))
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


def _many(start: int, seeds: int) -> int:
    began = time.perf_counter()
    events = invocations = 0
    for seed in range(start, start + seeds):
        try:
            summary = run(seed)
        except Failed as failed:
            print(failed, file=sys.stderr)
            return 1
        events += summary.events
        invocations += summary.invocations
    seconds = time.perf_counter() - began
    print(
        f"{seeds} seeds from {start} held: {events} events, {invocations} invocations, "
        f"{seconds:.1f} s, {1000 * seconds / max(seeds, 1):.1f} ms a seed"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
