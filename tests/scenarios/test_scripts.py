"""Plain scripts as functions, with real processes: served, called in every way, changed, and nothing left behind."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until
from tests.scenarios.wrong import refused

SPACE = ("--namespace", "open/scripts")

PLOT = """
    '''Draws something.'''
    import os, sys
    from pathlib import Path
    import farcall

    count = farcall.variable(3, name="count", min=1, max=100, doc="How many marks")
    mark = farcall.variable("x", name="mark", choices=("x", "o"))
    weights = farcall.variable([1.0, 2.0], name="weights")

    seen = "leftover" in globals()
    leftover = True
    empty = not os.listdir()
    Path("plot.txt").write_text(mark * count)
    print("drawing", count)
    farcall.log.info("logged %d", count)

    farcall.result(count * sum(weights), name="total", type=float, unit="kg")
    farcall.result(Path("plot.txt"), name="plot", type=Path)
    farcall.result({"fresh": empty and not seen, "pid": os.getpid(), "cwd": os.getcwd()}, name="state", type=dict)
"""


def name_of(worker: str) -> str:
    return f"alice/open/scripts/{worker}"


def post(town: Town, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        town.url + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {town.tokens['bob']}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        return json.load(response)


def test_a_script_is_called_from_python_rest_and_the_command_line(town: Town, bob: farcall.Client) -> None:
    with town.serving(PLOT, options=SPACE) as worker:
        plot = bob.get(name_of(worker))
        parameters = inspect.signature(plot).parameters
        assert [(name, parameter.default) for name, parameter in parameters.items()] == [
            ("count", 3),
            ("mark", "x"),
            ("weights", [1.0, 2.0]),
        ]
        assert (plot.__doc__ or "").startswith("Draws something.")

        made = plot(5, weights=[0.5, 1])
        assert made.total == 7.5
        assert made._fields == ("total", "plot", "state")
        assert (made.plot.name, made.plot.read()) == ("plot.txt", b"xxxxx")

        answer = post(town, f"/v1/functions/{name_of(worker)}/invocations", {"args": {"count": 2, "mark": "o"}})
        assert answer["result"]["total"] == 6.0
        assert answer["result"].keys() == {"total", "plot", "state"}

        directory = town.fresh("made")
        printed = town.farcall("call", name_of(worker), "count=4", "--output", directory, who="bob")
        assert printed.returncode == 0, printed.stderr
        written = {path.name: path.read_text() for path in (town.directory / directory).iterdir()}
        assert written["plot.txt"] == "xxxx"
        assert json.loads(written["total.json"]) == 12.0
        assert json.loads(written["state.json"])["fresh"] is True


def test_files_come_by_content_and_those_beside_the_script_are_found(town: Town, bob: farcall.Client) -> None:
    source = """
        from pathlib import Path
        import farcall
        table = farcall.variable(Path(__file__).with_suffix(".csv"), name="table", type=Path)
        farcall.result([table.read_text(), Path.cwd().resolve() in table.resolve().parents], name="seen")
    """
    with town.serving(source, options=SPACE) as worker:
        (town.directory / f"{worker}.csv").write_text("owner's")
        mine = town.directory / f"{town.fresh('mine')}.csv"
        mine.write_text("caller's")
        script = bob.get(name_of(worker))
        assert script() == ["owner's", False]
        assert script(mine) == ["caller's", False]
        printed = town.farcall("call", name_of(worker), f"table=@{mine}", who="bob")
        assert json.loads(printed.stdout) == ["caller's", False], printed.stderr


def test_callers_write_units_and_the_script_gets_plain_numbers(town: Town, bob: farcall.Client) -> None:
    source = """
        import farcall
        time = farcall.variable(100.0, min=0, max=1000, unit="s", term="https://example.org/terms/duration")
        farcall.result(9.81 * time, name="velocity", unit="m/s", type=float)
    """
    with town.serving(source, options=SPACE) as worker:
        fall = bob.get(name_of(worker))
        assert fall("2 min") == 9.81 * 120
        with pytest.raises(farcall.InvalidArguments, match="time"):
            fall("2 kg")
        with pytest.raises(farcall.InvalidArguments, match="1000"):
            fall("1 h")
        answer = post(town, f"/v1/functions/{name_of(worker)}/invocations", {"args": {"time": "0.5 min"}})
        assert answer["result"] == 9.81 * 30
        interface = town.get(f"/v1/functions/{name_of(worker)}", "bob")["interface"]
        assert interface["parameters"][0]["schema"]["x-term"] == ["https://example.org/terms/duration"]
    name = f"{town.fresh('refused')}.py"
    town.write(name, "import farcall\n\nfarcall.result(1.0, name='y', unit='metresss')\n")
    done = town.farcall("serve", name, "--slots", "1", who="alice")
    refused(done, f"Error: {name}, line 3: result 'y': there is no unit 'metresss'; did you mean")
    town.write(name, "import farcall\nx = farcall.variable(1.0, unit='m/')\nfarcall.result(x, name='y')\n")
    done = town.farcall("serve", name, "--slots", "1", who="alice")
    refused(done, f"Error: {name}, line 2: variable 'x': 'm/' is not written as units are")


def test_what_has_a_unit_and_no_type_is_a_number_or_an_array_of_numbers(town: Town, bob: farcall.Client) -> None:
    source = """
        import farcall
        time = farcall.variable(None, unit="s")
        farcall.result(2.0 if time is None else time, unit="s", name="time")
        farcall.result("none" if time is None else type(time).__name__, name="kind")
    """
    with town.serving(source, options=SPACE) as worker:
        function = bob.get(name_of(worker))
        assert str(function.interface.signature_text).startswith("(time: float | ndarray | None [s] = None) -> ")
        assert function() == (2.0, "none")
        assert function("2 min") == (120.0, "float")
        many = function(np.array([1.0, 2.0]))
        assert many.kind == "ndarray"
        assert many.time.tolist() == [1.0, 2.0]
        answer = post(town, f"/v1/functions/{name_of(worker)}/invocations", {"args": {"time": [1.5, 2]}})
        assert answer["result"]["time"]["value"] == [1.5, 2.0]
        answer = post(town, f"/v1/functions/{name_of(worker)}/invocations", {"args": {"time": "1 min"}})
        assert answer["result"] == {"time": 60.0, "kind": "float"}
        with pytest.raises(farcall.InvalidArguments, match="time"):
            function("soon")
    source = "import farcall\nfarcall.result([1.0], name='x', unit='m')\n"
    with (
        town.serving(source, options=SPACE) as worker,
        pytest.raises(farcall.FunctionError, match=r"type=list\[float\]"),
    ):
        bob.get(name_of(worker))()


def test_calls_in_one_process_do_not_see_each_other_and_their_directories_are_gone(
    town: Town, bob: farcall.Client
) -> None:
    with town.serving(PLOT, options=SPACE) as worker:
        states = [made.state for made in bob.get(name_of(worker)).map(range(1, 21))]
    assert all(state["fresh"] for state in states)
    assert len({state["pid"] for state in states}) == 1
    assert len({state["cwd"] for state in states}) == 20
    assert not any(Path(state["cwd"]).exists() for state in states)


def test_arguments_are_checked_before_the_script_runs(town: Town, bob: farcall.Client) -> None:
    with town.serving(PLOT, options=SPACE) as worker:
        plot = bob.get(name_of(worker))
        for arguments, word in (({"count": 0}, "count"), ({"mark": "z"}, "mark"), ({"size": 1}, "size")):
            with pytest.raises(farcall.InvalidArguments, match=word):
                plot(**arguments)
        assert "drawing" not in town.log(worker)


def test_prints_and_logs_of_a_script_are_kept_and_its_progress_is_shown(town: Town, bob: farcall.Client) -> None:
    source = """
        import time
        from pathlib import Path
        import farcall
        gate = farcall.variable("", name="gate")
        print("begun")
        farcall.log.warning("half")
        farcall.progress(0.5, "waiting")
        while not Path(gate).exists():
            time.sleep(0.01)
        farcall.result("done", name="end")
    """
    gate = town.directory / town.fresh("gate")
    with town.serving(source, options=SPACE) as worker:
        running = bob.get(name_of(worker)).submit(str(gate))
        wait_until(lambda: running.progress == 0.5 or "0.5" in str(running.progress), what="progress")
        gate.touch()
        assert running.result(20) == "done"
        text = "".join(line.text for line in running.logs())
        assert "begun" in text
        assert "half" in text


def test_a_script_that_is_cancelled_is_interrupted_and_the_next_call_finds_nothing_of_it(
    town: Town, bob: farcall.Client
) -> None:
    source = """
        import os, time
        from pathlib import Path
        import farcall
        started = farcall.variable("", name="started")
        if started:
            Path("left.txt").write_text("x")
            Path(started).write_text(os.getcwd())
            try:
                time.sleep(60)
            finally:
                Path(started + ".tidied").touch()
        farcall.result((os.getpid(), os.listdir()), name="state")
    """
    with town.serving(source, options=SPACE) as worker:
        script = bob.get(name_of(worker))
        pid, _ = script()
        started = town.directory / town.fresh("started")
        running = script.submit(str(started))
        room = Path(wait_until(lambda: started.exists() and started.read_text(), what="it runs"))
        assert (room / "left.txt").exists()
        assert running.cancel()
        with pytest.raises(farcall.InvocationCancelled):
            running.result(20)
        assert script() == (pid, [])
        assert not room.exists()
        assert Path(f"{started}.tidied").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process")
def test_a_script_whose_process_dies_leaves_no_directory_behind(town: Town, bob: farcall.Client) -> None:
    source = """
        import os
        from pathlib import Path
        import farcall
        note = farcall.variable("", name="note")
        Path(note).write_text(os.getcwd())
        os.kill(os.getpid(), 9)
        farcall.result(1, name="never")
    """
    note = town.directory / town.fresh("note")
    with town.serving(source, options=SPACE) as worker:
        with pytest.raises(farcall.WorkerLost):
            bob.get(name_of(worker))(str(note))
        wait_until(lambda: not os.path.exists(note.read_text()), what="the directory is removed")


def test_what_goes_wrong_in_a_script_is_told_with_its_own_lines(town: Town, bob: farcall.Client) -> None:
    source = """
        import sys
        import farcall
        kind = farcall.variable("raise", name="kind")
        if kind == "raise":
            raise KeyError("lost")
        if kind == "exit":
            sys.exit(3)
        if kind == "bounds":
            farcall.result(2.0, name="ratio", max=1)
        if kind == "ok":
            farcall.result(0.5, name="ratio", max=1)
            sys.exit(0)
    """
    with town.serving(source, options=SPACE) as worker:
        script = bob.get(name_of(worker))
        expected = {
            "raise": ("KeyError", "lost", "line 6"),
            "exit": ("RuntimeError", "The script ended early: it exited with code 3", "line 8"),
            "bounds": ("ValueError", "result 'ratio' is 2.0; its bounds are at most 1", "line 10"),
            "nothing": ("RuntimeError", "The script ended without reporting 'ratio' (line 10).", ""),
        }
        for kind, (remote_type, message, line) in expected.items():
            with pytest.raises(farcall.FunctionError) as caught:
                script(kind)
            assert remote_type in str(type(caught.value).__mro__) + str(caught.value), kind
            assert message in str(caught.value)
            trace = str(getattr(caught.value, "traceback", ""))
            assert line in trace
            assert "farcall/" not in trace
        assert script("ok") == 0.5


def test_the_source_of_a_script_never_reaches_the_hub(town: Town, bob: farcall.Client) -> None:
    marker = "zebra_stripes_7731"
    source = f"""
        import farcall
        def {marker}(x):
            return x  # {marker}
        x = farcall.variable({marker}(4), name="x", type=int)
        farcall.result({marker}(x), name="y")
    """
    with town.serving(source, options=SPACE) as worker:
        assert bob.get(name_of(worker))() == 4
        with pytest.raises(farcall.InvalidArguments):
            bob.get(name_of(worker))("a")
    files = [path for path in (town.directory / "hub").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if marker.encode() in path.read_bytes()]


def test_an_edited_script_is_loaded_anew_with_its_new_interface(town: Town, bob: farcall.Client) -> None:
    def source(line: str) -> str:
        return f"import farcall\n{line}\nfarcall.result(x * 2, name='y')\n"

    with town.serving(source("x = farcall.variable(1)"), options=(*SPACE, "--reload")) as worker:
        assert bob.get(name_of(worker))() == 2
        town.write(f"{worker}.py", source("x = farcall.variable(f())"))
        wait_until(lambda: "can't be read from the source" in town.log(worker), what="the worker says so")
        assert bob.get(name_of(worker))(5) == 10
        before = town.log(worker).count("loaded anew")
        town.write(f"{worker}.py", source("x = farcall.variable(1.5, min=1)"))
        wait_until(lambda: town.log(worker).count("loaded anew") > before, what="it is loaded anew")
        with town.client() as fresh:
            wait_until(lambda: fresh.get(name_of(worker)).version == 2, what="the new version is served")
            assert fresh.get(name_of(worker))() == 3.0


def test_a_script_runs_by_itself_as_it_is(town: Town) -> None:
    path = town.write(f"{town.fresh('alone')}.py", PLOT)
    scratch = town.directory / town.fresh("scratch")
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, str(path)], cwd=scratch, env=town.environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "drawing 3\n"), done.stderr
    assert (scratch / "plot.txt").read_text() == "xxx"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import farcall\nx = farcall.variable(f())\n", ["line 2", "can't be read from the source", "type="]),
        ("import farcall\nx = farcall.variable(1)\n", ["line 2", "gives no result"]),
        ("import farcall\nx = farcall.variable(1)\nx = farcall.variable(2)\nfarcall.result(x)\n", ["line 3", "line 2"]),
        ("import farcall\nv = farcall.variable\n", ["line 2", "cannot be followed"]),
        ("import farcall\nfarcall.result(1, name='y')\n@farcall.function\ndef f(): pass\n", ["line 2", "line 4"]),
    ],
)
def test_a_script_that_cannot_be_read_is_refused_with_the_line(town: Town, source: str, words: list[str]) -> None:
    name = f"{town.fresh('refused')}.py"
    town.write(name, source)
    refused(town.farcall("serve", name, "--slots", "1", who="alice"), name, *words)
