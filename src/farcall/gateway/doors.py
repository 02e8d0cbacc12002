"""At which addresses a hub is reached, and what its operator should know about them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from farcall.gateway.certificates import own_addresses
from farcall.hub.whereabouts import Whereabouts

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared, not listened on


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a hub is reached: from this machine, and from others."""

    here: Whereabouts
    public: Whereabouts


def doors(host: str, port: int, *, tls: bool, fingerprint: str = "", public_url: str = "") -> Doors:
    """Of a hub that listens at `host` and `port`; `public_url` is what its operator says it is called."""

    def at(address: str) -> Whereabouts:
        named = f"[{address}]" if ":" in address else address
        return Whereabouts(f"{'https' if tls else 'http'}://{named}:{port}", fingerprint)

    here = at({EVERYWHERE[0]: "127.0.0.1", EVERYWHERE[1]: "::1"}.get(host, host))
    if public_url:
        return Doors(here, Whereabouts(public_url.rstrip("/"), fingerprint))
    addresses = own_addresses() if host in EVERYWHERE else []
    return Doors(here, at(addresses[0]) if addresses else here)


def advice(public: Whereabouts) -> list[str]:
    """Lines for the operator of a hub that is meant for others: who comes in by its link, and who cannot."""
    lines = [f"others come in by this link: {public.link()}"]
    try:
        address = ipaddress.ip_address(urlsplit(public.url).hostname or "")
    except ValueError:
        return lines  # a name: whoever chose it knows
    if address.is_loopback:
        lines.append("  That is this machine alone: no other address of it was found.")
    elif address.is_private:
        lines.append("  That is an address of your own network: people elsewhere cannot reach it.")
    else:
        return lines
    lines.append("  For others use a hub of your lab, at a public address; see docs/how-to/run-a-hub.md.")
    return lines
