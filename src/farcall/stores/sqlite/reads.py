"""Questions to the store, as functions of a connection that cannot write. They run in reader threads."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from farcall.domain.model import Settlement
from farcall.domain.names import ancestors
from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    AccountRow,
    ConfirmationRow,
    GrantRow,
    InvitationRow,
    InvocationFilter,
    InvocationRow,
    Lane,
    MemberRow,
    MembershipRow,
    Note,
    Page,
    PresenceRow,
    Queued,
    TokenRow,
    UsageFilter,
    UsageRow,
)
from farcall.stores.sqlite import rows
from farcall.stores.sqlite.audit import AuditReads
from farcall.stores.sqlite.function_reads import FunctionReads
from farcall.stores.sqlite.inflow import body_key
from farcall.stores.sqlite.invocations import queued_rows
from farcall.stores.sqlite.queries import Statements

_BEYOND = 1 << 62
_IDS_PER_STEP = 512
_encode_json = msgspec.json.encode
_decode_json = msgspec.json.Decoder(list[Any]).decode
_detail = msgspec.json.Decoder(dict[str, Any]).decode


class Reads(FunctionReads):
    """One reader: a connection and what it can be asked."""

    def __init__(self, connection: apsw.Connection, statements: Statements) -> None:
        super().__init__(connection, statements)
        self.audit = AuditReads(connection, statements)

    def close(self) -> None:
        self.connection.close()

    def _body(self, seq: int, inline: bytes | None, *, result: bool) -> bytes:
        if inline is not None:
            return inline
        return self.one("body", body_key(seq, result=result)) or b""

    # -- invocations ---------------------------------------------------------------------------------------------------

    def lanes(self) -> list[tuple[Lane, int]]:
        return [(Lane((version, priority, caller)), count) for version, priority, caller, count in self.all("lanes")]

    def leased(self) -> list[Queued]:
        return queued_rows(self.connection, self.statements, self.one("leased"))

    def queued(self, ids: Sequence[bytes]) -> list[Queued]:
        asked = _encode_json([identifier.hex() for identifier in ids]).decode()
        return queued_rows(self.connection, self.statements, self.one("queued", asked))

    def settlements(self, ids: Sequence[bytes], caller: int) -> tuple[list[Settlement], list[bytes], list[bytes]]:
        ended: list[Settlement] = []
        going_on: list[bytes] = []
        unknown: list[bytes] = []
        for start in range(0, len(ids), _IDS_PER_STEP):
            part = ids[start : start + _IDS_PER_STEP]
            asked = _encode_json([identifier.hex() for identifier in part]).decode()
            known = {row[0]: row for row in _decode_json(self.one("settlements", asked, caller))}
            for identifier in part:
                row = known.get(identifier.hex())
                if row is None:
                    unknown.append(identifier)
                elif row[2] < InvocationState.SUCCEEDED:
                    going_on.append(identifier)
                else:
                    ended.append(self._settlement(identifier, row))
        return ended, going_on, unknown

    def _settlement(self, identifier: bytes, row: Sequence[Any]) -> Settlement:
        _, seq, state, result, failed, attempt, elsewhere = row
        body = self._body(seq, None if elsewhere else bytes.fromhex(result), result=True)
        failure = rows.failure(bytes.fromhex(failed)) if failed else None
        return Settlement(identifier, state, body, failure, attempt)

    def invocation(self, identifier: bytes) -> InvocationRow | None:
        row = self.one("invocation", identifier)
        return None if row is None else self._invocation(row)

    def _invocation(self, row: tuple[Any, ...]) -> InvocationRow:
        arguments = self._body(row[0], row[18], result=False)
        return rows.invocation(row, arguments, self._body(row[0], row[19], result=True))

    def invocations(self, query: InvocationFilter) -> Page:
        """Newest first; the cursor is the place of the last one in the order of acceptance."""
        cursor = int(query.cursor) if query.cursor else _BEYOND
        found = self._newest(query, cursor, query.limit + 1)
        chosen = found[: query.limit]
        page = self.all("invocations_in", _encode_json(chosen).decode())
        after = str(chosen[-1]) if len(found) > query.limit else None
        return Page([self._invocation(row) for row in page], after)

    def _newest(self, query: InvocationFilter, cursor: int, limit: int) -> list[int]:
        state = None if query.state is None else int(query.state)
        or_state = None if query.or_state is None else int(query.or_state)
        versions: list[int] | None = None
        if query.owners is not None or query.function is not None:
            owners = None if query.owners is None else _encode_json(list(query.owners)).decode()
            versions = [key for (key,) in self.all("versions_of", owners, query.function)]
        if query.caller is not None:
            only = None if versions is None else _encode_json(versions).decode()
            found = self.all("newest_of_caller", query.caller, cursor, limit, state, query.since, only, or_state)
        elif versions is not None:
            narrowed = (cursor, limit, state, query.since, or_state)
            each = [self.all("newest_of_version", key, *narrowed) for key in versions]
            found = heapq.nlargest(limit, (row for part in each for row in part))
        else:
            found = self.all("newest_of_all", cursor, limit, state, query.since, or_state)
        return [seq for (seq,) in found]

    def notes(self, identifier: bytes) -> list[Note]:
        return [Note(identifier, at, what, _detail(detail)) for at, what, detail in self.all("notes", identifier)]

    def unfinished(self, caller: int) -> list[tuple[bytes, str]]:
        return [(identifier, name) for identifier, name in self.all("unfinished", caller)]

    def usage(self, query: UsageFilter) -> list[UsageRow]:
        which = "usage"
        if query.caller is not None:
            which = "usage_of_caller"
        elif query.owners is not None:
            which = "usage_of_owners"
        found = self.all(
            which,
            query.caller,
            None if query.owners is None else _encode_json(list(query.owners)).decode(),
            query.function,
            query.since,
            query.until,
            query.by_day,
            query.by_function,
            query.by_version,
            query.by_caller,
            query.limit,
            query.skip,
        )
        return [UsageRow(*row) for row in found]

    # -- catalog -------------------------------------------------------------------------------------------------------

    def account(self, key: int | None, handle: str | None, email: str | None) -> AccountRow | None:
        if email is not None:
            row = self.one("account_by_email", email)
        else:
            row = self.one("account_by_key", key) if key is not None else self.one("account_by_handle", handle)
        return None if row is None else rows.account(row)

    def password(self, account: int) -> str:
        return self.one("password", account) or ""

    def whither(self, path: str) -> tuple[str, str] | None:
        found: tuple[str, str] | None = self.one("whither", _encode_json([*ancestors(path), path]).decode())
        return found

    def waiting_for_proof(self, email: str, limit: int) -> list[int]:
        return [key for (key,) in self.all("waiting_for_proof", email, limit)]

    def confirmation(self, digest: bytes) -> ConfirmationRow | None:
        row = self.one("confirmation", digest)
        return None if row is None else ConfirmationRow(*row)

    def accounts(self) -> list[AccountRow]:
        return [rows.account(row) for row in self.all("accounts")]

    def token(self, digest: bytes) -> tuple[TokenRow, AccountRow] | None:
        row = self.one("token", digest)
        if row is None:
            return None
        found = rows.token(row)
        return found, rows.account(self.one("account_by_key", found.account))

    def tokens(self, account: int) -> list[TokenRow]:
        return [rows.token(row) for row in self.all("tokens", account)]

    def grants_to(self, account: int) -> list[GrantRow]:
        return [rows.grant(row) for row in self.all("grants_to", account)]

    def affected_by(self, grantee: int) -> list[int]:
        return [key for (key,) in self.all("affected_by", grantee)]

    def memberships(self, account: int) -> list[MembershipRow]:
        return [rows.membership(row) for row in self.all("memberships", account)]

    def groups(self) -> list[AccountRow]:
        return [rows.account(row) for row in self.all("groups")]

    def members(self, group: int) -> list[MemberRow]:
        return [MemberRow(*row) for row in self.all("members", group)]

    def digest_keys(self, account: int) -> dict[str, bytes]:
        return dict(self.all("digest_keys", account))

    def grants_below(self, path: str) -> list[GrantRow]:
        return [rows.grant(row) for row in self.all("grants_below", path)]

    def grants_given(self, by: int, roots: Sequence[str]) -> list[GrantRow]:
        return [rows.grant(row) for row in self.all("grants_given", by, _encode_json(list(roots)).decode())]

    def next_end_of_a_grant(self, after: float) -> float | None:
        end: float | None = self.one("next_end_of_a_grant", after)
        return end

    def invitation(self, key: int | None, digest: bytes | None) -> InvitationRow | None:
        row = self.one("invitation_by_digest", digest) if key is None else self.one("invitation_by_key", key)
        return None if row is None else InvitationRow(*row)

    def invitations_to(self, email: str) -> list[InvitationRow]:
        return [InvitationRow(*row) for row in self.all("invitations_to", email)]

    def invitations_given(self, by: int, roots: Sequence[str]) -> list[InvitationRow]:
        asked = _encode_json(list(roots)).decode()
        return [InvitationRow(*row) for row in self.all("invitations_given", by, asked)]

    def invited_since(self, by: int, since: float) -> int:
        return int(self.one("invited_since", by, since))

    # -- presence ------------------------------------------------------------------------------------------------------

    def presences(self, version: int | None, include_gone: bool) -> list[PresenceRow]:
        return [rows.presence(row) for row in self.all("presences", version, include_gone)]

    def blob_readable(self, digest: str, account: int, token: int, only: Sequence[str], now: float) -> bool:
        if only:
            limits = _encode_json(list(only)).decode()
            return bool(self.one("blob_readable_within", digest, account, token, limits, now))
        return bool(self.one("blob_readable", digest, account, now))
