"""A hub takes no worker's word for it that a unit is one."""

from __future__ import annotations

import time

import pytest

from farcall.domain.model import FunctionOptions
from farcall.wire import frames

from .conftest import House

pytestmark = pytest.mark.anyio


def _publication(name: str, unit: str) -> frames.Publication:
    schema = {"type": "number", "x-type": "float", "x-unit": unit}
    document = {"parameters": [{"name": "time", "schema": schema}], "result": {}}
    return frames.Publication(name, document, bytes(16), FunctionOptions())


async def test_a_unit_that_is_none_is_refused_with_the_parameter_and_a_suggestion(house: House) -> None:
    subject = await house.subject("alice")
    good, bad = await house.catalog.publish(subject, [_publication("good", "s"), _publication("bad", "secnd")])
    assert good.failure is None
    assert bad.failure is not None
    assert bad.failure.code == "invalid_request"
    assert "parameter 'time': there is no unit 'secnd'; did you mean 'second'?" in bad.failure.message


async def test_units_made_to_take_long_are_refused_in_no_time(house: House) -> None:
    subject = await house.subject("alice")
    await house.catalog.publish(subject, [_publication("first", "s")])
    hostile = ["m**99999999", "(Qm**99)**99*(Qm**99)**99", "(" * 49 + "m" + ")" * 49, "m " * 50, "9e999999 m"]
    started = time.perf_counter()
    answers = await house.catalog.publish(subject, [_publication(f"f{n}", unit) for n, unit in enumerate(hostile)])
    assert time.perf_counter() - started < 1.0
    assert all(answer.failure is not None for answer in answers)
