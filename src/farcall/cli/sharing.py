"""`share`, `unshare`, `shares`, `invites`, `accept`, `decline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farcall.cli.completion import paths
from farcall.cli.output import clock, json_option, print_json, print_table, say, when
from farcall.cli.remote import rest

if TYPE_CHECKING:
    from farcall.client.rest import Rest

_UNITS = {"per_minute": "calls a minute", "in_flight": "at once", "seconds_per_day": "s a day"}


@click.command()
@click.argument("name", shell_complete=paths)
@click.argument("who", metavar="EMAIL|HANDLE")
@click.option("--can", type=click.Choice(["view", "invoke", "manage"]), default="invoke", show_default=True)
@click.option("--expires", metavar="DURATION", help="For example 30d, 12h; then the permission ends by itself.")
@click.option("--per-minute", type=click.IntRange(0), metavar="N", help="At most so many calls in any minute.")
@click.option("--in-flight", type=click.IntRange(0), metavar="N", help="At most so many calls at once.")
@click.option("--seconds-per-day", type=click.FloatRange(0), metavar="S", help="At most so much running a day.")
@json_option
def share(
    name: str,
    who: str,
    can: str,
    expires: str | None,
    per_minute: int | None,
    in_flight: int | None,
    seconds_per_day: float | None,
    as_json: bool,
) -> None:
    """Let somebody use NAME, a function or a whole namespace of yours.

    A HANDLE (of an account, a group, or public for everybody) may use it at once. An EMAIL address gets an invitation,
    which waits until somebody who has that address accepts it; an account is not needed before.
    """
    from farcall.client import sharing

    service = rest()
    try:
        answer = sharing.share(
            service,
            name,
            who,
            can,
            expires=expires,
            per_minute=per_minute,
            in_flight=in_flight,
            seconds_per_day=seconds_per_day,
        )
    except sharing.BadDuration as error:
        raise click.BadParameter(f"{error}", param_hint="--expires") from None
    if as_json:
        print_json(answer)
    else:
        _say_shared(answer)
        if not service.get("/v1/functions", namespace=answer["path"], limit=1)["items"]:
            say(f"Nothing is called {answer['path']} yet; what is served there will be shared.", err=True)


def _say_shared(answer: dict[str, Any]) -> None:
    until = f" until {clock(answer['expires_at'])}" if answer["expires_at"] else ""
    what = f"{answer['can']} {answer['path']}{until}"
    if answer["handle"]:
        say(f"{answer['handle']} may now {what}")
        return
    say_invited(answer, f"to {what}")


def say_invited(answer: dict[str, Any], what: str) -> None:
    """That an address is invited, and what became of the e-mail."""
    say(f"{answer['email']} is invited {what}; the invitation waits until {clock(answer['open_until'])}")
    if answer["mail"] == "sent":
        say("  the e-mail is sent")
    elif answer["mail"] == "sending":
        say("  the e-mail is being sent; farcall shares says what becomes of it")
    elif not answer["link"]:
        say(f"  no e-mail was sent: {answer['mail']}", err=True)
        say("  The invitation stands: share again to send another one.", err=True)
    else:
        say(f"  this hub sends no e-mail; hand over the link yourself: {answer['link']}")
        say("  or all of this:\n")
        say("\n".join(f"    {line}".rstrip() for line in answer["text"].splitlines()))


@click.command()
@click.argument("name", shell_complete=paths)
@click.argument("who", metavar="EMAIL|HANDLE")
@click.option("--passed-on", is_flag=True, help="End also what they have passed on, and what was passed on in turn.")
@json_option
def unshare(name: str, who: str, passed_on: bool, as_json: bool) -> None:
    """Take the permission or the invitation of somebody back, at once.

    What somebody who could manage NAME has passed on stays, and is listed, unless you say --passed-on.
    """
    from farcall.client import sharing

    done = sharing.unshare(rest(), name, who, passed_on=passed_on)
    if not done:
        raise click.ClickException(f"{name} is not shared with {who}; farcall shares lists what is.")
    if as_json:
        print_json({"removed": [*done.ended, *done.passed_on], "staying": done.staying})
        return
    say(f"{who} may no longer use {name}")
    for item in done.passed_on:
        say(f"{item['handle'] or item['email']} may no longer use {item['path']}, which {item['by']} passed on")
    for item in done.staying:
        say(f"{item['handle']} may still {item['can']} {item['path']}, which {item['by']} passed on")
    for item in done.first_staying:
        say(f"  farcall unshare {item['path']} {item['handle']} --passed-on   ends that")


@click.command()
@json_option
def shares(as_json: bool) -> None:
    """Who may use what is yours, who is invited, and what others share with you."""
    items = list(rest().items("/v1/shares", limit=500))
    if as_json:
        print_json({"items": items})
        return
    print_table(
        ["name", "with", "can", "by", "state", "until", "limits", "since"],
        [
            [
                item["path"],
                " ".join(part for part in (item["handle"], item["email"]) if part),
                item["can"],
                item["by"],
                _state(item),
                when(item["expires_at"] or item["open_until"]),
                _limits(item["limits"]),
                when(item["created_at"]),
            ]
            for item in items
        ],
        "Nothing is shared. farcall share NAME EMAIL|HANDLE shares a function or namespace.",
    )


def _state(item: dict[str, Any]) -> str:
    """`active`; `invited, e-mail sent`; why an e-mail was not sent."""
    if item["state"] != "open":
        return str(item["state"])
    mail = item["mail"]
    return f"invited, e-mail {mail}" if mail in ("sent", "sending", "not sent") else f"invited, no e-mail: {mail}"


def _limits(limits: dict[str, Any]) -> str:
    return ", ".join(f"{limits[name]:g} {unit}" for name, unit in _UNITS.items() if limits.get(name) is not None)


@click.command()
@json_option
def invites(as_json: bool) -> None:
    """Invitations that wait for you."""
    from farcall.client import sharing

    items = list(sharing.invites(rest()))
    if as_json:
        print_json({"items": items})
        return
    print_table(
        ["id", "name", "can", "by", "ends", "accept until"],
        [
            [
                item["id"],
                item["path"],
                item["can"],
                item["by"],
                when(item["expires_at"]),
                when(item["open_until"]),
            ]
            for item in items
        ],
        "No invitation waits for your address.",
    )


@click.command()
@click.argument("invite", metavar="INVITE")
@json_option
def accept(invite: str, as_json: bool) -> None:
    """Accept the invitation INVITE: an id of farcall invites, or a whole link."""
    from farcall.client import sharing

    service, reference = _invitation(invite)
    answer = sharing.accept(service, reference)
    if as_json:
        print_json(answer)
        return
    if answer["can"] in ("member", "manager"):
        say(f"You are now a {answer['can']} of the group {answer['path']}, to which {answer['by']} invited you.")
    else:
        say(f"You may now {answer['can']} {answer['path']}, which {answer['by']} shares with you.")


@click.command()
@click.argument("invite", metavar="INVITE")
@json_option
def decline(invite: str, as_json: bool) -> None:
    """Decline the invitation INVITE: an id of farcall invites, or a whole link."""
    from farcall.client import sharing

    service, reference = _invitation(invite)
    sharing.decline(service, reference)
    if as_json:
        print_json({"invite": invite, "declined": True})
    else:
        say("Declined.")


def _invitation(invite: str) -> tuple[Rest, str]:
    """The hub that the invitation is of, and what that knows it by. A link names its hub."""
    from farcall.cli.remote import rest_of
    from farcall.client import sharing
    from farcall.client.logins import invited

    if "/" not in invite:
        return rest(), invite
    service, address = rest_of(invited(invite)[0])
    return service, sharing.reference(invite, address)
