"""Where people reach the hub: what its links begin with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`url` has no slash at its end. `fingerprint` is that of a certificate of the hub's own making, or empty."""

    url: str = "http://127.0.0.1:8750"
    fingerprint: str = ""

    def link(self, path: str = "/") -> str:
        """A link that carries address and fingerprint. What follows the # stays with whoever opens it."""
        return f"{self.url}{path}#sha256={self.fingerprint}" if self.fingerprint else f"{self.url}{path}"


NOWHERE = Whereabouts()
