"""The command line from end to end, as Alice, Bob and an administrator type it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scenarios.world import World, free_port, wait_until

FUNCTIONS = """
    import logging
    import sys
    import time
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Annotated, NamedTuple

    import numpy as np

    import farcall


    class Fit(NamedTuple):
        slope: float
        residuals: np.ndarray


    @farcall.function(namespace="lab")
    def fit(x: np.ndarray, y: np.ndarray) -> Fit:
        '''A line through points.

        Least squares.
        '''
        slope = float((x * y).sum() / (x * x).sum())
        return Fit(slope, y - slope * x)


    @farcall.function(namespace="lab", timeout=30, retry="never", concurrency=3)
    def divide(a: Annotated[float, farcall.Range(-100, 100)], b: float = 1.0, *more: float, **named: float) -> float:
        return a / b / sum([*more, *named.values(), 1.0])


    @farcall.function(namespace="lab")
    def upper(file: Path) -> Path:
        made = Path("upper.txt")
        made.write_text(file.read_text().upper())
        return made


    @farcall.function(namespace="lab")
    def describe(what: dict[str, list[int]], note: str = "") -> dict[str, object]:
        return {"what": what, "note": note}


    @farcall.function(namespace="lab")
    def talk(seconds: float) -> None:
        print("to stdout", flush=True)
        print("to stderr", file=sys.stderr, flush=True)
        farcall.log.warning("to the log")
        farcall.progress(0.5, "half way")
        time.sleep(seconds)


    @farcall.function(namespace="lab")
    def count(to: int) -> Iterator[int]:
        yield from range(to)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"), FARCALL_HUB_NO_WORKER_GRACE_SECONDS="1")
    try:
        world.start_hub()
        for person in ("alice", "bob"):
            world.account(person)
        world.serve("bench", str(world.write("lab.py", FUNCTIONS)), slots=2, options=("--label", "gpu=1"))
        yield world
    finally:
        world.close()


def run(world: World, *arguments: str, who: str = "alice", stdin: str = "", code: int = 0) -> str:
    done = world.farcall(*arguments, who=who, stdin=stdin)
    assert done.returncode == code, f"{done.stdout}{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def run_json(world: World, *arguments: str, who: str = "alice") -> Any:
    return json.loads(run(world, *arguments, "--json", who=who))


# -- calling -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["alice/lab/divide", "a=1", "b=4"], "0.25\n"),
        (["alice/lab/divide", "a=1", "b=4", "more=[3]"], "0.0625\n"),
        (["alice/lab/divide", "a=1", "left=1", "right=2"], "0.25\n"),
        (["alice/lab/describe", 'what={"a": [1, 2]}', "note=42"], '{"what": {"a": [1, 2]}, "note": "42"}\n'),
        (["alice/lab/count", "to=3"], "0\n1\n2\n"),
        (["alice/lab/talk", "seconds=0"], "null\n"),
    ],
)
def test_call_reads_arguments_by_their_types_and_prints_the_result(
    world: World, arguments: list[str], printed: str
) -> None:
    assert run(world, "call", *arguments) == printed


def test_arguments_come_from_a_file_from_stdin_and_from_a_template(world: World) -> None:
    template = json.loads(run(world, "call", "alice/lab/divide", "--template"))
    assert template == {"a": -100, "b": 1.0}
    (world.directory / "arguments.json").write_text(json.dumps(template | {"a": 3}))
    assert run(world, "call", "alice/lab/divide", "--args", "arguments.json") == "3.0\n"
    assert run(world, "call", "alice/lab/divide", "--args", "arguments.json", "b=2") == "1.5\n"
    assert run(world, "call", "alice/lab/divide", "--args", "-", stdin='{"a": 1, "b": 8}') == "0.125\n"


def test_arrays_go_and_come_as_files(world: World) -> None:
    np.save(world.directory / "x.npy", np.array([1.0, 2.0]))
    np.save(world.directory / "y.npy", np.array([2.0, 4.0]))
    printed = run(world, "call", "alice/lab/fit", "x=@x.npy", "y=@y.npy", "--output", "fit")
    assert printed.split() == ["fit/slope.json", "fit/residuals.npy"]
    assert json.loads((world.directory / "fit/slope.json").read_text()) == 2.0
    assert np.load(world.directory / "fit/residuals.npy").tolist() == [0.0, 0.0]


def test_files_go_and_come_by_content(world: World) -> None:
    (world.directory / "note.txt").write_text("hello")
    [name] = run(world, "call", "alice/lab/upper", "file=@note.txt", "--output", "made").split()
    assert (world.directory / name).read_text() == "HELLO"


def test_what_the_function_raises_is_exit_code_3_with_its_traceback(world: World) -> None:
    said = run(world, "call", "alice/lab/divide", "a=1", "b=0", code=3)
    assert said.startswith("Error: alice/lab/divide raised ZeroDivisionError: float division by zero")
    assert 'File "lab.py", line ' in said
    assert "farcall/" not in said, "frames of the platform show"


def test_a_submitted_call_is_looked_up_by_its_id(world: World) -> None:
    identifier = run(world, "call", "alice/lab/divide", "a=3", "--submit", "--priority", "7").strip()
    assert run(world, "result", identifier) == "3.0\n"
    assert run_json(world, "result", identifier) == {"id": identifier, "status": "succeeded", "result": 3.0}
    shown = run(world, "status", identifier)
    assert shown.startswith(f"alice/lab/divide@1 · {identifier} · succeeded\n")
    assert "worker     bench" in shown
    record = run_json(world, "status", identifier)
    assert (record["status"], record["worker"], record["priority"]) == ("succeeded", "bench", 7)
    assert run_json(world, "explain", identifier)["items"][0]["what"] == "accepted"
    assert "succeeded" in run(world, "explain", identifier)


def test_the_same_key_is_the_same_call(world: World) -> None:
    first, second = (run_json(world, "call", "alice/lab/divide", "a=5", "--key", "once") for _ in range(2))
    assert first == second


def test_a_failed_call_is_looked_up_with_its_failure(world: World) -> None:
    identifier = run(world, "call", "alice/lab/divide", "a=1", "b=0", "--submit").strip()
    assert "ZeroDivisionError" in run(world, "result", identifier, code=3)
    assert "failure    ZeroDivisionError: float division by zero" in run(world, "status", identifier)


def test_logs_show_and_follow_what_was_printed_and_logged(world: World) -> None:
    identifier = run(world, "call", "alice/lab/talk", "seconds=1", "--submit").strip()
    began = time.monotonic()
    done = world.farcall("logs", "-f", identifier, who="alice")
    assert done.returncode == 0, done.stderr
    assert "to stdout\n" in done.stdout
    assert "to stderr\n" in done.stderr
    assert "to the log" in done.stdout + done.stderr
    assert time.monotonic() - began > 0.3, "it did not follow to the end"
    lines = [json.loads(line) for line in run(world, "logs", identifier, "--json").splitlines()]
    assert {line["stream"] for line in lines} >= {"stdout", "stderr"}


def test_a_running_call_shows_its_progress_and_is_cancelled(world: World) -> None:
    identifier = run(world, "call", "alice/lab/talk", "seconds=60", "--submit").strip()
    wait_until(lambda: "50% half way" in run(world, "status", identifier), 10, "progress shows")
    assert "not finished after 0.1 s" in run(world, "result", identifier, "--timeout", "0.1", code=1)
    assert "is being cancelled" in run(world, "cancel", identifier)
    assert "cancelled" in run(world, "result", identifier, code=1)
    wait_until(lambda: run_json(world, "status", identifier)["status"] == "cancelled", 10, "it has stopped")
    assert "had finished before" in run(world, "cancel", identifier, code=1)


def test_ctrl_c_cancels_the_call_that_is_waited_for(world: World) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "farcall", "call", "alice/lab/talk", "seconds=60"],
        env=world.environment("alice"),
        stderr=subprocess.PIPE,
        text=True,
    )
    page = ("invocations", "--function", "alice/lab/talk", "--status", "running")
    [item] = wait_until(lambda: run_json(world, *page)["items"], 10, "it runs")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=15)
    assert process.returncode == 1
    assert "Traceback" not in said
    wait_until(lambda: run_json(world, "status", item["id"])["status"] == "cancelled", 10, "it has stopped")


def test_a_call_fails_at_once_without_a_worker_unless_it_may_wait(world: World) -> None:
    world.write("late.py", "import farcall\n\n@farcall.function\ndef late() -> int:\n    return 7\n")
    world.serve("early", "late.py")
    world.processes["early"].terminate()
    world.processes["early"].wait(10)
    assert "No worker serves alice/late" in run(world, "call", "alice/late", code=1)
    identifier = run(world, "call", "alice/late", "--queue", "--submit").strip()
    assert "No worker serves alice/late" in run(world, "explain", identifier)
    world.serve("early", "late.py")
    assert run(world, "result", identifier) == "7\n"


def test_invocations_are_listed_and_filtered(world: World) -> None:
    run(world, "call", "alice/lab/divide", "a=1")
    shown = run(world, "invocations", "--function", "alice/lab/divide", "--status", "succeeded", "--limit", "1")
    assert len(shown.splitlines()) == 2
    page = run_json(world, "invocations", "--limit", "1")
    assert len(page["items"]) == 1
    assert page["next"]
    assert run_json(world, "invocations", who="bob")["items"] == []
    assert run_json(world, "invocations", "--role", "owner", "--limit", "1")["items"]


# -- catalog, sharing, workers -----------------------------------------------------------------------------------------


def test_the_catalog_is_listed_searched_and_shown(world: World) -> None:
    assert "alice/lab/fit" in run(world, "list", "--namespace", "alice/lab")
    assert [item["name"] for item in run_json(world, "search", "least", "squares")["items"]] == ["alice/lab/fit"]
    shown = run(world, "show", "alice/lab/fit")
    assert shown.startswith("fit(x: ndarray, y: ndarray) -> Fit\n")
    assert "    Least squares.\n" in shown
    shown = run(world, "show", "alice/lab/divide")
    for line in ("    a       float, -100 to 100", "timeout  30 s", "tries    runs at most once", "at once  3"):
        assert line in shown
    assert run_json(world, "show", "alice/lab/divide@1")["version"] == 1


def test_what_is_shared_can_be_used_and_what_is_taken_back_cannot(world: World) -> None:
    call = ("call", "alice/lab/divide", "a=1")
    assert "There is no alice/lab/divide" in run(world, *call, who="bob", code=1)
    assert run(world, "share", "alice/lab/divide", "bob") == "bob may now invoke alice/lab/divide\n"
    assert run(world, *call, who="bob") == "1.0\n"
    assert "alice/lab/divide  bob" in run(world, "shares")
    assert run_json(world, "shares", who="bob")["items"][0]["can"] == "invoke"
    assert run(world, "unshare", "alice/lab/divide", "bob") == "bob may no longer use alice/lab/divide\n"
    assert "There is no alice/lab/divide" in run(world, *call, who="bob", code=1)
    assert "is not shared with bob" in run(world, "unshare", "alice/lab/divide", "bob", code=1)


def test_workers_show_what_they_are_and_serve(world: World) -> None:
    [worker] = [item for item in run_json(world, "workers")["items"] if item["name"] == "bench"]
    assert worker["resources"]["gpu"] == 1
    shown = run(world, "workers")
    assert "gpu=1" in shown
    assert "alice/lab/fit" in shown
    assert run_json(world, "workers", who="bob")["items"] == []


# -- people ------------------------------------------------------------------------------------------------------------


def test_a_login_is_kept_for_its_hub_and_forgotten_on_logout(world: World) -> None:
    token = world.tokens["alice"]
    assert (
        run(world, "login", world.url, "--token-stdin", who="", stdin=token) == f"Logged in to {world.url} as alice.\n"
    )
    assert run_json(world, "whoami", who="")["handle"] == "alice"
    [kept] = (world.directory / "config").rglob("logins.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "alice/lab/fit" in run(world, "list", who="")
    assert "Logged out" in run(world, "logout", who="")
    assert token not in kept.read_text()
    assert "No hub is known" in run(world, "list", who="", code=1)


def test_a_token_may_be_less_than_its_account(world: World) -> None:
    made = run_json(world, "token", "create", "--scope", "invoke", "--only", "alice/lab/divide", "--expires", "1h")
    world.tokens["narrow"] = made["token"]
    assert run(world, "call", "alice/lab/divide", "a=2", who="narrow") == "2.0\n"
    run(world, "call", "alice/lab/count", "to=1", who="narrow", code=1)
    run(world, "share", "alice/lab/divide", "bob", who="narrow", code=1)
    assert "only for   alice/lab/divide" in run(world, "whoami", who="narrow")
    assert made["token"] not in run(world, "token", "list")
    assert "is revoked" in run(world, "token", "revoke", str(made["id"]))
    assert "revoked" in run(world, "whoami", who="narrow", code=1)
    printed = run(world, "token", "create", "--print-token").strip()
    assert printed.startswith("farcall_pat_")


def test_accounts_are_made_listed_and_disabled_by_administrators(world: World) -> None:
    made = run_json(world, "account", "create", "dora", "dora@example.org", who="admin")
    world.tokens["dora"] = made["token"]["token"]
    assert "dora@example.org" in run(world, "account", "list", who="admin")
    assert "is taken" in run(world, "account", "create", "dora", "else@example.org", who="admin", code=1)
    assert run(world, "account", "disable", "dora", who="admin") == "dora is disabled.\n"
    assert "disabled" in run(world, "whoami", who="dora", code=1)
    assert run(world, "account", "enable", "dora", who="admin") == "dora is enabled.\n"
    assert "for administrators" in run(world, "account", "list", who="dora", code=1)


# -- up ----------------------------------------------------------------------------------------------------------------


def test_up_leaves_its_user_logged_in_and_ends_on_sigterm(tmp_path: Path) -> None:
    world = World(tmp_path)
    port = free_port()
    try:
        world.start("up", "up", "--port", str(port), "--data", "data", USER="ada", LOGNAME="ada")
        wait_until(lambda: "listening on" in world.log("up"), 20, f"it comes up: {world.log('up')}")
        assert f"farcall login --token 'http://127.0.0.1:{port}/'" in world.log("up")
        assert run_json(world, "whoami", who="")["handle"] == "ada"
        assert stat.S_IMODE((tmp_path / "data" / "admin-token").stat().st_mode) == 0o600
        run(world, "account", "create", "bob", "bob@example.org", who="")
        os.kill(world.processes["up"].pid, signal.SIGTERM)
        assert world.processes["up"].wait(10) == 0
        assert "Traceback" not in world.log("up")
        world.start("up", "up", "--port", str(port), "--data", "data", USER="ada", LOGNAME="ada")
        wait_until(lambda: world.log("up").count("listening on") == 2, 20, "it comes up again")
        assert "bob" in run(world, "account", "list", who="")
    finally:
        world.close()


def test_serve_reloads_its_file_and_leaves_on_sigterm(world: World) -> None:
    source = world.write("turn.py", "import farcall\n\n@farcall.function\ndef turn() -> int:\n    return 1\n")
    world.serve("turner", "turn.py", options=("--reload",))
    assert run(world, "call", "alice/turn") == "1\n"
    source.write_text(source.read_text().replace("return 1", "return 2"))
    wait_until(lambda: "loaded anew" in world.log("turner"), 15, "it reloads")
    assert run(world, "call", "alice/turn") == "2\n"
    world.processes["turner"].terminate()
    assert world.processes["turner"].wait(15) == 0
    assert "leaving" in world.log("turner")
