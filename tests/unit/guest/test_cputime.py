"""CPU time of calls: own threads always, children where a call took long enough to have had any."""

from __future__ import annotations

import subprocess
import sys
import time

from farcall.guest.cputime import CHILD_SECONDS, Meter

BURN = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass"


def test_children_are_counted_once_and_in_the_call_that_waited_for_them() -> None:
    own, children = iter([1.0, 1.5, 2.0, 2.25, 3.0, 3.125]), iter([10.0, 14.0, 14.0])
    meter = Meter(lambda: next(own), lambda: next(children))
    meter.begin()
    assert meter.end(1.0) == 0.5 + 4.0
    meter.begin()
    assert meter.end(1.0) == 0.25
    meter.begin()
    assert meter.end(CHILD_SECONDS / 2) == 0.125, "a short call does not ask after children"


def test_what_a_real_child_used_is_charged() -> None:
    meter = Meter()
    meter.begin()
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", BURN], check=True)
    used = meter.end(time.monotonic() - began)
    assert (used > 0.09) is (sys.platform != "win32")


def test_it_never_runs_backwards() -> None:
    own = iter([2.0, 1.0])
    meter = Meter(lambda: next(own), lambda: 0.0)
    meter.begin()
    assert meter.end(0.0) == 0.0
