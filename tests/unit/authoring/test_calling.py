"""Bound arguments become the call that the author's function expects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.authoring.calling import CannotCall, hints, prepare
from farcall.authoring.signature import describe
from farcall.domain.binding import bind
from farcall.domain.interface import Interface


def plain(a: int, b: int = 2) -> Any:
    return a, b


def full(a: int, b: int = 2, /, c: int = 3, *rest: int, d: int = 4, **more: int) -> Any:
    return a, b, c, rest, d, more


def hidden(a: int, b: Any = (), *rest: int, c: Any = frozenset()) -> Any:
    return a, b, rest, c


def call(fn: Any, bound: dict[str, Any]) -> Any:
    args, kwargs = prepare(fn)(bound)
    return fn(*args, **kwargs)


def test_plain_parameters_are_passed_by_name() -> None:
    assert call(plain, {"a": 1, "b": 5}) == (1, 5)


def test_an_absent_argument_leaves_the_functions_own_default() -> None:
    assert call(plain, {"a": 1}) == (1, 2)
    assert call(hidden, {"a": 1, "rest": []}) == (1, (), (), frozenset())


def test_an_absent_argument_before_varargs_is_filled_with_the_functions_own_default() -> None:
    assert call(hidden, {"a": 1, "rest": [7, 8]}) == (1, (), (7, 8), frozenset())


def test_a_gap_between_positional_only_arguments_is_refused() -> None:
    def f(a: Any = (), b: Any = (), /) -> Any:
        return a, b

    with pytest.raises(CannotCall, match="'b' by position only after 'a'"):
        prepare(f)({"b": 1})


def test_unknown_and_missing_arguments_are_refused() -> None:
    for fn in (plain, full):
        with pytest.raises(CannotCall, match="has no parameter 'z'"):
            prepare(fn)({"a": 1, "z": 2})
        with pytest.raises(CannotCall, match="misses the argument 'a'"):
            prepare(fn)({"b": 1})


@given(
    args=st.lists(st.integers(), min_size=1, max_size=6),
    kwargs=st.dictionaries(st.sampled_from(["d", "x", "y"]), st.integers()),
)
def test_binding_and_spreading_again_is_the_call_itself(args: list[int], kwargs: dict[str, int]) -> None:
    interface = Interface.parse(describe(full))

    assert call(full, bind(interface, args, kwargs, "full")) == full(*args, **kwargs)


def test_hints_of_variadic_parameters_are_those_of_the_whole() -> None:
    told = hints(full)

    assert told.parameters["rest"] == list[int]
    assert told.parameters["more"] == dict[str, int]
    assert told.result is Any
