"""Rows of the database as the values that the port speaks of."""

from __future__ import annotations

from typing import Any

import msgspec

from farcall.domain.errors import Failure
from farcall.domain.model import FunctionOptions
from farcall.domain.states import InvocationState
from farcall.hub.ports import AccountRow, GrantRow, InvocationRow, MembershipRow, PresenceRow, TokenRow, VersionRow

_strings = msgspec.json.Decoder(tuple[str, ...]).decode
_keys = msgspec.json.Decoder(tuple[int, ...]).decode
_document = msgspec.json.Decoder(dict[str, Any]).decode
_options = msgspec.json.Decoder(FunctionOptions).decode
failure = msgspec.msgpack.Decoder(Failure).decode


def account(row: tuple[Any, ...]) -> AccountRow:
    key, handle, email, admin, disabled, *more = row
    return AccountRow(key, handle, email, bool(admin), bool(disabled), *more)


def token(row: tuple[Any, ...]) -> TokenRow:
    key, account_key, label, scopes, only, created_at, expires_at, *more = row
    return TokenRow(key, account_key, label, _strings(scopes), _strings(only), created_at, expires_at, *more)


def grant(row: tuple[Any, ...]) -> GrantRow:
    return GrantRow(*row)


def membership(row: tuple[Any, ...]) -> MembershipRow:
    return MembershipRow(*row)


def version(row: tuple[Any, ...]) -> VersionRow:
    (
        key, function, name, owner, handle, number, digest, interface, implementation, document, options, created_at,
        newest, deprecated, deprecated_at, seen_at, typical_seconds, deleted,
    ) = row  # fmt: skip
    return VersionRow(
        key,
        function,
        name,
        owner,
        handle,
        number,
        digest,
        interface,
        implementation,
        _document(document),
        _options(options),
        created_at,
        bool(newest),
        deprecated,
        deprecated_at,
        seen_at,
        typical_seconds,
        bool(deleted),
    )


def presence(row: tuple[Any, ...]) -> PresenceRow:
    boot, account_key, handle, name, hub, slots, resources, versions, state, connected_at, seen_at = row
    return PresenceRow(
        boot,
        account_key,
        handle,
        name,
        hub,
        slots,
        _document(resources),
        _keys(versions),
        state,
        connected_at,
        seen_at,
    )


def invocation(row: tuple[Any, ...], arguments: bytes, result: bytes) -> InvocationRow:
    """`row` as the statement `invocation` gives it; the two bodies wherever they lay."""
    (
        _seq, identifier, function, version_key, number, caller, handle, owner, state, created_at, started_at,
        finished_at, run_seconds, attempt, tries_left, worker, priority, cancelled_at, _arguments, _result, failed,
        timeout_seconds, expires_at, cpu_seconds, erased_at,
    ) = row  # fmt: skip
    return InvocationRow(
        id=identifier,
        function=function,
        version=version_key,
        number=number,
        caller=caller,
        caller_handle=handle,
        owner=owner,
        state=InvocationState(state),
        created_at=created_at,
        started_at=started_at,
        finished_at=finished_at,
        run_seconds=run_seconds,
        attempt=attempt,
        tries_left=tries_left,
        worker=worker,
        priority=priority,
        cancel_requested_at=cancelled_at,
        arguments=arguments,
        result=result,
        failure=None if failed is None else failure(failed),
        options_timeout_seconds=timeout_seconds,
        expires_at=expires_at,
        cpu_seconds=cpu_seconds,
        erased_at=erased_at,
    )
