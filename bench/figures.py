"""Farcall's own figures, beside the comparison: what is said of it without a peer."""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import apsw
import numpy
import psutil

import farcall
from bench.household import Household
from bench.measure import Method, latencies_ms
from bench.peer import WrongResult
from bench.processes import program

IDLE_SECONDS = 3.0
"""How long hub and worker are left alone before their memory is read."""
ARRAY_ROUNDS = 5
ARRAY_COPIES = 6
"""How often the array is in memory or in the disk's cache at most: both ends, hub, worker, slot."""


def take_figures(method: Method) -> dict[str, float]:
    figures = {
        "import_ms": import_ms(method.repeats),
        "help_ms": help_ms(method.repeats),
    }
    with (
        tempfile.TemporaryDirectory(prefix="bench-figures-", ignore_cleanup_errors=True) as scratch,
        ExitStack() as stack,
    ):
        household = Household(Path(scratch), stack)
        household.open()
        worker = household.serve("functions.py", "add")
        figures |= idle_memory([household.hub_pid, worker])
        figures |= rest(household, method)
        figures |= commit(household.data, method)
        household.serve("arrays.py", "echo")
        figures |= array(household, method)
    return figures


def import_ms(repeats: int) -> float:
    """`import farcall` in a new process, in milliseconds; the interpreter's own start is not in it."""
    script = "import time; s = time.perf_counter(); import farcall; print((time.perf_counter() - s) * 1000)"
    return statistics.median(
        float(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
        for _ in range(repeats)
    )


def help_ms(repeats: int) -> float:
    """`farcall --help` from start to exit, in milliseconds."""
    samples = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run([program("farcall"), "--help"], stdout=subprocess.DEVNULL, check=True)
        samples.append((time.perf_counter() - started) * 1000)
    return statistics.median(samples)


def idle_memory(pids: list[int]) -> dict[str, float]:
    """Memory in MiB of these processes and their children: resident, and with shared pages counted once (Linux)."""
    time.sleep(IDLE_SECONDS)
    parents = [psutil.Process(pid) for pid in pids]
    family = [process for parent in parents for process in (parent, *parent.children(recursive=True))]
    figures = {"idle_resident_mib": sum(process.memory_info().rss for process in family) / 2**20}
    if sys.platform == "linux":
        figures["idle_proportional_mib"] = sum(process.memory_full_info().pss for process in family) / 2**20
    return figures


def rest(household: Household, method: Method) -> dict[str, float]:
    """One POST per call over one kept connection, waiting for the result."""
    connection = http.client.HTTPConnection("127.0.0.1", household.port)
    headers = {"Authorization": f"Bearer {household.bob}", "Content-Type": "application/json"}

    def invoke(index: int) -> None:
        body = json.dumps({"args": {"a": index, "b": 7}})
        connection.request("POST", "/v1/functions/alice/add/invocations", body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200 or answer["result"] != index + 7:
            raise WrongResult(f"REST: {response.status} {answer}")

    p50, p99 = latencies_ms(invoke, method)
    connection.close()
    return {"rest_p50_ms": p50, "rest_p99_ms": p99}


def commit(directory: Path, method: Method) -> dict[str, float]:
    """One insert with full sync on the disk that the hub writes to: what a durable record costs at least."""
    database = apsw.Connection(str(directory / "bench-commit.db"))
    database.pragma("journal_mode", "wal")
    database.pragma("synchronous", "full")
    database.execute("create table record (id integer primary key, body blob)")
    body = os.urandom(300)

    def insert(_: int) -> None:
        database.execute("insert into record (body) values (?)", (body,))

    p50, p99 = latencies_ms(insert, method)
    database.close()
    return {"commit_p50_ms": p50, "commit_p99_ms": p99}


def array(household: Household, method: Method) -> dict[str, float]:
    """A large array there and back through a function, and the same bytes there and back over loopback alone."""
    client = farcall.connect(household.url, household.bob)
    echo = client.get("alice/echo")
    echo(numpy.arange(1000.0))
    size = method.array_megabytes * 10**6
    samples, beside = [], []
    for round_number in range(ARRAY_ROUNDS):
        # Other values each round: bytes that were sent before are not sent again.
        values = numpy.arange(size // 8, dtype=numpy.float64) + round_number
        have_memory(ARRAY_COPIES * size)
        started = time.perf_counter()
        returned = echo(values)
        samples.append(time.perf_counter() - started)
        if not numpy.array_equal(returned, values):
            raise WrongResult("the array came back changed")
        beside.append(loopback_seconds(size))
    through, alone = statistics.median(samples), statistics.median(beside)
    return {
        "array_megabytes": method.array_megabytes,
        "array_seconds": through,
        "loopback_seconds": alone,
        "array_of_loopback": alone / through,
    }


def have_memory(size: int) -> None:
    """Let the machine have `size` bytes of free memory that it has used just now.

    A virtual machine may give back to its host what is free for a moment. To take it again costs ten times as much as
    to copy into it, and the loopback copy, which uses the same memory over and over, does not pay that.
    """
    numpy.ones(size, dtype=numpy.uint8)


def loopback_seconds(size: int) -> float:
    """Seconds to send `size` bytes to another thread over loopback TCP and to get as many back, once each way."""
    payload = bytes(size)
    with socket.create_server(("127.0.0.1", 0)) as server:
        echoing = threading.Thread(target=_send_back, args=(server, size))
        echoing.start()
        with socket.create_connection(server.getsockname()) as connection:
            samples = []
            for _ in range(3):
                started = time.perf_counter()
                connection.sendall(payload)
                _receive(connection, size)
                samples.append(time.perf_counter() - started)
        echoing.join()
    return statistics.median(samples)


def _send_back(server: socket.socket, size: int) -> None:
    connection, _ = server.accept()
    with connection:
        for _ in range(3):
            connection.sendall(_receive(connection, size))


def _receive(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        count = connection.recv_into(view[at:])
        if not count:
            raise ConnectionError("the other end closed")
        at += count
    return data
