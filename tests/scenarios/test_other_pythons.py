"""Callers on another Python than the worker, with nothing installed but what a caller needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.town import Town

ROOT = Path(__file__).parents[2]
SOURCE = """
    from dataclasses import dataclass
    from datetime import datetime, timedelta
    from decimal import Decimal
    from enum import Enum
    from typing import Any, Iterator
    import sys
    import farcall

    class Colour(Enum):
        RED = "r"

    @dataclass
    class Point:
        x: float
        y: float = 0.0

    @farcall.function(namespace="open/pythons")
    def python() -> list[int]:
        return list(sys.version_info[:2])

    @farcall.function(namespace="open/pythons")
    def same(value: Any) -> Any:
        return value

    @farcall.function(namespace="open/pythons")
    def mirror(point: Point, colour: Colour = Colour.RED) -> Point:
        return Point(-point.x, -point.y)

    @farcall.function(namespace="open/pythons")
    def raises(text: str) -> None:
        raise ValueError(text)

    @farcall.function(namespace="open/pythons")
    def count(to: int) -> Iterator[int]:
        yield from range(to)
"""
CALLER = """
    import asyncio, inspect, json, sys
    from datetime import datetime, timedelta, timezone
    from decimal import Decimal
    from farcall.catalog.alice.open.pythons import count, mirror, python, raises, same

    values = [None, 2**80, 0.1, 1j, "☃", b"x", (1, {2}), {1: [timedelta(1)]}, Decimal("1.10"),
              datetime(2026, 1, 2, tzinfo=timezone.utc)]
    assert list(same.map(values)) == values
    assert mirror({"x": 1.0}).x == -1.0
    assert str(inspect.signature(count)) == "(to: int) -> collections.abc.Iterator[int]"
    assert list(count.stream(100)) == list(range(100))
    assert asyncio.run(same.aio(5)) == 5
    assert same(bytes(3_000_000)) == bytes(3_000_000)
    try:
        raises("as it is")
    except ValueError as error:
        assert isinstance(error, farcall.FunctionError) and "as it is" in str(error)
    assert "numpy" not in sys.modules
    print(json.dumps([list(sys.version_info[:2]), python()]))
"""


def runs(command: str, version: str) -> str:
    """The interpreter's own path if `command` starts Python `version`, else nothing."""
    probe = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"
    try:
        done = subprocess.run([command, "-c", probe], capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    found, _, executable = done.stdout.strip().partition(" ")
    return executable if found == version else ""


def interpreter(version: str) -> str:
    """Python `version`, from the PATH or from the usual version managers; skips the test if there is none."""
    managed = [Path.home() / ".pyenv/versions", Path.home() / ".local/share/uv/python"]
    inside = [str(python) for place in managed for python in sorted(place.glob(f"*{version}.*/bin/python{version}"))]
    for command in [f"python{version}", *inside]:
        found = runs(command, version)
        if found:
            return found
    pytest.skip(f"NOT TESTED: a caller on Python {version}, because there is no python{version} on this machine")


def pinned() -> list[str]:
    """What a caller needs, in the versions of the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = dict(
        re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    )
    names = [re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in project["dependencies"]]
    return [f"{name}=={locked[name]}" for name in names]


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, name="pythons") as name:
        yield name


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_caller_on_another_python_calls_streams_and_catches(
    town: Town, version: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base = interpreter(version)
    subprocess.run([base, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv/bin/python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", *pinned()]
    done = subprocess.run(install, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED: a caller on Python {version}, because pip could not install: {done.stderr[-300:]}")
    request.getfixturevalue("worker")
    environment = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    environment["PYTHONPATH"] = str(ROOT / "src")
    caller = town.python(CALLER, executable=python, **environment)
    out, err = caller.communicate(timeout=60)
    assert caller.returncode == 0, err
    theirs, ours = json.loads(out)
    assert theirs == [int(part) for part in version.split(".")]
    assert ours == list(sys.version_info[:2])
