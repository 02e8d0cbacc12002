"""Where people reach the hub: what its links begin with."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`url` has no slash at its end. `fingerprint` is that of a certificate of the hub's own making, or empty."""

    url: str = "http://127.0.0.1:8750"
    fingerprint: str = ""

    @property
    def reach(self) -> str:
        """Who cannot come in by its links, as a sentence; empty if it has a name, or a public address."""
        try:
            address = ipaddress.ip_address(urlsplit(self.url).hostname or "")
        except ValueError:
            return ""
        if address.is_loopback:
            return "The link opens on that very machine only."
        return "The link opens within that machine's own network only." if address.is_private else ""

    def link(self, path: str = "/") -> str:
        """A link that carries address and fingerprint. What follows the # stays with whoever opens it."""
        return f"{self.url}{path}#sha256={self.fingerprint}" if self.fingerprint else f"{self.url}{path}"


NOWHERE = Whereabouts()
