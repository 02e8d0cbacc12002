"""Who is speaking, accounts, tokens."""

from __future__ import annotations

from farcall.gateway.exchange import Exchange, Reply, moment, moment_or_none, seconds_of
from farcall.gateway.operations import Answer, Operation
from farcall.hub import ports
from farcall.hub.tokens import NewToken
from farcall.wire import rest


async def me(x: Exchange) -> Reply:
    subject = x.subject
    account = await x.hub.accounts.me(subject)
    return Reply(
        rest.Me(
            account.handle,
            account.email,
            account.admin,
            sorted(subject.scopes),
            list(subject.only),
            moment_or_none(subject.expires_at),
        )
    )


async def create_account(x: Exchange) -> Reply:
    asked = await x.asked(rest.NewAccount)
    account, token = await x.hub.accounts.create(x.subject, asked.handle, asked.email, admin=asked.admin)
    return Reply(rest.AccountCreated(_account(account), _created(token)), 201)


async def list_accounts(x: Exchange) -> Reply:
    return Reply(rest.Page([_account(row) for row in await x.hub.accounts.everyone(x.subject)]))


async def disable_account(x: Exchange) -> Reply:
    return Reply(_account(await x.hub.accounts.set_disabled(x.subject, x.path("handle"), True)))


async def enable_account(x: Exchange) -> Reply:
    return Reply(_account(await x.hub.accounts.set_disabled(x.subject, x.path("handle"), False)))


async def create_token(x: Exchange) -> Reply:
    asked = await x.asked(rest.NewToken)
    token = await x.hub.accounts.tokens.create(
        x.subject,
        label=asked.label,
        scopes=asked.scopes,
        only=asked.only,
        expires_at=seconds_of(asked.expires_at),
    )
    return Reply(_created(token), 201)


async def list_tokens(x: Exchange) -> Reply:
    return Reply(rest.Page([_token(row) for row in await x.hub.accounts.tokens.all(x.subject)]))


async def revoke_token(x: Exchange) -> Reply:
    await x.hub.accounts.tokens.revoke(x.subject, x.key("id"))
    return Reply(None, 204)


def _account(row: ports.AccountRow) -> rest.Account:
    return rest.Account(row.handle, row.email, row.admin, row.disabled, moment(row.created_at))


def _token(row: ports.TokenRow) -> rest.Token:
    return rest.Token(
        row.key,
        row.label,
        list(row.scopes),
        list(row.only),
        moment(row.created_at),
        moment_or_none(row.expires_at),
        moment_or_none(row.revoked_at),
    )


def _created(token: NewToken) -> rest.TokenCreated:
    return rest.TokenCreated(
        token.key, token.token, list(token.scopes), list(token.only), moment_or_none(token.expires_at)
    )


OPERATIONS = (
    Operation(
        "GET",
        "/v1/me",
        "who_am_i",
        "The account behind the token, and what the token may do.",
        me,
        {200: Answer(rest.Me, "Who is speaking.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/accounts",
        "create_account",
        "Create an account with a first token. For administrators.",
        create_account,
        {201: Answer(rest.AccountCreated, "The account, and the only answer that ever holds its token.")},
        "people",
        body=rest.NewAccount,
        errors=("conflict",),
    ),
    Operation(
        "GET",
        "/v1/accounts",
        "list_accounts",
        "All accounts. For administrators.",
        list_accounts,
        {200: Answer(rest.Page[rest.Account], "By handle.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/accounts/{handle}/disable",
        "disable_account",
        "Lock an account out at once, on open connections too. For administrators.",
        disable_account,
        {200: Answer(rest.Account, "The account as it is now.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/accounts/{handle}/enable",
        "enable_account",
        "Let a disabled account in again. For administrators.",
        enable_account,
        {200: Answer(rest.Account, "The account as it is now.")},
        "people",
    ),
    Operation(
        "GET",
        "/v1/tokens",
        "list_tokens",
        "Your tokens, without their text.",
        list_tokens,
        {200: Answer(rest.Page[rest.Token], "Oldest first.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/tokens",
        "create_token",
        "Make a token for your own account, never wider or longer-lived than the one that asks.",
        create_token,
        {201: Answer(rest.TokenCreated, "The only answer that ever holds the token.")},
        "people",
        body=rest.NewToken,
    ),
    Operation(
        "DELETE",
        "/v1/tokens/{id}",
        "revoke_token",
        "Revoke a token at once, on open connections too.",
        revoke_token,
        {204: Answer(None, "Revoked.")},
        "people",
    ),
)
