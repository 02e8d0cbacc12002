"""Sharing and invitations on the command line and from Python, at a hub without a mail server."""

from __future__ import annotations

import json
from typing import Any

import pytest

import farcall
from tests.scenarios.town import Town


def invite(town: Town, path: str, *options: str) -> dict[str, Any]:
    done = town.farcall("share", path, "bob@example.org", "--json", *options, who="alice")
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_a_whole_link_is_accepted_and_declined(town: Town) -> None:
    made = invite(town, "alice/by_link", "--can", "view")
    accepted = town.farcall("accept", made["link"], who="bob")
    assert accepted.stdout == "You may now view alice/by_link, which alice shares with you.\n", accepted.stderr
    listed = town.farcall("shares", who="alice").stdout
    assert [line.split()[:6] for line in listed.splitlines() if "alice/by_link" in line] == [
        ["alice/by_link", "bob", "bob@example.org", "view", "alice", "active"]
    ]
    assert "bob@example.org" not in town.farcall("shares", who="bob").stdout
    again = town.farcall("accept", made["link"], who="bob")
    assert (again.returncode, "was accepted already" in again.stderr) == (1, True)
    declined = town.farcall("decline", invite(town, "alice/by_link")["link"], who="bob")
    assert declined.stdout == "Declined.\n"
    listed = town.farcall("shares", who="alice").stdout
    assert [line.split()[:5] for line in listed.splitlines() if "alice/by_link" in line] == [
        ["alice/by_link", "bob", "bob@example.org", "view", "alice"],
        ["alice/by_link", "bob@example.org", "invoke", "alice", "declined"],
    ]
    assert town.farcall("unshare", "alice/by_link", "Bob@Example.org", who="alice").returncode == 0  # both of them
    assert "alice/by_link" not in town.farcall("shares", who="alice").stdout
    nothing = town.farcall("unshare", "alice/by_link", "bob", who="alice")
    assert (nothing.returncode, nothing.stderr) == (
        1,
        "Error: alice/by_link is not shared with bob; farcall shares lists what is.\n",
    )


def test_what_a_manager_passed_on_is_named_and_ends_by_the_command_that_is_named(town: Town) -> None:
    town.account("carola")
    for handle in ("bob", "carola"):  # each passes on to the next
        giver = "alice" if handle == "bob" else "bob"
        assert town.farcall("share", "alice/lent", handle, "--can", "manage", who=giver).returncode == 0
    assert town.farcall("share", "alice/lent/f", "public", who="carola").returncode == 0
    done = town.farcall("unshare", "alice/lent", "bob", who="alice")
    assert done.stdout == (
        "bob may no longer use alice/lent\n"
        "carola may still manage alice/lent, which bob passed on\n"
        "public may still invoke alice/lent/f, which carola passed on\n"
        "  farcall unshare alice/lent carola --passed-on   ends that\n"
    ), done.stderr
    done = town.farcall("unshare", "alice/lent", "carola", "--passed-on", who="alice")
    assert done.stdout == (
        "carola may no longer use alice/lent\npublic may no longer use alice/lent/f, which carola passed on\n"
    )
    assert "alice/lent" not in town.farcall("shares", who="alice").stdout
    with town.client("alice") as alice:
        alice.share("alice/lent", "bob", "manage")
        with town.client("bob") as bob:
            bob.share("alice/lent", "carola")
        ended = alice.unshare("alice/lent", "bob")
        assert [share["handle"] for share in ended.staying] == ["carola"]
        assert alice.unshare("alice/lent", "carola", passed_on=True)


def test_who_shares_a_name_that_has_nothing_yet_is_told(town: Town) -> None:
    early = town.farcall("share", "alice/mistyped", "bob", who="alice")
    assert early.stdout == "bob may now invoke alice/mistyped\n"
    assert early.stderr == "Nothing is called alice/mistyped yet; what is served there will be shared.\n"
    with town.serving("import farcall\n@farcall.function\ndef mistyped() -> int:\n    return 1\n"):
        assert town.farcall("share", "alice/mistyped", "bob", who="alice").stderr == ""
    assert town.farcall("unshare", "alice/mistyped", "bob", who="alice").returncode == 0


def test_an_invitation_for_somebody_else_is_refused(town: Town) -> None:
    made = invite(town, "alice/foreign")
    refused = town.farcall("accept", made["link"], who="admin")
    assert refused.returncode == 1
    assert "The invitation is for b…@example.org, and you are admin." in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("share", "alice/f", "bob", "--expires", "soon"), "is no duration; say 45m, 12h, 30d or 2w"),
        (("share", "alice/f", "bob", "--per-minute", "-1"), "--per-minute"),
        (("share", "alice/f", "nobody@"), "is no e-mail address"),
        (("share", "alice/f", "nobody_here"), "There is no account nobody_here."),
        (("accept", "i999999"), "There is no invitation i999999 for you."),
        (("accept", "https://hub.example/i/abc"), "There is no token for the hub at https://hub.example"),
        (("accept", "https://hub.example/"), "is no invitation"),
        (("decline", "nonsense"), "There is no such invitation."),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(town: Town, arguments: tuple[str, ...], said: str) -> None:
    refused = town.farcall(*arguments, who="alice")
    assert refused.returncode in (1, 2)
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_same_from_python(town: Town) -> None:
    with town.client("alice") as alice, town.client("bob") as bob:
        made = alice.share("alice/python", "bob@example.org", expires="2w", per_minute=5)
        assert [invite["path"] for invite in bob.invites() if invite["by"] == "alice"].count("alice/python") == 1
        with pytest.raises(farcall.RequestError, match=r"is of the hub at https://elsewhere.org, not of"):
            bob.accept("https://elsewhere.org/i/" + "A" * 43)
        accepted = bob.accept(made["link"])
        assert (accepted["path"], accepted["limits"]["per_minute"]) == ("alice/python", 5)
        bob.unshare("alice/python", "bob")  # who received it drops it
        assert not [item for item in alice.shares() if item["path"] == "alice/python"]
        bob.decline(alice.share("alice/python", "bob@example.org")["id"])
        with pytest.raises(farcall.NotFound):
            bob.decline("i424242")
        assert alice.unshare("alice/python", "bob@example.org")


def test_an_address_is_invited_into_a_group_and_joins_it(town: Town) -> None:
    assert town.farcall("groups", "create", "readers", who="alice").returncode == 0
    invited = town.farcall("groups", "add", "readers", "bob@example.org", who="alice")
    assert invited.stdout.startswith("bob@example.org is invited to the group readers, as a member;"), invited.stderr
    assert "alice invites you to the group readers" in invited.stdout
    taken_back = town.farcall("groups", "remove", "readers", "bob@example.org", who="alice")
    assert (taken_back.returncode, taken_back.stderr) == (0, "")
    again = town.farcall("groups", "remove", "readers", "bob@example.org", who="alice")
    assert (again.returncode, "is not invited to readers" in again.stderr) == (1, True)
    with farcall.connect(town.url, town.tokens["alice"]) as alice:
        link = alice.groups.invite("readers", "bob@example.org", "manager")["link"]
    assert "readers" in town.farcall("invites", who="bob").stdout
    accepted = town.farcall("accept", link, who="bob")
    assert accepted.stdout == "You are now a manager of the group readers, to which alice invited you.\n"
    shown = town.farcall("groups", "show", "readers", who="bob").stdout
    assert [line.split() for line in shown.splitlines() if "bob" in line] == [["bob", "manager"]]
