"""What is told of a function before it is called."""

from __future__ import annotations

import msgspec
import pytest

from farcall.client.about import availability, documentation, duration, facts_text
from farcall.domain.interface import Interface
from farcall.domain.model import FunctionOptions
from farcall.wire.frames import Resolved

KNOWN = Resolved(1, "alice/physics/fall", 3, owner="alice", workers=2, typical_seconds=0.2)


def changed(**fields: object) -> Resolved:
    return msgspec.structs.replace(KNOWN, **fields)


def test_facts_are_aligned_and_only_those_that_there_are() -> None:
    assert facts_text(KNOWN).splitlines() == [
        "function  alice/physics/fall@3",
        "owner     alice",
        "workers   2 ready",
        "takes     typically 200 ms",
    ]


def test_whoever_sees_arguments_is_named() -> None:
    assert "is shown" not in facts_text(KNOWN)
    text = facts_text(changed(options=FunctionOptions(visibility="owner")))
    assert "is shown  to alice too: arguments and results of calls" in text


def test_what_a_deprecated_version_tells_is_there() -> None:
    assert "deprecated  use fall_time" in facts_text(changed(deprecated="use fall_time"))


def test_a_function_without_a_worker_says_since_when() -> None:
    assert availability(0, None) == "none now"
    assert availability(0, 1_700_000_000.0).startswith("none now; last seen 2023-11-1")


def test_the_authors_words_come_first_and_parameters_only_where_there_is_more_to_say() -> None:
    plain = Interface.parse(
        {"doc": "Falls.", "parameters": [{"name": "t", "schema": {"x-type": "float"}}], "result": {}}
    )
    assert documentation(plain, KNOWN) == f"Falls.\n\n{facts_text(KNOWN)}"
    bounded = {"x-type": "float", "minimum": 0, "x-unit": "s", "description": "How long."}
    more = Interface.parse({"doc": "", "parameters": [{"name": "t", "schema": bounded}], "result": {}})
    first, second = documentation(more, KNOWN).split("\n\n")
    assert first.splitlines()[0] == "t       float [s], at least 0  How long."
    assert second == facts_text(KNOWN)


@pytest.mark.parametrize(("seconds", "text"), [(2.5e-5, "25 µs"), (0.012, "12 ms"), (3.0, "3 s"), (90.0, "90 s")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
