"""The contract of the Bus port, within one process."""

from __future__ import annotations

import pytest

from farcall.stores.bus import InProcessBus
from farcall.testing.contracts import BusContract


class TestInProcessBus(BusContract):
    @pytest.fixture
    def bus(self) -> InProcessBus:
        return InProcessBus()
