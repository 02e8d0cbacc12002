"""`farcall demo` is run as whoever tries Farcall first runs it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from farcall.cli.demo import command
from farcall.cli.demo.stage import Stage, expect
from tests.scenarios.world import FARCALL


def test_the_whole_story_is_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FARCALL_")}
    kept |= {"TMPDIR": str(tmp_path), "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home")}
    done = subprocess.run([*FARCALL, "demo"], env=kept, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All of it was so, in" in done.stdout
    assert "You may now invoke alice/digits, which alice shares with you." in done.stdout
    assert "\n         75\n" in done.stdout
    assert not re.search(r"/i/\w{20}", done.stdout), "the whole link of the invitation is shown"
    left = [
        path.name for path in tmp_path.iterdir() if not path.name.startswith("farcall-worker-")
    ]  # of the killed one
    assert not left, "scratch files, or a login of whoever looks on"


def test_what_is_not_so_ends_the_demo_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def play(stage: Stage) -> None:
        expect(False, "the accuracy is 12.0%")

    monkeypatch.setattr(command, "play", play)
    monkeypatch.setattr(command, "missing_packages", list)
    done = CliRunner().invoke(command.demo, env={"TMPDIR": str(tmp_path)})
    assert done.exit_code == 1
    assert "not as it should be: the accuracy is 12.0%" in done.output
