"""Building a subject from what the store knows: the one place that says which grants count for whom."""

from __future__ import annotations

from farcall.domain import access, limits
from farcall.hub import ports


async def load(
    store: ports.Store, account: ports.AccountRow, now: float, token: ports.TokenRow | None = None
) -> access.Subject:
    """The account with all that counts for it at `now` (wall-clock seconds); without a token as one that may only call.

    What was granted to its groups and to everybody counts as granted to itself; what has expired gives nothing.
    """
    groups = tuple(
        access.Membership(row.group, row.group_handle, row.role == "manager")
        for row in await store.memberships(account.key)
    )
    grants = [_grant(row) for row in await store.grants_to(account.key) if _counts(row, now)]
    grants += [group.grant for group in groups]
    return access.Subject(
        key=account.key,
        handle=account.handle,
        admin=account.admin,
        access_epoch=account.access_epoch,
        token=token.key if token is not None else 0,
        scopes=frozenset(token.scopes) if token is not None else frozenset({"invoke"}),
        only=token.only if token is not None else (),
        grants=tuple(grants),
        expires_at=token.expires_at if token is not None else None,
        groups=groups,
    )


def _counts(row: ports.GrantRow, now: float) -> bool:
    return row.level in access.GRANTABLE and (row.expires_at is None or row.expires_at > now)


def _grant(row: ports.GrantRow) -> access.Grant:
    return access.Grant(row.path, access.GRANTABLE[row.level], row.expires_at, limits.from_json(row.limits))
