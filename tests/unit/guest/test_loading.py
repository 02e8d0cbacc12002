"""Files and modules to functions, and one clear sentence where that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECRET = b"s" * 32

# Loading changes a process for good (modules, import path), so each case has a process of its own.
PROGRAM = """
import json, pathlib, sys
from farcall.guest.loading import LoadError, load
try:
    loaded = load(sys.argv[1:], b"s" * 32, pathlib.Path("rooms"))
except LoadError as error:
    print(json.dumps({"error": error.message, "detail": error.detail}))
else:
    print(json.dumps({
        "names": [served.described.name for served in loaded.functions],
        "digests": [served.described.implementation.hex() for served in loaded.functions],
        "streams": [served.streams for served in loaded.functions],
        "options": [list(served.described.options.__struct_fields__) and
                    [served.described.options.timeout_seconds, served.described.options.tries,
                     served.described.options.queue] for served in loaded.functions],
        "files": loaded.files,
    }))
"""
HEAD = "import farcall.authoring as farcall\n"
ADD = "@farcall.function\ndef add(a: int, b: int) -> int:\n    return a + b\n"


def load(directory: Path, *targets: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *targets], cwd=directory, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def refusal(directory: Path, *targets: str) -> str:
    message: str = load(directory, *targets)["error"]
    return message


def write(directory: Path, **files: str) -> None:
    for name, source in files.items():
        (directory / f"{name}.py").write_text(source)


def test_marked_functions_are_found_in_order_with_namespace_and_options(tmp_path: Path) -> None:
    write(
        tmp_path,
        lab=HEAD
        + ADD
        + "@farcall.function(namespace='/team/physics', name='fall', timeout=2, retry='never', queue=True)\n"
        + "def free_fall(t: float):\n    yield t\n\ndef plain():\n    pass\n",
    )
    loaded = load(tmp_path, "lab.py")
    assert loaded["names"] == ["add", "/team/physics/fall"]
    assert loaded["options"] == [[None, 3, False], [2, 1, True]]
    assert loaded["streams"] == [False, True]


def test_a_module_of_the_working_directory_is_served_with_what_it_shows_of_its_inside(tmp_path: Path) -> None:
    package = tmp_path / "lab"
    package.mkdir()
    (package / "__init__.py").write_text("from lab.inside import add\n")
    (package / "inside.py").write_text(HEAD + ADD)
    loaded = load(tmp_path, "lab")
    assert loaded["names"] == ["add"]
    assert {Path(file).name for file in loaded["files"]} == {"__init__.py", "inside.py"}


def test_functions_that_a_file_only_imports_are_not_served_by_it(tmp_path: Path) -> None:
    write(tmp_path, helper=HEAD + ADD, lab=HEAD + "from helper import add\n@farcall.function\ndef own(): ...\n")
    loaded = load(tmp_path, "lab.py")
    assert loaded["names"] == ["own"]
    assert {Path(file).name for file in loaded["files"]} == {"helper.py", "lab.py"}


def test_a_file_called_like_a_module_in_use_is_served_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, struct=HEAD + ADD)
    assert load(tmp_path, "struct.py")["names"] == ["add"]


def test_the_same_code_has_the_same_digest_and_other_code_another(tmp_path: Path) -> None:
    write(tmp_path, one=HEAD + ADD, two=HEAD + ADD, three=HEAD + ADD.replace("a + b", "b + a"))
    digests = [load(tmp_path, f"{name}.py")["digests"][0] for name in ("one", "two", "three")]
    assert digests[0] == digests[1] != digests[2]


def test_a_syntax_error_is_told_with_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, lab=HEAD + "def broken(:\n")
    assert refusal(tmp_path, "lab.py").startswith("lab.py, line 2: it can't be imported: SyntaxError: ")


def test_an_exception_while_importing_is_told_with_file_line_and_exception(tmp_path: Path) -> None:
    write(tmp_path, lab=HEAD + "\nvalue = int('x')\n")
    loaded = load(tmp_path, "lab.py")
    assert loaded["error"] == (
        "lab.py, line 3: it can't be imported: ValueError: invalid literal for int() with base 10: 'x'"
    )
    assert 'File "lab.py", line 3' in loaded["detail"]


def test_a_missing_import_is_told_of_the_file_that_wants_it(tmp_path: Path) -> None:
    write(tmp_path, lab=HEAD + "import not_there_at_all\n")
    assert refusal(tmp_path, "lab.py") == (
        "lab.py, line 2: it can't be imported: ModuleNotFoundError: No module named 'not_there_at_all'"
    )


def test_a_file_that_exits_while_importing_is_an_error_and_no_exit(tmp_path: Path) -> None:
    write(tmp_path, lab=HEAD + "import sys\nsys.exit(4)\n")
    assert refusal(tmp_path, "lab.py") == "lab.py, line 3: it can't be imported: SystemExit: 4"


def test_a_file_without_functions_is_told_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, lab="def add(a, b):\n    return a + b\n")
    assert "put @farcall.function above" in refusal(tmp_path, "lab.py")


@pytest.mark.parametrize(("target", "words"), [("lab.py", "lab.py is not there"), ("lab", "did you mean lab.py?")])
def test_what_is_not_there_is_told(tmp_path: Path, target: str, words: str) -> None:
    if target == "lab":
        # A file that can't be imported as a module, since the directory is not a place for modules.
        (tmp_path / "elsewhere").mkdir()
        target = "elsewhere.lab"
        (tmp_path / "elsewhere.lab.py").write_text(HEAD + ADD)
        words = "did you mean elsewhere.lab.py?"
    assert words in refusal(tmp_path, target)


def test_two_functions_of_one_name_in_one_file_are_told_with_their_lines(tmp_path: Path) -> None:
    write(tmp_path, lab=HEAD + ADD + ADD)
    assert refusal(tmp_path, "lab.py") == ("lab.py has two functions named add, in lines 3 and 6: rename one of them.")


def test_two_functions_declared_with_one_name_are_told(tmp_path: Path) -> None:
    write(tmp_path, lab=HEAD + ADD + "@farcall.function(name='add')\ndef plus(a: int): ...\n")
    assert "two functions named add" in refusal(tmp_path, "lab.py")


def test_one_name_in_two_files_is_told_with_both_files(tmp_path: Path) -> None:
    write(tmp_path, one=HEAD + ADD, two=HEAD + ADD)
    assert refusal(tmp_path, "one.py", "two.py").startswith("two.py and one.py both serve a function named add")


def test_an_annotation_that_cannot_travel_is_told_with_function_and_parameter(tmp_path: Path) -> None:
    write(tmp_path, lab=HEAD + "import socket\n@farcall.function\ndef f(x: socket.socket): ...\n")
    message = refusal(tmp_path, "lab.py")
    assert message.startswith("lab.py: f(): parameter 'x'")
