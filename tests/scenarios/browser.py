"""The system's Chromium, driven by playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser until the block ends; skips the test where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"NO BROWSER: none of {', '.join(NAMES)} is installed, so the pages are not tested in one")
    options: dict[str, Any] = {"executable_path": found}
    if os.name == "posix" and os.geteuid() == 0:
        options["args"] = ["--no-sandbox"]  # Chromium's own refuses to work for root
    with sync_playwright() as tools:
        browser = tools.chromium.launch(**options)
        try:
            yield browser
        finally:
            browser.close()
