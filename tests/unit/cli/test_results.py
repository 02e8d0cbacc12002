"""Results on the terminal and in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farcall.cli import results
from farcall.payload import FileContent, RecordTuple


@pytest.mark.parametrize(
    ("value", "name", "content"),
    [
        ("text", "result.txt", b"text"),
        (b"\x00\x01", "result.bin", b"\x00\x01"),
        (FileContent("plot.png", b"png"), "plot.png", b"png"),
        ({"a": [1, 2]}, "result.json", b'{\n  "a": [\n    1,\n    2\n  ]\n}\n'),
        (np.float64(1.5), "result.json", None),
    ],
)
def test_a_result_becomes_a_file_of_its_kind(value: Any, name: str, content: bytes | None, tmp_path: Path) -> None:
    [path] = results.write(value, tmp_path / "out")
    assert path == tmp_path / "out" / name
    assert content is None or path.read_bytes() == content


def test_an_array_becomes_an_npy_file(tmp_path: Path) -> None:
    [path] = results.write(np.arange(3), tmp_path)
    assert np.load(path, allow_pickle=False).tolist() == [0, 1, 2]


def test_a_named_tuple_becomes_a_file_for_each_result(tmp_path: Path) -> None:
    value = RecordTuple.of("Fit", ("slope", "log"), [2, "done"])
    assert [path.name for path in results.write(value, tmp_path)] == ["slope.json", "log.txt"]
    assert json.loads((tmp_path / "slope.json").read_text()) == 2


def test_names_of_the_other_side_do_not_lead_out_of_the_directory(tmp_path: Path) -> None:
    value = RecordTuple.of("Evil", ("../../evil", "fine"), ["a", "b"])
    paths = results.write(value, tmp_path / "out")
    assert {path.parent for path in paths} == {tmp_path / "out"}
    [saved] = results.write(FileContent("../../evil", b""), tmp_path / "out")
    assert saved.parent == tmp_path / "out"


def test_items_of_a_stream_are_printed_one_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    results.show_items(iter([1, "two", {"three": 3}]), as_json=False)
    assert capsys.readouterr().out == '1\ntwo\n{"three": 3}\n'
