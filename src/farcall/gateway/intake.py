"""Bodies of requests on their way in: handed over as they come, where the server's own way copies them twice."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Intake(HttpToolsProtocol):
    """The server's protocol, but for what it does with a piece of a body.

    A large body arrives in pieces of some 256 KiB, and each is taken before the next one is read: it needs no buffer.
    """

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if self.parser.should_upgrade() or cycle.body or cycle.response_complete:
            if cycle is not None and isinstance(cycle.body, bytes):
                cycle.body = bytearray(cycle.body)  # several pieces in one read, as of a chunked body, are collected
            super().on_body(body)
            return
        cycle.body = body
        if len(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()
