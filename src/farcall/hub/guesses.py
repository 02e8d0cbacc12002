"""Slowing down those who guess passwords, without letting them close an account to its owner.

Strict for a name from one place, lenient for a place over all names and for a name over all places. Who has logged in
at a name from a place before is not kept out by what others try at that name elsewhere. Pure: the time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict

from farcall.hub.throttle import Throttle

_TRIES_BY_NAME_AND_PLACE = 10
_TRIES_BY_PLACE = 100  # many people may share an address
_TRIES_BY_NAME = 300  # what thirty places may try together
_LONGEST_BY_NAME_SECONDS = 60.0  # of this pause the owner may be the victim
_PLACES_REMEMBERED = 20_000


class Guesses:
    """Tries count when they begin, since many may be made at once; what was good is taken back."""

    def __init__(self) -> None:
        self._by_both = Throttle(_TRIES_BY_NAME_AND_PLACE)
        self._by_place = Throttle(_TRIES_BY_PLACE)
        self._by_name = Throttle(_TRIES_BY_NAME, longest_seconds=_LONGEST_BY_NAME_SECONDS)
        self._own: OrderedDict[str, None] = OrderedDict()  # name and place of good tries; the longest ago first

    def attempt(self, name: str, place: str, now: float) -> float:
        """Count a try at this name from this place ("" is none that tells people apart); 0, or the seconds to wait:
        then it must not be made, and counts nowhere.
        """
        both = _both(name, place)
        chain = [(self._by_both, both)]
        if place:
            chain.append((self._by_place, place))
        if both not in self._own:
            chain.append((self._by_name, name))
        for number, (throttle, key) in enumerate(chain):
            wait_seconds = throttle.attempt(key, now)
            if wait_seconds:
                for counted, its_key in chain[:number]:
                    counted.take_back(its_key)
                return wait_seconds
        return 0.0

    def good(self, name: str, place: str) -> None:
        """The try was good: those before it from there are forgiven, those of others are not."""
        both = _both(name, place)
        self._by_both.forgive(both)
        self._by_place.take_back(place)
        if both not in self._own:
            self._by_name.take_back(name)
        self._own[both] = None
        self._own.move_to_end(both)
        if len(self._own) > _PLACES_REMEMBERED:
            self._own.popitem(last=False)


def _both(name: str, place: str) -> str:
    return f"{place} {name}"  # no place has a blank
