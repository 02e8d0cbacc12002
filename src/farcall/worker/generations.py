"""What was loaded, once for each time the files were read: a generation of functions, and the processes that run it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from farcall.domain.model import FunctionOptions
from farcall.guest.messages import Described, Loaded
from farcall.wire import frames
from farcall.worker.pool import Pool
from farcall.worker.supervision import Supervision


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
        self.names = [publication.name for publication in self.publications]
        self.supervision = Supervision(pool, kill_grace_seconds, send)
        self.fading = False  # it is given nothing more
        self.fades_at = math.inf
        self.used_at = time.monotonic()  # when an attempt last came or ended

    def name_of(self, function: int) -> str:
        return self.names[function]

    def serves(self, publication: frames.Publication) -> bool:
        """Whether this very version of a function is among its own."""
        return publication in self.publications


def _publication(described: Described, namespace: str) -> frames.Publication:
    relative = bool(namespace) and not described.name.startswith("/")
    return frames.Publication(
        f"{namespace}/{described.name}" if relative else described.name,
        described.document,
        described.implementation,
        FunctionOptions(*(getattr(described.options, name) for name in FunctionOptions.__struct_fields__)),
    )
