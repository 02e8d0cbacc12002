"""README and docs do what they say: every python and console block is run, in order, by the people it names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import Command, Step
from tests.docs.people import Person, goes_on
from tests.scenarios.world import World

_SHOWN_PORT = "8750"  # stands for a free port in what pages type and show
_WITH_BLOCKS = [page for page in pages.PAGES if pages.steps(page.read_text(encoding="utf-8"))]


def _name(page: Path) -> str:
    return str(page.relative_to(pages.ROOT))


@pytest.mark.parametrize("page", _WITH_BLOCKS, ids=_name)
def test_every_block_of_a_page_runs_and_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    steps = pages.steps(page.read_text(encoding="utf-8"))
    with _machine(steps, tmp_path) as reader:
        for step in steps:
            try:
                reader.do(step)
            except AssertionError as error:
                raise AssertionError(f"{_name(page)}, line {step.line}, {step.person}:\n{error}") from None


@contextmanager
def _machine(steps: list[Step], directory: Path) -> Iterator[Reader]:
    """A machine with a hub and accounts for everybody, unless the page starts a hub of its own."""
    world = World(directory)
    reader = Reader(world)
    own_hub = any(line.text.startswith(("farcall up", "farcall hub")) for step in steps for line in _lines(step))
    try:
        if not own_hub and any(step.language != "python" or not step.file for step in steps):
            world.start_hub()
            for person in {step.person for step in steps}:
                world.account(person)
        yield reader
    finally:
        reader.leave()
        world.close()


def _lines(step: Step) -> list[Command]:
    return pages.commands(step.text) if step.language == "console" else []


class Reader:
    """Types in a page, one step after another, on one machine."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._desk = world.directory / "desk"
        self._desk.mkdir()
        (self._desk / "examples").symlink_to(pages.ROOT / "examples")
        self._people: dict[str, Person] = {}

    def do(self, step: Step) -> None:
        """One step; raises AssertionError if something else comes out than the page says."""
        person = self._person(step.person)
        if step.language == "console":
            for command in pages.commands(step.text):
                self._type(person, command, step.exit_code)
        elif step.file:
            (self._desk / step.file).write_text(self._here(step.text) + "\n", encoding="utf-8")
            printed, code = person.run_file(step.file)
            assert code == 0, f"python {step.file}\n{printed}"
            _compare(step.output, printed)
        else:
            printed, failure = person.python(self._here(step.text), doctest=step.language == "pycon")
            assert not failure, f"{printed}\n{failure}"
            _compare(pages.expected_output(step), printed)

    def _type(self, person: Person, command: Command, exit_code: int) -> None:
        shown = self._here("\n".join(command.output))
        text = self._here(command.text)
        if goes_on(text) and not exit_code:  # one that is meant to fail ends at once
            person.serve(text, self._ready(text, person, shown))
            return
        printed, code = person.command(text)
        assert code == exit_code, f"$ {text}\n{printed}(exit code {code}, not {exit_code})"
        if shown.strip():
            _compare(shown, printed)

    def _ready(self, text: str, person: Person, shown: str) -> Callable[[str], bool]:
        """A server is ready when it has said what the page shows; a worker, when the hub has it."""
        if not text.startswith("farcall serve"):
            return lambda said: not pages.differs(shown, said) if shown.strip() else "http://" in said
        before = _workers(person)
        return lambda said: _workers(person) > before and not (shown.strip() and pages.differs(shown, said))

    def _here(self, text: str) -> str:
        return text.replace(_SHOWN_PORT, str(self._world.port))

    def _person(self, name: str) -> Person:
        if name not in self._people:
            world = self._world
            environment = world.environment(name if name in world.tokens else "")
            environment |= {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
                "XDG_DATA_HOME": str(world.directory / "data"),
                "FARCALL_HUB_PORT": str(world.port),
                "FARCALL_HUB_NO_WORKER_GRACE_SECONDS": "1",
                "FARCALL_HUB_RESUME_GRACE_SECONDS": "2",
            }
            self._people[name] = Person(self._desk, environment)
        return self._people[name]

    def leave(self) -> None:
        for person in self._people.values():
            person.leave()


def _workers(person: Person) -> int:
    printed, code = person.command("farcall workers --json")
    return printed.count('"state": "ready"') if code == 0 else 0


def _compare(shown: str | None, printed: str) -> None:
    if shown is not None:
        difference = pages.differs(shown, printed)
        if difference:
            raise AssertionError(difference)


def test_a_page_with_a_block_in_an_unknown_language_is_refused() -> None:
    with pytest.raises(pages.BadPage, match="line 3"):
        pages.steps("text\n\n```ruby\nputs 1\n```\n")


def test_three_dots_stand_for_anything_and_nothing_else_does() -> None:
    assert not pages.differs("took ... s\n...\nend", "took 0.3 s\na\nb\nend\n")
    assert pages.differs("took ... s", "took 0.3 s\nmore")
    assert pages.differs("4.5", "405")


def test_what_a_page_says_is_printed_is_compared(tmp_path: Path) -> None:
    [step] = pages.steps("```python\nprint(1 + 1)  # 3\n```")
    with _machine([], tmp_path) as reader, pytest.raises(AssertionError, match="the page says"):
        reader.do(step)


def test_a_failing_command_fails_its_page(tmp_path: Path) -> None:
    [step] = pages.steps("```console\n$ false\n```")
    with _machine([], tmp_path) as reader, pytest.raises(AssertionError, match="exit code 1"):
        reader.do(step)


def test_a_wrong_answer_in_a_dialogue_fails_its_page(tmp_path: Path) -> None:
    [step] = pages.steps("```pycon\n>>> 1 + 1\n3\n```")
    with _machine([], tmp_path) as reader, pytest.raises(AssertionError, match="Expected"):
        reader.do(step)
