"""Slowing down those who guess: so many tries, then a pause that doubles. Pure: the time is an argument."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

_IPV6_SITE_BITS = 64
_OTHER_TEXT_LENGTH = 64  # what a proxy says may be anything, and is remembered


@dataclass(slots=True)
class _Tries:
    count: int
    last_at: float
    closed_until: float


class Throttle:
    """Counts tries by key. After `tries` in a row each further one doubles the pause, up to an hour.

    A key is forgotten when it has been quiet for `quiet_seconds`. At most `keys` are remembered: the longest quiet go
    first.
    """

    def __init__(
        self, tries: int = 10, *, quiet_seconds: float = 300.0, longest_seconds: float = 3600.0, keys: int = 20_000
    ) -> None:
        self._tries = tries
        self._quiet_seconds = quiet_seconds
        self._longest_seconds = longest_seconds
        self._limit = keys
        self._known: OrderedDict[str, _Tries] = OrderedDict()  # by the time of the last try

    def attempt(self, key: str, now: float) -> float:
        """Count a try; 0, or the seconds to wait: then it must not be made, and does not count."""
        known = self._known.get(key)
        if known is not None and now < known.closed_until:
            return known.closed_until - now
        if known is None or now - max(known.last_at, known.closed_until) > self._quiet_seconds:
            known = _Tries(0, now, 0.0)
        known.count += 1
        known.last_at = now
        over = known.count - self._tries
        if over >= 0:
            known.closed_until = now + min(self._longest_seconds, self._quiet_seconds / 8 * 2.0 ** min(over, 30))
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        return 0.0

    def forgive(self, key: str) -> None:
        """The try was good: all is forgotten."""
        self._known.pop(key, None)

    def take_back(self, key: str) -> None:
        """The last try was good, which says nothing about those before."""
        known = self._known.get(key)
        if known is not None:
            known.count -= 1
            known.closed_until = 0.0
            if known.count == 0:
                del self._known[key]

    def __len__(self) -> int:
        return len(self._known)


def place(origin: str) -> str:
    """Whom a remote address stands for: a site, since IPv6 has an address for every try. Other text stays as it is, up
    to a length.
    """
    try:
        address = ipaddress.ip_address(origin)
    except ValueError:
        return origin[:_OTHER_TEXT_LENGTH]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(address), _IPV6_SITE_BITS), strict=False))
    return origin
