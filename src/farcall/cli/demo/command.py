"""The command `farcall demo`."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import click

from farcall.cli.output import say

from farcall.cli.demo.scenes import missing_packages, play
from farcall.cli.demo.stage import SceneFailed, Stage


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running, and say how to go on.")
def demo(keep: bool) -> None:
    """The whole story in half a minute: real processes, real data, on this machine alone.

    A hub, two workers of Alice's, Bob who is invited and calls from a process of his own; one worker dies in the
    middle. Exits 0 if everything was as it should be, else 1 with what was not.
    """
    missing = missing_packages()
    if missing:
        raise click.ClickException(
            f"the demo needs {', '.join(missing)}; install it with: pip install 'farcall[hub,demo]'"
        )
    directory = Path(tempfile.mkdtemp(prefix="farcall-demo-"))
    stage = Stage(directory)
    say(f"Everything happens in {directory} and on 127.0.0.1.")
    began = time.monotonic()
    try:
        play(stage)
    except SceneFailed as failure:
        raise click.ClickException(f"not as it should be: {failure}") from failure
    finally:
        if not keep:
            stage.close()
    say()
    say(f"All of it was so, in {time.monotonic() - began:.0f} s.", fg="green", bold=True)
    if keep:
        _go_on(stage)
    else:
        shutil.rmtree(directory, ignore_errors=True)  # after a failure it stays, for its logs
        say("Try it yourself: farcall demo --keep, or the tutorial in docs/tutorial.md.")


def _go_on(stage: Stage) -> None:
    say("The hub still runs. To go on as Bob, in another terminal:")
    token = stage.farcall("bob", "token", "create", "--print-token").strip()
    say(f"  export FARCALL_HUB={stage.url} FARCALL_TOKEN={token}")
    say("  farcall list")
    say("To serve again as Alice:")
    say(f"  export FARCALL_HUB={stage.url} FARCALL_TOKEN={stage.tokens['alice']}")
    say(f"  cd {stage.directory / 'alice'} && farcall serve digits.py scan.py --namespace digits")
    say(f"To stop the hub: kill {stage.processes['hub'].pid}; then remove {stage.directory}.")
