from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from farcall.domain import access
from farcall.domain.errors import Failure, Refused
from farcall.domain.limits import Limits
from farcall.domain.model import FunctionOptions
from farcall.hub import ports
from farcall.hub.accounts import Accounts
from farcall.hub.invitations import Invitations, Invited, Rules
from farcall.hub.mail import Post
from farcall.hub.wanted import Wanted
from farcall.hub.whereabouts import Whereabouts

from .conftest import House, publication_of

pytestmark = pytest.mark.anyio

CAROL = "carol@lab.org"
PASSWORD = "seven brown foxes jump"
DAY = 86_400.0


async def refused(awaitable: Awaitable[Any]) -> Failure:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value.failure


def secret_of(invited: Invited) -> str:
    return invited.link.partition("#")[0].rpartition("/")[2]


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Office:
    """A mailer that keeps what it takes, unless it has something to say."""

    sayings: list[ports.MailFailed | None] = field(default_factory=list)
    taken: list[ports.Mail] = field(default_factory=list)
    pause_seconds: float = 0.0

    async def send(self, mail: ports.Mail) -> None:
        await asyncio.sleep(self.pause_seconds)
        said = self.sayings.pop(0) if self.sayings else None
        if said is not None:
            raise said
        self.taken.append(mail)


def at(house: House, clock: Clock, post: Post | None = None, **rules: Any) -> Invitations:
    return Invitations(
        house.store,
        house.accounts,
        post or Post(None),
        rules=Rules(**rules),
        whereabouts=Whereabouts("https://hub.org", "ab" * 32),
        wall=clock,
    )


async def member(house: House, handle: str, email: str, *, confirmed: bool = True) -> access.Subject:
    """An account of its own making."""
    accounts = Accounts(house.store, registration="open")
    made = await accounts.register(handle, email, PASSWORD, invited_email=email if confirmed else "")
    accounts.close()
    assert made.token is not None
    house.tokens[handle] = made.token.token
    return await house.subject(handle)


async def test_what_is_accepted_may_be_used_at_once(house: House) -> None:
    alice = await house.subject("alice")
    limits = Limits(per_minute=3)
    invited = await house.invitations.invite(alice, "Carol@Lab.org", Wanted("alice/physics", limits=limits))
    assert (invited.row.email, invited.row.state, invited.mail) == (CAROL, "open", "not sent")
    carol = await member(house, "carol", CAROL)
    assert [row.key for row in await house.invitations.received(carol)] == [invited.row.key]
    assert access.decide(carol, "invoke", "alice/physics/f").code == "not_found"
    grant = await house.invitations.accept(carol, f"i{invited.row.key}")
    assert (grant.path, grant.level, grant.limits, grant.by_handle) == (
        "alice/physics",
        "invoke",
        limits.json(),
        "alice",
    )
    assert access.decide(await house.subject("carol"), "invoke", "alice/physics/f").allowed
    assert await house.invitations.received(carol) == []


async def test_the_secret_of_a_link_is_not_in_the_store_and_the_link_carries_the_fingerprint(house: House) -> None:
    invitations = at(house, Clock())
    invited = await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    link, _, fragment = invited.link.partition("#")
    assert fragment == "sha256=" + "ab" * 32
    assert link.startswith("https://hub.org/i/")
    secret = link.rpartition("/")[2]
    assert len(secret) == 43
    assert secret not in repr(house.store.invitations)
    assert (await invitations.by_secret(secret)).key == invited.row.key


async def test_holding_the_link_of_an_administrator_confirms_the_address(house: House) -> None:
    invited = await house.invitations.invite(await house.subject("admin"), CAROL, Wanted("alice/f"))
    carol = await member(house, "carol", CAROL, confirmed=False)
    assert await house.invitations.received(carol) == []
    assert (await refused(house.invitations.accept(carol, f"i{invited.row.key}"))).code == "not_found"
    await house.invitations.accept(carol, secret_of(invited))
    account = await house.store.account(handle="carol")
    assert account is not None
    assert account.email_confirmed_at is not None


async def test_a_mailed_link_confirms_the_address(house: House) -> None:
    mailer = Office()
    invitations = at(house, Clock(), Post(mailer))
    await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    found = re.search(r"/i/([\w-]{43})", mailer.taken[0].text)
    assert found is not None
    assert await invitations.proved(found[1]) == (CAROL, None)
    await invitations.accept(await member(house, "carol", CAROL, confirmed=False), found[1])
    account = await house.store.account(handle="carol")
    assert account is not None
    assert account.email_confirmed_at is not None


async def test_whoever_is_shown_a_link_takes_nothing_that_others_share_with_the_address(house: House) -> None:
    alice, bob = await house.subject("alice"), await house.subject("bob")
    waiting = await house.invitations.invite(alice, CAROL, Wanted("alice/f"))
    bait = await house.invitations.invite(bob, CAROL, Wanted("bob/f"))
    email, vouched_by = await house.invitations.proved(secret_of(bait))
    assert (email, vouched_by) == (CAROL, bob.key)
    accounts = Accounts(house.store)
    made = await accounts.register("eve", CAROL, PASSWORD, invited_email=email, vouched_by=vouched_by)
    accounts.close()
    assert made.token is not None
    eve = await house.accounts.authenticate(made.token.token)
    assert [row.path for row in await house.invitations.received(eve)] == ["bob/f"]
    await house.invitations.accept(eve, f"i{bait.row.key}")
    for verb in (house.invitations.accept, house.invitations.decline):
        assert (await refused(verb(eve, f"i{waiting.row.key}"))).code == "not_found"
    assert await house.invitations.account_of(waiting.row) is None
    account = await house.store.account(handle="eve")
    assert account is not None
    assert account.email_confirmed_at is None
    await member(house, "carol", CAROL)  # who proves the address has it


async def test_a_foreign_invitation_is_refused_and_says_for_whom_it_is(house: House) -> None:
    invited = await house.invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    bob = await house.subject("bob")
    failure = await refused(house.invitations.accept(bob, secret_of(invited)))
    assert (failure.code, "c…@lab.org" in failure.message, CAROL in failure.message) == (
        "permission_denied",
        True,
        False,
    )
    assert (await refused(house.invitations.decline(bob, secret_of(invited)))).code == "permission_denied"
    assert (await refused(house.invitations.accept(bob, f"i{invited.row.key}"))).code == "not_found"


@pytest.mark.parametrize("reference", ["", "i99", "i", "x", "A" * 43, "../../etc", "i" + "9" * 30])
async def test_what_is_no_invitation_is_not_found(house: House, reference: str) -> None:
    bob = await house.subject("bob")
    assert (await refused(house.invitations.accept(bob, reference))).code == "not_found"
    assert (await refused(house.invitations.decline(bob, reference))).code == "not_found"


async def test_an_invitation_expires(house: House) -> None:
    clock = Clock()
    invitations = at(house, clock, valid_seconds=10.0)
    carol = await member(house, "carol", CAROL)
    invited = await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    clock.now += 10
    failure = await refused(invitations.accept(carol, secret_of(invited)))
    assert failure.code == "invitation_closed"
    assert failure.message == "The invitation has expired, on 15 January 2027, 08:00 UTC."
    assert failure.hint == "Ask alice for a new one."
    assert await invitations.received(carol) == []
    assert (await refused(invitations.proved(secret_of(invited)))).code == "invitation_closed"


async def test_an_invitation_ends_no_later_than_what_it_gives(house: House) -> None:
    clock = Clock()
    invitations = at(house, clock)
    alice = await house.subject("alice")
    short = await invitations.invite(alice, CAROL, Wanted("alice/f", expires_at=clock.now + DAY))
    long = await invitations.invite(alice, CAROL, Wanted("alice/g", expires_at=clock.now + 90 * DAY))
    assert (short.row.expires_at, short.row.grant_expires_at) == (clock.now + DAY, clock.now + DAY)
    assert (long.row.expires_at, long.row.grant_expires_at) == (clock.now + 30 * DAY, clock.now + 90 * DAY)
    past = Wanted("alice/f", expires_at=clock.now)
    assert (await refused(invitations.invite(alice, CAROL, past))).code == "invalid_request"


async def test_an_invitation_is_used_once(house: House) -> None:
    invited = await house.invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    carol = await member(house, "carol", CAROL)
    await house.invitations.accept(carol, secret_of(invited))
    failure = await refused(house.invitations.accept(carol, secret_of(invited)))
    assert (failure.code, failure.message) == (
        "invitation_closed",
        "The invitation was accepted already; it can be used once.",
    )


async def test_sharing_again_ends_the_old_link(house: House) -> None:
    alice = await house.subject("alice")
    first = await house.invitations.invite(alice, CAROL, Wanted("alice/f"))
    second = await house.invitations.invite(alice, CAROL, Wanted("alice/f", "view"))
    carol = await member(house, "carol", CAROL)
    assert (await refused(house.invitations.accept(carol, secret_of(first)))).message == (
        "alice has taken the invitation back, or sent a newer one."
    )
    assert (await house.invitations.accept(carol, secret_of(second))).level == "view"


async def test_an_invitation_is_taken_back_by_who_made_it_or_manages_the_path(house: House) -> None:
    alice, bob = await house.subject("alice"), await house.subject("bob")
    carol = await member(house, "carol", CAROL)
    await house.shares.share(alice, "bob", Wanted("alice/f", "manage"))
    for maker, ender in (("alice", "alice"), ("alice", "bob"), ("bob", "alice")):
        invited = await house.invitations.invite(await house.subject(maker), CAROL, Wanted("alice/f"))
        assert (await refused(house.invitations.revoke(carol, invited.row.key))).code == "not_found"
        await house.invitations.revoke(await house.subject(ender), invited.row.key)
        assert (await refused(house.invitations.accept(carol, secret_of(invited)))).code == "invitation_closed"
    assert (await refused(house.invitations.revoke(bob, 99))).code == "not_found"


async def test_who_may_not_share_any_more_has_invited_in_vain(house: House) -> None:
    alice = await house.subject("alice")
    row = await house.shares.share(alice, "bob", Wanted("alice/f", "manage"))
    invited = await house.invitations.invite(await house.subject("bob"), CAROL, Wanted("alice/f"))
    carol = await member(house, "carol", CAROL)
    await house.shares.remove(alice, row.key)
    assert (await refused(house.invitations.accept(carol, secret_of(invited)))).code == "invitation_closed"
    again = await house.invitations.invite(alice, CAROL, Wanted("alice/g"))
    await house.accounts.set_disabled(await house.subject("admin"), "alice", True)
    assert (await refused(house.invitations.accept(carol, secret_of(again)))).code == "invitation_closed"


async def test_declined_by_the_account_or_by_the_link_it_is_over(house: House) -> None:
    alice = await house.subject("alice")
    carol = await member(house, "carol", CAROL)
    one = await house.invitations.invite(alice, CAROL, Wanted("alice/f"))
    two = await house.invitations.invite(alice, CAROL, Wanted("alice/g"))
    await house.invitations.decline(carol, f"i{one.row.key}")
    await house.invitations.decline_by_secret(secret_of(two))
    for invited in (one, two):
        assert (await refused(house.invitations.accept(carol, secret_of(invited)))).message == (
            "The invitation was declined."
        )
    assert [row.state for row in await house.invitations.given(alice, ["alice"])] == ["declined", "declined"]
    await house.invitations.revoke(alice, one.row.key)  # puts it away
    assert [row.key for row in await house.invitations.given(alice, ["alice"])] == [two.row.key]


async def test_owners_need_no_invitation_to_their_own(house: House) -> None:
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/f", "manage"))
    invited = await house.invitations.invite(await house.subject("bob"), "alice@example.org", Wanted("alice/f"))
    failure = await refused(house.invitations.accept(await house.subject("alice"), secret_of(invited)))
    assert (failure.code, failure.message) == ("invalid_request", "You own alice/f already.")


@pytest.mark.parametrize(
    ("email", "path", "level", "code"),
    [
        ("nobody", "alice/f", "invoke", "invalid_request"),
        ("a b@lab.org", "alice/f", "invoke", "invalid_request"),
        ("a\r\nBcc: eve@evil.org", "alice/f", "invoke", "invalid_request"),
        (CAROL, "alice/ f", "invoke", "invalid_request"),
        (CAROL, "alice/f", "own", "invalid_request"),
        (CAROL, "bob/f", "invoke", "not_found"),
    ],
)
async def test_invitations_that_make_no_sense_are_refused(
    house: House, email: str, path: str, level: str, code: str
) -> None:
    alice = await house.subject("alice")
    assert (await refused(house.invitations.invite(alice, email, Wanted(path, level)))).code == code


async def test_an_address_with_an_account_is_answered_like_one_without(house: House) -> None:
    alice = await house.subject("alice")
    await member(house, "carol", CAROL)
    known = await house.invitations.invite(alice, CAROL, Wanted("alice/f"))
    unknown = await house.invitations.invite(alice, "dave@lab.org", Wanted("alice/f"))
    assert known.mail == unknown.mail
    assert known.text.replace(CAROL, "").replace(known.link, "") == (
        unknown.text.replace("dave@lab.org", "").replace(unknown.link, "")
    )


async def test_who_invites_too_often_is_stopped(house: House) -> None:
    clock = Clock()
    invitations = at(house, clock, per_day=2)
    alice = await house.subject("alice")
    for number in range(2):
        await invitations.invite(alice, f"p{number}@lab.org", Wanted("alice/f"))
    failure = await refused(invitations.invite(alice, CAROL, Wanted("alice/f")))
    assert (failure.code, failure.message[:21]) == ("quota_exceeded", "You have invited 2 ti")
    clock.now += DAY + 1
    await invitations.invite(alice, CAROL, Wanted("alice/f"))


async def test_a_token_for_calls_alone_cannot_accept(house: House) -> None:
    invited = await house.invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    carol = await member(house, "carol", CAROL)
    token = await house.accounts.tokens.create(carol, scopes=["invoke"])
    weak = await house.accounts.authenticate(token.token)
    assert (await refused(house.invitations.accept(weak, secret_of(invited)))).code == "permission_denied"


# -- letters -----------------------------------------------------------------------------------------------------------


async def test_a_limited_token_accepts_nothing_outside_its_limits(house: House) -> None:
    invited = await house.invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    carol = await member(house, "carol", CAROL)
    made = await house.accounts.tokens.create(carol, only=["carol/lab"])
    limited = await house.accounts.authenticate(made.token)
    assert await house.invitations.received(limited) == []
    assert (await refused(house.invitations.accept(limited, f"i{invited.row.key}"))).code == "not_found"
    assert (await refused(house.invitations.accept(limited, secret_of(invited)))).code == "permission_denied"
    await house.invitations.accept(carol, f"i{invited.row.key}")


async def test_the_letter_says_who_shares_what_and_how_long(house: House) -> None:
    await house.publish("alice", "physics/fall")
    office = Office()
    invitations = at(house, Clock(), Post(office))
    wanted = Wanted("alice/physics/fall", expires_at=1_800_000_000.0 + DAY, limits=Limits(per_minute=5))
    invited = await invitations.invite(await house.subject("alice"), CAROL, wanted)
    assert (invited.mail, invited.link, invited.text) == ("sent", "", "")
    [mail] = office.taken
    assert (mail.to, mail.subject) == (CAROL, "alice shares alice/physics/fall with you")
    for said in (
        "alice shares the function alice/physics/fall with you, on the Farcall hub at https://hub.org.",
        "    fall(x: float) -> float",
        "        Computes something from x.",
        "https://hub.org/i/",
        "until 16 January 2027, 08:00 UTC",
        "at most 5 calls a minute",
    ):
        assert said in mail.text, said
    assert '<a href="https://hub.org/i/' in mail.html


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        ("http://127.0.0.1:8750", "opens on that very machine only"),
        ("https://192.168.1.20:8750", "opens within that machine's own network only"),
        ("https://[fd00::1]:8750", "opens within that machine's own network only"),
        ("https://hub.lab.org", ""),
        ("https://8.8.8.8", ""),
    ],
)
async def test_the_letter_says_where_its_link_opens(house: House, url: str, reach: str) -> None:
    await house.publish("alice", "physics/fall")
    invitations = at(house, Clock())
    invitations.whereabouts = Whereabouts(url)
    invited = await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/physics/fall"))
    assert ("The link opens" in invited.text) is bool(reach)
    assert reach in invited.text


async def test_the_letter_says_if_the_owner_sees_the_arguments(house: House) -> None:
    subject = await house.subject("alice")
    await house.publish("alice", "physics/fall")
    invitations = at(house, Clock())
    closed = await invitations.invite(subject, CAROL, Wanted("alice/physics"))
    assert "sees the arguments" not in closed.text
    seen = msgspec.structs.replace(publication_of("physics/seen"), options=FunctionOptions(visibility="owner"))
    await house.catalog.publish(subject, [seen])
    told = await invitations.invite(subject, CAROL, Wanted("alice/physics"))
    assert "Who owns some of its functions sees the arguments and results of your calls." in told.text


async def test_what_others_wrote_is_text_in_the_letter(house: House) -> None:
    evil = {
        "parameters": [],
        "result": {"type": "number", "x-type": "float"},
        "doc": 'Click <a href="https://evil.org">here</a>\r\nBcc: eve@evil.org\n\u202egnp.exe',
    }
    alice = await house.subject("alice")
    spec = ports.VersionSpec("alice/f", evil, b"i" * 16, b"m" * 16, b"d" * 16, _options())
    await house.store.do(ports.PublishVersions(alice.key, [spec], 0.0))
    office = Office()
    await at(house, Clock(), Post(office)).invite(alice, CAROL, Wanted("alice/f"))
    [mail] = office.taken
    assert "<a href=&quot;https://evil" not in mail.html.replace("&lt;", "<x")
    assert "&lt;a href=&quot;https://evil.org&quot;&gt;here" in mail.html
    assert "\u202e" not in mail.text + mail.html + mail.subject
    assert "\n" not in mail.subject


def _options() -> Any:
    from farcall.domain.model import FunctionOptions

    return FunctionOptions()


async def test_the_share_stands_whatever_the_mail_server_says(house: House) -> None:
    office = Office([ports.MailFailed("The mail server refuses the address: 550 No.", again=False)])
    invitations = at(house, Clock(), Post(office))
    invited = await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    assert invited.mail == "The mail server refuses the address: 550 No."
    [row] = await invitations.given(await house.subject("alice"), [])
    assert (row.state, invitations.mail_of(row)) == ("open", invited.mail)


async def test_a_letter_that_may_still_go_out_is_tried_again(house: House) -> None:
    office = Office([ports.MailFailed("The mail server does not answer.", again=True)])
    post = Post(office, pauses_seconds=[0.05])
    invitations = at(house, Clock(), post)
    invited = await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    assert invited.mail == "The mail server does not answer. It is tried again."
    while not office.taken:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)
    [row] = await invitations.given(await house.subject("alice"), [])
    assert (row.mail, invitations.mail_of(row)) == ("sent", "sent")


async def test_tries_come_to_an_end(house: House) -> None:
    failures: list[ports.MailFailed | None] = [ports.MailFailed(f"No {n}.", again=True) for n in range(9)]
    post = Post(Office(failures), pauses_seconds=[0.0, 0.0])
    invitations = at(house, Clock(), post)
    await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    await asyncio.sleep(0.05)
    [row] = await invitations.given(await house.subject("alice"), [])
    assert invitations.mail_of(row) == "No 2."
    assert len(failures) == 6


async def test_a_slow_mail_server_does_not_hold_up_the_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farcall.hub.invitations._FIRST_TRY_SECONDS", 0.05)
    post = Post(Office(pause_seconds=30.0))
    invitations = at(house, Clock(), post)
    invited = await invitations.invite(await house.subject("alice"), CAROL, Wanted("alice/f"))
    assert invited.mail == "sending"
    await post.close()


async def test_a_letter_that_was_lost_with_the_hub_counts_as_not_sent(house: House) -> None:
    post = Post(Office(pause_seconds=30.0))
    invitations = at(house, Clock(), post)
    alice = await house.subject("alice")
    sending = asyncio.ensure_future(invitations.invite(alice, CAROL, Wanted("alice/f")))
    await asyncio.sleep(0.05)
    [row] = await invitations.given(alice, [])
    assert invitations.mail_of(row) == "sending"
    assert at(house, Clock()).mail_of(row) == "not sent"  # the hub of the next start
    sending.cancel()
    await post.close()
