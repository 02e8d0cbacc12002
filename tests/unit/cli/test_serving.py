"""What `farcall serve` says of what happens."""

from __future__ import annotations

import click
import pytest

from farcall.cli.serving import _WORDS, Teller, _labels
from farcall.domain.errors import Failure
from farcall.worker import Event, EventKind


def _label(*pairs: str) -> dict[str, object]:
    command = click.Command("serve")
    return _labels(click.Context(command), click.Option(["--labels"]), pairs)


def test_there_are_words_for_everything_that_happens() -> None:
    assert set(_WORDS) == {kind.value for kind in EventKind}


@pytest.mark.parametrize("kind", list(EventKind))
def test_what_happens_is_said_in_one_line(kind: EventKind, capsys: pytest.CaptureFixture[str]) -> None:
    Teller()(Event(kind, "this is why", ("alice/f",)))
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.strip()


def test_what_a_function_raised_comes_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure("function_error", "no", remote_type="ValueError")
    Teller()(Event(EventKind.FUNCTION_ERROR, "ValueError: no", ("f",), "Traceback …\nValueError: no", failure))
    assert capsys.readouterr().err == "f raised ValueError: no\n    Traceback …\n    ValueError: no\n"


def test_a_hub_that_stays_away_is_told_ever_more_rarely(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Teller()
    for _ in range(100):
        tell(Event(EventKind.RECONNECTING, "no hub"))
    assert capsys.readouterr().err.count("no hub") == 7
    tell(Event(EventKind.READY, names=("alice/f",)))
    tell(Event(EventKind.RECONNECTING, "no hub"))
    assert capsys.readouterr().err == "serving alice/f\nno hub\n"


def test_labels_are_numbers_booleans_or_text() -> None:
    assert _label("gpu=1", "fast=true", "room=b12", "load=0.5", "odd=[1]", "eq=a=b") == {
        "gpu": 1,
        "fast": True,
        "room": "b12",
        "load": 0.5,
        "odd": "[1]",
        "eq": "a=b",
    }


@pytest.mark.parametrize("pair", ["gpu", "=1", ""])
def test_a_label_without_a_name_or_value_is_refused(pair: str) -> None:
    with pytest.raises(click.BadParameter, match="KEY=VALUE"):
        _label(pair)
