"""`python -m bench`: run the subjects one after the other, print the table, write `bench/results.json`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from bench.peers import NAMES
from bench.processes import ROOT
from bench.report import Outcomes, report

SUBJECTS = (*NAMES, "figures", "catalog")
LIMIT_SECONDS = 600
"""How long one subject may take. The slowest peers need about two minutes."""


def main() -> int:
    options = parse()
    outcomes: Outcomes = {}
    for name in options.only:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        outcomes[name] = run(name, quick=options.quick)
    results = {name: outcome["figures"] for name, outcome in outcomes.items() if "figures" in outcome}
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    print(f"{interpreter()}\n\n{report(outcomes)}")
    return 1 if any("failed" in outcome for outcome in outcomes.values()) else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", type=subjects, default=SUBJECTS, metavar="NAME,…", help=f"some of: {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--quick", action="store_true", help="fewer calls; for seeing that it runs, not for figures")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "results.json", metavar="FILE")
    return parser.parse_args()


def subjects(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in SUBJECTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are: {', '.join(SUBJECTS)}")
    return names


def interpreter() -> str:
    """What runs it all: builds of one version differ by half. Not all that are optimised by profile say so."""
    build = f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}"
    flags = [
        flag
        for flag in ("--enable-optimizations", "--with-lto")
        if flag in str(sysconfig.get_config_var("CONFIG_ARGS"))
    ]
    return ", ".join([build, f"of {platform.python_build()[1]}", *flags])


def run(name: str, *, quick: bool) -> dict[str, Any]:
    """The outcome of one subject, measured in a process of its own, in a session that ends with it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        output, log = Path(scratch) / "outcome.json", Path(scratch) / "log"
        command = [sys.executable, "-m", "bench.run_one", name, str(output), *(["--quick"] if quick else [])]
        with open(log, "wb") as stream:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            code = process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return {"failed": f"not done after {LIMIT_SECONDS} s\n{tail(log)}"}
        finally:
            end(process)
        if code or not output.exists():
            return {"failed": f"exit code {code}\n{tail(log)}"}
        outcome: dict[str, Any] = json.loads(output.read_text())
        return outcome


def end(process: subprocess.Popen[bytes]) -> None:
    """End the subject and whatever it left behind in its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def environment() -> dict[str, str]:
    """Programs and modules of this environment first, for the processes that peers start by name.

    Without the farcall settings of whoever runs the benchmark.
    """
    programs = str(Path(sys.executable).parent)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("FARCALL_")},
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }


def tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]


if __name__ == "__main__":
    sys.exit(main())
