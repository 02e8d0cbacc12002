"""The catalog as a Python package: what IPython, help(), dir() and type checkers see of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.world import FARCALL, World, wait_until

PHYSICS = """
    from typing import Annotated

    import farcall

    @farcall.function(namespace="physics", visibility="owner")
    def free_fall(
        time: Annotated[float, farcall.Unit("s"), farcall.Range(0, 1000), farcall.Doc("How long it falls.")],
        g: float = 9.81,
    ) -> Annotated[float, farcall.Unit("m/s")]:
        "Velocity of a body after falling for `time`."
        return g * time

    @farcall.function(namespace="physics/waves")
    def frequency(period: float) -> float:
        return 1 / period
"""
LATE = """
    import farcall

    @farcall.function(namespace="physics")
    def late(x: int) -> int:
        return x
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("catalog"))
    made.start_hub()
    made.account("alice")
    made.write("physics.py", PHYSICS)
    made.serve("worker", "physics.py")
    yield made
    made.close()


def python(world: World, program: str, **more: str) -> Any:
    """What a program, in a process of its own, writes as its last line, which is JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=world.directory,
        env=world.environment("alice", **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("jedi", [False, True])
def test_ipython_completes_namespaces_and_functions(world: World, jedi: bool) -> None:
    offered = python(
        world,
        f"""
        import json
        from IPython.core.completer import provisionalcompleter
        from IPython.core.interactiveshell import InteractiveShell

        ip = InteractiveShell.instance()
        ip.run_cell("import farcall; from farcall.catalog.alice import physics; import farcall.catalog.alice as alice")
        ip.Completer.use_jedi = {jedi}
        found = {{}}
        for text in ("physics.fr", "physics.waves.fr", "alice.ph", "farcall.catalog.al", "farcall.get('x'); alice.ph"):
            with provisionalcompleter():
                found[text] = [item.text.lstrip(".") for item in ip.Completer.completions(text, len(text))]
        print(json.dumps(found))
        """,
    )
    assert offered == {
        "physics.fr": ["free_fall"],
        "physics.waves.fr": ["frequency"],
        "alice.ph": ["physics"],
        "farcall.catalog.al": ["alice"],
        "farcall.get('x'); alice.ph": ["physics"],
    }


def test_ipython_completes_imports(world: World) -> None:
    offered = python(
        world,
        """
        import json
        from IPython.core.completerlib import module_completion

        take = "from farcall.catalog.alice.physics import "
        lines = ("import farcall.catalog.al", "import farcall.catalog.alice.", take)
        print(json.dumps([module_completion(line) for line in lines]))
        """,
    )
    assert "farcall.catalog.alice" in offered[0]
    assert "farcall.catalog.alice.physics" in offered[1]
    assert {"free_fall", "waves"} <= set(offered[2])


def test_a_question_mark_shows_signature_documentation_and_facts(world: World) -> None:
    [shown] = python(
        world,
        """
        import contextlib, io, json
        from IPython.core.interactiveshell import InteractiveShell

        ip = InteractiveShell.instance()
        ip.run_cell("from farcall.catalog.alice.physics import free_fall")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            ip.run_cell("free_fall?")
        print(json.dumps([said.getvalue()]))
        """,
        NO_COLOR="1",
    )
    for text in ("free_fall(", "Velocity of a body", "How long it falls.", "alice/physics/free_fall@1", "1 ready"):
        assert text in shown


def test_help_tells_whose_it_is_and_needs_no_further_request(world: World) -> None:
    shown, module = python(
        world,
        """
        import json, pydoc
        from farcall.catalog.alice.physics import free_fall
        import farcall.catalog.alice.physics as physics

        module = pydoc.plain(pydoc.render_doc(physics))
        free_fall._client.rest.close()
        free_fall._client.close()  # from here on nothing can be asked
        print(json.dumps([pydoc.plain(pydoc.render_doc(free_fall)), module]))
        """,
    )
    for line in (
        "Velocity of a body after falling for `time`.",
        "time    float [s], 0 to 1000  How long it falls.",
        "function  alice/physics/free_fall@1",
        "owner     alice",
        "workers   1 ready",
        "is shown  to alice too: arguments and results of calls",
    ):
        assert line in shown
    assert "farcall.catalog.alice.physics - Functions of alice/physics." in module
    assert "free_fall(time:" in module


def test_dir_and_signature_are_those_of_the_functions(world: World) -> None:
    names, signature, handles = python(
        world,
        """
        import inspect, json, farcall
        physics = farcall.catalog.alice.physics
        print(json.dumps([dir(physics), str(inspect.signature(physics.waves.frequency)), dir(farcall.catalog)]))
        """,
    )
    assert {"free_fall", "waves"} <= set(names)
    assert signature == "(period: float) -> float"
    assert handles == ["alice"]


def test_importing_connects_to_nobody(world: World) -> None:
    program = """
        import threading, farcall, farcall.catalog, farcall.catalog.alice.physics
        from farcall.catalog.alice import physics
        print("imported", flush=True)
        input()
        threading.Thread(target=lambda: physics.free_fall, daemon=True).start()
        input()
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            cwd=world.directory,
            env=world.environment("alice", f"http://127.0.0.1:{listener.getsockname()[1]}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "imported\n"
            listener.settimeout(0.2)
            with pytest.raises(TimeoutError):
                listener.accept()
            process.stdin.write("go on\n")
            process.stdin.flush()
            listener.settimeout(20)
            listener.accept()[0].close()  # the first use of a name is what asks
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("connected", [False, True])
def test_a_function_that_is_published_later_shows_within_two_seconds(world: World, connected: bool) -> None:
    program = f"""
        import sys, farcall
        from farcall.catalog.alice import physics
        {"physics.free_fall" if connected else "pass"}
        for line in sys.stdin:
            print(*dir(physics), flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=world.directory,
        env=world.environment("alice"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def names() -> list[str]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("again\n")
        process.stdin.flush()
        return process.stdout.readline().split()

    name = f"late_{connected}".lower()
    try:
        assert "free_fall" in names()
        world.write(f"{name}.py", LATE.replace("late", name))
        world.serve(name, f"{name}.py")
        wait_until(lambda: name in names(), 2.0, f"dir() shows {name}")
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def checked(world: World, program: str) -> str:
    """What mypy says of a program, with the stubs in `typings`."""
    script = world.write("checked.py", program)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "mypy_cache", str(script)],
        cwd=world.directory,
        env=world.environment("alice", MYPYPATH="typings"),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.stdout + done.stderr


def test_stubs_let_mypy_accept_right_calls_and_find_wrong_ones_and_stay_fresh(world: World) -> None:
    watching = subprocess.Popen(
        [*FARCALL, "stubs", "typings", "--watch"],
        cwd=world.directory,
        env=world.environment("alice"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    written = world.directory / "typings" / "farcall" / "catalog" / "alice" / "physics" / "__init__.pyi"
    try:
        wait_until(written.exists, what="stubs are written")
        right = """
            from farcall.catalog.alice.physics import free_fall
            speed: float = free_fall(2.0, g=1.6)
            later: float = free_fall.submit("2 min").result()
        """
        assert "Success" in checked(world, right)
        wrong = checked(world, right.replace("g=1.6", 'gravity="strong"'))
        assert 'Unexpected keyword argument "gravity"' in wrong
        world.write("fresh.py", LATE.replace("late", "fresh"))
        world.serve("fresh", "fresh.py")
        wait_until(lambda: "fresh" in written.read_text(), 10.0, "stubs follow")
    finally:
        watching.terminate()
        watching.wait(10)
