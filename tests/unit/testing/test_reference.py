from __future__ import annotations

from pathlib import Path

import pytest

from farcall.domain.errors import ERRORS
from farcall.settings import HubSettings, WorkerSettings
from farcall.testing.reference import PAGES

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run: python -m farcall.testing.reference docs/reference"


def test_every_code_and_every_setting_has_its_row_with_a_meaning() -> None:
    errors, settings = PAGES["errors.md"](), PAGES["settings.md"]()
    for code in ERRORS:
        assert f"| `{code}` | " in errors
    for name in (*HubSettings.__struct_fields__, *WorkerSettings.__struct_fields__):
        row = next(line for line in settings.splitlines() if line.startswith(f"| `{name}` "))
        assert row.count("|") == 4
        assert not row.endswith("|  |")
