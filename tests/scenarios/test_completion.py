"""The shell completes commands, names of the catalog and ids of invocations."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.world import World

SOURCE = """
    import farcall

    @farcall.function(namespace="physics")
    def free_fall(time: float) -> float:
        "Velocity after falling."
        return 9.81 * time

    @farcall.function(namespace="chemistry")
    def mix(parts: int) -> int:
        return parts
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start_hub()
    made.account("alice")
    made.write("functions.py", SOURCE)
    made.serve("worker", "functions.py")
    yield made
    made.close()


def completed(world: World, shell: str, words: str) -> list[str]:
    """What the shell's own script offers for the last word."""
    bin_directory = world.directory / "bin"
    bin_directory.mkdir(exist_ok=True)
    program = bin_directory / "farcall"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m farcall "$@"\n')
    program.chmod(0o755)
    script = f"""
        export PATH={bin_directory}:$PATH
        eval "$(farcall completion {shell})"
        COMP_WORDS=({words}) COMP_CWORD=$(( $(set -- {words}; echo $#) - 1 ))
        _farcall_completion farcall
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [shell, "-c", script], env=world.environment("alice"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_names_and_ids(world: World) -> None:
    identifier = world.farcall("call", "alice/chemistry/mix", "parts=2", "--submit", who="alice").stdout.strip()
    assert completed(world, "bash", "farcall whoa") == ["whoami"]
    assert completed(world, "bash", "farcall call alice/ph") == ["alice/physics/free_fall"]
    assert sorted(completed(world, "bash", "farcall show alice/")) == ["alice/chemistry/mix", "alice/physics/free_fall"]
    assert completed(world, "bash", f"farcall status {identifier[:8]}") == [identifier]
    assert completed(world, "bash", "farcall call bob/") == []
    assert completed(world, "bash", "farcall share alice/ph") == ["alice/physics", "alice/physics/free_fall"]
    assert completed(world, "bash", "farcall list --namespace alice/ch") == ["alice/chemistry", "alice/chemistry/mix"]
    assert completed(world, "bash", "farcall namespace delete alice/ch") == ["alice/chemistry", "alice/chemistry/mix"]


def test_a_hub_that_is_away_offers_nothing_and_says_nothing(world: World) -> None:
    world.kill_hub()
    done = world.farcall("call", who="alice", stdin="")
    assert done.returncode == 2
    if shutil.which("bash"):
        assert completed(world, "bash", "farcall call alice/ph") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_every_shell(shell: str, tmp_path: Path) -> None:
    done = World(tmp_path).farcall("completion", shell)
    assert done.returncode == 0
    assert "_FARCALL_COMPLETE" in done.stdout
