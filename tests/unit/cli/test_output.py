"""What others wrote reaches a terminal as text."""

from __future__ import annotations

import pytest

from farcall.cli.errors import report
from farcall.cli.output import plain, print_facts, print_table

HOSTILE = "\x1b]0;title\x07\x1b[2J\r\x9b31m\u202eabc"


def test_lines_and_letters_stay() -> None:
    assert plain("ä\tb\n\u4e2d") == "ä\tb\n\u4e2d"


def test_what_others_wrote_does_not_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"doc": HOSTILE})
    print_table(["doc"], [[HOSTILE]], "")
    report(ValueError(HOSTILE), debug=False)
    said = "".join(capsys.readouterr())
    assert said.count("abc") == 3
    assert not set("\x1b\x07\r\x9b\u202e") & set(said)
