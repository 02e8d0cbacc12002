"""What was used, limited, shown and erased, with real processes."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until

SOURCE = """
    import subprocess, sys, time
    import farcall

    @farcall.function(namespace="open/metered")
    def burn(seconds: float) -> float:
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
        return seconds

    @farcall.function(namespace="open/metered")
    def burn_in_child(seconds: float) -> None:
        code = f"import time\\nwhile time.process_time() < {seconds}: pass"
        subprocess.run([sys.executable, "-c", code], check=True)

    @farcall.function(namespace="open/metered")
    def nap(seconds: float) -> str:
        print("the secret is", seconds)
        time.sleep(seconds)
        return "x" * 5000

    @farcall.function(namespace="open/metered", visibility="owner")
    def shown(word: str) -> str:
        \"\"\"Says it again.\"\"\"
        return word

    @farcall.function(namespace="open/metered")
    def stubborn(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                time.sleep(0.1)
            except KeyboardInterrupt:
                pass
"""
NAMESPACE = "alice/open/metered"


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, name="usage", slots=2) as name:
        yield name


@pytest.fixture
def carol(town: Town) -> Iterator[farcall.Client]:
    """Somebody new, who has used nothing."""
    handle = town.fresh("carol")
    town.account(handle)
    town.share(NAMESPACE, handle)
    with town.client(handle) as client:
        yield client


def limit(town: Town, client: farcall.Client, *options: str) -> None:
    done = town.farcall("account", "limit", client.me()["handle"], *options, who="admin")
    assert done.returncode == 0, done.stderr


def used(client: farcall.Client, **query: Any) -> dict[str, dict[str, Any]]:
    return {row["function"].rpartition("/")[2]: row for row in client.usage(**query)}


def test_time_by_the_clock_and_of_the_cpu_is_measured_and_summed(carol: farcall.Client) -> None:
    burnt = [carol.get(f"{NAMESPACE}/burn").submit(0.1) for _ in range(3)]
    child = carol.get(f"{NAMESPACE}/burn_in_child").submit(0.2)
    nap = carol.get(f"{NAMESPACE}/nap").submit(0.2)
    for call in (*burnt, child, nap):
        call.result(20)
    for call in burnt:
        assert 0.09 < call.info()["cpu_seconds"] <= call.info()["run_seconds"] + 0.05
    assert child.info()["cpu_seconds"] > 0.19
    assert nap.info()["run_seconds"] >= 0.2 > 0.1 > nap.info()["cpu_seconds"]
    sums = used(carol)
    assert (sums["burn"]["invocations"], sums["burn"]["failures"]) == (3, 0)
    assert sums["burn"]["cpu_seconds"] == pytest.approx(sum(call.info()["cpu_seconds"] for call in burnt))
    assert sums["burn"]["run_seconds"] == pytest.approx(sum(call.info()["run_seconds"] for call in burnt))
    assert sums["nap"]["bytes_out"] == 5_003


@pytest.mark.parametrize("function", ["nap", "stubborn"])
def test_what_was_cancelled_counts_with_the_time_that_it_ran(carol: farcall.Client, function: str) -> None:
    call = carol.get(f"{NAMESPACE}/{function}").submit(60.0)
    wait_until(lambda: call.status == "running")
    time.sleep(0.3)
    call.cancel()
    with pytest.raises(farcall.InvocationCancelled):
        call.result(30)
    assert call.info()["run_seconds"] >= 0.3
    row = used(carol)[function]
    assert (row["invocations"], row["failures"], row["run_seconds"]) == (1, 1, call.info()["run_seconds"])


def test_blobs_count_by_their_size(carol: farcall.Client, town: Town) -> None:
    shown = carol.get(f"{NAMESPACE}/shown")
    word = "y" * 3_000_000
    assert shown(word) == word
    row = used(carol)["shown"]
    assert 3_000_000 < row["bytes_in"] < 3_000_400
    assert 3_000_000 < row["bytes_out"] < 3_000_400


def test_the_command_line_shows_usage_as_table_json_and_csv(town: Town, carol: farcall.Client) -> None:
    for word in ("a", "b"):
        carol.get(f"{NAMESPACE}/shown")(word)
    handle = carol.me()["handle"]
    table = town.farcall("usage", "--by", "day,function", who=handle).stdout
    assert table.splitlines()[0].split() == ["day", "function", "calls", "failed", "ran", "CPU", "in", "out"]
    assert f"{NAMESPACE}/shown" in table
    owned = town.farcall("usage", "--role", "owner", "--by", "caller", "--csv", who="alice").stdout
    rows = {row["caller"]: row for row in csv.DictReader(io.StringIO(owned))}
    assert rows[handle]["invocations"] == "2"
    everything = json.loads(town.farcall("usage", "--role", "admin", "--by", "version", "--json", who="admin").stdout)
    assert any(row["function"] == f"{NAMESPACE}/shown" and row["version"] == 1 for row in everything["items"])
    wrong = town.farcall("usage", "--by", "week", who="alice")
    assert (wrong.returncode, "day, function, version, caller" in wrong.stderr) == (2, True)
    early = town.farcall("usage", "--until", "2020-01-01", who=handle)
    assert "Nothing was used." in early.stderr


def test_a_single_call_over_the_limit_raises_and_a_map_waits(town: Town, carol: farcall.Client) -> None:
    nap = carol.get(f"{NAMESPACE}/nap")
    limit(town, carol, "--in-flight", "1")
    assert "in flight  1" in town.farcall("account", "limit", carol.me()["handle"], who="admin").stdout
    running = nap.submit(2.0)
    wait_until(lambda: running.status == "running")
    with pytest.raises(farcall.QuotaExceeded, match="1 invocations in flight of your account") as raised:
        nap(0.0)
    assert raised.value.retry_after == 1.0
    running.result(20)
    started = time.monotonic()
    assert len(list(nap.map([0.01] * 10))) == 10
    assert time.monotonic() - started < 8
    limit(town, carol, "--none")
    assert len(list(nap.map([0.0] * 10))) == 10


def test_limits_per_minute_and_per_day_say_when_there_is_room_again(town: Town, carol: farcall.Client) -> None:
    shown, burn = carol.get(f"{NAMESPACE}/shown"), carol.get(f"{NAMESPACE}/burn")
    limit(town, carol, "--per-minute", "2")
    assert [shown("a"), shown("b")] == ["a", "b"]
    done = town.farcall("call", f"{NAMESPACE}/shown", "word=c", who=carol.me()["handle"])
    assert done.returncode == 1
    assert "The limit of 2 invocations per minute of your account is reached. More is accepted in" in done.stderr
    limit(town, carol, "--seconds-per-day", "0.2")
    with pytest.raises(farcall.QuotaExceeded, match=r"seconds of running per day.*from 00:00 UTC"):
        while True:
            burn(0.1)
    assert 1 <= used(carol)["burn"]["invocations"] <= 3  # on a busy machine a tenth of a second takes longer


def test_arguments_and_result_are_erased_and_the_record_stays(town: Town, carol: farcall.Client) -> None:
    handle = carol.me()["handle"]
    call = carol.get(f"{NAMESPACE}/nap").submit(0.125)
    assert len(call.result(20)) == 5000
    wait_until(lambda: "0.125" in town.farcall("logs", call.id, who=handle).stdout)
    told = town.farcall("status", call.id, "--arguments", who=handle).stdout
    assert "argument seconds  0.125" in told
    refused = town.farcall("status", call.id, "--arguments", who="alice")
    assert "only if it says so" in refused.stderr
    assert "not ended" in town.farcall("erase", _running(carol).id, who=handle).stderr
    done = town.farcall("erase", call.id, who=handle)
    assert "are erased; the record stays" in done.stdout
    assert "erased" in town.farcall("status", call.id, who=handle).stdout
    assert town.farcall("logs", call.id, who=handle).stdout == ""
    with town.client(handle) as another, pytest.raises(farcall.NotFound, match="erased") as gone:
        another.invocation(call.id).result(20)
    assert gone.value.code == "gone"
    assert used(carol)["nap"]["bytes_out"] >= 5_003


def _running(client: farcall.Client) -> farcall.Invocation:
    call = client.get(f"{NAMESPACE}/nap").submit(3.0)
    wait_until(lambda: call.status == "running")
    return call


def test_callers_are_told_before_they_call_that_the_owner_sees_arguments(town: Town, carol: farcall.Client) -> None:
    shown = carol.get(f"{NAMESPACE}/shown")
    assert "to alice too: arguments and results" in (shown.__doc__ or "")
    assert "to alice too: arguments and results" in town.farcall("show", f"{NAMESPACE}/shown", who="bob").stdout
    call = shown.submit("the word")
    call.result(20)
    assert '"the word"' in town.farcall("status", call.id, "--arguments", who="alice").stdout
    call.erase()
    assert "were erased" in town.farcall("status", call.id, "--arguments", who="alice").stderr
