"""What a function can ask while it runs, and what the same calls do outside."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest

from farcall.authoring import Doc, Range, Unit, current, log, progress
from farcall.authoring.context import install, uninstall


class Attempt:
    id = "inv_1"
    function = "alice/f"
    caller = "bob"
    attempt = 2

    def __init__(self) -> None:
        self.reports: list[tuple[float, str]] = []

    def report_progress(self, fraction: float, stage: str) -> None:
        self.reports.append((fraction, stage))


@contextlib.contextmanager
def installed(attempt: Attempt) -> Iterator[None]:
    token = install(attempt)
    try:
        yield
    finally:
        uninstall(token)


def test_outside_a_call_current_describes_a_local_one() -> None:
    assert (current().id, current().caller, current().attempt) == ("", "local", 1)


def test_outside_a_call_progress_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=log.name):
        progress(0.4, "mixing")

    assert "40 %" in caplog.text
    assert "mixing" in caplog.text


def test_inside_an_attempt_progress_goes_to_it() -> None:
    attempt = Attempt()

    with installed(attempt):
        assert current() is attempt
        progress(0.5, "half")
        progress(1.2)
        progress(-1)

    assert attempt.reports == [(0.5, "half"), (1.0, ""), (0.0, "")]
    assert current().id == ""


def test_an_attempt_reaches_the_tasks_that_it_starts() -> None:
    attempt = Attempt()

    async def work() -> None:
        await asyncio.gather(*(_report(step) for step in (0.1, 0.2)))

    async def _report(step: float) -> None:
        progress(step)

    with installed(attempt):
        asyncio.run(work())

    assert sorted(attempt.reports) == [(0.1, ""), (0.2, "")]


def test_progress_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="nan"):
        progress(float("nan"))


def test_markers_refuse_what_they_cannot_mean() -> None:
    with pytest.raises(ValueError, match="is empty"):
        Range(2, 1)
    with pytest.raises(ValueError, match="finite"):
        Range(0, float("inf"))
    for make in (lambda: Range("a"), lambda: Range(True), lambda: Unit(" "), lambda: Unit(3), lambda: Doc(3)):  # type: ignore[arg-type]  # wrong on purpose
        with pytest.raises(TypeError):
            make()
