"""What a payload becomes where its author's types are not at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from pathlib import Path
from typing import Any

from farcall.payload.dtypes import Dtype
from farcall.payload.names import place_file


class Record:
    """A dataclass or Struct of the other side: its fields as attributes and as items, read-only.

    ``dict(record)`` gives a dict; records are equal if their titles and fields are.
    """

    __slots__ = ("_fields", "_title")

    def __init__(self, title: str, fields: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_fields", dict(fields))

    def __getattr__(self, name: str) -> Any:
        if name in ("_fields", "_title"):  # not yet set, as while being copied
            raise AttributeError(name)
        try:
            return self._fields[name]
        except KeyError:
            raise AttributeError(f"{self._title} has no field {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a record is read-only")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a record is read-only")

    def __reduce__(self) -> tuple[Any, ...]:
        return (Record, (self._title, self._fields))

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def keys(self) -> KeysView[str]:
        """The names of the fields."""
        return self._fields.keys()  # type: ignore[no-any-return]  # slots set through object.__setattr__

    def values(self) -> ValuesView[Any]:
        """The values of the fields."""
        return self._fields.values()  # type: ignore[no-any-return]  # as above

    def items(self) -> ItemsView[str, Any]:
        """Names and values."""
        return self._fields.items()  # type: ignore[no-any-return]  # as above

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return bool(self._title == other._title and self._fields == other._fields)

    def __hash__(self) -> int:
        return hash((self._title, frozenset(self._fields.items())))

    def __repr__(self) -> str:
        return f"{self._title}({', '.join(f'{name}={value!r}' for name, value in self._fields.items())})"


class RecordTuple(tuple[Any, ...]):
    """A named tuple of the other side: a tuple whose items are attributes too."""

    _title: str
    _fields: tuple[str, ...]

    @classmethod
    def of(cls, title: str, fields: tuple[str, ...], values: list[Any]) -> RecordTuple:
        """One of `title` with these fields and values, of equal number."""
        made = cls(values)
        made._title = title
        made._fields = fields
        return made

    def __getattr__(self, name: str) -> Any:
        if name in ("_fields", "_title"):
            raise AttributeError(name)
        try:
            return self[self._fields.index(name)]
        except ValueError:
            raise AttributeError(f"{self._title} has no field {name!r}") from None

    def _asdict(self) -> dict[str, Any]:
        """As with named tuples."""
        return dict(zip(self._fields, self, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return (RecordTuple.of, (self._title, self._fields, list(self)))

    def __repr__(self) -> str:
        return f"{self._title}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"


class FileContent:
    """A file by content: what a `pathlib.Path` becomes until it is saved somewhere."""

    __slots__ = ("_data", "name")

    def __init__(self, name: str, data: bytes | memoryview) -> None:
        self.name = name
        self._data = data

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self._data)

    @property
    def data(self) -> bytes | memoryview:
        """The content, perhaps a view on memory that belongs to somebody else."""
        return self._data

    def read(self) -> bytes:
        """The content."""
        return bytes(self._data)

    def save(self, directory: str | Path) -> Path:
        """Write it below `directory` under its name, made harmless and unique there, and return where it is."""
        path, file = place_file(Path(directory), self.name)
        with file:
            file.write(self._data)
        return path

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileContent):
            return NotImplemented
        return self.name == other.name and self._data == other._data

    def __hash__(self) -> int:
        return hash((self.name, len(self._data)))

    def __repr__(self) -> str:
        return f"FileContent({self.name!r}, {len(self._data)} bytes)"


@dataclasses.dataclass(frozen=True, slots=True)
class EnumValue:
    """A member of an enum whose class is not at hand; `decode` without a type gives the plain `value` instead."""

    title: str
    name: str
    value: Any


@dataclasses.dataclass(frozen=True, slots=True)
class RawArray:
    """An array, or with `scalar` one numpy scalar, whose `items` (bytes in C order) were not made into numpy's."""

    dtype: Dtype
    shape: tuple[int, ...]
    items: bytes | memoryview
    scalar: bool = False

    def __hash__(self) -> int:
        return hash((str(self.dtype), self.shape, bytes(self.items)))


@dataclasses.dataclass(frozen=True, slots=True)
class ArrayView:
    """An array that was not touched: `dtype` as the format writes it, `shape` in items."""

    dtype: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class BlobView:
    """A blob that was not touched: `size` in bytes, `what` it is (bytes, bytearray, str, array, file).

    `array` is there for arrays, `name` for files.
    """

    digest: str
    size: int
    what: str
    array: ArrayView | None = None
    name: str | None = None
