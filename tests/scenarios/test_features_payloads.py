"""Values of every kind that travel, there and back through hub, worker and the function's process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

import farcall
from tests.scenarios.town import Town

MIB = 1024 * 1024
SOURCE = """
    import asyncio, os, threading
    from collections.abc import Iterator
    from dataclasses import dataclass, field
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal
    from enum import Enum
    from pathlib import Path
    from typing import Any, Literal, NamedTuple, Optional
    from uuid import UUID
    import msgspec
    import numpy as np
    import farcall

    class Colour(Enum):
        RED = "r"
        GREEN = "g"

    @dataclass
    class Point:
        x: float
        y: float = 0.0

    class Shape(msgspec.Struct):
        name: str
        points: list[Point]
        colour: Colour = Colour.RED

    class Pair(NamedTuple):
        left: int
        right: str

    @farcall.function(namespace="open/payloads")
    def same(value: Any) -> Any:
        return value

    @farcall.function(namespace="open/payloads")
    def kind(value: Any) -> str:
        return type(value).__name__

    @farcall.function(namespace="open/payloads")
    def mirror(point: Point) -> Point:
        assert type(point) is Point
        return Point(-point.x, -point.y)

    @farcall.function(namespace="open/payloads")
    def paint(shape: Shape, colour: Colour = Colour.GREEN) -> Shape:
        assert type(shape) is Shape and type(shape.points[0]) is Point and type(colour) is Colour
        return Shape(shape.name.upper(), shape.points, colour)

    @farcall.function(namespace="open/payloads")
    def colour(colour: Colour) -> Colour:
        assert type(colour) is Colour
        return colour

    @farcall.function(namespace="open/payloads")
    def swap(pair: Pair) -> Pair:
        assert type(pair) is Pair
        return Pair(len(pair.right), str(pair.left))

    @farcall.function(namespace="open/payloads")
    def typed(
        number: int, ratio: float, z: complex, when: datetime, span: timedelta, price: Decimal, key: UUID,
        tags: set[str], table: dict[int, list[float]], pair: tuple[int, str], maybe: Optional[bytes] = None,
        mode: Literal["fast", "slow"] = "fast", *rest: int, flag: bool = False, **more: str,
    ) -> list[str]:
        values = [number, ratio, z, when, span, price, key, tags, table, pair, maybe, mode, rest, flag, more]
        return [type(value).__name__ for value in values]

    @farcall.function(namespace="open/payloads")
    def content(file: Path) -> str:
        return f"{file.name}: {file.read_text()}"

    @farcall.function(namespace="open/payloads")
    def report(text: str) -> Path:
        path = Path(os.environ["HOME"]) / "report.txt"
        path.write_text(text)
        return path

    @farcall.function(namespace="open/payloads")
    def scale(values: np.ndarray, by: float) -> np.ndarray:
        return values * by

    @farcall.function(namespace="open/payloads")
    def doubled_in_place(values: np.ndarray) -> np.ndarray:
        values *= 2
        return values

    @farcall.function(namespace="open/payloads")
    def total(values: np.ndarray) -> float:
        return float(values.sum())

    @farcall.function(namespace="open/payloads")
    def chunks(count: int, size: int) -> Iterator[np.ndarray]:
        for number in range(count):
            yield np.full(size, number, dtype=np.float64)

    @farcall.function(namespace="open/payloads")
    def unsendable(how: str) -> Any:
        return {"lock": [1, threading.Lock()], "function": print, "generator": (x for x in "ab")}[how]

    @farcall.function(namespace="open/payloads")
    def bytes_of(size: int) -> bytes:
        return bytes(size)
"""
DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", ">i4", ">f8", "S5", "U5"]
DTYPES += ["M8[ns]", "m8[s]"]


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, name="payloads") as name:
        yield name


def get(client: farcall.Client, name: str) -> farcall.RemoteFunction:
    return client.get(f"alice/open/payloads/{name}")


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    -(2**64),
    10**300,
    0.1,
    -0.0,
    math.inf,
    -math.inf,
    1 + 2j,
    "",
    "snowman ☃ and 𝄞 and \x00",
    b"",
    b"\x00\xff",
    bytearray(b"ab"),
    [],
    [1, [2.0, ["three"]]],
    (),
    (1, (2, 3)),
    {1, 2, 3},
    frozenset({"a", "b"}),
    {},
    {"a": {"b": {"c": [1, 2]}}},
    {1: "int", (2, 3): "tuple", None: "none", 2.5: "float"},
    datetime(2026, 2, 3, 4, 5, 6, 789),  # noqa: DTZ001  # naive ones travel too
    datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    datetime(2026, 2, 3, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    date(1999, 12, 31),
    time(23, 59, 59, 999_999),
    timedelta(days=-3, microseconds=5),
    Decimal("1.10"),
    Decimal("-Infinity"),
    UUID("12345678-1234-5678-1234-567812345678"),
    range(2, 10, 3),
    np.float32(1.5),
    np.int64(-7),
    np.bool_(True),
]


def test_values_come_back_equal_and_of_the_same_type(bob: farcall.Client) -> None:
    for sent, got in zip(VALUES, get(bob, "same").map(VALUES), strict=True):
        assert type(got) is type(sent), sent
        assert got == sent
        assert repr(got) == repr(sent)


def test_the_worker_sees_the_type_that_was_sent(bob: farcall.Client) -> None:
    for sent, seen in zip(VALUES, get(bob, "kind").map(VALUES), strict=True):
        assert seen == type(sent).__name__


def test_nan_stays_nan(bob: farcall.Client) -> None:
    assert math.isnan(get(bob, "same")(math.nan))
    assert get(bob, "same")(Decimal("NaN")).is_nan()


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_plain_dtype_come_back(bob: farcall.Client, dtype: str) -> None:
    if dtype[0] in "SU":
        sent = np.array([["a", "bb"], ["ccccc", ""]], dtype=dtype)
    else:
        sent = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    for array in (sent, sent.T, sent[:, ::-1], sent[:0], sent[0, 0]):
        got = get(bob, "same")(array)
        assert type(got) is type(array)
        assert got.dtype == array.dtype
        assert np.array_equal(got, array)


def test_structured_arrays_come_back(bob: farcall.Client) -> None:
    sent = np.array([(1, 2.5, b"ab")], dtype=[("n", "i4"), ("x", "f8"), ("s", "S3")])
    got = get(bob, "same")(sent)
    assert got.dtype == sent.dtype
    assert np.array_equal(got, sent)


@pytest.mark.parametrize("size", [3, 100_000, 1_000_000])
def test_arrays_can_be_written_to_on_both_sides(bob: farcall.Client, size: int) -> None:
    sent = np.ones(size)
    for _ in range(2):
        got = get(bob, "doubled_in_place")(sent)
        got += 1.0
        assert (got[0], got[-1]) == (3.0, 3.0)
    assert sent[0] == 1.0


def test_arrays_with_objects_are_refused(bob: farcall.Client) -> None:
    with pytest.raises(farcall.InvalidArguments, match="object"):
        get(bob, "same")(np.array([object()]))


def test_dataclasses_structs_and_enums_are_rebuilt_by_the_type_hints(bob: farcall.Client) -> None:
    point = get(bob, "mirror")({"x": 1.5, "y": 2.0})
    assert (type(point).__name__, point.x, point.y) == ("Point", -1.5, -2.0)
    again = get(bob, "mirror")(point)
    assert again == type(point)(1.5, 2.0)
    shape = get(bob, "paint")({"name": "line", "points": [{"x": 1}, again]})
    assert (shape.name, shape.points[1], shape.colour.name) == ("LINE", again, "GREEN")
    red = get(bob, "colour")("r")
    assert isinstance(red, Enum)
    assert (red.name, red.value) == ("RED", "r")
    assert get(bob, "paint")(shape, red).colour.value == "r"
    assert get(bob, "swap")((1, "ab")) == (2, "1")
    assert get(bob, "swap")((1, "ab")).right == "1"


def test_own_dataclasses_and_enums_of_the_same_shape_are_taken(bob: farcall.Client) -> None:
    from dataclasses import dataclass

    @dataclass
    class Point:
        x: float
        y: float

    class Colour(Enum):
        RED = "r"

    assert get(bob, "mirror")(Point(1.0, 2.0)).x == -1.0
    assert get(bob, "colour")(Colour.RED).name == "RED"


def test_a_record_that_does_not_fit_is_refused_with_its_place(bob: farcall.Client) -> None:
    with pytest.raises(farcall.InvalidArguments, match=r'shape\["points"\]\[0\]: .x. is missing'):
        get(bob, "paint")({"name": "bad", "points": [{"y": 1.0}]})
    with pytest.raises(farcall.InvalidArguments, match="colour"):
        get(bob, "colour")("blue")


def test_every_parameter_arrives_as_its_annotation_says(bob: farcall.Client) -> None:
    named = get(bob, "typed")(
        1,
        2,
        3,
        datetime(2026, 1, 1, tzinfo=UTC),
        timedelta(1),
        Decimal(1),
        UUID(int=5),
        {"a"},
        {1: [1, 2]},
        (1, "x"),
        b"",
        "slow",
        7,
        8,
        flag=True,
        extra="more",
    )
    assert named == [
        "int", "float", "complex", "datetime", "timedelta", "Decimal", "UUID", "set", "dict", "tuple", "bytes", "str",
        "tuple", "bool", "dict",
    ]  # fmt: skip


def test_a_path_travels_as_the_file_s_content(town: Town, bob: farcall.Client, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("written here")
    assert get(bob, "content")(file) == "notes.txt: written here"
    got = get(bob, "report")("written there")
    assert (got.name, got.read()) == ("report.txt", b"written there")
    saved = got.save(tmp_path / "results")
    assert saved.read_text() == "written there"
    assert saved.parent == tmp_path / "results"


def test_a_large_file_travels_as_a_blob(bob: farcall.Client, tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text("line\n" * 500_000)
    assert len(get(bob, "content")(file)) == len("long.txt: ") + 2_500_000


def test_30_megabytes_go_there_and_back_and_once_to_each_worker(town: Town, bob: farcall.Client) -> None:
    sent = np.random.default_rng(0).random(30 * MIB // 8)
    blobs = town.directory / "hub" / "blobs"

    def stored() -> list[int]:
        return sorted(file.stat().st_size for file in blobs.rglob("*") if file.is_file() and file.stat().st_size > MIB)

    before = len(stored())
    got = get(bob, "scale")(sent, 2.0)
    assert np.array_equal(got, sent * 2.0)
    assert len(stored()) == before + 2, "the argument and the result"
    assert get(bob, "total")(sent) == pytest.approx(sent.sum())
    assert len(stored()) == before + 2, "the same argument is stored once"
    with town.client() as elsewhere:
        assert get(elsewhere, "total")(sent) == pytest.approx(sent.sum())
    assert len(stored()) == before + 2
    cached = [file for file in town.directory.rglob("*") if file.is_file() and "hub" not in file.parts]
    large = [file for file in cached if file.stat().st_size > 25 * MIB]
    assert len([file for file in large if "farcall-worker" not in str(file)]) <= 2, "the worker keeps one copy of each"


def test_large_items_are_streamed(bob: farcall.Client) -> None:
    for number, chunk in enumerate(get(bob, "chunks").stream(6, 200_000)):
        assert chunk.shape == (200_000,)
        assert chunk[-1] == number


def test_many_large_arguments_at_once_do_not_choke_the_connection(bob: farcall.Client) -> None:
    arrays = [np.full(100_000, number, dtype=np.float64) for number in range(40)]
    assert list(get(bob, "total").map(arrays)) == [number * 100_000.0 for number in range(40)]


def test_more_than_the_limit_is_refused_both_ways(bob: farcall.Client) -> None:
    with pytest.raises(farcall.FarcallError) as caught:
        get(bob, "kind")(bytes(65 * MIB))
    assert caught.value.code == "too_large"
    with pytest.raises(farcall.PlatformError) as result:
        get(bob, "bytes_of")(65 * MIB)
    assert result.value.code == "bad_result"
    assert get(bob, "kind")(1) == "int"


@pytest.mark.parametrize(("how", "words"), [("lock", r"\[1\].*lock"), ("function", "code"), ("generator", "generator")])
def test_a_result_that_cannot_travel_fails_with_its_place(bob: farcall.Client, how: str, words: str) -> None:
    with pytest.raises(farcall.PlatformError, match=words) as caught:
        get(bob, "unsendable")(how)
    assert caught.value.code == "bad_result"
