"""`token …`, `account …`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from farcall.cli.completion import paths
from farcall.cli.output import json_option, print_json, print_table, say, when
from farcall.cli.remote import path, rest
from farcall.cli.usage import limit_account


@click.group()
def token() -> None:
    """Create, list and revoke tokens."""


@token.command("create")
@click.option("--label", default="", help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["invoke", "serve", "deploy", "manage", "admin"]),
    help="What it may do; may be given more than once. Default: what everyday work needs.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    shell_complete=paths,
    help="Only for this function or namespace; may be given more than once.",
)
@click.option("--expires", help="For example 30d, 12h.")
@click.option("--print-token", is_flag=True, help="Print nothing but the token.")
@json_option
def create_token(
    label: str, scopes: tuple[str, ...], only: tuple[str, ...], expires: str | None, print_token: bool, as_json: bool
) -> None:
    """A new token; it is shown once."""
    body = {"label": label, "scopes": list(scopes), "only": list(only), "expires_at": _expiry(expires)}
    made = rest().post("/v1/tokens", {name: value for name, value in body.items() if value})
    if as_json:
        print_json(made)
    elif print_token:
        say(made["token"])
    else:
        say(f"{made['token']}\nKeep it: it is not shown again. farcall token revoke {made['id']} ends it.")


def _expiry(text: str | None) -> str | None:
    from farcall.client import sharing

    try:
        return None if text is None else sharing.moment(text, datetime.now(UTC))
    except sharing.BadDuration as error:
        raise click.BadParameter(f"{error}", param_hint="--expires") from None


@token.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """Your tokens; never the tokens themselves."""
    page = rest().get("/v1/tokens")
    if as_json:
        print_json(page)
        return
    print_table(
        ["id", "label", "scopes", "only", "created", "last used", "expires", "revoked"],
        [
            [
                item["id"],
                item["label"],
                ", ".join(item["scopes"]),
                ", ".join(item["only"]),
                when(item["created_at"]),
                when(item["last_used_at"]),
                when(item["expires_at"]),
                when(item["revoked_at"]),
            ]
            for item in page["items"]
        ],
        "No tokens.",
    )


@token.command("revoke")
@click.argument("identifier", metavar="ID", type=int)
@json_option
def revoke_token(identifier: int, as_json: bool) -> None:
    """End the token with this ID at once, on open connections too; farcall token list shows the ids."""
    rest().delete(path("tokens", identifier))
    if as_json:
        print_json({"id": identifier, "revoked": True})
    else:
        say(f"Token {identifier} is revoked.")


@click.group()
def account() -> None:
    """Create, list, confirm and disable accounts (administrators)."""


@account.command("create")
@click.argument("handle")
@click.argument("email")
@click.option("--admin", is_flag=True, help="It may do everything, as you may.")
@click.option("--print-token", is_flag=True, help="Print nothing but the first token.")
@json_option
def create_account(handle: str, email: str, admin: bool, print_token: bool, as_json: bool) -> None:
    """A new account, with its first token. HANDLE owns the root namespace of that name.

    Whoever gets the token logs in with it, and sets a password with farcall password.
    """
    service = rest()
    made = service.post("/v1/accounts", {"handle": handle, "email": email, "admin": admin})
    text = made["token"]["token"]
    if as_json:
        print_json(made)
    elif print_token:
        say(text)
    else:
        say(f"Account {made['account']['handle']} is made. Its first token, shown once:\n{text}")
        say(f"To log in with it: farcall login --token {service.url}")


@account.command("list")
@json_option
def list_accounts(as_json: bool) -> None:
    """All accounts, and whether they are disabled or have an unconfirmed address."""
    items = list(rest().items("/v1/accounts"))
    if as_json:
        print_json({"items": items, "next": None})
        return
    print_table(
        ["handle", "email", "state", "created"],
        [[item["handle"], item["email"], _state(item), when(item["created_at"])] for item in items],
        "No accounts.",
    )


def _state(item: dict[str, Any]) -> str:
    words = {"admin": item["admin"], "disabled": item["disabled"], "unconfirmed": not item["confirmed"]}
    return ", ".join(word for word, holds in words.items() if holds)


@account.command("disable")
@click.argument("handle")
@json_option
def disable_account(handle: str, as_json: bool) -> None:
    """Lock HANDLE out at once, on open connections too."""
    _changed(rest().post(path("accounts", handle, "disable")), f"{handle} is disabled.", as_json)


@account.command("enable")
@click.argument("handle")
@json_option
def enable_account(handle: str, as_json: bool) -> None:
    """Let HANDLE in again."""
    _changed(rest().post(path("accounts", handle, "enable")), f"{handle} is enabled.", as_json)


@account.command("confirm")
@click.argument("handle")
@click.option("--email", default="", help="Give the account this address.")
@json_option
def confirm_account(handle: str, email: str, as_json: bool) -> None:
    """Vouch that the e-mail address of HANDLE is theirs."""
    answer = rest().post(path("accounts", handle, "confirm"), {"email": email})
    _changed(answer, f"{answer['email']} is the address of {handle}.", as_json)


def _changed(answer: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        say(sentence)


account.add_command(limit_account)
