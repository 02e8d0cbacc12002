"""Taking arguments, results and output of an invocation away, for good. The record and its usage stay."""

from __future__ import annotations

import time

from farcall.domain import access
from farcall.domain import ids as identifiers
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.records import Records, require_scope


class Erasure:
    """Erases on request; retention does the same when the time has come (`farcall.hub.housekeeping`)."""

    def __init__(self, store: ports.Store, records: Records, log_files: ports.LogFiles) -> None:
        self._store = store
        self._records = records
        self._log_files = log_files

    async def erase(self, subject: access.Subject, identifier: bytes) -> ports.InvocationRow:
        """The record as it is afterwards. Raises Refused (not_found, permission_denied, not_finished).

        Callers erase their own; owners what they are shown; administrators anything, without seeing it. What was erased
        before stays so.
        """
        row = await self._records.get(subject, identifier)
        await self._require(subject, row)
        text = identifiers.to_text(identifier)
        command = ports.Erase(identifier, time.time())
        outcome = await self._store.do(
            audit.recorded(
                command, subject, "invocation.erase", path=row.function.partition("@")[0], about=row.caller, target=text
            )
        )
        if outcome is ports.Outcome.STALE:
            raise Refused("not_finished", f"{text} has not ended; {row.state.label} now.", f"farcall cancel {text}")
        await self._log_files.delete(identifier)
        return await self._records.get(subject, identifier)

    async def _require(self, subject: access.Subject, row: ports.InvocationRow) -> None:
        if not (access.administers(subject) or await self._records.shows_payloads(subject, row)):
            raise Refused("permission_denied", "Only who may see arguments and results may erase them.")
        require_scope(subject, row, "erase this")
