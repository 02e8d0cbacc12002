"""`login`, `logout`, `whoami`, `token …`, `account …`."""

from __future__ import annotations

import re
import sys
import time

import click

from farcall.cli.output import clock, json_option, print_facts, print_json, print_table, when
from farcall.cli.remote import credentials, path, rest, rest_with

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


@click.command()
@click.argument("url")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input instead of asking.")
@json_option
def login(url: str, token_stdin: bool, as_json: bool) -> None:
    """Remember a token for the hub at URL, in a file that only you can read, and use that hub from now on.

    The token is tried first. It is never sent to any other hub.
    """
    from farcall.client import config

    token = sys.stdin.readline().strip() if token_stdin else click.prompt("Token", hide_input=True).strip()
    me = rest_with(url, token).get("/v1/me")
    address = config.remember(url, token)
    if as_json:
        print_json({**me, "hub": address.url})
    else:
        click.echo(f"Logged in to {address.url} as {me['handle']}.")


@click.command()
@click.argument("url", required=False)
@json_option
def logout(url: str | None, as_json: bool) -> None:
    """Forget the token of the hub at URL; default: the hub in use."""
    from farcall.client import config

    chosen = url or credentials()[0]
    forgotten = config.forget(chosen)
    if as_json:
        print_json({"hub": chosen, "forgotten": forgotten})
    else:
        click.echo(f"Logged out of {chosen}." if forgotten else f"There was no login for {chosen}.")


@click.command()
@json_option
def whoami(as_json: bool) -> None:
    """Which account, on which hub, with which token."""
    service = rest()
    me = service.get("/v1/me")
    if as_json:
        print_json({**me, "hub": service.url})
    else:
        print_facts(
            {
                "handle": me["handle"],
                "email": me["email"],
                "hub": service.url,
                "administrator": "yes" if me["admin"] else "",
                "token may": ", ".join(me["scopes"]),
                "only for": ", ".join(me["only"]),
                "expires": clock(me["expires_at"]),
            }
        )


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
        click.echo(made["token"])
    else:
        click.echo(f"{made['token']}\nKeep it: it is not shown again. farcall token revoke {made['id']} ends it.")


def _expiry(text: str | None) -> str | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})([mhdw])", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no duration; say 45m, 12h, 30d or 2w", param_hint="--expires")
    seconds = time.time() + int(match[1]) * _UNITS[match[2]]
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@token.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """Your tokens; never the tokens themselves."""
    page = rest().get("/v1/tokens")
    if as_json:
        print_json(page)
        return
    print_table(
        ["id", "label", "scopes", "only", "created", "expires", "revoked"],
        [
            [
                item["id"],
                item["label"],
                ", ".join(item["scopes"]),
                ", ".join(item["only"]),
                when(item["created_at"]),
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
        click.echo(f"Token {identifier} is revoked.")


@click.group()
def account() -> None:
    """Create, list and disable accounts (administrators)."""


@account.command("create")
@click.argument("handle")
@click.argument("email")
@click.option("--admin", is_flag=True, help="It may do everything, as you may.")
@click.option("--print-token", is_flag=True, help="Print nothing but the first token.")
@json_option
def create_account(handle: str, email: str, admin: bool, print_token: bool, as_json: bool) -> None:
    """A new account, with its first token. HANDLE owns the root namespace of that name."""
    service = rest()
    made = service.post("/v1/accounts", {"handle": handle, "email": email, "admin": admin})
    text = made["token"]["token"]
    if as_json:
        print_json(made)
    elif print_token:
        click.echo(text)
    else:
        click.echo(f"Account {made['account']['handle']} is made. Its first token, shown once:\n{text}")
        click.echo(f"To log in with it: farcall login {service.url}")


@account.command("list")
@json_option
def list_accounts(as_json: bool) -> None:
    """All accounts."""
    page = rest().get("/v1/accounts")
    if as_json:
        print_json(page)
        return
    print_table(
        ["handle", "email", "admin", "disabled", "created"],
        [
            [
                item["handle"],
                item["email"],
                "yes" if item["admin"] else "",
                "yes" if item["disabled"] else "",
                when(item["created_at"]),
            ]
            for item in page["items"]
        ],
        "No accounts.",
    )


@account.command("disable")
@click.argument("handle")
@click.option("--undo", is_flag=True, help="Let it in again.")
@json_option
def disable_account(handle: str, undo: bool, as_json: bool) -> None:
    """Lock HANDLE out at once, on open connections too."""
    answer = rest().post(path("accounts", handle, "enable" if undo else "disable"))
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{handle} is {'disabled' if answer['disabled'] else 'enabled'}.")
