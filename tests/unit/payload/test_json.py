"""JSON values by the schema of the interface."""

import datetime
import decimal
import json
import uuid
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings

from farcall.authoring.schemas import schema_of
from farcall.payload import (
    FileContent,
    MalformedPayload,
    WrongType,
    decode,
    digest_of,
    encode,
    from_json,
    plain,
    to_json,
)

from .samples import VALUES, Colour, Level, Memory, Point, Reading, Shape, Span, Track, same

TRACK = Track("a", [Point(1.0, float("inf"))], Colour.BLUE, {3, 1})
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@given(VALUES)
@settings(max_examples=200)
def test_every_value_goes_through_json_without_a_schema(value):
    text = json.dumps(to_json(encode(value)), allow_nan=False)
    assert same(decode(from_json(json.loads(text))), value)


@pytest.mark.parametrize(
    ("value", "hint", "shown"),
    [
        (1, int, 1),
        (2**60, int, str(2**60)),
        (-(2**60), int, str(-(2**60))),
        (2.0, float, 2.0),
        (float("inf"), float, "Infinity"),
        (1 - 2j, complex, [1.0, -2.0]),
        (b"abc", bytes, "YWJj"),
        ("abc", str, "abc"),
        (datetime.date(2026, 1, 2), datetime.date, "2026-01-02"),
        (MOMENT, datetime.datetime, "2026-01-02T03:04:05+00:00"),
        (datetime.time(3, 4), datetime.time, "03:04:00"),
        (datetime.timedelta(seconds=90), datetime.timedelta, "PT90S"),
        (decimal.Decimal("1.50"), decimal.Decimal, "1.50"),
        (uuid.UUID(int=1), uuid.UUID, "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, Colour, "red"),
        (Level.HIGH, Level, 2),
        (
            Shape.PAIR,
            Shape,
            {
                "$type": "enum",
                "title": "Shape",
                "name": "PAIR",
                "value": {"$type": "tuple", "value": [1, 2]},
            },
        ),
        ((1, b"a"), tuple[int, bytes], [1, "YQ=="]),
        ((1, 2), tuple[int, ...], [1, 2]),
        ({b"a"}, set[bytes], ["YQ=="]),
        (frozenset({1}), frozenset[int], [1]),
        ({"a": b"a"}, dict[str, bytes], {"a": "YQ=="}),
        ({1: 2.5}, dict[int, float], {"1": 2.5}),
        ({datetime.date(2026, 1, 2): 1}, dict[datetime.date, int], {"2026-01-02": 1}),
        ({(1, 2): 1}, dict[tuple[int, int], int], {"[1,2]": 1}),
        (Point(1.0), Point, {"x": 1.0, "y": 0.0}),
        (Span(1, 2), Span, {"start": 1, "stop": 2}),
        (
            TRACK,
            Track,
            {"name": "a", "points": [{"x": 1.0, "y": "Infinity"}], "colour": "blue", "marks": [1, 3]},
        ),
        (Reading(MOMENT, None), Reading, {"at": "2026-01-02T03:04:05+00:00", "value": None}),
        ("a", Literal["a", "b"], "a"),
        (None, int | None, None),
        (b"abc", bytes | None, "YWJj"),
        (np.array([[1.5, float("nan")]]), npt.NDArray[np.float64], [[1.5, "NaN"]]),
        (np.array([1, 2], "i2"), npt.NDArray[np.int16], [1, 2]),
        (np.array([True]), npt.NDArray[np.bool_], [True]),
        (np.array([1 + 2j]), npt.NDArray[np.complex128], [[1.0, 2.0]]),
        ({"a": [1]}, Any, {"a": [1]}),
        ({"a": {1}}, Any, {"a": {"$type": "set", "value": [1]}}),
        ([b"a", "b"], list[bytes | str], [{"$type": "bytes", "value": "YQ=="}, "b"]),
        ({"$x": 1}, Any, {"$type": "dict", "value": [["$x", 1]]}),
    ],
)
def test_json_follows_the_schema_in_both_directions(value, hint, shown):
    schema = schema_of(hint)
    data = encode(value)
    assert to_json(data, schema) == shown
    read = from_json(json.loads(json.dumps(shown)), schema)
    assert same(decode(read, type=hint), value)
    if not isinstance(value, np.ndarray) and "$type" not in str(shown):
        validator = jsonschema_rs.Draft202012Validator(schema)
        assert validator.is_valid(plain(read)) or value in (float("inf"), TRACK, 1 - 2j)
        assert plain(read) == plain(data)


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        ("2026-13-01", datetime.date, r"^args: '2026-13-01' is not readable as date"),
        (["x", "%%"], list[bytes], r"^args\[0\]: 'x' is not readable as bytes"),
        ({"a": "12:99"}, dict[str, datetime.time], r'^args\["a"\]: '),
        ([1], complex, "not readable as complex"),
        ([[1, 2], [3]], npt.NDArray[np.float64], "equally long"),
        (["a"], npt.NDArray[np.float64], "a number is wanted"),
        ([300], npt.NDArray[np.uint8], "does not fit"),
        ({"$type": "nonsense"}, Any, "'nonsense' is no type"),
        ({"$type": ["list"]}, Any, "malformed"),
        ({"$type": "array", "dtype": "|O", "shape": [1], "data": ""}, Any, "array items"),
        ({"$type": "range", "value": [1, 2]}, Any, "malformed"),
        ({"$type": "set", "value": [[1]]}, Any, "unhashable"),
        ({"$blob": "blake3:12"}, bytes, "not a digest"),
        ({"$blob": digest_of(b"")}, bytes, "size of the blob"),
        (1e400, Any, None),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(value, hint, message):
    if message is None:
        from_json(value, schema_of(hint), where="args")
        return
    with pytest.raises(WrongType, match=message):
        from_json(value, schema_of(hint), where="args")


def test_what_json_has_itself_is_left_to_validation():
    schema = {"type": "object", "properties": {"n": schema_of(int), "s": schema_of(str)}, "x-type": "dict"}
    assert plain(from_json({"n": "many", "s": 5}, schema)) == {"n": "many", "s": 5}


def test_whole_numbers_are_integers_and_integers_are_floats_where_asked():
    assert same(decode(from_json(2.0, schema_of(int))), 2)
    assert same(decode(from_json(2, schema_of(float))), 2.0)
    assert same(decode(from_json(2, schema_of(float | None))), 2.0)
    assert same(decode(from_json("NaN", schema_of(float | None))), float("nan"))


def test_an_enum_is_also_read_by_the_names_of_its_members():
    assert decode(from_json("PAIR", schema_of(Shape)), type=Shape) is Shape.PAIR


def test_blobs_stand_anywhere_by_digest():
    blobs = Memory()
    digest = blobs.put(b"x" * 40)
    schema = {"properties": {"a": schema_of(bytes), "b": schema_of(str | None)}, "x-type": "dict"}
    data = from_json({"a": {"$blob": digest}, "b": {"$blob": digest, "size": 40}}, schema, blob_size=lambda _: 40)
    assert decode(data, blobs=blobs) == {"a": b"x" * 40, "b": "x" * 40}
    assert from_json(to_json(data, schema)) == data
    array = encode(np.zeros(100), blobs=blobs, blob_threshold_bytes=10)
    assert from_json(to_json(array)) == array


def test_files_are_base64_with_a_name(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"abc")
    shown = to_json(encode(file), schema_of(Path))
    assert shown == {"$type": "path", "name": "a.txt", "value": "YWJj"}
    assert decode(from_json(shown, schema_of(Path))) == FileContent("a.txt", b"abc")
    assert decode(from_json("YWJj", schema_of(Path))) == FileContent("file", b"abc")


def test_integers_too_long_for_decimal_are_hexadecimal():
    value = 7**20_000
    assert to_json(encode(value), schema_of(int)).startswith("0x")
    assert decode(from_json(to_json(encode(value)))) == value
    with pytest.raises(WrongType):
        from_json("9" * 5000, schema_of(int))


def test_deep_json_is_refused():
    value: Any = 1
    for _ in range(300):
        value = [value]
    with pytest.raises(WrongType, match="nested"):
        from_json(value)


def test_json_of_malformed_bytes_is_malformed():
    with pytest.raises(MalformedPayload):
        to_json(b"\xc1")
