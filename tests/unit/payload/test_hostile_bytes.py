"""Whatever bytes come, decoding gives a value or MalformedPayload, and neither memory nor files outside suffer."""

import struct
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from farcall.payload import (
    BlobMissing,
    Code,
    MalformedPayload,
    Record,
    blob_digests,
    canonical,
    decode,
    encode,
    plain,
    to_json,
)
from farcall.payload.names import safe_name

from .samples import VALUES, Memory, Track

Ext = msgspec.msgpack.Ext
pack = msgspec.msgpack.Encoder().encode
READERS = [decode, plain, to_json, canonical, blob_digests, lambda data: decode(data, type=Track)]


def read_in_every_way(data: bytes) -> None:
    for reader in READERS:
        try:
            reader(data)
        except MalformedPayload:
            continue


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_arbitrary_bytes_raise_nothing_else(data):
    read_in_every_way(data)


@given(VALUES, st.data())
@settings(max_examples=300)
def test_a_damaged_payload_raises_nothing_else(value, draw):
    data = bytearray(encode(value, blobs=Memory(), blob_threshold_bytes=8))
    for _ in range(draw.draw(st.integers(1, 3))):
        if data:
            data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    read_in_every_way(bytes(data[: draw.draw(st.integers(0, len(data)))]))
    read_in_every_way(bytes(data))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | st.floats() | st.text(max_size=6) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([code for name, code in vars(Code).items() if name.isupper()]), JUNK, st.booleans())
@settings(max_examples=600)
def test_extensions_with_any_body_raise_nothing_else(code, body, raw):
    data = body if raw and isinstance(body, bytes) else pack(body)
    read_in_every_way(pack([Ext(code, data)]))
    read_in_every_way(pack(Ext(Code.TUPLE, pack([Ext(code, data)]))))


def array(dtype: object, shape: object, items: bytes) -> bytes:
    header = pack([dtype, shape])
    return pack(Ext(Code.ARRAY, len(header).to_bytes(4, "big") + header + items))


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", "truncated"),
        (b"\x01\x01", "trailing"),
        (b"\xdd\xff\xff\xff\xff", "truncated"),
        (b"\xc6\xff\xff\xff\xff", "truncated"),
        (b"\xa1\xff", "utf-8"),
        (b"\xc1", "invalid"),
        (b"\x91" * 101 + b"\x01", "nested"),
        (b"\x91" * 100_000, "deep"),
        (pack(Ext(99, b"")), "extension 99 is not known"),
        (pack(Ext(Code.REF, b"x")), "another invocation"),
        (b"\xd6\xff\x00\x00\x00\x00", "timestamps"),
        (pack(Ext(Code.BIG_INT, b"\x01")), "one spelling"),
        (pack(Ext(Code.DECIMAL, b"1e9999999999999999999")), "InvalidOperation"),
        (pack(Ext(Code.DECIMAL, b" 1")), "one spelling"),
        (pack(Ext(Code.SET, pack([[1]]))), "unhashable"),
        (pack(Ext(Code.MAP, pack([1]))), "key without a value"),
        (pack(Ext(Code.RANGE, pack([0, 1, 0]))), "must not be zero"),
        (pack(Ext(Code.DATETIME, pack(["2026-01-01T00:00:00", None, "../../etc/passwd", 0]))), "time zone"),
        (pack(Ext(Code.TIMEDELTA, pack([2**40, 0, 0]))), "too large"),
        (array("|O", [1], bytes(8)), "not a type of array items"),
        (array("O8", [1], bytes(8)), "not a type of array items"),
        (array("<f8,O", [1], bytes(16)), "not a type of array items"),
        (array([16, [["a", "|O", 0, []]]], [1], bytes(16)), "not a type of array items"),
        (array([4, [["a", "<f8", 0, []]]], [1], bytes(4)), "beyond their item"),
        (array([8, [["a", "<f4", 0, []], ["b", "<f4", 2, []]]], [1], bytes(8)), "overlap"),
        (array("<f8", [3], bytes(8)), "24 bytes comes with 8"),
        (array("<f8", [2**61], b""), "comes with 0"),
        (array("<f8", [-1], b""), "lengths"),
        (array("<f8", [True], bytes(8)), "lengths"),
        (array("<f8", [1] * 33, bytes(8)), "32 lengths"),
        (array("|S0", [2**40], b""), "not a type of array items"),
        (array("|b1", [1], b"\x02"), "truth values"),
        (array("<U1", [1], b"\xff\xff\xff\xff"), "no characters"),
    ],
)
def test_what_is_malformed_is_said_to_be(data, because):
    with pytest.raises(MalformedPayload, match=because):
        decode(data)


def test_an_absurd_length_costs_no_memory():
    nested = b"".join(b"\xdd" + struct.pack(">I", 1_000_000 - 5 * level) for level in range(1, 150))
    data = nested + b"\x01" * 1_000_000
    tracemalloc.start()
    with pytest.raises(MalformedPayload):
        decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * len(data)


def test_a_chain_of_extensions_is_bounded():
    data = b"\x01"
    for _ in range(300):
        data = pack(Ext(Code.TUPLE, b"\x91" + data))
    for reader in (decode, plain, to_json, canonical):
        with pytest.raises(MalformedPayload, match="nested"):
            reader(data)


def test_an_empty_array_of_absurd_shape_is_harmless():
    assert decode(array("<f8", [0, 2**40], b"")).size == 0
    with pytest.raises(MalformedPayload):
        to_json(array("<f8", [2**40, 0], b""))


def test_a_blob_needs_a_source_and_its_right_size():
    blobs = Memory()
    data = encode(b"x" * 100, blobs=blobs, blob_threshold_bytes=10)
    with pytest.raises(BlobMissing):
        decode(data)
    blobs.held = dict.fromkeys(blobs.held, b"short")
    with pytest.raises(MalformedPayload, match="5 bytes instead of 100"):
        decode(data, blobs=blobs)


def test_what_a_source_raises_comes_through():
    class Broken:
        def open(self, digest: str, size: int) -> bytes:
            raise ValueError("disk on fire")

    data = encode(b"x" * 100, blobs=Memory(), blob_threshold_bytes=10)
    with pytest.raises(ValueError, match=r"^disk on fire$") as caught:
        decode(data, blobs=Broken())
    assert not isinstance(caught.value, MalformedPayload)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("data.csv", "data.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\system.ini", "system.ini"),
        ("/etc/cron.d/x", "x"),
        ("..", "file"),
        (".", "file"),
        ("", "file"),
        ("a/..", "file"),
        ("a\x00b\n", "a_b_"),
        ("nul.txt", "_nul.txt"),
        ("file.txt:stream", "file.txt_stream"),
        (".bashrc", ".bashrc"),
        ("dots. . .", "dots"),
    ],
)
def test_the_name_of_a_file_is_made_harmless(name, safe):
    assert safe_name(name) == safe


@given(st.text(max_size=400))
@example("é" * 300 + ".csv")
@example("\ud800")
def test_any_name_becomes_one_component_of_a_path(name):
    safe = safe_name(name)
    assert Path(safe).name == safe
    assert safe not in (".", "..")
    assert len(safe.encode()) <= 201


def test_a_file_never_leaves_its_directory_nor_follows_links(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    (inside / "passwd").symlink_to(outside)
    path = decode(pack(Ext(Code.FILE, pack(["../outside/../passwd", b"x"]))), files=inside)
    assert path == inside / "passwd-2"
    assert not outside.exists()


def test_a_record_with_hostile_names_is_only_data():
    fields = {"__class__": 1, "_fields": 2, "keys": 3}
    record = decode(pack(Ext(Code.RECORD, pack(["os.system", fields]))))
    assert type(record) is Record
    assert dict(record.items()) == fields
