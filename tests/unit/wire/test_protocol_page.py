"""The page of the protocol and the frames say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from farcall.domain import errors, model, states
from farcall.link import dialling
from farcall.wire import frames

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "protocol.md").read_text(encoding="utf-8")
FIELD = re.compile(r"(\w+): (?:\[\{[^}]*\}\]|[^,]+?)(?: = ((?:\[\]|\{\}|\"[^\"]*\"|[^,]+)))?(?:, |$)")
FRAMES = {kind.__name__: kind for kind in frames.Frame.__subclasses__()}
STRUCTURES: dict[str, Any] = {
    "Failure": errors.Failure,
    **{name: getattr(model, name) for name in ("CallOptions", "FunctionOptions", "Settlement")},
    "AttemptKey": frames.AttemptKey,
    **{kind.__name__: kind for kind in frames.Item.__subclasses__()},
}
SENDERS = {
    "client": frames.FromClient,
    "worker": frames.FromWorker,
}


def rows() -> dict[str, tuple[int, str, str]]:
    found = re.findall(r"^\| (\d+) \| `(\w+)` \| `([^`]*)` \| ([\w, ]+) \|$", PAGE, re.MULTILINE)
    return {name: (int(number), fields, sender) for number, name, fields, sender in found}


def fields_of(text: str) -> list[tuple[str, bool]]:
    return [(match[1], match[2] is not None) for match in FIELD.finditer(text)]


def real_fields(kind: Any) -> list[tuple[str, bool]]:
    return [(field.name, not field.required) for field in msgspec.structs.fields(kind)]


def test_every_frame_is_on_the_page_with_its_number() -> None:
    assert {name: row[0] for name, row in rows().items()} == {
        name: kind.__struct_config__.tag for name, kind in FRAMES.items()
    }


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_a_frame_has_the_fields_that_the_page_gives_in_that_order(name: str) -> None:
    assert fields_of(rows()[name][1]) == real_fields(FRAMES[name])


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_a_frame_is_sent_by_whom_the_page_names(name: str) -> None:
    kind, sender = FRAMES[name], rows()[name][2]
    expected = []
    if kind in frames.FromClient.__args__ and kind in frames.FromWorker.__args__:
        expected.append("dialler")
    else:
        expected += [who for who, union in SENDERS.items() if kind in union.__args__]
    if kind in frames.ToClient.__args__ or kind in frames.ToWorker.__args__:
        expected.append("hub")
    assert sender == ("both" if expected == ["dialler", "hub"] else ", ".join(expected))


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_structure_has_the_fields_that_the_page_gives(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| `(.*)` \|$", PAGE, re.MULTILINE)
    assert row is not None
    assert fields_of(row[1]) == real_fields(STRUCTURES[name])


def test_the_states_have_the_numbers_of_the_page() -> None:
    for kind, start in ((states.InvocationState, "0 waiting"), (states.AttemptState, "0 leased")):
        assert ", ".join(f"{state.value} {state.label}" for state in kind) in PAGE
        assert start in PAGE


def test_the_constants_of_a_connection_are_those_of_the_page() -> None:
    welcome = frames.Welcome(1, "", 0, "")
    defaults = {match[1]: match[2] for match in FIELD.finditer(rows()["Welcome"][1]) if match[2] is not None}
    stated = {name: json.loads(default) for name, default in defaults.items()}
    assert stated == {name: getattr(welcome, name) for name in stated}
    assert f"{frames.FRAME_LIMIT_BYTES:,} bytes".replace(",", " ") in PAGE


def test_close_codes_are_those_of_the_page() -> None:
    for number, code in dialling._CLOSE_CODES.items():
        assert re.search(rf"^\| {number} \| `{code}`", PAGE, re.MULTILINE)
