"""`@function` and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from farcall.authoring import Declaration, DeclarationError, Retry, function


def test_a_declared_function_stays_the_very_same_object() -> None:
    def free_fall(time: float) -> float:
        return 9.81 * time

    declared: Any = function(free_fall)

    assert declared.__farcall__ == Declaration(name="free_fall")
    assert not hasattr(declared, "submit")
    assert declared is free_fall
    assert free_fall(2.0) == 19.62


def test_options_become_a_declaration() -> None:
    @function(
        namespace="physics/optics",
        name="Snell-2",
        timeout=timedelta(minutes=2),
        retry=Retry(attempts=5, backoff=1),
        concurrency=4,
        queue=True,
        requires={"gpu": 1, "licence": "matlab"},
        policy="most_memory",
        replayable=True,
    )
    def refract() -> None: ...

    declared: Any = refract
    assert declared.__farcall__ == Declaration(
        name="Snell_2",
        namespace="physics/optics",
        timeout_seconds=120.0,
        attempts=5,
        backoff_seconds=1.0,
        concurrency=4,
        queue=True,
        requires={"gpu": 1, "licence": "matlab"},
        policy="most_memory",
        replayable=True,
    )


@pytest.mark.parametrize(("retry", "attempts"), [("never", 1), (0, 1), (2, 3), (Retry(attempts=7), 7)])
def test_retry_says_how_often_a_lost_attempt_is_tried_again(retry: Any, attempts: int) -> None:
    declared: Any = function(retry=retry)(named)

    assert declared.__farcall__.attempts == attempts


def named() -> None: ...


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nam": "x"}, "has no option 'nam'; did you mean 'name'?"),
        ({"zzz": 1}, "has no option 'zzz'; there are concurrency, name"),
        ({"timeout": 0}, "timeout= takes seconds above 0"),
        ({"timeout": "5"}, "timeout= takes seconds above 0"),
        ({"timeout": float("nan")}, "timeout= takes seconds above 0"),
        ({"timeout": True}, "timeout= takes seconds above 0"),
        ({"retry": "always"}, "retry= takes 'never'"),
        ({"retry": -1}, "retry= takes 'never'"),
        ({"retry": True}, "retry= takes 'never'"),
        ({"concurrency": 0}, "concurrency= takes a whole number from 1"),
        ({"concurrency": 1.5}, "concurrency= takes a whole number from 1"),
        ({"queue": 1}, "queue= takes True or False"),
        ({"requires": ["gpu"]}, "requires= takes a dict"),
        ({"requires": {"gpu": [1]}}, "requires= takes names with numbers"),
        ({"policy": 3}, "policy= takes text"),
        ({"name": "versions"}, "the word is reserved"),
        ({"name": "_hidden"}, "cannot be a function name"),
        ({"name": "a b"}, "cannot be a function name"),
        ({"name": "x" * 65}, "longer than 64"),
        ({"namespace": "Physics"}, "cannot be a namespace name"),
        ({"namespace": "a//b"}, "cannot be a namespace name"),
        ({"namespace": "usage"}, "the word is reserved"),
        ({"namespace": "/"}, "names no handle"),
        ({"namespace": "a/" * 9 + "a"}, "deeper than 8"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_in_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        function(**options)(named)

    assert words in str(caught.value)
    assert str(caught.value).startswith("named(): ")
    assert "\n" not in str(caught.value)


def test_a_function_without_a_usable_name_is_told_to_give_one() -> None:
    with pytest.raises(DeclarationError, match="give it one with @function"):
        function(lambda: None)


@pytest.mark.parametrize(
    ("target", "words"), [(int, "a class"), (3, "a int"), ("physics", "options by name"), (len, "built in")]
)
def test_what_is_no_function_is_refused(target: Any, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        function(target)


@pytest.mark.parametrize("values", [{"attempts": 0}, {"attempts": 101}, {"attempts": 1.0}, {"backoff": -1}])
def test_a_retry_that_cannot_be_meant_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        Retry(**values)


def test_an_absolute_namespace_and_hyphens_are_kept_in_their_one_spelling() -> None:
    declared: Any = function(namespace="/lab-one/optics", name="free-fall")(named)

    assert (declared.__farcall__.namespace, declared.__farcall__.name) == ("/lab_one/optics", "free_fall")
