"""Dialling a hub: TLS, proxies, back-off, reconnecting. Shared by client and worker.

`address` reads hub URLs, `dialling` opens one line, `link` keeps a line open for as long as it is wanted.
Not here: what is said once the line is open (`wire`), and what it means (`client`, `worker`, `hub`).
"""

from farcall.link.address import Address, BadAddress
from farcall.link.backoff import Backoff
from farcall.link.dialling import Line, dial
from farcall.link.errors import LinkError, Refused, Unreachable
from farcall.link.link import Handler, Link

__all__ = [
    "Address",
    "Backoff",
    "BadAddress",
    "Handler",
    "Line",
    "Link",
    "LinkError",
    "Refused",
    "Unreachable",
    "dial",
]
