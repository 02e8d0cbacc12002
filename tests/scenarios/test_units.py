"""Units and bounds, from a caller's text to the function and back: Python, command line and REST."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import numpy as np
import pint
import pytest

import farcall
from tests.scenarios.town import Town

SOURCE = """
    from typing import Annotated, NamedTuple
    from collections.abc import Iterator
    import numpy as np
    from numpy.typing import NDArray
    import farcall
    from farcall import Doc, Range, Term, Unit

    @farcall.function(namespace="open/units")
    def free_fall(
        time: Annotated[
            float, Unit("s"), Range(0, 1000), Doc("How long it falls."), Term("https://example.org/terms/duration")
        ],
        gravity: Annotated[float, Unit("m/s^2")] = 9.81,
    ) -> Annotated[float, Unit("m/s"), Doc("Velocity at the end.")]:
        "Velocity of a body after falling for `time`."
        return gravity * time

    @farcall.function(namespace="open/units")
    def seen(
        whole: Annotated[int, Unit("ms")] = 0,
        many: Annotated[list[float], Unit("m")] = [],
        plain: float = 0.0,
        warm: Annotated[float, Unit("K")] = 0.0,
    ) -> str:
        return repr((whole, many, plain, warm))

    @farcall.function(namespace="open/units")
    def doubled(field: Annotated[NDArray[np.float64], Unit("m")]) -> Annotated[NDArray[np.float64], Unit("m")]:
        return 2 * field

    @farcall.function(namespace="open/units")
    def bounded(x: float) -> Annotated[float, Unit("m"), Range(0, 10)]:
        return x

    @farcall.function(namespace="open/units")
    def quantity(x: float, unit: str) -> Annotated[float, Unit("m"), Range(0, 10)]:
        import pint
        return pint.Quantity(x, unit)

    @farcall.function(namespace="open/units")
    def stream(n: int) -> Iterator[Annotated[int, Range(0, 2)]]:
        yield from range(n)
"""


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE) as name:
        yield name


pytestmark = pytest.mark.usefixtures("worker")


def test_text_and_quantities_and_numbers_give_the_same(bob: farcall.Client) -> None:
    free_fall = bob.get("alice/open/units/free_fall")
    quantity = pint.UnitRegistry().Quantity
    for time in (120, 120.0, "2 min", quantity(2, "min"), quantity(2.0, "minutes"), "120000 ms"):
        assert free_fall(time) == 9.81 * 120.0
    assert free_fall("1 s", gravity="981 cm/s²") == 9.81
    assert list(free_fall.map(["1 s", quantity(1, "s"), 1.0])) == [9.81] * 3


def test_arrays_and_lists_convert_as_a_whole(bob: farcall.Client) -> None:
    doubled = bob.get("alice/open/units/doubled")
    quantity = pint.UnitRegistry().Quantity
    assert doubled(quantity(np.array([[1.0, 2.0]]), "km")).tolist() == [[2000.0, 4000.0]]
    assert doubled(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
    seen = bob.get("alice/open/units/seen")
    assert seen(many=quantity([1.0, 2.0], "km"), warm="25 degC") == "(0, [1000.0, 2000.0], 0.0, 298.15)"
    assert seen(1, ["1 km", 2.0]) == "(1, [1000.0, 2.0], 0.0, 0.0)"
    assert seen("1.5 s") == "(1500, [], 0.0, 0.0)"


@pytest.mark.parametrize(
    ("name", "arguments", "path", "message"),
    [
        ("free_fall", {"time": "2 kg"}, "time", "2 kg is a mass, this parameter is in s (time)"),
        ("free_fall", {"time": "2 mnte"}, "time", "there is no unit 'mnte'; did you mean 'minute'?"),
        ("free_fall", {"time": "1 h"}, "time", "3600.0 is greater than the maximum of 1000 s"),
        ("free_fall", {"time": "-1 ms"}, "time", "-0.001 is less than the minimum of 0 s"),
        ("free_fall", {"time": "1e999999999 s"}, "time", "'1e999999999 s' does not read as a number with a unit"),
        ("seen", {"whole": "0.5 us"}, "whole", "0.5 us is 0.0005 ms, and this parameter takes whole numbers"),
        ("seen", {"plain": "2 m"}, "plain", "expected float, got str '2 m'"),
        ("seen", {"many": ["1 m", "1 s"]}, "many[1]", "1 s is a time, this parameter is in m (length)"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    town: Town, bob: farcall.Client, name: str, arguments: dict[str, object], path: str, message: str
) -> None:
    with pytest.raises(farcall.InvalidArguments) as caught:
        bob.get(f"alice/open/units/{name}")(**arguments)
    assert caught.value.failure.problems[0][0] == path
    assert message in caught.value.failure.problems[0][1]
    assert caught.value.__context__ is None, "what was wrong before the conversion is told, too"
    answer = httpx2.post(
        f"{town.url}/v1/functions/alice/open/units/{name}/invocations",
        json={"args": arguments},
        headers={"Authorization": f"Bearer {town.tokens['bob']}"},
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_arguments"
    assert message in answer.json()["detail"]


def test_rest_takes_numbers_with_units_by_name_by_position_and_in_batches(town: Town) -> None:
    url = f"{town.url}/v1/functions/alice/open/units/free_fall"
    headers = {"Authorization": f"Bearer {town.tokens['bob']}"}
    for args in ({"time": "2 min"}, ["2 min"], {"time": 120}):
        answer = httpx2.post(f"{url}/invocations", json={"args": args}, headers=headers)
        assert answer.json()["result"] == 9.81 * 120.0
    answer = httpx2.post(f"{url}/batches", json={"items": [{"time": "2 min"}, {"time": "2 kg"}]}, headers=headers)
    good, bad = answer.json()["items"]
    assert "id" in good
    assert bad["problem"]["code"] == "invalid_arguments"


def test_the_command_line_takes_numbers_with_units(town: Town) -> None:
    called = town.farcall("call", "alice/open/units/free_fall", "time=2 min", who="bob")
    assert called.stdout.strip() == "1177.2"
    wrong = town.farcall("call", "alice/open/units/free_fall", "time=2 kg", who="bob")
    assert wrong.returncode == 2
    assert "time: 2 kg is a mass, this parameter is in s (time)" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("bounded", (20.0,), "result: 20.0 is greater than the maximum of 10 m"),
        ("bounded", (float("nan"),), "result: nan is not within 0 to 10 m"),
        ("bounded", (float("inf"),), "result: inf is greater than the maximum of 10 m"),
        ("quantity", (1.0, "km"), "result: 1000.0 is greater than the maximum of 10 m"),
        ("quantity", (1.0, "s"), "result: 1.0 second is a time, this result is in m (length)"),
    ],
)
def test_a_result_out_of_its_bounds_is_an_error_of_the_function(
    bob: farcall.Client, name: str, arguments: tuple[object, ...], message: str
) -> None:
    with pytest.raises(farcall.FunctionError, match="result: ") as caught:
        bob.get(f"alice/open/units/{name}")(*arguments)
    assert message in str(caught.value)


def test_a_quantity_that_a_function_returns_arrives_as_a_number(bob: farcall.Client) -> None:
    assert bob.get("alice/open/units/quantity")(50.0, "cm") == 0.5


def test_an_item_of_a_stream_is_held_against_its_bounds(bob: farcall.Client) -> None:
    items = bob.get("alice/open/units/stream")(5)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(farcall.FunctionError, match=r"item\[3\]: 3 is greater than the maximum of 2"):
        next(items)


def test_a_unit_that_is_none_is_refused_when_it_is_served(town: Town) -> None:
    path = town.write(
        "wrong_unit.py",
        """
        from typing import Annotated
        import farcall

        @farcall.function
        def f(time: Annotated[float, farcall.Unit("secnd")]) -> float:
            return time
        """,
    )
    served = town.farcall("serve", str(path), who="alice")
    assert served.returncode == 1
    assert "f(): parameter 'time': there is no unit 'secnd'; did you mean 'second'?\n" in served.stderr


def test_an_interface_shows_units_bounds_documentation_and_terms(town: Town, bob: farcall.Client) -> None:
    free_fall = bob.get("alice/open/units/free_fall")
    shown = town.farcall("show", "alice/open/units/free_fall", who="bob").stdout
    for text in (shown, free_fall.__doc__ or ""):
        assert "How long it falls." in text
        assert "0 to 1000" in text
        assert "https://example.org/terms/duration" in text
        assert "Velocity at the end." in text
    assert farcall.Term("https://example.org/terms/duration") in free_fall.__annotations__["time"].__metadata__
