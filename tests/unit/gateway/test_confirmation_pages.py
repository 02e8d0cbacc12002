"""The pages behind mailed links, through a whole hub and a mail server that only counts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from farcall.assemble.hub import Hub, build_hub
from farcall.hub import ports
from farcall.settings import load_hub

pytestmark = pytest.mark.anyio
GOOD, OTHER = "correct horse battery", "another fine password"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Mailbox:
    """A mailer in place of the one that speaks SMTP, which has tests of its own."""

    def __init__(self) -> None:
        self.letters: list[ports.Mail] = []

    async def send(self, mail: ports.Mail) -> None:
        self.letters.append(mail)

    async def path(self) -> str:
        """Of the link in the only letter; it is taken out."""
        async with asyncio.timeout(5):
            while not self.letters:
                await asyncio.sleep(0.001)
        found = re.search(r"https?://[^/]+(/\w+/\S+)", self.letters.pop().text.partition("To ")[2])
        assert found
        return found[1]


@pytest.fixture
async def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def hub(tmp_path: Path, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    monkeypatch.setattr("farcall.assemble.hub._mailer", lambda settings: mailbox)
    made = await build_hub(load_hub(environ={}, data=tmp_path / "data", registration="open"))
    yield made
    await made.stop()


@pytest.fixture
async def http(hub: Hub) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=hub.app), base_url="http://hub") as client:
        yield client


async def register(http: httpx2.AsyncClient, handle: str = "carol") -> httpx2.Response:
    body = {"handle": handle, "email": "carol@lab.org", "password": GOOD}
    return await http.post("/v1/accounts", json=body)


async def logged_in(http: httpx2.AsyncClient, password: str) -> int:
    return (await http.post("/v1/login", json={"name": "carol@lab.org", "password": password})).status_code


async def test_an_address_is_confirmed_by_a_button_and_not_by_looking(
    http: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    answer = await register(http)
    assert (answer.status_code, "carol@lab.org" in answer.json()["detail"]) == (202, True)
    assert "token" not in answer.text
    path = await mailbox.path()
    for _ in range(2):
        page = await http.get(path)
        assert page.status_code == 200
        assert "Yes, this is my address" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
    assert await logged_in(http, GOOD) == 401
    done = await http.post(path)
    assert (done.status_code, "farcall login" in done.text) == (200, True)
    assert await logged_in(http, GOOD) == 201
    for used in (await http.get(path), await http.post(path)):
        assert (used.status_code, "not valid" in used.text) == (404, True)


async def test_registering_with_a_known_address_answers_just_the_same(
    http: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    new = await register(http)
    await http.post(await mailbox.path())
    known = await register(http, "eve")
    assert known.status_code == new.status_code
    assert known.json() == {**new.json(), "handle": "eve"}
    async with asyncio.timeout(5):
        while not mailbox.letters:
            await asyncio.sleep(0.001)
    assert "You have an account already" in mailbox.letters[0].subject


async def test_a_link_that_was_used_leads_to_a_form_that_has_another_sent(
    http: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(http)
    lost = await mailbox.path()
    await http.post("/confirm", data={"email": "carol@lab.org"})
    found = await mailbox.path()
    assert found != lost
    closed = await http.get(lost)
    assert (closed.status_code, 'href="/confirm"' in closed.text) == (404, True)
    form = await http.get("/confirm")
    assert (form.status_code, 'action="/confirm"' in form.text) == (200, True)
    assert (await http.post(found)).status_code == 200
    assert await logged_in(http, GOOD) == 201


@pytest.mark.parametrize("purpose", ["confirm", "reset"])
async def test_the_form_for_a_letter_answers_the_same_for_every_address(
    http: httpx2.AsyncClient, mailbox: Mailbox, purpose: str
) -> None:
    await register(http)
    answers = [await http.post(f"/{purpose}", data={"email": f"{who}@lab.org"}) for who in ("carol", "nobody")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text.replace("carol", "nobody") == answers[1].text
    wrong = await http.post(f"/{purpose}", data={"email": "<b>nobody"})
    assert (wrong.status_code, "<b>" in wrong.text, "no e-mail address" in wrong.text) == (400, False, True)


async def test_a_password_is_replaced_on_its_page(http: httpx2.AsyncClient, mailbox: Mailbox) -> None:
    await register(http)
    await http.post(await mailbox.path())
    assert (await http.post("/v1/reset", json={"email": "carol@lab.org"})).status_code == 202
    assert (await http.post("/v1/reset", json={"email": "nobody@lab.org"})).status_code == 202
    path = await mailbox.path()
    assert "<form" in (await http.get(path)).text
    for password, again, said in (("weak", "weak", "shorter than"), (OTHER, GOOD, "differ")):
        refused = await http.post(path, data={"password": password, "again": again})
        assert (refused.status_code, said in refused.text) == (400, True)
    done = await http.post(path, data={"password": OTHER, "again": OTHER})
    assert (done.status_code, "holds" in done.text) == (200, True)
    assert [await logged_in(http, each) for each in (GOOD, OTHER)] == [401, 201]
    assert (await http.get(path)).status_code == 404


async def test_the_same_is_done_over_rest(http: httpx2.AsyncClient, mailbox: Mailbox) -> None:
    await register(http)
    secret = (await mailbox.path()).rpartition("/")[2]
    assert (await http.post("/v1/confirm", json={"secret": secret})).json()["confirmed"] is True
    assert (await http.post("/v1/confirm", json={"secret": secret})).status_code == 404
    await http.post("/v1/reset", json={"email": "carol@lab.org"})
    body = {"secret": (await mailbox.path()).rpartition("/")[2], "password": OTHER}
    assert (await http.put("/v1/reset", json=body)).status_code == 204
    assert (await http.put("/v1/reset", json=body)).status_code == 404
    assert await logged_in(http, OTHER) == 201


async def test_a_link_for_one_purpose_serves_no_other(http: httpx2.AsyncClient, mailbox: Mailbox) -> None:
    await register(http)
    secret = (await mailbox.path()).rpartition("/")[2]
    assert (await http.get(f"/reset/{secret}")).status_code == 404
    assert (await http.get("/confirm/nonsense")).status_code == 404
