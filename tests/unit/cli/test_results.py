"""Results on the terminal and in files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farcall.cli import results
from farcall.payload import FileContent, Record, RecordTuple


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


@dataclass
class _Point:
    x: float
    label: str


ROWS = [{"x": 1.5, "label": "a"}, {"x": 2.5, "label": "b,c"}]
TABLES = [
    ROWS,
    [Record("Point", row) for row in ROWS],
    [RecordTuple.of("Point", ("x", "label"), [row["x"], row["label"]]) for row in ROWS],
    [_Point(1.5, "a"), _Point(2.5, "b,c")],
    {"x": np.array([1.5, 2.5]), "label": ["a", "b,c"]},
    np.array([(1.5, "a"), (2.5, "b,c")], dtype=[("x", "f8"), ("label", "U4")]),
]


@pytest.mark.parametrize("value", TABLES, ids=lambda value: type(value).__name__)
def test_a_table_becomes_a_csv_file(value: Any, tmp_path: Path) -> None:
    [path] = results.write(value, tmp_path)
    assert path.name == "result.csv"
    assert path.read_text().splitlines() == ["x,label", "1.5,a", '2.5,"b,c"']


@pytest.mark.parametrize("value", TABLES, ids=lambda value: type(value).__name__)
def test_a_table_becomes_a_parquet_file_where_that_is_asked_for(value: Any, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    [path] = results.write(value, tmp_path, "parquet")
    assert path.name == "result.parquet"
    assert parquet.read_table(path).to_pylist() == ROWS


@pytest.mark.parametrize(
    "value",
    [
        [{"x": 1}, {"y": 1}],
        [{"x": [1]}],
        {"x": [1, 2], "y": [1]},
        {"x": [1, 2]},
        {"x": 1, "y": 2},
        [1, 2],
        [],
        {},
        [{}],
        [{"x": 1}, 3],
    ],
)
def test_what_is_no_table_stays_json(value: Any, tmp_path: Path) -> None:
    [path] = results.write(value, tmp_path)
    assert path.name == "result.json"
