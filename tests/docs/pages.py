"""A page as steps: who types what where, and what the page says comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md"]

RUN = {"python", "pycon", "console"}
SHOWN = {"text", "json", "toml", "markdown"}
"""What cannot be run. `text` right after what is run is what comes out of it."""

_COMMENT = re.compile(r"<!--\s*(as|file|exit):\s*(\S+)\s*-->")
_FENCE = re.compile(r"^( *)```(\w*)\s*$")
_SAID = re.compile(r"^\s*print\(.*\)\s+# (.+)$")


class BadPage(Exception):
    """The page is not written as pages are."""


@dataclass
class Step:
    """One block. `person` types it; a python block with `file` is a file of theirs."""

    language: str
    text: str
    line: int
    person: str
    file: str = ""
    exit_code: int = 0
    output: str | None = None  # what a following text block says


@dataclass
class Command:
    """One line of a console block, with the output that the page shows (None: it shows none)."""

    text: str
    output: list[str] = field(default_factory=list)


def steps(page: str) -> list[Step]:
    """The blocks of a page that are run, in order; raises BadPage."""
    found: list[Step] = []
    notes: dict[str, str] = {}
    person = "alice"
    last: Step | None = None  # a text block belongs to what stands directly before it
    for line, language, text in _blocks(page, notes):
        person = notes.pop("as", person)
        if language in RUN:
            last = Step(language, text, line, person, notes.pop("file", ""), int(notes.pop("exit", "0")))
            found.append(last)
        elif language not in SHOWN:
            raise BadPage(f"line {line}: a block is one of {sorted(RUN | SHOWN)}, not {language!r}")
        elif language == "text" and last is not None and last.language == "python":
            last.output, last = text, None
        if notes:
            raise BadPage(f"line {line}: nothing is done with {notes}")
    return found


def _blocks(page: str, notes: dict[str, str]) -> Iterator[tuple[int, str, str]]:
    """(line, language, text) of each block; what comments before it say goes to `notes`."""
    lines = iter(enumerate(page.splitlines(), 1))
    for number, line in lines:
        notes.update(_COMMENT.findall(line))
        opening = _FENCE.match(line)
        if opening is None:
            continue
        indent = len(opening[1])
        body = []
        for _, inner in lines:
            if inner.strip() == "```":
                break
            body.append(inner[indent:])
        else:
            raise BadPage(f"line {number}: the block does not end")
        yield number, opening[2], "\n".join(body)


def commands(block: str) -> list[Command]:
    """The lines after `$ `, each with what is shown below it."""
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif not found:
            raise BadPage("a console block begins with $ and a command")
        elif found[-1].text.endswith("\\"):
            found[-1].text += "\n" + line
        else:
            found[-1].output.append(line)
    return found


def expected_output(step: Step) -> str | None:
    """What a python block prints: the comments after its prints, then the text block below; None: it does not say."""
    said = [found[1] for line in step.text.splitlines() if (found := _SAID.match(line))]
    if not said and step.output is None:
        return None
    return "\n".join([*said, *([step.output] if step.output is not None else [])])


def differs(shown: str, printed: str) -> str:
    """Empty if `printed` is as `shown`, where `...` stands for anything; else both, to be compared."""
    wanted = [line.rstrip() for line in shown.strip().splitlines()]
    got = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    pattern = "\n".join(".*" if line.strip() == "..." else _line_pattern(line) for line in wanted)
    if re.fullmatch(pattern, got, re.DOTALL):
        return ""
    return "\n".join(["the page says:", *wanted, "", "what comes out is:", got])


def _line_pattern(line: str) -> str:
    return "[^\n]*".join(re.escape(part) for part in line.split("..."))
