from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from farcall.hub import ports
from farcall.hub.confirmations import CONFIRM, RESET, Confirmations
from farcall.hub.mail import Post
from farcall.hub.whereabouts import Whereabouts

from .test_logins import GOOD, OTHER, Door, code_of

pytestmark = pytest.mark.anyio


class Mailbox:
    """A mail server that takes everything."""

    def __init__(self) -> None:
        self.letters: list[ports.Mail] = []

    async def send(self, mail: ports.Mail) -> None:
        self.letters.append(mail)

    async def secret(self, purpose: str) -> str:
        """What follows /confirm/ or /reset/ in the last letter."""
        await asyncio.sleep(0.02)
        found = re.search(rf"https://hub\.test/{purpose}/(\S+)", self.letters[-1].text)
        assert found, self.letters[-1].text
        return found[1]


class Office(Door):
    def __init__(self) -> None:
        super().__init__("open")
        self.mailbox = Mailbox()
        self.post = Post(self.mailbox)
        self.wall = 1_800_000_000.0
        self.confirmations = Confirmations(
            self.store,
            self.accounts,
            self.post,
            whereabouts=Whereabouts("https://hub.test"),
            wall=lambda: self.wall,
            clock=lambda: self.now,
        )


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    made = Office()
    yield made
    made.logins.close()
    made.accounts.close()
    await made.post.close()
    await made.store.close()


async def test_the_mailed_link_proves_the_address_once(office: Office) -> None:
    made = await office.accounts.register("carol", "carol@lab.org", GOOD)
    assert made.token is None
    secret = await office.mailbox.secret("confirm")
    assert office.mailbox.letters[0].to == "carol@lab.org"
    assert secret not in repr(vars(office.store.people))
    assert await code_of(office.logins.log_in("carol", GOOD)) == "unauthenticated"
    assert await code_of(office.confirmations.reset(secret, OTHER)) == "not_found"
    row = await office.confirmations.prove(secret)
    assert (row.email, row.email_confirmed_at is not None) == ("carol@lab.org", True)
    assert await code_of(office.confirmations.prove(secret)) == "not_found"
    await office.logins.log_in("carol@lab.org", GOOD)


async def test_a_link_expires(office: Office) -> None:
    await office.accounts.register("carol", "carol@lab.org", GOOD)
    secret = await office.mailbox.secret("confirm")
    office.wall += 86_401
    assert await code_of(office.confirmations.prove(secret)) == "not_found"
    assert await code_of(office.confirmations.prove("x" * 43)) == "not_found"


async def test_of_two_who_wait_for_one_address_the_first_to_prove_it_has_it(office: Office) -> None:
    await office.accounts.register("carol", "carol@lab.org", GOOD)
    first = await office.mailbox.secret("confirm")
    await office.accounts.register("eve", "carol@lab.org", GOOD)
    second = await office.mailbox.secret("confirm")
    await office.confirmations.prove(first)
    assert await code_of(office.confirmations.prove(second)) == "conflict"


async def test_the_owner_of_an_address_hears_of_a_second_registration(office: Office) -> None:
    await office.register("carol", invited_email="carol@lab.org")
    for number in range(9):
        await office.accounts.register(f"eve{number}", "carol@lab.org", GOOD)
    await asyncio.sleep(0.02)
    assert len(office.mailbox.letters) == 3  # more would be a nuisance
    assert "it has one: carol" in office.mailbox.letters[0].text
    assert "/confirm/" not in office.mailbox.letters[0].text


async def test_a_forgotten_password_is_replaced_by_mail_and_ends_what_is_logged_in(office: Office) -> None:
    carol = await office.register("carol", invited_email="carol@lab.org")
    _, token = await office.logins.log_in("carol", GOOD)
    await office.confirmations.wish(RESET, "Carol@lab.org")
    secret = await office.mailbox.secret("reset")
    assert await code_of(office.confirmations.reset(secret, "short")) == "invalid_request"
    assert await code_of(office.confirmations.prove(secret)) == "not_found"
    await office.confirmations.reset(secret, OTHER)
    assert await code_of(office.confirmations.reset(secret, GOOD)) == "not_found"
    assert await code_of(office.accounts.authenticate(token.token)) == "unauthenticated"
    account, _ = await office.logins.log_in("carol", OTHER)
    assert account.key == carol.key


async def test_a_wish_for_an_address_without_an_account_looks_the_same_and_sends_nothing(office: Office) -> None:
    await office.confirmations.wish(RESET, "nobody@lab.org")
    await asyncio.sleep(0.02)
    assert office.mailbox.letters == []
    assert await code_of(office.confirmations.wish(RESET, "nobody")) == "invalid_request"
    for _ in range(19):
        await office.confirmations.wish(RESET, "nobody@lab.org")
    assert await code_of(office.confirmations.wish(RESET, "nobody@lab.org")) == "quota_exceeded"


async def test_the_link_that_proves_an_address_is_sent_again_and_the_old_one_ends(office: Office) -> None:
    await office.accounts.register("carol", "carol@lab.org", GOOD)
    old = await office.mailbox.secret("confirm")
    office.wall += 86_401  # even after it has expired
    await office.confirmations.wish(CONFIRM, "Carol@Lab.org")
    new = await office.mailbox.secret("confirm")
    assert await code_of(office.confirmations.prove(old)) == "not_found"
    await office.confirmations.prove(new)
    await office.logins.log_in("carol", GOOD)
    await office.confirmations.wish(CONFIRM, "carol@lab.org")
    await asyncio.sleep(0.02)
    assert "it has one: carol" in office.mailbox.letters[-1].text


async def test_who_has_the_address_unproved_and_waits_for_its_proof_gets_one_letter_at_a_time(office: Office) -> None:
    office.accounts.letters = None  # the hub had no mail server then
    await office.accounts.register("carol", "carol@lab.org", GOOD)
    office.accounts.letters = office.confirmations
    for number in (1, 2):
        await office.confirmations.wish(CONFIRM, "carol@lab.org")
        await asyncio.sleep(0.02)
        assert len(office.mailbox.letters) == number
    await office.confirmations.prove(await office.mailbox.secret("confirm"))


async def test_links_are_sent_again_to_all_who_wait_for_the_address_and_not_without_end(office: Office) -> None:
    for handle in ("eve", "carol"):
        await office.accounts.register(handle, "carol@lab.org", GOOD)
    await asyncio.sleep(0.02)
    office.mailbox.letters.clear()
    for _ in range(9):
        await office.confirmations.wish(CONFIRM, "carol@lab.org")
    await asyncio.sleep(0.02)
    named = [
        handle for letter in office.mailbox.letters for handle in ("eve", "carol") if f"account {handle}" in letter.text
    ]
    assert named == ["carol", "eve"] * 3
    await office.confirmations.wish(CONFIRM, "nobody@lab.org")
    await asyncio.sleep(0.02)
    assert len(office.mailbox.letters) == 6
    for _ in range(10):
        await office.confirmations.wish(CONFIRM, "nobody@lab.org")
    assert await code_of(office.confirmations.wish(CONFIRM, "nobody@lab.org")) == "quota_exceeded"


async def test_without_a_mail_server_nothing_is_promised(office: Office) -> None:
    silent = Confirmations(office.store, Door("open").accounts, Post(None))
    assert await code_of(silent.wish(RESET, "carol@lab.org")) == "invalid_request"
