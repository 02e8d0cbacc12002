"""A mistyped name is answered with the names near it, of those that whoever asks may see, and no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until
from tests.scenarios.wrong import refused

SOURCE = """
    import farcall

    @farcall.function(namespace="open/near")
    def ebb_tide(time: float) -> float:
        return 9.81 * time

    @farcall.function(namespace="open/near")
    def ebb_time() -> float:
        return 1.0

    @farcall.function(namespace="shut/near")
    def ebb_tilt() -> float:
        return 1.0

    @farcall.function(namespace="open/near")
    def Simulate() -> float:
        return 1.0
"""


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE) as name:
        yield name


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("alice/open/near/ebb_tid", "Did you mean alice/open/near/ebb_tide or alice/open/near/ebb_time?"),
        ("alice/open/near/simulat", "Did you mean alice/open/near/Simulate?"),
        ("alice/open/neer/ebb_tide", "Did you mean alice/open/near/ebb_tide or alice/open/near/ebb_time?"),
        ("alcie/open/near/ebb_tide", "Did you mean alice/open/near/ebb_tide or alice/open/near/ebb_time?"),
        ("alice/open/near/ebb_tid@2", "Did you mean alice/open/near/ebb_tide or alice/open/near/ebb_time?"),
        ("alice/open/nera", "Did you mean alice/open/near?"),
    ],
)
def test_names_near_a_mistyped_one_are_told(town: Town, bob: farcall.Client, typed: str, hint: str) -> None:
    with pytest.raises(farcall.NotFound) as caught:
        bob.get(typed)
    assert caught.value.hint == hint
    for command in (["call", typed], ["show", typed], ["versions", typed.partition("@")[0]]):
        refused(town.farcall(*command, who="bob"), f"or you may not know of it. {hint}")


def test_what_one_may_not_see_is_no_neighbour(town: Town, bob: farcall.Client) -> None:
    for typed in ("alice/shut/near/ebb_til", "alice/shut/near/ebb_tilt", "alice/shut/neer"):
        with pytest.raises(farcall.NotFound) as caught:
            bob.get(typed)
        assert "shut" not in caught.value.hint
        assert "shut" not in caught.value.failure.message.replace(typed, "")
    refused(town.farcall("call", "alice/shut/near/ebb_til", who="alice"), "Did you mean alice/shut/near/ebb_tilt?")


def test_what_is_near_nothing_is_answered_as_before(bob: farcall.Client) -> None:
    for typed in ("alice/open/near/xyz", "alice/open/near/ebb_tide@9", "alice/open/near/ebb_tide@nothing"):
        with pytest.raises(farcall.NotFound) as caught:
            bob.get(typed)
        assert "Did you mean" not in str(caught.value)
        assert caught.value.hint


def test_an_import_tells_of_neighbours(town: Town) -> None:
    program = """
        try:
            from farcall.catalog.alice.open.near import ebb_tid
        except ImportError as error:
            print(error)
        try:
            farcall.catalog.alice.open.near.ebb_tim
        except AttributeError as error:
            print(error)
    """
    out, err = town.python(program).communicate(timeout=30)
    first, second = out.splitlines()
    assert first.endswith("Did you mean alice/open/near/ebb_tide or alice/open/near/ebb_time?"), err
    assert second.endswith("Did you mean alice/open/near/ebb_time or alice/open/near/ebb_tide?")


def test_a_mistyped_namespace_is_answered_so_too(town: Town) -> None:
    refused(town.farcall("list", "--namespace", "alice/open/neer", who="bob"), "Did you mean alice/open/near?")


def test_in_a_namespace_of_very_many_those_that_begin_alike_are_found(town: Town, bob: farcall.Client) -> None:
    many = "\n".join(
        f'@farcall.function(namespace="open/many")\ndef a{number:04}() -> int:\n    return {number}'
        for number in range(600)
    )
    source = f'import farcall\n{many}\n@farcall.function(namespace="open/many")\ndef zeppelin() -> int:\n    return 0\n'
    with town.serving(source):
        wait_until(lambda: next(bob.functions("zeppelin"), None))
        with pytest.raises(farcall.NotFound, match=r"Did you mean alice/open/many/zeppelin\?"):
            bob.get("alice/open/many/zeppelinn")
