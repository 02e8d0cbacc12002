"""The examples: each script by itself and served, each function here and served, and all four agree."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import farcall
from tests.scenarios.town import Town

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("free_fall", "compound_interest", "diffraction", "fit")


def measurements() -> Any:
    times = np.linspace(0, 8, 150)
    noise = np.random.default_rng(7).normal(0, 0.02, times.size)
    return np.column_stack([times, 1.5 * np.exp(-0.2 * times) * np.cos(2 * np.pi * 0.6 * times) + noise])


ARGUMENTS: dict[str, dict[str, Any]] = {
    "free_fall": {"time": 30.0, "mass": 5.0},
    "compound_interest": {"years": 30, "deposit": 100.0, "compounding": "yearly"},
    "diffraction": {"pixels": 128, "wavelength": 633.0},
    "fit": {"data": measurements(), "frequency": 0.58},
}


@pytest.fixture(scope="module")
def served(town: Town) -> Iterator[farcall.Client]:
    """Bob's client, while Alice serves all of them."""
    workers = []
    for kind in ("scripts", "functions"):
        first, *others = (str(EXAMPLES / kind / f"{name}.py") for name in NAMES)
        worker = town.fresh("examples")
        town.serve(worker, first, options=(*others, "--namespace", f"open/{kind}"))
        workers.append(worker)
    with town.client() as client:
        yield client
    for worker in workers:
        town.stop(worker)


def local(name: str) -> Any:
    """The plain function of an example, imported as a file."""
    spec = util.spec_from_file_location(f"example_{name}", EXAMPLES / "functions" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def by_itself(name: str, directory: Path) -> dict[str, Any]:
    """What a script reports when plain Python runs it, with nothing of farcall's around it but its two marks."""
    watching = (
        "import json, runpy, sys\n"
        "import farcall\n"
        "seen = {}\n"
        "plain = farcall.result\n"
        "def result(value, /, **words):\n"
        "    seen[words['name']] = value.tolist() if hasattr(value, 'tolist') else value\n"
        "    return plain(value, **words)\n"
        "farcall.result = result\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "print()\n"
        "print(json.dumps(seen))\n"
    )
    path = str(EXAMPLES / "scripts" / f"{name}.py")
    done = subprocess.run(
        [sys.executable, "-c", watching, path], cwd=directory, capture_output=True, text=True, check=True, timeout=60
    )
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


@pytest.mark.parametrize("kind", ["scripts", "functions"])
@pytest.mark.parametrize("name", NAMES)
def test_each_example_runs_by_itself_without_any_hub(name: str, kind: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / kind / f"{name}.py")],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


@pytest.mark.parametrize("name", NAMES)
def test_a_served_script_gives_what_it_gives_by_itself(name: str, served: farcall.Client, tmp_path: Path) -> None:
    alone = by_itself(name, tmp_path)
    called = served.get(f"alice/open/scripts/{name}")()
    assert list(alone) == list(called._fields)
    for field, value in alone.items():
        assert same(getattr(called, field), value), field


@pytest.mark.parametrize("name", NAMES)
def test_script_and_function_agree_served_or_not(name: str, served: farcall.Client) -> None:
    arguments = ARGUMENTS[name]
    here = local(name)(**arguments)
    script = served.get(f"alice/open/scripts/{name}")(**arguments)
    function = served.get(f"alice/open/functions/{name}")(**arguments)
    assert script._fields == function._fields == here._fields
    for field in here._fields:
        expected = getattr(here, field)
        assert same(getattr(script, field), expected), field
        assert same(getattr(function, field), expected), field


# -- that they are right, by other means than their own ----------------------------------------------------------------


def test_a_heavy_body_falls_as_in_a_vacuum_and_a_long_fall_ends_in_terminal_velocity(served: farcall.Client) -> None:
    free_fall = served.get("alice/open/scripts/free_fall")
    heavy = free_fall(3.0, mass=1e9)
    assert math.isclose(heavy.velocity, 9.81 * 3, rel_tol=1e-6)
    assert math.isclose(heavy.distance, 9.81 * 9 / 2, rel_tol=1e-4)
    long = free_fall(500.0)
    assert math.isclose(long.velocity, math.sqrt(2 * 80 * 9.81 / (1.225 * 0.5)), rel_tol=1e-12)


def test_yearly_interest_is_a_power(served: farcall.Client) -> None:
    made = served.get("alice/open/scripts/compound_interest")(1000.0, 0.05, 10, compounding="yearly")
    assert math.isclose(made.balance, 1000 * 1.05**10, rel_tol=1e-12)
    assert len(made.by_year) == 11


def test_the_first_dark_ring_is_where_airy_has_it_and_the_picture_is_round(served: farcall.Client) -> None:
    picture = served.get("alice/open/scripts/diffraction")(pixels=512)
    assert picture.intensity.shape == (512, 512)
    assert abs(picture.dark_ring - 1.22 * 550e-9 / 0.1e-3 * 1e3) <= picture.pixel_angle
    assert np.allclose(picture.intensity[1:, 1:], picture.intensity[1:, 1:].T)


def test_the_fit_finds_what_scipy_finds(served: farcall.Client) -> None:
    from scipy.optimize import curve_fit

    data = measurements()
    made = served.get("alice/open/scripts/fit")(data, frequency=0.58)
    best, _ = curve_fit(
        lambda t, a, k, f: a * np.exp(-k * t) * np.cos(2 * np.pi * f * t), data[:, 0], data[:, 1], (1.0, 0.1, 0.58)
    )
    assert np.allclose([made.amplitude, made.decay, made.frequency], best, rtol=1e-5)
    assert made.steps < 50
