"""The page of an invitation, as a browser without scripts gets it."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
import structlog

from farcall.hub.invitations import Invitations

from .conftest import NUMBER, Served, World

PASSWORD = "seven brown foxes jump"
CAROL = "carol@lab.org"


class Browser:
    """Keeps its cookies, reads forms, follows where it is sent."""

    def __init__(self, world: World, link: str) -> None:
        self.world = world
        self.path = re.sub(r"^\w+://[^/]+", "", link)
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=world.hub.app), base_url="http://hub")

    async def look(self) -> httpx2.Response:
        self.page = await self.http.get(self.path)
        return self.page

    async def send(self, action: str, **fields: str) -> httpx2.Response:
        """Fill in a form of the page that was looked at, send it, and follow."""
        key = re.search(r'name="form_key" value="([0-9a-f]+)"', self.page.text)
        body = {"action": action, "form_key": key[1] if key else "", **fields}
        self.page = await self.http.post(self.path, data=body)
        return await self.look() if self.page.status_code == 303 else self.page

    async def register(self, handle: str = "carol", password: str = PASSWORD, again: str | None = None) -> Any:
        return await self.send("register", handle=handle, password=password, again=again or password)


async def invite(world: World, path: str = "alice/f", email: str = CAROL, **more: Any) -> Browser:
    body = {"path": path, "email": email, **more}
    answer = await world.http.post("/v1/shares", json=body, headers=world.of("alice"))
    assert answer.status_code == 201, answer.text
    browser = Browser(world, answer.json()["link"])
    await browser.look()
    return browser


@pytest.fixture
async def serving(world: World) -> World:
    speed = NUMBER | {"minimum": 0, "maximum": 9, "description": "How fast & <b>bold</b>."}
    await world.serve(f=Served(lambda speed: speed, {"speed": speed}))
    return world


async def test_the_page_is_readable_without_an_account(serving: World) -> None:
    browser = await invite(serving, limits={"per_minute": 7}, expires_at="2099-01-02T03:04:05Z")
    text = browser.page.text
    assert browser.page.status_code == 200
    for said in (
        "<strong>alice</strong> shares a function with you",
        "alice/f",
        "For tests.",
        "<code>speed</code>",
        "0 to 9",
        "How fast &amp; &lt;b&gt;bold&lt;/b&gt;.",
        "You will be able to call it from Python",
        "at most 7 calls a minute",
        "2 January 2099, 03:04 UTC",
        'value="carol@lab.org"',
        'value="carol"',
    ):
        assert said in text, said
    assert "<script" not in text


async def test_nothing_of_the_page_is_kept_told_or_framed(serving: World) -> None:
    browser = await invite(serving)
    headers = browser.page.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    style = await browser.http.get("/pages.css")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "http" not in style.text.replace("http-equiv", "")


async def test_registering_makes_an_account_that_has_accepted(serving: World) -> None:
    browser = await invite(serving)
    page = await browser.register()
    assert page.status_code == 200
    for said in (
        "You are in, <strong>carol</strong>",
        "pip install farcall",
        "farcall login http://",
        "from farcall.catalog.alice import f",
        "help(f)",
        "f(speed=1.0)",
    ):
        assert said in page.text, said
    answer = await serving.http.post("/v1/login", json={"name": "carol", "password": PASSWORD})
    token = answer.json()["token"]["token"]
    me = await serving.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert (me.json()["email"], me.json()["confirmed"]) == (CAROL, False)  # alice was shown the link too
    call = await serving.http.post(
        "/v1/functions/alice/f/invocations", json={"args": {"speed": 3}}, headers={"Authorization": f"Bearer {token}"}
    )
    assert call.json()["result"] == 3.0


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"password": "short"}, 400, "shorter than 10"),
        ({"again": "something else entirely"}, 400, "The two passwords differ."),
        ({"handle": "bob"}, 409, "The handle bob is taken."),
        ({"handle": "adm1n"}, 400, "choose another"),
        ({"handle": "<script>"}, 400, "&lt;script&gt;"),
    ],
)
async def test_what_cannot_be_registered_is_told_at_the_form(
    serving: World, fields: dict[str, str], status: int, said: str
) -> None:
    browser = await invite(serving)
    page = await browser.register(**fields)
    assert page.status_code == status
    assert said in page.text
    assert 'role="alert"' in page.text
    assert PASSWORD not in page.text
    assert "short" not in re.findall(r'value="([^"]*)"', page.text)
    assert (await browser.register("carol")).status_code == 200


async def test_logging_in_accepts_with_the_account_that_is_there(serving: World) -> None:
    first = await invite(serving)
    await first.register()
    again = await invite(serving, "alice/g")
    assert "You have an account here: log in" in again.page.text
    assert "Make an account" not in again.page.text
    wrong = await again.send("login", name="carol", password="not the one")
    assert (wrong.status_code, "There is no such account with this password." in wrong.text) == (403, True)
    page = await again.send("login", name=CAROL, password=PASSWORD)
    assert "You are in, <strong>carol</strong>" in page.text


async def test_who_is_logged_in_accepts_with_one_button(serving: World) -> None:
    first = await invite(serving)
    await first.register()
    second = await invite(serving, "alice/g")
    second.http = first.http
    page = await second.look()
    assert "You are carol" in page.text
    assert "You are in" in (await second.send("accept")).text
    gone = await second.send("logout")
    assert (gone.status_code, "accepted already" in gone.text) == (410, True)


async def test_a_foreign_invitation_says_for_whom_it_is(serving: World) -> None:
    first = await invite(serving)
    await first.register()
    foreign = await invite(serving, email="dora@lab.org")
    foreign.http = first.http
    page = await foreign.look()
    assert page.status_code == 403
    assert "d…@lab.org" in page.text
    assert "logged in as <strong>carol</strong>" in page.text
    assert "dora@lab.org" not in page.text
    refused = await foreign.send("accept")
    assert refused.status_code == 403
    page = await foreign.send("logout")
    assert (page.status_code, "Make an account" in page.text) == (200, True)


async def test_declined_expired_and_revoked_invitations_have_their_pages(serving: World) -> None:
    declined = await invite(serving)
    page = await declined.send("decline")
    assert (page.status_code, "The invitation was declined." in page.text) == (410, True)
    revoked = await invite(serving)
    shares = (await serving.http.get("/v1/shares", headers=serving.of("alice"))).json()["items"]
    open_one = next(item for item in shares if item["state"] == "open")
    await serving.http.delete(f"/v1/shares/{open_one['id']}", headers=serving.of("alice"))
    page = await revoked.look()
    assert (page.status_code, "alice has taken the invitation back, or sent a newer one." in page.text) == (410, True)
    assert "For tests." not in page.text
    expired = await invite(serving)
    serving.hub.services.invitations._wall = lambda: 4_000_000_000.0
    page = await expired.look()
    assert (page.status_code, "The invitation has expired" in page.text) == (410, True)


async def test_a_used_invitation_shows_the_beginning_only_to_who_accepted(serving: World) -> None:
    browser = await invite(serving)
    stranger = Browser(serving, browser.path)
    await browser.register()
    page = await stranger.look()
    assert (page.status_code, "accepted already" in page.text, "For tests." in page.text) == (410, True, False)
    assert (await browser.look()).status_code == 200
    shares = (await serving.http.get("/v1/shares", headers=serving.of("alice"))).json()["items"]
    await serving.http.delete(f"/v1/shares/{shares[0]['id']}", headers=serving.of("alice"))
    page = await browser.look()
    assert (page.status_code, "what it gave has ended or was taken back" in page.text) == (410, True)


async def test_who_comes_back_to_a_used_invitation_logs_in_there(serving: World) -> None:
    browser = await invite(serving)
    await browser.register()
    later = Browser(serving, browser.path)
    assert "Log in to use it." in (await later.look()).text
    wrong = await later.send("login", name="<carol>", password="not the password")
    assert (wrong.status_code, "no such account" in wrong.text, "<carol>" in wrong.text) == (403, True, False)
    page = await later.send("login", name="carol", password=PASSWORD)
    assert (page.status_code, "You are in, <strong>carol</strong>" in page.text) == (200, True)
    other = await invite(serving, "alice/g", "dora@lab.org")
    await other.register("dora")
    stranger = Browser(serving, browser.path)
    await stranger.look()
    page = await stranger.send("login", name="dora", password=PASSWORD)
    assert (page.status_code, "accepted already" in page.text, "You are in" in page.text) == (410, True, False)


async def test_over_tls_the_cookie_belongs_to_this_host_alone(serving: World) -> None:
    browser = await invite(serving)
    assert browser.page.headers["set-cookie"].startswith("farcall_page=")
    browser.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=serving.hub.app), base_url="https://hub")
    cookie = (await browser.look()).headers["set-cookie"]
    assert cookie.startswith("__Host-farcall_page=")
    assert {"Secure", "Path=/", "HttpOnly"} <= set(cookie.split("; "))
    assert "domain" not in cookie.lower()
    assert (await browser.register()).status_code == 200
    planted = Browser(serving, browser.path)
    planted.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=serving.hub.app), base_url="https://hub")
    planted.http.cookies.set("farcall_page", browser.http.cookies["__Host-farcall_page"])
    assert "You are in" not in (await planted.look()).text


@pytest.mark.parametrize("path", ["/i/nothing", "/i/" + "A" * 43, "/i/%00", "/i/a%20b"])
async def test_what_is_no_invitation_has_a_page_too(world: World, path: str) -> None:
    page = await world.http.get(path)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such invitation." in page.text


async def test_a_form_of_another_page_does_nothing(serving: World) -> None:
    browser = await invite(serving)
    fields = {"action": "decline", "form_key": "0" * 64}
    refused = await browser.http.post(browser.path, data=fields)
    assert refused.status_code == 403
    assert (await browser.look()).status_code == 200
    without_cookie = Browser(serving, browser.path)
    without_cookie.page = browser.page
    assert (await without_cookie.send("decline")).status_code == 403
    other = await invite(serving, "alice/g")
    other.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=serving.hub.app), base_url="http://hub")
    other.page = browser.page
    assert (await other.send("decline")).status_code == 403
    nonsense = await browser.http.post(browser.path, data={"action": "explode"})
    assert nonsense.status_code == 400
    large = await browser.http.post(browser.path, content=b"a" * 40_000)
    assert large.status_code == 413


async def test_a_session_is_not_one_that_somebody_else_prepared(serving: World) -> None:
    browser = await invite(serving)
    before = browser.http.cookies["farcall_page"]
    await browser.register()
    assert browser.http.cookies["farcall_page"] != before
    thief = Browser(serving, browser.path)
    thief.http.cookies.set("farcall_page", before)
    assert (await thief.look()).status_code == 410


async def test_a_disabled_account_is_logged_in_no_longer(serving: World) -> None:
    first = await invite(serving)
    await first.register()
    second = await invite(serving, "alice/g")
    second.http = first.http
    await serving.http.post("/v1/accounts/carol/disable", headers=serving.of("admin"))
    page = await second.look()
    assert "You are carol" not in page.text


async def test_who_owns_it_already_is_told_so(serving: World) -> None:
    body = {"path": "alice/f", "handle": "bob", "can": "manage"}
    await serving.http.post("/v1/shares", json=body, headers=serving.of("alice"))
    serving.tokens["old"], serving.tokens["alice"] = serving.tokens["alice"], serving.tokens["bob"]
    browser = await invite(serving, email="alice@example.org")
    await serving.http.put("/v1/me/password", json={"new": PASSWORD}, headers=serving.of("old"))
    page = await browser.send("login", name="alice", password=PASSWORD)
    assert (page.status_code, "You own alice/f already." in page.text) == (400, True)


async def test_a_hub_without_registration_says_so(serving: World) -> None:
    serving.hub.services.accounts._registration = "closed"
    browser = await invite(serving)
    assert "This hub takes no registrations" in browser.page.text
    assert "Make an account" not in browser.page.text
    refused = await browser.register()
    assert refused.status_code == 403


async def test_a_defect_is_told_without_the_secret_of_a_link(serving: World, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await invite(serving)
    secret = browser.path.rpartition("/")[2]
    monkeypatch.setattr(Invitations, "offer", None)
    monkeypatch.setattr(Invitations, "accept", None)
    transport = httpx2.ASGITransport(app=serving.hub.app, raise_app_exceptions=False)
    http = httpx2.AsyncClient(transport=transport, base_url="http://hub")
    with structlog.testing.capture_logs() as logged:
        page = await browser.look()
        answer = await http.post(f"/v1/invites/{secret}/accept", headers=serving.of("bob"))
    assert (page.status_code, answer.status_code) == (500, 500)
    assert [entry["event"] for entry in logged] == ["a page failed", "a request failed"]
    assert secret not in page.text + answer.text + repr([{**entry, "exc_info": None} for entry in logged])


async def test_a_group_is_joined_on_the_page(serving: World) -> None:
    await serving.http.post("/v1/groups", json={"handle": "lab"}, headers=serving.of("alice"))
    asked = {"email": CAROL, "role": "manager"}
    answer = await serving.http.post("/v1/groups/lab/invitations", json=asked, headers=serving.of("alice"))
    assert (answer.status_code, answer.json()["path"], answer.json()["can"]) == (201, "lab", "manager")
    browser = Browser(serving, answer.json()["link"])
    page = await browser.look()
    for said in ("<strong>alice</strong> invites you to a group", "<h1><code>lab</code></h1>", "who belongs to it"):
        assert said in page.text, said
    page = await browser.register()
    assert page.status_code == 200
    assert "You are in, <strong>carol</strong>" in page.text
    group = await serving.http.get("/v1/groups/lab", headers=serving.of("alice"))
    assert [(one["handle"], one["role"]) for one in group.json()["members"]] == [
        ("alice", "manager"),
        ("carol", "manager"),
    ]
