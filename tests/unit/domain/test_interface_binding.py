"""However a call is spelt, the bound arguments are the same, and so are their bytes."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.authoring.signature import describe
from farcall.domain.binding import BindingError, bind, bind_named
from farcall.domain.interface import Interface
from farcall.payload import encode


def free_fall(time: float, steps: int = 10, *, label: str = "") -> Any:
    return locals()


def full(a: int, b: int = 2, /, c: int = 3, *rest: int, d: int = 4, **more: int) -> Any:
    return locals()


def plain(a: int, b: int) -> Any:
    return locals()


def hidden(a: int, b: Any = (1, 2)) -> None: ...


INTERFACES = {fn: Interface.parse(describe(fn)) for fn in (free_fall, full, plain, hidden)}


def bound(fn: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return bind(INTERFACES[fn], args, kwargs, fn.__name__)


def test_every_spelling_of_a_call_gives_the_same_bytes() -> None:
    spellings = [
        bound(free_fall, 2.0),
        bound(free_fall, time=2.0),
        bound(free_fall, 2.0, 10),
        bound(free_fall, steps=10, time=2.0),
        bound(free_fall, 2.0, label="", steps=10),
        bind_named(INTERFACES[free_fall], {"label": "", "time": 2.0}),
    ]

    assert {encode(spelling) for spelling in spellings} == {encode({"time": 2.0, "steps": 10, "label": ""})}


def test_the_order_of_keyword_arguments_does_not_count() -> None:
    one, other = bound(full, 1, x=1, y=2), bound(full, 1, y=2, x=1)

    assert encode(one) == encode(other)
    assert one == {"a": 1, "b": 2, "c": 3, "rest": [], "d": 4, "more": {"x": 1, "y": 2}}


def test_a_default_that_only_the_function_knows_is_absent() -> None:
    assert bound(hidden, 1) == {"a": 1}
    assert bound(hidden, 1, (1, 2)) == {"a": 1, "b": (1, 2)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bound(free_fall), "free_fall() missing 1 required argument: 'time'"),
        (lambda: bound(plain), "plain() missing 2 required arguments: 'a' and 'b'"),
        (lambda: bound(plain, 1, 2, 3), "plain() takes 2 positional arguments but 3 were given"),
        (lambda: bound(free_fall, 1, 2, 3), "free_fall() takes from 1 to 2 positional arguments but 3 were given"),
        (lambda: bound(plain, 1, a=2), "plain() got multiple values for argument 'a'"),
        (
            lambda: bound(free_fall, 1, step=3),
            "free_fall() got an unexpected keyword argument 'step'; did you mean 'steps'?",
        ),
        (lambda: bound(plain, 1, 2, zzz=3), "plain() got an unexpected keyword argument 'zzz'"),
        (
            lambda: bind_named(INTERFACES[plain], {"a": 1, "q": 2}, "plain"),
            "plain() got an unexpected keyword argument 'q'",
        ),
        (lambda: bind_named(INTERFACES[plain], {"a": 1}, "plain"), "plain() missing 1 required argument: 'b'"),
        (lambda: bind_named(INTERFACES[full], {"a": 1, "more": [1]}, "full"), "full() takes an object for 'more'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_as_python_does(call: Any, message: str) -> None:
    with pytest.raises(BindingError) as caught:
        call()

    assert str(caught.value) == message


def test_a_positional_only_parameter_is_not_passed_by_name() -> None:
    def f(a: int, /) -> None: ...

    with pytest.raises(BindingError, match="positional-only argument passed as keyword argument: 'a'"):
        bind(Interface.parse(describe(f)), (), {"a": 1}, "f")


def test_named_values_include_those_of_variadic_parameters() -> None:
    values = {"more": {"y": 1}, "a": 1, "rest": [7], "x": 2}

    assert bind_named(INTERFACES[full], values) == bound(full, 1, 2, 3, 7, x=2, y=1)


_functions = st.sampled_from([free_fall, full, plain])
_names = st.sampled_from(["a", "b", "c", "d", "time", "steps", "label", "x"])


@given(
    fn=_functions, args=st.lists(st.integers(), max_size=4), kwargs=st.dictionaries(_names, st.integers(), max_size=4)
)
def test_what_python_binds_binds_alike_and_what_it_refuses_is_refused(
    fn: Any, args: list[int], kwargs: dict[str, int]
) -> None:
    try:
        expected = fn(*args, **kwargs)
    except TypeError:
        with pytest.raises(BindingError):
            bound(fn, *args, **kwargs)
        return
    made = bound(fn, *args, **kwargs)

    assert {**made, "rest": tuple(made.get("rest", ()))} == {"rest": (), **expected}
    assert list(made) == list(inspect.signature(fn).parameters)
