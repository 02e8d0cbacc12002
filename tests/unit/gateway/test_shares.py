"""Sharing over REST: grants and invitations, both ways."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .conftest import World


async def call(world: World, method: str, path: str, who: str, body: Any = None, status: int = 200) -> Any:
    answer = await world.http.request(method, path, json=body, headers=world.of(who))
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def share(world: World, body: dict[str, Any], who: str = "alice", status: int = 201) -> Any:
    return await call(world, "POST", "/v1/shares", who, {"path": "alice/f", **body}, status)


async def shares(world: World, who: str, query: str = "") -> list[tuple[str, ...]]:
    page = await call(world, "GET", f"/v1/shares{query}", who)
    return [
        (item["path"], item["handle"] or item["email"], item["state"], item["direction"], item["by"])
        for item in page["items"]
    ]


async def test_a_share_tells_its_end_and_its_limits(world: World) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    limits = {"per_minute": 3, "in_flight": 2, "seconds_per_day": 9.5}
    made = await share(world, {"handle": "bob", "can": "view", "expires_at": until, "limits": limits})
    assert made["id"].startswith("g")
    assert (made["handle"], made["can"], made["state"], made["limits"]) == ("bob", "view", "active", limits)
    assert datetime.fromisoformat(made["expires_at"]) == datetime.fromisoformat(until)
    assert (made["mail"], made["link"]) == ("", "")


async def test_an_address_is_invited_and_only_the_answer_has_the_link(world: World) -> None:
    made = await share(world, {"email": "Carol@Lab.org"})
    assert made["id"].startswith("i")
    assert (made["handle"], made["email"], made["state"], made["mail"]) == ("", "carol@lab.org", "open", "not sent")
    assert "/i/" in made["link"]
    assert made["link"] in made["text"]
    page = await call(world, "GET", "/v1/shares", "alice")
    assert page["items"][0]["id"] == made["id"]
    assert "link" not in page["items"][0]


async def test_both_ways_are_listed(world: World) -> None:
    await share(world, {"handle": "bob"})
    await share(world, {"email": "bob@example.org", "path": "alice/g"})
    await share(world, {"handle": "alice", "path": "bob/h"}, "bob")
    assert await shares(world, "alice") == [
        ("alice/f", "bob", "active", "given", "alice"),
        ("alice/g", "bob@example.org", "open", "given", "alice"),
        ("bob/h", "alice", "active", "received", "bob"),
    ]
    assert await shares(world, "bob") == [
        ("alice/f", "bob", "active", "received", "alice"),
        ("bob/h", "alice", "active", "given", "bob"),
    ]
    assert await shares(world, "admin") == []


async def test_a_long_list_comes_in_pages(world: World) -> None:
    for number in range(7):
        await share(world, {"email": f"p{number}@lab.org"})
    found: list[str] = []
    cursor = ""
    while True:
        page = await call(world, "GET", f"/v1/shares?limit=3{cursor}", "alice")
        found += [item["email"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == [f"p{number}@lab.org" for number in range(7)]


async def test_an_invitation_is_listed_accepted_and_becomes_a_grant(world: World) -> None:
    made = await share(world, {"email": "bob@example.org"})
    [waiting] = (await call(world, "GET", "/v1/invites", "bob"))["items"]
    assert (waiting["id"], waiting["path"], waiting["can"], waiting["by"]) == (made["id"], "alice/f", "invoke", "alice")
    assert (await call(world, "GET", "/v1/invites", "admin"))["items"] == []
    await call(world, "POST", f"/v1/invites/{made['id']}/accept", "admin", status=404)
    grant = await call(world, "POST", f"/v1/invites/{made['id']}/accept", "bob")
    assert (grant["path"], grant["direction"], grant["by"]) == ("alice/f", "received", "alice")
    gone = await call(world, "POST", f"/v1/invites/{made['id']}/accept", "bob", status=410)
    assert gone["code"] == "invitation_closed"
    await call(world, "DELETE", f"/v1/shares/{grant['id']}", "alice")
    assert await shares(world, "bob") == []


async def test_ending_a_share_tells_what_was_passed_on_and_stays_or_ends_too(world: World) -> None:
    for passed_on in ("false", "true"):
        manager = await share(world, {"handle": "bob", "can": "manage"})
        given = await call(world, "POST", "/v1/shares", "bob", {"path": "alice/f", "handle": "admin"}, status=201)
        answer = await call(world, "DELETE", f"/v1/shares/{manager['id']}?passed_on={passed_on}", "alice")
        with_it = passed_on == "true"
        assert [item["id"] for item in answer["ended"]] == [manager["id"], given["id"]][: 1 + with_it]
        assert [item["id"] for item in answer["staying"]] == [given["id"]][with_it:]
    assert await shares(world, "alice") == []


async def test_an_invitation_is_declined_by_its_link(world: World) -> None:
    made = await share(world, {"email": "bob@example.org"})
    secret = made["link"].rpartition("/")[2]
    await call(world, "POST", f"/v1/invites/{secret}/decline", "admin", status=403)
    await call(world, "POST", f"/v1/invites/{secret}/decline", "bob", status=204)
    assert await shares(world, "alice") == [("alice/f", "bob@example.org", "declined", "given", "alice")]
    await call(world, "DELETE", f"/v1/shares/{made['id']}", "alice")


async def test_an_invitation_is_taken_back(world: World) -> None:
    made = await share(world, {"email": "bob@example.org"})
    await call(world, "DELETE", f"/v1/shares/{made['id']}", "bob", status=404)
    await call(world, "DELETE", f"/v1/shares/{made['id']}", "alice")
    await call(world, "DELETE", f"/v1/shares/{made['id']}", "alice", status=404)
    assert await shares(world, "alice") == []


@pytest.mark.parametrize("identifier", ["1", "g", "x7", "g1x", "g999", "i999", "g" + "9" * 40])
async def test_what_is_no_share_cannot_be_taken_back(world: World, identifier: str) -> None:
    await call(world, "DELETE", f"/v1/shares/{identifier}", "alice", status=404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"handle": "bob", "email": "bob@lab.org"}, 400),
        ({"email": "nobody"}, 400),
        ({"handle": "bob", "limits": {"per_minute": -1}}, 400),
        ({"handle": "bob", "limits": {"per_hour": 1}}, 400),
        ({"handle": "bob", "expires_at": "2001-01-01T00:00:00Z"}, 400),
        ({"handle": "nobody"}, 404),
        ({"handle": "bob", "path": "bob/f"}, 404),
    ],
)
async def test_shares_that_make_no_sense_are_refused(world: World, body: dict[str, Any], status: int) -> None:
    await share(world, body, status=status)


async def test_who_registers_with_the_secret_of_an_invitation_has_its_address(world: World) -> None:
    made = await share(world, {"email": "carol@lab.org"})
    body = {
        "handle": "carol",
        "email": "carol@lab.org",
        "password": "seven brown foxes",
        "invitation": made["link"].rpartition("/")[2],
    }
    for wrong, status in (({"email": "eve@evil.org"}, 400), ({"invitation": "A" * 43}, 404), ({"invitation": ""}, 403)):
        refused = await world.http.post("/v1/accounts", json={**body, **wrong})
        assert refused.status_code == status, refused.text
    answer = await world.http.post("/v1/accounts", json=body)
    assert answer.status_code == 201, answer.text
    world.tokens["carol"] = answer.json()["token"]["token"]
    assert len((await call(world, "GET", "/v1/invites", "carol"))["items"]) == 1


async def test_a_share_ends_by_itself(world: World) -> None:
    until = datetime.fromtimestamp(time.time() + 0.3, UTC).isoformat()
    await share(world, {"handle": "bob", "expires_at": until})
    assert await shares(world, "bob") == [("alice/f", "bob", "active", "received", "alice")]
    while (await shares(world, "alice"))[0][2] == "active":
        await asyncio.sleep(0.02)
    refused = await world.http.get("/v1/functions/alice/f", headers=world.of("bob"))
    assert refused.status_code == 404


async def test_what_is_shared_and_taken_back_is_in_the_audit_log(world: World) -> None:
    made = await share(world, {"email": "bob@example.org"})
    grant = await call(world, "POST", f"/v1/invites/{made['id']}/accept", "bob")
    await call(world, "DELETE", f"/v1/shares/{grant['id']}", "alice")
    await share(world, {"handle": "bob"})
    page = await call(world, "GET", "/v1/audit?path=alice", "alice")
    assert [item["what"] for item in reversed(page["items"])] == [
        "invitation.create",
        "invitation.accept",
        "share.delete",
        "share.create",
    ]
