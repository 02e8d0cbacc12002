"""Bodies of requests on their way in: handed over as they come, where the server's own way copies them twice; or past
the server, by a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from farcall.gateway.line import lend


class Intake(HttpToolsProtocol):
    """The server's protocol, but for what it does with a piece of a body.

    A large body arrives in pieces of some 256 KiB, and each is taken before the next one is read: it needs no buffer.
    """

    _under_way: Sequence[Any] = ()  # the cycles of requests; several, if a client sends more than one at once

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)  # which tells the last of them alone
        for cycle in self._under_way:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade() and self._announces_a_body():
            raise ValueError("what follows would be parsed as another request")  # the server answers 400 and hangs up
        super().on_headers_complete()
        if getattr(self.cycle, "scope", None) is self.scope:  # else it becomes a WebSocket
            lend(self, self._begin_anew)
            self._under_way = [*(cycle for cycle in self._under_way if not cycle.response_complete), self.cycle]

    def _announces_a_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 "))
            for name, value in self.headers
        )

    def _begin_anew(self) -> None:
        """The body was read past the parser: a new one waits for the next request."""
        if self.parser is not None:  # the connection is still there
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as the server has it
            self.on_message_complete()

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
