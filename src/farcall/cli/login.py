"""`register`, `login`, `logout`, `whoami`, `password`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from farcall.cli.output import clock, json_option, print_facts, print_json, print_table, say
from farcall.cli.remote import credentials, rest, rest_with

if TYPE_CHECKING:
    from farcall.client.logins import Login


@click.command()
@click.argument("url", required=False)
@click.option("--handle", help="The name that others see, and that owns your namespace.")
@click.option("--email", help="Your e-mail address.")
@click.option("--invite", metavar="LINK", help="The link of an invitation; it names the hub too.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@click.option(
    "--again", is_flag=True, help="You have registered: have the link that confirms your address mailed again."
)
@json_option
def register(
    url: str | None,
    handle: str | None,
    email: str | None,
    invite: str | None,
    password_stdin: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Make an account at the hub at URL, and log in. What is not given is asked for."""
    from farcall.client import logins

    if again:
        _again(url, email, as_json)
        return
    secret = ""
    if invite:
        named, secret = logins.invited(invite)
        url = url or named
    if not url:
        raise click.UsageError("Say the URL of the hub, or the link of an invitation with --invite.")
    _require_told(password_stdin, {"--handle": handle, "--email": email})
    handle = handle or _asked("Handle")
    email = email or _asked("E-mail address")
    password = _password(password_stdin, new=True)
    made = logins.register(url, handle, email, password, invitation=secret)
    if isinstance(made, str):
        if as_json:
            print_json({"handle": handle, "pending": made})
        else:
            say(made)
        return
    _say(made, as_json)
    if invite and not as_json:
        say(f"To accept what is shared with you: farcall accept '{invite}'")


def _again(url: str | None, email: str | None, as_json: bool) -> None:
    from farcall.client import logins

    if not url:
        raise click.UsageError("Say the URL of the hub.")
    email = email or _asked("E-mail address")
    logins.wish_confirmation(url, email)
    if as_json:
        print_json({"email": email})
    else:
        say(f"If an account waits for {email} to be confirmed, the link is on its way there once more.")


@click.command()
@click.argument("url")
@click.option("--name", help="Your handle or e-mail address.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@click.option("--token", "ask_token", is_flag=True, help="Ask for a token instead of a password.")
@click.option("--token-stdin", is_flag=True, help="Read a token from standard input.")
@click.option("--admin", is_flag=True, help="For administrators: a login that may administer the hub.")
@json_option
def login(
    url: str, name: str | None, password_stdin: bool, ask_token: bool, token_stdin: bool, admin: bool, as_json: bool
) -> None:
    """Log in to the hub at URL, and use that hub from now on.

    Asks for your handle or e-mail address and your password; or takes a token, which is tried first. What the hub
    gives is kept in a file that only you can read, and is never sent to any other hub.
    """
    from farcall.client import logins

    if token_stdin or ask_token:
        text = sys.stdin.readline() if token_stdin else _hidden("Token", "--token-stdin")
        _say(logins.with_token(url, text.strip()), as_json)
        return
    _require_told(password_stdin, {"--name": name})
    name = name or _asked("Handle or e-mail address")
    _say(logins.with_password(url, name, _password(password_stdin), admin=admin), as_json)


@click.command()
@click.argument("url", required=False)
@json_option
def logout(url: str | None, as_json: bool) -> None:
    """Forget the token of the hub at URL; default: the hub in use. What came from logging in ends at the hub too."""
    from farcall.client import logins

    chosen = url or credentials()[0]
    forgotten = logins.log_out(chosen)
    if as_json:
        print_json({"hub": chosen, "forgotten": forgotten})
    else:
        say(f"Logged out of {chosen}." if forgotten else f"There was no login for {chosen}.")


@click.command()
@click.option("--all", "everywhere", is_flag=True, help="At every hub that you are logged in to.")
@json_option
def whoami(everywhere: bool, as_json: bool) -> None:
    """Which account, on which hub, with which token."""
    if everywhere:
        _everywhere(as_json)
        return
    service = rest()
    me = service.get("/v1/me")
    if as_json:
        print_json({**me, "hub": service.url})
    else:
        print_facts(
            {
                "handle": me["handle"],
                "email": me["email"] + ("" if me["confirmed"] or not me["email"] else " (not confirmed)"),
                "hub": service.url,
                "administrator": "yes" if me["admin"] else "",
                "token may": ", ".join(me["scopes"]),
                "only for": ", ".join(me["only"]),
                "expires": clock(me["expires_at"]),
            }
        )


def _everywhere(as_json: bool) -> None:
    from farcall.client import config
    from farcall.client.errors import FarcallError

    current = config.current()
    found: list[dict[str, Any]] = []
    for url, token in config.logins().items():
        service = rest_with(url, token)
        try:
            found.append({**service.get("/v1/me"), "hub": url, "problem": ""})
        except FarcallError as error:
            found.append({"hub": url, "handle": "", "problem": str(error)})
        finally:
            service.close()
    if as_json:
        print_json({"items": [{**item, "current": item["hub"] == current} for item in found]})
        return
    print_table(
        ["hub", "handle", "in use", "problem"],
        [[item["hub"], item["handle"], "yes" if item["hub"] == current else "", item["problem"]] for item in found],
        "You are logged in nowhere; see farcall login.",
    )


@click.command()
@click.option("--password-stdin", is_flag=True, help="Read the old and then the new password, a line each.")
@click.option("--forgotten", metavar="URL", help="Have the hub at URL mail you a link to set a new one.")
@click.option("--email", help="With --forgotten: your e-mail address.")
@json_option
def password(password_stdin: bool, forgotten: str | None, email: str | None, as_json: bool) -> None:
    """Set another password, or your first. Whatever else is logged in as you has to log in again."""
    if forgotten:
        _forgotten(forgotten, email or _asked("E-mail address"), as_json)
        return
    service = rest()
    if password_stdin:
        old, new = sys.stdin.readline().rstrip("\r\n"), sys.stdin.readline().rstrip("\r\n")
    else:
        old = _hidden("Old password (empty if there is none)", "--password-stdin", default="", show_default=False)
        new = _password(False, new=True)
    service.put("/v1/me/password", {"old": old, "new": new})
    if as_json:
        print_json({"changed": True})
    else:
        say("The new password holds.")


def _forgotten(url: str, email: str, as_json: bool) -> None:
    from farcall.client import logins

    logins.wish_reset(url, email)
    if as_json:
        print_json({"email": email})
    else:
        say(f"If {email} is the address of an account, a link to set a new password is on its way there.")


def _asked(what: str) -> str:
    answer: str = click.prompt(what)
    return answer.strip()


def _require_told(password_stdin: bool, options: dict[str, str | None]) -> None:
    """Standard input holds the password: what is asked for there would be answered with it, and shown."""
    missing = [option for option, value in options.items() if not value]
    if password_stdin and missing:
        raise click.UsageError(f"With --password-stdin, say {' and '.join(missing)} too.")


def _password(from_stdin: bool, *, new: bool = False) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return _hidden("Password", "--password-stdin", confirmation_prompt=new)


def _hidden(what: str, otherwise: str, **more: Any) -> str:
    """What is typed unseen; without a terminal it would be seen, so it is not asked for."""
    import getpass
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            answer: str = click.prompt(what, hide_input=True, **more)
        except getpass.GetPassWarning:
            raise click.UsageError(f"There is no terminal to ask at; say {otherwise}.") from None
    return answer


def _say(made: Login, as_json: bool) -> None:
    if as_json:
        print_json({**made.account, "hub": made.address.url})
    else:
        say(f"Logged in to {made.address.url} as {made.account['handle']}.")
