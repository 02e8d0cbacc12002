"""The address of a hub, written in one way only, because tokens are kept by it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from farcall.link.pinning import PREFIX, read_fingerprint

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """The text is no address of a hub; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a hub is. Two are equal exactly if a token for one may be sent to the other."""

    scheme: str  # http or https
    host: str  # lower case, without brackets
    port: int
    path: str = ""  # of a hub behind a prefix; no slash at the end
    fingerprint: str = field(default="", compare=False)  # of its certificate, if the link said it; see `pinning`

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address of ``http(s)://host[:port][/prefix][#sha256=…]``, also as ws(s); raises BadAddress."""
        shown = f"{text[:100]!r} is no hub's address"
        example = "it looks like https://hub.example.org or http://127.0.0.1:8750"
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError as error:
            raise BadAddress(f"{shown}: {error}; {example}") from None
        scheme = _SCHEMES.get(parts.scheme.lower())
        host = (parts.hostname or "").rstrip(".").lower()
        if scheme is None or not host or any(character.isspace() for character in host):
            raise BadAddress(f"{shown}; {example}")
        if parts.username is not None or parts.password is not None:
            raise BadAddress(f"{shown}: it must not hold a name or password; log in with farcall login")
        pinned = read_fingerprint(parts.fragment) if parts.fragment else ""
        if parts.query or pinned is None:
            raise BadAddress(f"{shown}: it must not hold a ?, nor a # other than #sha256=FINGERPRINT; {example}")
        if pinned and scheme != "https":
            raise BadAddress(f"{shown}: a fingerprint goes with https")
        return cls(scheme, host, port or _DEFAULT_PORTS[scheme], parts.path.rstrip("/"), pinned)

    @property
    def netloc(self) -> str:
        """``host[:port]``, without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The one way to write it, without a slash at the end."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def link(self) -> str:
        """The URL, with the fingerprint if there is one: what another machine needs to know."""
        return f"{self.url}/#{PREFIX}{self.fingerprint}" if self.fingerprint else self.url

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def loopback(self) -> bool:
        """Whether it is this very machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def channel(self, role: str) -> str:
        """The WebSocket URL of the channel for a client or a worker."""
        return f"{'wss' if self.secure else 'ws'}://{self.netloc}{self.path}/v1/connect/{role}"
