"""The reference of the command line is what the commands are."""

from farcall.cli import reference
from tests.docs.pages import ROOT


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert written == reference.page(), "python -m farcall.cli.reference > docs/reference/cli.md writes it anew"
