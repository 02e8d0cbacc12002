"""Who is speaking, accounts, tokens."""

from __future__ import annotations

from farcall.domain.errors import Refused
from farcall.gateway.exchange import Exchange, Reply, moment, moment_or_none, seconds_of
from farcall.gateway.operations import Answer, Operation
from farcall.hub import ports
from farcall.hub.confirmations import CONFIRM, RESET
from farcall.hub.tokens import NewToken
from farcall.wire import rest, rest_people


async def me(x: Exchange) -> Reply:
    subject = x.subject
    account = await x.hub.accounts.me(subject)
    return Reply(
        rest_people.Me(
            account.handle,
            account.email,
            account.email_confirmed_at is not None,
            account.admin,
            sorted(subject.scopes),
            list(subject.only),
            moment_or_none(subject.expires_at),
        )
    )


async def create_account(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.NewAccount)
    accounts = x.hub.accounts
    if x.has_token:
        subject = await x.authenticate()
        account, token = await accounts.create(
            subject, asked.handle, asked.email, admin=asked.admin, password=asked.password
        )
        return Reply(rest_people.AccountCreated(_account(account), _created(token)), 201)
    if asked.admin:
        raise Refused("permission_denied", "Only administrators make administrators.")
    invited, vouched_by = await x.hub.invitations.proved(asked.invitation) if asked.invitation else ("", None)
    made = await accounts.register(
        asked.handle, asked.email, asked.password, invited_email=invited, vouched_by=vouched_by, origin=x.origin
    )
    if made.token is None:
        detail = f"Open the link that was sent to {asked.email}, then log in."
        return Reply(rest_people.AccountPending(made.account.handle, detail), 202)
    return Reply(rest_people.AccountCreated(_account(made.account), _created(made.token)), 201)


async def confirm_account(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.Confirmation)
    return Reply(_account(await x.hub.accounts.vouch(x.subject, x.path("handle"), asked.email)))


async def log_in(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.Login)
    account, token = await x.hub.logins.log_in(
        asked.name, asked.password, label=asked.label, admin=asked.admin, origin=x.origin
    )
    return Reply(rest_people.AccountCreated(_account(account), _created(token)), 201)


async def log_out(x: Exchange) -> Reply:
    await x.hub.logins.log_out(x.subject)
    return Reply(None, 204)


async def set_password(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.NewPassword)
    await x.hub.logins.set_password(x.subject, asked.new, asked.old)
    return Reply(None, 204)


async def list_accounts(x: Exchange) -> Reply:
    return Reply(rest.Page([_account(row) for row in await x.hub.accounts.everyone(x.subject)]))


async def disable_account(x: Exchange) -> Reply:
    return Reply(_account(await x.hub.accounts.set_disabled(x.subject, x.path("handle"), True)))


async def enable_account(x: Exchange) -> Reply:
    return Reply(_account(await x.hub.accounts.set_disabled(x.subject, x.path("handle"), False)))


async def prove_address(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.Proof)
    return Reply(_account(await x.hub.confirmations.prove(asked.secret, x.origin)))


async def wish_reset(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.LetterWish)
    await x.hub.confirmations.wish(RESET, asked.email, x.origin)
    return Reply(None, 202)


async def wish_confirmation(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.LetterWish)
    await x.hub.confirmations.wish(CONFIRM, asked.email, x.origin)
    return Reply(None, 202)


async def reset_password(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.Reset)
    await x.hub.confirmations.reset(asked.secret, asked.password, x.origin)
    return Reply(None, 204)


async def create_token(x: Exchange) -> Reply:
    asked = await x.asked(rest_people.NewToken)
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


def _account(row: ports.AccountRow) -> rest_people.Account:
    return rest_people.Account(
        row.handle, row.email, row.admin, row.disabled, moment(row.created_at), row.email_confirmed_at is not None
    )


def _token(row: ports.TokenRow) -> rest_people.Token:
    return rest_people.Token(
        row.key,
        row.label,
        list(row.scopes),
        list(row.only),
        moment(row.created_at),
        moment_or_none(row.expires_at),
        moment_or_none(row.revoked_at),
        moment_or_none(row.last_used_at),
    )


def _created(token: NewToken) -> rest_people.TokenCreated:
    return rest_people.TokenCreated(
        token.key, token.token, list(token.scopes), list(token.only), moment_or_none(token.expires_at)
    )


OPERATIONS = (
    Operation(
        "GET",
        "/v1/me",
        "who_am_i",
        "The account behind the token, and what the token may do.",
        me,
        {200: Answer(rest_people.Me, "Who is speaking.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/accounts",
        "create_account",
        "Register, as far as the hub allows it; administrators, with their token, make accounts for others.",
        create_account,
        {
            201: Answer(rest_people.AccountCreated, "The account, and the only answer that ever holds its token."),
            202: Answer(rest_people.AccountPending, "The address has to be confirmed first."),
        },
        "people",
        body=rest_people.NewAccount,
        errors=(
            "conflict",
            "not_found",
            "invitation_closed",
            "quota_exceeded",
            "unauthenticated",
            "permission_denied",
        ),
        token=False,
    ),
    Operation(
        "POST",
        "/v1/accounts/{handle}/confirm",
        "confirm_account",
        "Vouch for the address of an account, or give it one. For administrators.",
        confirm_account,
        {200: Answer(rest_people.Account, "The account as it is now.")},
        "people",
        body=rest_people.Confirmation,
        errors=("conflict",),
    ),
    Operation(
        "POST",
        "/v1/login",
        "log_in",
        "A token for whoever knows the password of an account.",
        log_in,
        {201: Answer(rest_people.AccountCreated, "The account, and the only answer that ever holds the token.")},
        "people",
        body=rest_people.Login,
        errors=("unauthenticated", "quota_exceeded"),
        token=False,
    ),
    Operation(
        "POST",
        "/v1/logout",
        "log_out",
        "End the token that asks, at once, if it came from logging in; others stay.",
        log_out,
        {204: Answer(None, "Logged out.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/confirm",
        "prove_address",
        "Prove an e-mail address with the secret that was mailed there.",
        prove_address,
        {200: Answer(rest_people.Account, "The account as it is now.")},
        "people",
        body=rest_people.Proof,
        errors=("not_found", "conflict"),
        token=False,
    ),
    Operation(
        "POST",
        "/v1/confirm/again",
        "wish_confirmation",
        "Have the link that proves an e-mail address mailed again, if an account waits for it.",
        wish_confirmation,
        {202: Answer(None, "The answer is the same whether there is such an account or not.")},
        "people",
        body=rest_people.LetterWish,
        errors=("quota_exceeded",),
        token=False,
    ),
    Operation(
        "POST",
        "/v1/reset",
        "wish_reset",
        "Have a link to set a new password mailed, if the address is an account's.",
        wish_reset,
        {202: Answer(None, "The answer is the same whether there is such an account or not.")},
        "people",
        body=rest_people.LetterWish,
        errors=("quota_exceeded",),
        token=False,
    ),
    Operation(
        "PUT",
        "/v1/reset",
        "reset_password",
        "Set a new password with the secret that was mailed; ends what is logged in.",
        reset_password,
        {204: Answer(None, "It holds from now on.")},
        "people",
        body=rest_people.Reset,
        errors=("not_found",),
        token=False,
    ),
    Operation(
        "PUT",
        "/v1/me/password",
        "set_password",
        "Set another password, or the first; ends what else is logged in.",
        set_password,
        {204: Answer(None, "It holds from now on.")},
        "people",
        body=rest_people.NewPassword,
        errors=("quota_exceeded",),
    ),
    Operation(
        "GET",
        "/v1/accounts",
        "list_accounts",
        "All accounts. For administrators.",
        list_accounts,
        {200: Answer(rest.Page[rest_people.Account], "By handle.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/accounts/{handle}/disable",
        "disable_account",
        "Lock an account out at once, on open connections too. For administrators.",
        disable_account,
        {200: Answer(rest_people.Account, "The account as it is now.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/accounts/{handle}/enable",
        "enable_account",
        "Let a disabled account in again. For administrators.",
        enable_account,
        {200: Answer(rest_people.Account, "The account as it is now.")},
        "people",
    ),
    Operation(
        "GET",
        "/v1/tokens",
        "list_tokens",
        "Your tokens, without their text.",
        list_tokens,
        {200: Answer(rest.Page[rest_people.Token], "Oldest first.")},
        "people",
    ),
    Operation(
        "POST",
        "/v1/tokens",
        "create_token",
        "Make a token for your own account, never wider or longer-lived than the one that asks.",
        create_token,
        {201: Answer(rest_people.TokenCreated, "The only answer that ever holds the token.")},
        "people",
        body=rest_people.NewToken,
        errors=("quota_exceeded",),
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
