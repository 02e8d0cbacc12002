"""Looking into a payload without numpy and without the author's types."""

import datetime
import decimal
import subprocess
import sys
import uuid

import numpy as np
import pytest

from farcall.payload import ArrayView, BlobView, MalformedPayload, blob_digests, digest_of, encode, plain

from .samples import Colour, Level, Memory, Point, Shape, Span


@pytest.mark.parametrize(
    ("value", "view"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
        (1 + 2j, [1.0, 2.0]),
        (datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC), "2026-01-02T03:04:00+00:00"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(hours=1), "PT3600S"),
        (b"abc", "YWJj"),
        ({"a": [b"abc", {"b": b"abc"}]}, {"a": ["YWJj", {"b": "YWJj"}]}),
        (bytearray(b"abc"), "YWJj"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ((1, (2,)), [1, [2]]),
        (frozenset({1}), [1]),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        (Shape.PAIR, [1, 2]),
        (Shape.POINT, None),
        (Point(1.0), {"x": 1.0, "y": 0.0}),
        (Span(1, 2), {"start": 1, "stop": 2}),
        ({1: "a", (2, 3): "b", None: "c", b"k": "d"}, {"1": "a", "[2,3]": "b", "null": "c", "aw==": "d"}),
        (2**100, 2**100),
        (range(3), {"start": 0, "stop": 3, "step": 1}),
        (np.float32(0.5), 0.5),
        (np.int64(-7), -7),
        (np.bool_(True), True),
        (np.complex128(1 + 2j), [1.0, 2.0]),
        (np.str_("é"), "é"),
        (np.zeros((2, 3), ">i4"), ArrayView(">i4", (2, 3))),
        (np.datetime64("2026-01-01"), ArrayView("<M8[D]", ())),
    ],
)
def test_a_view_is_what_json_would_have(value, view):
    assert plain(encode(value)) == view


def test_nan_stays_a_number():
    assert plain(encode([float("nan"), np.float64("nan")])) != plain(encode([float("nan"), np.float64("nan")]))


def test_blobs_are_seen_and_not_fetched(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"f" * 50)
    blobs = Memory()
    values = {"t": ("x" * 50, b"b" * 50, bytearray(60)), "a": np.zeros(9), "f": file, "again": b"b" * 50}
    data = encode(values, blobs=blobs, blob_threshold_bytes=10)
    seen = plain(data)
    assert seen["a"] == BlobView(digest_of(bytes(72)), 72, "array", ArrayView("<f8", (9,)))
    assert seen["f"] == BlobView(digest_of(b"f" * 50), 50, "file", name="a.bin")
    assert seen["t"][0] == BlobView(digest_of(b"x" * 50), 50, "str")
    named = blob_digests(data)
    assert dict(named) == {digest: len(content) for digest, content in blobs.held.items()}
    assert len(named) == 5
    assert plain(encode(file)) == "a.bin"


def test_blobs_are_found_however_deep_they_lie():
    value = {"a": [({(1, 2): Point(b"x" * 50, [Colour.RED])},)], "k": {3: {"z": (b"y" * 50,)}}}
    assert len(blob_digests(encode(value, blobs=Memory(), blob_threshold_bytes=10))) == 2


def test_bytes_that_look_like_a_reference_are_none():
    assert blob_digests(encode({"a": b"\xc1blob\xc1" + bytes(60)})) == []


def test_a_map_with_other_keys_than_text_is_refused():
    with pytest.raises(MalformedPayload, match="text keys"):
        plain(b"\x91\x81\x01\x02")


def test_arrays_are_seen_where_there_is_no_numpy():
    data = encode({"a": np.arange(3), "s": np.float64(1.5)}).hex()
    code = f"""
import sys
sys.modules["numpy"] = None
from farcall.payload import MalformedPayload, decode, from_json, plain, to_json
data = bytes.fromhex("{data}")
assert plain(data)["s"] == 1.5
assert to_json(data)["a"]["value"] == [0, 1, 2]
assert from_json(to_json(data)) == data
try:
    decode(data)
except MalformedPayload as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "the payload holds an array, and numpy is not installed here\n"


def test_importing_the_codec_does_not_import_numpy():
    code = "import sys, farcall.payload as p; p.encode({1: (2,)}); sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
