"""A script is run anew by each call, as Python would run it, and leaves nothing behind."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farcall import payload
from farcall.authoring.signature import describe
from farcall.authoring.spelling import annotation_text
from farcall.domain.binding import bind
from farcall.domain.interface import Interface
from farcall.guest.coding import Coder
from farcall.guest.failures import traceback_of
from farcall.guest.loading import LoadError, load
from farcall.guest.messages import RunItem
from farcall.guest.script_reading import read_script
from farcall.guest.scripts import RunningScript


class Loaded:
    """A script in a file, ready to be called; `inside` looks at what is there before it is cleared away."""

    def __init__(self, directory: Path, source: str) -> None:
        self.path = directory / "lab.py"
        self.path.write_text(textwrap.dedent(source))
        self.rooms = directory / "rooms"
        script = read_script(ast.parse(self.path.read_bytes()))
        assert script is not None
        self.running = RunningScript("lab", script, self.path, self.rooms)
        self.function = self.running.function()

    def __call__(self, inside: Callable[[Any], Any] = lambda value: value, /, **values: Any) -> Any:
        try:
            return inside(self.function(**values))
        finally:
            self.running.leave()


@pytest.fixture(autouse=True)
def _everything_is_as_before() -> Iterator[None]:
    before = os.getcwd(), list(sys.path), sys.argv, sys.modules["__main__"]
    yield
    assert (os.getcwd(), list(sys.path), sys.argv, sys.modules["__main__"]) == before


def test_values_of_the_caller_take_the_place_of_defaults(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import farcall
        a = farcall.variable(2, name="a")
        def late():
            return farcall.variable(3, name="b")
        farcall.result(a * late(), name="product")
        """,
    )
    assert lab() == 6
    assert lab(a=10) == 30
    assert lab(a=10, b=10) == 100


def test_several_results_are_a_named_tuple_in_the_order_of_the_source(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import farcall
        def late():
            farcall.result(1, name="one", unit="m")
        farcall.result("2", name="two", type=str)
        late()
        """,
    )
    made = lab()
    assert (made, made._fields, type(made).__name__) == ((1, "2"), ("one", "two"), "LabResult")
    properties = describe(lab.function)["result"]["properties"]
    assert {name: annotation_text(part) for name, part in properties.items()} == {
        "one": "float | ndarray [m]",
        "two": "str",
    }


def test_each_call_begins_with_a_fresh_namespace(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import farcall
        seen = "count" in globals()
        count = [] if not seen else count
        count.append(1)
        farcall.result((seen, len(count)), name="state")
        """,
    )
    assert lab() == (False, 1)
    assert lab() == (False, 1)


def test_what_a_script_imports_stays_loaded(tmp_path: Path) -> None:
    (tmp_path / "warm_helper_of_lab.py").write_text("calls = []\n")
    lab = Loaded(
        tmp_path,
        """
        import farcall
        import warm_helper_of_lab
        warm_helper_of_lab.calls.append(1)
        farcall.result(len(warm_helper_of_lab.calls), name="calls")
        """,
    )
    assert [lab(), lab()] == [1, 2]


def test_it_runs_as_python_would_run_it(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        '''Doc.'''
        import dataclasses, pickle, sys
        import farcall

        @dataclasses.dataclass
        class Point:
            x: "int"

        seen = {
            "name": __name__, "file": __file__, "argv": sys.argv, "path": sys.path[0], "doc": __doc__,
            "main": sys.modules["__main__"].__dict__ is globals(),
            "pickled": pickle.loads(pickle.dumps(Point(1))) == Point(1),
        }
        if __name__ == "__main__":
            farcall.result(seen, name="seen")
        """,
    )
    assert lab() == {
        "name": "__main__",
        "file": str(lab.path),
        "argv": [str(lab.path)],
        "path": str(tmp_path),
        "doc": "Doc.",
        "main": True,
        "pickled": True,
    }


def test_files_are_written_in_a_directory_of_the_call_that_is_removed_afterwards(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import os, pathlib
        import farcall
        empty = os.listdir() == []
        pathlib.Path("plot.txt").write_text("a plot")
        farcall.result(empty, name="empty")
        farcall.result(pathlib.Path("plot.txt"), name="plot")
        farcall.result(os.getcwd(), name="where")
        """,
    )
    for _ in range(2):
        places: list[str] = []

        def look(made: Any, places: list[str] = places) -> None:
            assert made.empty
            assert made.plot.read_text() == "a plot"
            places.append(made.where)

        lab(look)
        assert not Path(places[0]).exists()
    assert list(lab.rooms.iterdir()) == []


def test_files_beside_the_script_are_found_by_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("7")
    lab = Loaded(
        tmp_path,
        """
        from pathlib import Path
        import farcall
        data = farcall.variable(Path(__file__).with_name("data.txt"), name="data", type=Path)
        farcall.result(int(data.read_text()), name="number")
        """,
    )
    other = tmp_path / "other.txt"
    other.write_text("8")
    assert lab() == 7
    assert lab(data=other) == 8


def test_a_helper_that_uses_variable_is_not_the_script(tmp_path: Path) -> None:
    (tmp_path / "helper_with_marks.py").write_text(
        "import farcall\ndef get():\n    return farcall.result(farcall.variable(1, name='x'), name='y')\n"
    )
    lab = Loaded(
        tmp_path,
        """
        import farcall
        from helper_with_marks import get
        x = farcall.variable(5)
        farcall.result((x, get()), name="y")
        """,
    )
    assert lab(x=6) == (6, 1)


def test_the_last_report_of_a_result_counts(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path, "import farcall\nfor step in range(farcall.variable(3, name='steps')):\n    farcall.result(step)\n"
    )
    assert lab() == 2


def test_a_result_that_is_not_reached_is_named_with_its_line(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import farcall
        x = farcall.variable(1)
        if x > 0:
            farcall.result(x, name="plus")
        else:
            farcall.result(x, name="minus")
        """,
    )
    with pytest.raises(RuntimeError, match=r"^The script ended without reporting 'minus' \(line 7\)\.$"):
        lab()


@pytest.mark.parametrize("code", ["", "0", "None"])
def test_leaving_with_exit_zero_is_success_if_everything_was_reported(tmp_path: Path, code: str) -> None:
    lab = Loaded(tmp_path, f"import sys, farcall\nfarcall.result(1, name='y')\nsys.exit({code})\n")
    assert lab() == 1
    lab = Loaded(tmp_path, f"import sys, farcall\nsys.exit({code})\nfarcall.result(1, name='y')\n")
    with pytest.raises(RuntimeError, match=r"ended without reporting 'y' \(line 3\)"):
        lab()


@pytest.mark.parametrize(("code", "said"), [("2", "it exited with code 2"), ("'no data'", "no data")])
def test_any_other_exit_is_an_error_that_says_where(tmp_path: Path, code: str, said: str) -> None:
    lab = Loaded(tmp_path, f"import sys, farcall\nfarcall.result(1, name='y')\nsys.exit({code})\n")
    with pytest.raises(RuntimeError) as caught:
        lab()
    assert str(caught.value) == f"The script ended early: {said}"
    assert 'lab.py", line 3, in <module>' in traceback_of(caught.value)


def test_an_exception_shows_the_lines_of_the_script_and_nothing_of_the_platform(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import farcall

        def broken(x):
            raise ValueError("no")

        farcall.result(broken(
            farcall.variable(1, name="x")), name="y")
        """,
    )
    with pytest.raises(ValueError, match="no") as caught:
        lab()
    shown = [line.strip() for line in traceback_of(caught.value).splitlines() if "File" in line and "lab.py" in line]
    assert [line.partition("lab.py")[2] for line in shown] == ['", line 7, in <module>', '", line 5, in broken']


def test_a_call_that_fails_leaves_nothing_behind_either(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import os, sys
        import farcall
        os.mkdir("inside"); os.chdir("inside")
        sys.path.append("nowhere"); sys.argv.append("more")
        farcall.result(1 // farcall.variable(0, name="x"), name="y")
        """,
    )
    with pytest.raises(ZeroDivisionError):
        lab()
    assert lab(x=1) == 1
    assert list(lab.rooms.iterdir()) == []


def test_a_result_out_of_its_bounds_is_an_error_where_it_is_reported(tmp_path: Path) -> None:
    lab = Loaded(tmp_path, "import farcall\nx = farcall.variable(1)\nfarcall.result(x, name='y', max=10)\n")
    with pytest.raises(ValueError, match="result 'y' is 11; its bounds are at most 10"):
        lab(x=11)


def test_large_values_do_not_outlive_their_call(tmp_path: Path) -> None:
    lab = Loaded(
        tmp_path,
        """
        import weakref
        import farcall
        class Large: pass
        large = Large()
        def cycle(): return large
        farcall.result([weakref.ref(large)], name="alive")
        """,
    )
    (alive,) = lab(lambda made: made if made[0]() is not None else pytest.fail("gone too early"))
    assert alive() is None


# -- the same, by itself and served ------------------------------------------------------------------------------------

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
LEAVES = NUMBERS | st.none() | st.text() | st.binary() | st.complex_numbers(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


def served_with_defaults(path: Path, rooms: Path) -> Any:
    """A call without arguments on its whole way, from the caller's binding to what the caller decodes."""
    with beside(path.parent):
        (served,) = load([str(path)], b"s" * 32, rooms).functions
    interface = Interface.from_json(json.dumps(served.described.document).encode())
    arguments = payload.encode(bind(interface, (), {}))
    coder = Coder(str(rooms), 2**20, 2**20)
    args, kwargs = served.prepare(coder.arguments(served, RunItem(1, 0, b"", arguments, 1, "bob")))
    try:
        result, _ = coder.result(served.fn(*args, **kwargs))
    finally:
        assert served.leave is not None
        served.leave()
    return payload.decode(result, type=interface.result_type)


@settings(max_examples=150)
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_a_served_call_without_arguments_gives_what_the_script_gives_by_itself(
    tmp_path_factory: pytest.TempPathFactory, defaults: list[Any]
) -> None:
    directory = tmp_path_factory.mktemp("same")
    lines = ["import farcall"]
    for index, default in enumerate(defaults):
        lines.append(f"v{index} = farcall.variable({default!r})")
        lines.append(f"r{index} = farcall.result((v{index}, repr(v{index})))")
    path = directory / "same.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        alone = runpy.run_path(str(path), run_name="__main__")
    expected = [alone[f"r{index}"] for index in range(len(defaults))]
    called = served_with_defaults(path, directory / "rooms")
    assert (list(called) if len(defaults) > 1 else [called]) == expected


# -- loading -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def beside(directory: Path) -> Iterator[None]:
    """Undo what loading does to this process."""
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before


def refusal(directory: Path, name: str, source: str) -> str:
    path = directory / name
    path.write_text(source)
    with beside(directory), pytest.raises(LoadError) as caught:
        load([str(path)], b"s" * 32, directory / "rooms")
    return caught.value.message


SCRIPT = "import farcall\nx = farcall.variable(1.0)\nfarcall.result(x, name='y')\n"


def test_a_script_is_served_under_the_name_of_its_file_without_being_run(tmp_path: Path) -> None:
    path = tmp_path / "free-fall.py"
    path.write_text("'''Falls.'''\n" + SCRIPT + "raise RuntimeError('it was run')\n")
    with beside(tmp_path):
        loaded = load([str(path)], b"s" * 32, tmp_path / "rooms")
    (served,) = loaded.functions
    assert served.described.name == "free_fall"
    assert served.described.document["doc"] == "Falls."
    assert served.described.document["signature"] == "(x: float = 1.0) -> Any"
    assert loaded.files == [str(path)]


def test_the_digest_of_a_script_is_of_its_source_and_keyed(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    digests = []
    for source, secret in ((SCRIPT, b"s" * 32), (SCRIPT + "\n", b"s" * 32), (SCRIPT, b"t" * 32), (SCRIPT, b"s" * 32)):
        path.write_text(source)
        with beside(tmp_path):
            digests.append(load([str(path)], secret, tmp_path).functions[0].described.implementation)
    assert len(set(digests[:3])) == 3
    assert digests[0] == digests[3]


def test_nothing_of_the_source_is_in_the_interface(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(
        "import farcall\nx = farcall.variable(secret_lookup(), type=float)\nfarcall.result(x * 17, name='y')\n"
    )
    with beside(tmp_path):
        document = load([str(path)], b"s" * 32, tmp_path).functions[0].described.document
    assert "secret_lookup" not in str(document)
    assert "17" not in str(document)
    assert document["parameters"][0]["default_repr"] == "…"


def test_errors_of_loading_say_file_and_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.py", "import farcall\nx = farcall.variable(f())\n").startswith(
        "a.py, line 2: the default of variable 'x' can't be read from the source"
    )
    assert refusal(tmp_path, "b.py", "import farcall\n\nx = = 3\n") == (
        "b.py, line 3: it can't be imported: SyntaxError: invalid syntax"
    )
    assert refusal(tmp_path, "c.py", "import farcall\nimport no_such_module_here\n" + SCRIPT) == (
        "c.py, line 2: it can't be imported: ModuleNotFoundError: No module named 'no_such_module_here'"
    )
    assert refusal(tmp_path, "d.py", SCRIPT + "@farcall.function\ndef f():\n    pass\n") == (
        "d.py is both a script (line 3) and a file of functions (line 5): put the function f into a file of its own."
    )
    assert refusal(tmp_path, "2d.py", SCRIPT).startswith("2d.py is served under the name of the file, and '2d' cannot")


def test_a_script_that_is_named_like_a_module_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "by_module.py").write_text(SCRIPT + "open('was-run', 'w')\n")
    program = (
        "import pathlib\nfrom farcall.guest.loading import LoadError, load\n"
        "try:\n    load(['by_module'], b's' * 32, pathlib.Path('rooms'))\n"
        "except LoadError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "by_module is a script, which is served as a file: write by_module.py.\n"
    assert not (tmp_path / "was-run").exists()
