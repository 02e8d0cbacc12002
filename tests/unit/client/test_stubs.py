"""Stubs say what interfaces say, and nothing that somebody else wrote becomes code."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.authoring import Range, Unit
from farcall.authoring.signature import describe
from farcall.client.stubs import MARK, Described, stubs
from farcall.domain.interface import Interface


@dataclass
class Orbit:
    height: float
    period: list[float]


def free_fall(time: Annotated[float, Unit("s"), Range(0, 1000)], *, g: float = 9.81) -> Annotated[float, Unit("m/s")]:
    """Velocity after `time`.

    ''' \"\"\" import os
    """
    return g * time


def orbit(name: str, at: Orbit, /, *more: int, kind: Literal["low", "high"] = "low", **rest: bool) -> Orbit:
    return at


def smooth(values: np.ndarray[Any, Any], width: int | None = None) -> np.ndarray[Any, Any]:
    return values


def count(to: int) -> Iterator[dict[str, tuple[int, float]]]:
    yield {}


def anything(x, y=None):  # type: ignore[no-untyped-def]
    return x


class Fit(NamedTuple):
    slope: float
    residuals: np.ndarray[Any, Any]


class Counts(NamedTuple):
    count: int
    numbers: list[int]


def fit(x: float) -> Fit: ...  # type: ignore[empty-body]  # here and below, only the signature counts


def counts(self: int) -> Counts: ...  # type: ignore[empty-body]


def described(name: str, function: Any) -> Described:
    return Described(name, 3, Interface.parse(describe(function)))


CATALOG = [
    described("alice/physics/free_fall", free_fall),
    described("alice/physics/sky/orbit", orbit),
    described("alice/images/smooth", smooth),
    described("alice/count", count),
    described("bob/anything", anything),
    described("carol/fit", fit),
    described("carol/counts", counts),
    described("carol/list", count),
    described("carol/Any", anything),
    described("carol/float", free_fall),
    described("carol/numpy/smooth", smooth),
    described("carol/property", orbit),
]
USE = """
import numpy as np
from farcall.catalog.alice import count
from farcall.catalog.alice.images import smooth
from farcall.catalog.alice.physics import free_fall
from farcall.catalog.alice.physics.sky import orbit
import farcall.catalog.bob
import farcall.catalog.carol as carol

reveal_type(free_fall(1.0))
reveal_type(free_fall("2 min", g=1.0))
reveal_type(free_fall.submit(1.0).result())
reveal_type(free_fall.options(timeout=3)(1.0))
reveal_type([speed for speed in free_fall.map([1.0])])
reveal_type(orbit("a", {"height": 1.0}, 1, 2, kind="low", extra=True).period)
reveal_type(smooth([1, 2]))
reveal_type([item for item in count(3)])
reveal_type(farcall.catalog.bob.anything(1, y=2))

async def later() -> None:
    reveal_type(await free_fall.aio(1.0))
    reveal_type([item async for item in count.stream(3)])
    reveal_type([speed async for speed in free_fall.map([1.0])])

slope, _ = carol.fit(1.0)
reveal_type(slope)
reveal_type(carol.counts(1).numbers)
reveal_type(carol.list.submit(2))
reveal_type(carol.Any(1))
reveal_type(carol.float(1))
reveal_type(carol.numpy.smooth([1]))
reveal_type(carol.property("a", None).height)
"""
SAID = [
    "float",
    "float",
    "float",
    "float",
    "list[float]",
    "list[float]",
    "numpy.ndarray[Any, Any]",
    "list[dict[str, tuple[int, float]]]",
    "Any",
    "float",
    "list[dict[str, tuple[int, float]]]",
    "list[float]",
    "float",
    "list[int]",
    "farcall.catalog.carol._list_call",
    "Any",
    "float",
    "numpy.ndarray[Any, Any]",
    "float",
]
WRONG = """
from farcall.catalog.alice.physics import free_fall
from farcall.catalog.alice.physics.sky import orbit
free_fall([1.0])
free_fall(1.0, h=2)
free_fall()
orbit(name="a", at=None)
orbit("a", None, kind="middle")
"""


def write(directory: Path, functions: list[Described]) -> None:
    for path, text in stubs(functions, numpy=True).files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)


def mypy(directory: Path, script: str) -> list[str]:
    (directory / "use.py").write_text(textwrap.dedent(script))
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={directory / 'cache'}",
        "use.py",
    ]
    environment = {"MYPYPATH": "typings", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_a_type_checker_knows_what_the_interfaces_say(tmp_path: Path) -> None:
    write(tmp_path / "typings", CATALOG)
    lines = mypy(tmp_path, USE)
    revealed = [line.split("Revealed type is ")[1].strip('"').replace("builtins.", "") for line in lines[:-1]]
    assert revealed == SAID, lines
    wrong = mypy(tmp_path, WRONG)
    assert {line.split(":")[1] for line in wrong[:-1] if " error: " in line} == {"4", "5", "6", "7", "8"}, wrong


def test_a_name_that_python_keeps_to_itself_is_left_out_and_said_to_be() -> None:
    made = stubs([described("alice/class/f", anything), described("alice/if", anything)], numpy=False)
    assert not made.files
    assert [sentence.partition(" cannot")[0] for sentence in made.left_out] == ["alice/class/f", "alice/if"]
    assert "farcall.get('alice/class/f')" in made.left_out[0]


def test_without_numpy_arrays_are_anything() -> None:
    text = stubs([CATALOG[2]], numpy=False).files[PurePosixPath("farcall/catalog/alice/images/__init__.pyi")]
    assert "numpy" not in text
    assert "values: Any" in text


def test_each_file_says_who_wrote_it() -> None:
    assert all(text.startswith(MARK + "\n") for text in stubs(CATALOG, numpy=True).files.values())


def test_namespaces_lead_to_those_within() -> None:
    files = stubs(CATALOG, numpy=True).files
    assert "from . import physics as physics" in files[PurePosixPath("farcall/catalog/alice/__init__.pyi")]
    assert "from . import sky as sky" in files[PurePosixPath("farcall/catalog/alice/physics/__init__.pyi")]


def _document(text: str) -> dict[str, Any]:
    return {
        "parameters": [{"name": "x", "kind": "keyword_only", "required": False, "default_repr": text[:200]}],
        "result": {
            "type": "object",
            "x-type": "record",
            "title": "R",
            "properties": {"good": {"type": "string", "x-type": "str", "enum": [text, "other"]}},
        },
        "doc": text,
    }


@given(st.text(max_size=60) | st.sampled_from(['"""', "'''", "\\", "\n    def evil(): ...", "\x00", "a\u2028b"]))
def test_whatever_an_owner_wrote_stays_within_literals(text: str) -> None:
    try:
        interface = Interface.parse(_document(text))
    except ValueError:
        return
    [file] = stubs([Described("alice/f", 1, interface)], numpy=False).files.values()
    tree = ast.parse(file)
    plain = ast.parse(
        next(iter(stubs([Described("alice/f", 1, Interface.parse(_document("x")))], numpy=False).files.values()))
    )
    shape = [type(node).__name__ for node in ast.walk(tree)]
    assert shape == [type(node).__name__ for node in ast.walk(plain)]


@pytest.mark.parametrize("numpy", [True, False])
def test_every_stub_is_python(numpy: bool) -> None:
    for text in stubs(CATALOG, numpy=numpy).files.values():
        ast.parse(text)
