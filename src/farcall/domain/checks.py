"""One check per `x-type`: yields what is wrong with a value, with the path to it. The table is at the end.

Values are in the plain view of a payload (`farcall.payload.plain`): what JSON has, and views of arrays and blobs.
"""

from __future__ import annotations

import binascii
import datetime
import decimal
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from farcall.authoring.spelling import out_of_bounds, type_text
from farcall.payload.values import ArrayView, BlobView

Schema: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]


class Trouble(NamedTuple):
    """`mismatch`: the value is of another type altogether, so a branch of a union was not meant."""

    path: Path
    message: str
    mismatch: bool = False


Check: TypeAlias = Callable[[Schema, Any, Path], Iterator[Trouble]]


def check(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    """Everything that is wrong with `value`."""
    if "anyOf" in schema:
        yield from _check_union(schema, value, path)
    elif "enum" in schema:
        yield from _check_enum(schema, value, path)
    else:
        yield from _CHECKS[schema["x-type"]](schema, value, path)


def _wrong(schema: Schema, value: Any, path: Path) -> Trouble:
    return Trouble(path, f"expected {type_text(schema)}, got {_shown(value)}", mismatch=True)


def _shown(value: Any) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    if isinstance(value, (list, dict)):
        return f"a {name} of {len(value)}"
    array = _array_of(value)
    if array is not None:
        return f"an array of {_dtype_name(array.dtype)} and shape {array.shape}"
    if isinstance(value, BlobView):
        return f"{value.what} of {value.size} bytes"
    text = repr(value) if not isinstance(value, int) or value.bit_length() < 200 else "of many digits"
    return f"{name} {text if len(text) <= 60 else text[:59] + '…'}"


def _is_blob(value: Any, *what: str) -> bool:
    return isinstance(value, BlobView) and value.what in what


def _array_of(value: Any) -> ArrayView | None:
    if isinstance(value, BlobView):
        return value.array
    return value if isinstance(value, ArrayView) else None


def _check_union(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    meant = []
    for branch in schema["anyOf"]:
        troubles = list(check(branch, value, path))
        if not troubles:
            yield from _check_bounds(schema, value, path)
            return
        if not any(trouble.mismatch and trouble.path == path for trouble in troubles):
            meant.append(troubles)
    if len(meant) == 1:
        yield from meant[0]
    else:
        yield _wrong(schema, value, path)


def _check_enum(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if any(_same(value, allowed) for allowed in schema["enum"]):
        return
    allowed_text = ", ".join(repr(allowed) for allowed in schema["enum"][:20])
    more = ", …" if len(schema["enum"]) > 20 else ""
    yield Trouble(path, f"expected one of {allowed_text}{more}, got {_shown(value)}", mismatch=True)


def _same(value: Any, allowed: Any) -> bool:
    """As JSON sees it: 1 is 1.0, but true is not 1."""
    return isinstance(value, bool) is isinstance(allowed, bool) and type(value) in _JSON_SCALARS and value == allowed


_JSON_SCALARS = {bool, int, float, str, type(None)}


def _check_any(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    yield from ()


def _check_none(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if value is not None:
        yield _wrong(schema, value, path)


def _check_bool(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not isinstance(value, bool):
        yield _wrong(schema, value, path)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_int(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong(schema, value, path)
    else:
        yield from _check_bounds(schema, value, path)


def _check_float(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not _is_number(value):
        yield _wrong(schema, value, path)
    else:
        yield from _check_bounds(schema, value, path)


def _check_bounds(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if ("minimum" in schema or "maximum" in schema) and _is_number(value):
        message = out_of_bounds(schema, value)
        if message:
            yield Trouble(path, message)


def _check_complex(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    if not (_is_number(value) or pair):
        yield _wrong(schema, value, path)


def _check_str(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not isinstance(value, str) and not _is_blob(value, "str"):
        yield _wrong(schema, value, path)


def _check_path(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not isinstance(value, str) and not _is_blob(value, "file"):  # small files show as their names
        yield _wrong(schema, value, path)


def _check_bytes(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not _is_blob(value, "bytes", "bytearray") and not _is_base64(value):
        yield _wrong(schema, value, path)


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and binascii.a2b_base64(value, strict_mode=True) is not None
    except ValueError:
        return False


def _written(read: Callable[[str], object]) -> Check:
    """A check for a type that JSON writes as text: it has to read as one."""

    def check_text(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
        try:
            if isinstance(value, str) and len(value) <= 10_000:
                read(value)
                return
        except (ValueError, ArithmeticError):
            pass
        yield _wrong(schema, value, path)

    return check_text


def _check_decimal(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield from _written(decimal.Decimal)(schema, value, path)


_DURATION = re.compile(r"-?P(?=.)(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+([.]\d+)?S)?)?")


def _read_duration(text: str) -> None:
    if not _DURATION.fullmatch(text):
        raise ValueError(text)


# Types of Python that a schema without bounds takes as they are; so long lists of numbers are seen through at once.
_TAKES_AS_IS: Mapping[str, frozenset[type]] = {
    "int": frozenset({int}),
    "float": frozenset({int, float}),
    "bool": frozenset({bool}),
    "str": frozenset({str}),
}


def _taken_as_is(schema: Schema) -> frozenset[type]:
    if schema.keys() & {"enum", "minimum", "maximum"}:
        return frozenset()
    return _TAKES_AS_IS.get(schema.get("x-type", ""), frozenset())


def _check_items(schema: Schema, value: list[Any], path: Path) -> Iterator[Trouble]:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    if len(value) < least or (most is not None and len(value) > most):
        wanted = f"{least}" if least == most else (f"at least {least}" if len(value) < least else f"at most {most}")
        yield Trouble(path, f"expected {wanted} items, got {len(value)}")
    prefix = schema.get("prefixItems", ())
    rest = schema.get("items")
    if rest is not None and not prefix and set(map(type, value)) <= _taken_as_is(rest):
        return
    for index, item in enumerate(value):
        inner = prefix[index] if index < len(prefix) else rest
        if inner is not None:
            yield from check(inner, item, (*path, index))


def _check_list(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if isinstance(value, list):
        yield from _check_items(schema, value, path)
    elif isinstance(value, dict) and value.keys() == {"start", "stop", "step"}:  # a range
        yield from _check_items(schema, list(value.values()), path)
    else:
        yield _wrong(schema, value, path)


def _check_set(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not isinstance(value, list):
        yield _wrong(schema, value, path)
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        text = repr(item)
        if text in seen:
            yield Trouble((*path, index), f"{_shown(item)} is there twice, and this is a set")
        seen.add(text)
    yield from _check_items(schema, value, path)


def _check_dict(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if not isinstance(value, dict):
        yield _wrong(schema, value, path)
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield Trouble(path, f"{name!r} is missing")
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    keys = schema.get("x-keys")
    for key, item in value.items():
        if keys is not None and not _key_fits(keys, key):
            yield Trouble((*path, key), f"expected {type_text(keys)} as key")
        inner = properties.get(key, rest)
        if inner is False:
            yield Trouble((*path, key), "there is no such member")
        elif inner is not None:
            yield from check(inner, item, (*path, key))


def _key_fits(schema: Schema, key: str) -> bool:
    """Keys that are no text are written as JSON; whether one was text to begin with, the plain view does not tell."""
    if not any(check(schema, key, ())):
        return True
    try:
        return not any(check(schema, json.loads(key), ()))
    except (ValueError, RecursionError):
        return False


def _check_record(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if schema.get("x-kind") == "namedtuple" and isinstance(value, list):
        value = dict(zip(schema.get("properties", {}), value, strict=False))
    yield from _check_dict(schema, value, path)


_DTYPE_FAMILIES = {
    "floating": ("float", "longdouble"),
    "integer": ("int", "uint"),
    "signedinteger": ("int",),
    "unsignedinteger": ("uint",),
    "inexact": ("float", "longdouble", "complex", "clongdouble"),
    "complexfloating": ("complex", "clongdouble"),
    "bool_": ("bool",),
    "str_": ("str",),
    "bytes_": ("bytes",),
    "datetime64": ("datetime64",),
    "timedelta64": ("timedelta64",),
}


def _check_array(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    if isinstance(value, list):
        yield from _check_nested(schema, value, path)
        return
    array = _array_of(value)
    if array is None:
        yield _wrong(schema, value, path)
        return
    wanted, dtype = schema.get("x-dtype"), _dtype_name(array.dtype)
    if wanted is not None and dtype != wanted and not dtype.startswith(_DTYPE_FAMILIES.get(wanted, ("\0",))):
        yield Trouble(path, f"expected an array of {wanted}, got one of {dtype}", mismatch=True)
    lengths = schema.get("x-shape")
    shape = array.shape
    if lengths is not None and not _shape_fits(lengths, shape):
        shown = ", ".join("any" if length is None else str(length) for length in lengths)
        yield Trouble(path, f"expected an array of shape ({shown}), got {shape}", mismatch=True)


_LETTERS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}


def _dtype_name(dtype: object) -> str:
    """``float64`` for numpy's own name, or for the short one that the format writes: ``<f8``."""
    text = str(dtype)
    short = text.lstrip("<>|=")
    if short[:1] in _LETTERS and short[1:].isdigit():
        return f"{_LETTERS[short[0]]}{8 * int(short[1:])}"
    return (
        "bool"
        if short in ("b1", "?")
        else {"M": "datetime64", "m": "timedelta64", "U": "str", "S": "bytes"}.get(
            short[:1] if not short[1:2].isalpha() else "", text
        )
    )


def _shape_fits(lengths: list[int | None], shape: tuple[int, ...]) -> bool:
    return len(lengths) == len(shape) and all(
        want is None or want == have for want, have in zip(lengths, shape, strict=True)
    )


def _check_nested(schema: Schema, value: Any, path: Path) -> Iterator[Trouble]:
    """Nested lists for an array, as JSON writes it: numbers all the way down."""
    if set(map(type, value)) <= _TAKES_AS_IS["float"]:
        return
    for index, item in enumerate(value):
        if isinstance(item, list):
            yield from _check_nested(schema, item, (*path, index))
        elif not isinstance(item, (int, float)):
            yield Trouble((*path, index), f"expected a number of the array, got {_shown(item)}")


_CHECKS: Mapping[str, Check] = {
    "any": _check_any,
    "none": _check_none,
    "bool": _check_bool,
    "int": _check_int,
    "float": _check_float,
    "complex": _check_complex,
    "str": _check_str,
    "bytes": _check_bytes,
    "path": _check_path,
    "date": _written(datetime.date.fromisoformat),
    "datetime": _written(datetime.datetime.fromisoformat),
    "time": _written(datetime.time.fromisoformat),
    "timedelta": _written(_read_duration),
    "decimal": _check_decimal,
    "uuid": _written(uuid.UUID),
    "list": _check_list,
    "tuple": _check_list,
    "set": _check_set,
    "frozenset": _check_set,
    "dict": _check_dict,
    "record": _check_record,
    "array": _check_array,
}
