"""What was loaded, once for each time the files were read: a generation of functions, and the processes that run it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from blake3 import blake3

from farcall.authoring.units import UnitError, check_unit
from farcall.domain.interface import Interface, InterfaceError
from farcall.domain.model import DIGEST_BYTES, FunctionOptions
from farcall.domain.units import check_units, has_units
from farcall.guest.messages import Described, Loaded
from farcall.wire import frames
from farcall.worker.pool import Pool
from farcall.worker.supervision import Supervision

_KEY_BYTES: Final = 32


class Generation:
    """Functions that were loaded together. `names` are full; an attempt's function is an index into them."""

    def __init__(
        self,
        pool: Pool,
        loaded: Loaded,
        namespace: str,
        kill_grace_seconds: float,
        send: Callable[[frames.Frame], None],
    ) -> None:
        self.pool = pool
        self.files = loaded.files
        self.publications = [_publication(described, namespace) for described in loaded.functions]
        self._codes = [described.code for described in loaded.functions]
        self.names = [publication.name for publication in self.publications]
        self.supervision = Supervision(pool, kill_grace_seconds, send)
        self.fading = False  # it is given nothing more
        self.fades_at = math.inf
        self.used_at = time.monotonic()  # when an attempt last came or ended

    def name_of(self, function: int) -> str:
        return self.names[function]

    def said(self, function: int, digest_keys: Mapping[str, bytes]) -> frames.Publication:
        """A publication as the hub is told it: in a namespace of a group the group's key says what is the same code."""
        publication = self.publications[function]
        handle = publication.name[1:].partition("/")[0].replace("-", "_") if publication.name.startswith("/") else ""
        key = digest_keys.get(handle, b"")
        if len(key) != _KEY_BYTES:
            return publication
        implementation = blake3(self._codes[function], key=key).digest(DIGEST_BYTES)
        return msgspec.structs.replace(publication, implementation=implementation)

    def serves(self, publication: frames.Publication) -> bool:
        """Whether this very version of a function is among its own."""
        return publication in self.publications


def wrong_units(loaded: Loaded) -> str:
    """Which function declares a unit that is none, and where; empty if all are units. May import pint."""
    for described in loaded.functions:
        for place, unit in described.units:
            try:
                check_unit(unit)
            except UnitError as error:
                return _sentence(f"{place}: {error}")
        try:
            interface = Interface.parse(described.document)
        except InterfaceError:
            continue  # the hub will say
        try:
            if has_units(interface):
                check_units(interface)
        except InterfaceError as error:
            return _sentence(f"{described.name.rpartition('/')[2]}(): {error}")
    return ""


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _publication(described: Described, namespace: str) -> frames.Publication:
    relative = bool(namespace) and not described.name.startswith("/")
    return frames.Publication(
        f"{namespace}/{described.name}" if relative else described.name,
        described.document,
        described.implementation,
        FunctionOptions(*(getattr(described.options, name) for name in FunctionOptions.__struct_fields__)),
    )
