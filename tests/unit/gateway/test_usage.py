"""Usage, limits, erasure and who sees arguments, through REST."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from farcall.domain.model import FunctionOptions
from tests.unit.gateway.conftest import NUMBER, Served, World

pytestmark = pytest.mark.anyio


def double() -> Served:
    return Served(lambda x: 2 * x)


def failing(x: float) -> float:
    raise ValueError(f"the secret is {x}")


async def call(world: World, name: str, x: float, who: str = "bob", status: int = 200) -> str:
    """One call, waited for; its id."""
    answer = await world.http.post(f"/v1/functions/{name}/invocations", json={"args": {"x": x}}, headers=world.of(who))
    assert answer.status_code == status, answer.text
    body = answer.json()
    return str(body.get("id") or body.get("invocation"))


async def get(world: World, path: str, who: str, status: int = 200) -> Any:
    answer = await world.http.get(path, headers=world.of(who))
    assert answer.status_code == status, answer.text
    return answer.json()


async def put(world: World, path: str, body: Any, who: str, status: int = 200) -> Any:
    answer = await world.http.put(path, json=body, headers=world.of(who))
    assert answer.status_code == status, answer.text
    return answer.json()


async def opened(world: World, **functions: Served) -> None:
    await world.serve(**functions)
    await world.share("alice")


async def test_callers_see_what_they_used_and_owners_what_was_used_of_theirs(world: World) -> None:
    await opened(world, double=double(), fail=Served(failing))
    for x in range(3):
        await call(world, "alice/double", x)
    await call(world, "alice/fail", 1, status=424)
    await call(world, "alice/double", 1, who="alice")
    mine = (await get(world, "/v1/usage", "bob"))["items"]
    assert [(row["function"], row["invocations"], row["failures"]) for row in mine] == [
        ("alice/double", 3, 0),
        ("alice/fail", 1, 1),
    ]
    assert mine[0]["run_seconds"] == pytest.approx(0.03)
    assert mine[0]["bytes_in"] > 0
    assert mine[0]["bytes_out"] > 0
    assert mine[0]["day"] is None
    owned = (await get(world, "/v1/usage?role=owner&by=caller,function", "alice"))["items"]
    assert [(row["function"], row["caller"], row["invocations"]) for row in owned] == [
        ("alice/double", "alice", 1),
        ("alice/double", "bob", 3),
        ("alice/fail", "bob", 1),
    ]
    assert (await get(world, "/v1/usage?role=owner", "bob"))["items"] == []
    [everything] = (await get(world, "/v1/usage?role=admin&by=", "admin"))["items"]
    assert everything["invocations"] == 5
    await get(world, "/v1/usage?role=admin", "alice", status=403)


async def test_usage_is_narrowed_paged_and_checked(world: World) -> None:
    await opened(world, double=double(), fail=Served(failing))
    await call(world, "alice/double", 1)
    await call(world, "alice/fail", 1, status=424)
    page = await get(world, "/v1/usage?limit=1", "bob")
    rest = await get(world, f"/v1/usage?limit=1&cursor={page['next']}", "bob")
    assert [item["function"] for item in page["items"] + rest["items"]] == ["alice/double", "alice/fail"]
    assert rest["next"] is None
    [row] = (await get(world, "/v1/usage?function=alice/fail&by=day,version", "bob"))["items"]
    assert (row["function"], row["version"]) == ("alice/fail", 1)
    assert (await get(world, f"/v1/usage?since={row['day']}&until={row['day']}", "bob"))["items"] != []
    assert (await get(world, "/v1/usage?until=2020-01-01", "bob"))["items"] == []
    for wrong in ("by=week", "since=yesterday", "role=boss", "cursor=x", "limit=0", "function=a//b"):
        await get(world, f"/v1/usage?{wrong}", "bob", status=400)


async def test_a_limited_token_sees_the_usage_of_what_it_reaches(world: World) -> None:
    await opened(world, double=double(), fail=Served(failing))
    await call(world, "alice/double", 1)
    await call(world, "alice/fail", 1, status=424)
    body = {"only": ["alice/double"]}
    made = await world.http.post("/v1/tokens", json=body, headers=world.of("bob"))
    assert made.status_code == 201, made.text
    world.tokens["narrow"] = made.json()["token"]
    assert [row["function"] for row in (await get(world, "/v1/usage", "narrow"))["items"]] == ["alice/double"]
    await get(world, "/v1/usage?function=alice/fail", "narrow", status=403)


async def test_over_a_limit_says_which_and_when_to_come_again(world: World) -> None:
    await opened(world, double=double())
    set_to = {"per_minute": 1, "in_flight": None, "seconds_per_day": None}
    assert await put(world, "/v1/accounts/bob/limits", {"per_minute": 1}, "admin") == set_to
    assert await get(world, "/v1/accounts/bob/limits", "bob") == set_to
    await call(world, "alice/double", 1)
    answer = await world.http.post(
        "/v1/functions/alice/double/invocations", json={"args": {"x": 1}}, headers=world.of("bob")
    )
    assert answer.status_code == 429
    assert 50 <= int(answer.headers["retry-after"]) <= 60
    problem = answer.json()
    assert (problem["code"], problem["retry_after"]) == ("quota_exceeded", int(answer.headers["retry-after"]))
    assert problem["detail"] == "The limit of 1 invocations per minute of your account is reached."
    batch = {"items": [{"x": 1}, {"x": 2}]}
    answer = await world.http.post("/v1/functions/alice/double/batches", json=batch, headers=world.of("bob"))
    assert answer.status_code == 202
    assert [item["problem"]["code"] for item in answer.json()["items"]] == ["quota_exceeded"] * 2
    await put(world, "/v1/accounts/bob/limits", {}, "admin")
    await call(world, "alice/double", 1)


async def test_limits_are_for_administrators_and_have_to_be_limits(world: World) -> None:
    await put(world, "/v1/accounts/bob/limits", {"per_minute": 1}, "bob", status=403)
    await get(world, "/v1/accounts/alice/limits", "bob", status=403)
    await put(world, "/v1/accounts/nobody/limits", {}, "admin", status=404)
    for wrong in ({"per_minute": -1}, {"per_hour": 1}, {"in_flight": "many"}, {"seconds_per_day": -0.5}):
        await put(world, "/v1/accounts/bob/limits", wrong, "admin", status=400)


@pytest.mark.parametrize("visibility", ["caller", "owner"])
async def test_who_sees_arguments_and_results(world: World, visibility: str) -> None:
    shown = Served(lambda x: 2 * x, options=FunctionOptions(visibility=visibility))
    await opened(world, double=shown)
    body = {"handle": "carol", "email": "carol@example.org"}
    made = await world.http.post("/v1/accounts", json=body, headers=world.of("admin"))
    world.tokens["carol"] = made.json()["token"]["token"]
    function = await get(world, "/v1/functions/alice/double", "bob")
    assert (function["visibility"], function["options"]["visibility"]) == (visibility, visibility)
    identifier = await call(world, "alice/double", 21)
    owner = 200 if visibility == "owner" else 403
    for who, record, payload in (("bob", 200, 200), ("alice", 200, owner), ("admin", 200, 403), ("carol", 404, 404)):
        where = f"/v1/invocations/{identifier}"
        seen = await get(world, where, who, status=record)
        assert "21" not in str(seen.get("arguments"))
        arguments = await get(world, f"{where}/arguments", who, status=payload)
        result = await get(world, f"{where}/result", who, status=payload)
        if payload == 200:
            assert arguments == {"id": identifier, "arguments": {"x": 21.0}}
            assert result["result"] == 42.0
    listed = (await get(world, "/v1/invocations?role=owner", "alice"))["items"]
    assert [item["id"] for item in listed] == [identifier]


async def test_showing_arguments_from_now_on_is_a_new_version_and_shows_nothing_of_before(world: World) -> None:
    await opened(world, double=double())
    before = await call(world, "alice/double", 1)
    world.worker.told.clear()
    await world.serve(double=Served(lambda x: 2 * x, options=FunctionOptions(visibility="owner")))
    after = await call(world, "alice/double", 2)
    assert (await get(world, f"/v1/invocations/{before}", "alice"))["version"] == 1
    assert (await get(world, f"/v1/invocations/{after}", "alice"))["version"] == 2
    await get(world, f"/v1/invocations/{before}/arguments", "alice", status=403)
    await get(world, f"/v1/invocations/{after}/arguments", "alice")


async def test_a_visibility_that_there_is_not_is_not_published(world: World) -> None:
    [answer] = await world.worker.serve(
        world.hub,
        world.tokens["alice"],
        {"double": Served(lambda x: 2 * x, {"x": NUMBER}, options=FunctionOptions(visibility="everybody"))},
    )
    assert answer.failure is not None
    assert "visibility is caller or owner" in answer.failure.message


async def test_erasing_leaves_the_record_and_says_gone(world: World) -> None:
    await opened(world, double=double(), fail=Served(failing))
    done = await call(world, "alice/double", 21)
    failed = await call(world, "alice/fail", 471100815, status=424)
    usage = await get(world, "/v1/usage", "bob")
    for identifier, way in ((done, ("POST", "erase")), (failed, ("DELETE", "data"))):
        method, last = way
        where = f"/v1/invocations/{identifier}"
        for _ in range(2):  # the second time changes nothing
            answer = await world.http.request(method, f"{where}/{last}", headers=world.of("bob"))
            assert answer.status_code == 200, answer.text
        assert (await get(world, f"{where}/arguments", "bob", status=410))["code"] == "gone"
        assert (await get(world, where, "bob"))["erased_at"] == answer.json()["erased_at"]
    assert (await get(world, f"/v1/invocations/{done}/result", "bob", status=410))["code"] == "gone"
    problem = await get(world, f"/v1/invocations/{failed}/result", "bob", status=424)
    assert (problem["code"], "471100815" in str(problem)) == ("function_error", False)
    assert "471100815" not in str(await get(world, f"/v1/invocations/{failed}", "alice"))
    assert await get(world, "/v1/usage", "bob") == usage
    audit = await get(world, "/v1/audit?what=invocation.erase", "admin")
    assert sorted(row["target"] for row in audit["items"]) == sorted([done, failed])


@pytest.mark.parametrize("visibility", ["caller", "owner"])
async def test_who_may_erase(world: World, visibility: str) -> None:
    await opened(world, double=Served(lambda x: 2 * x, options=FunctionOptions(visibility=visibility)))
    body: dict[str, Any] = {"handle": "carol", "email": "carol@example.org"}
    made = await world.http.post("/v1/accounts", json=body, headers=world.of("admin"))
    world.tokens["carol"] = made.json()["token"]["token"]
    serving = await world.http.post("/v1/tokens", json={"scopes": ["serve"]}, headers=world.of("bob"))
    world.tokens["serving"] = serving.json()["token"]
    owner = 200 if visibility == "owner" else 403
    for who, status in (("bob", 200), ("alice", owner), ("admin", 200), ("carol", 404), ("serving", 403)):
        identifier = await call(world, "alice/double", 1)
        answer = await world.http.post(f"/v1/invocations/{identifier}/erase", headers=world.of(who))
        assert answer.status_code == status, (who, answer.text)


async def test_what_goes_on_is_not_erased(world: World) -> None:
    await opened(world, double=double())
    world.worker.hold = True
    headers = world.of("bob") | {"Prefer": "respond-async"}
    answer = await world.http.post("/v1/functions/alice/double/invocations", json={"args": {"x": 1}}, headers=headers)
    identifier = answer.json()["id"]
    refused = await world.http.post(f"/v1/invocations/{identifier}/erase", headers=world.of("bob"))
    assert (refused.status_code, refused.json()["code"]) == (409, "not_finished")
    world.worker.run()
    await asyncio.sleep(0.1)
    erased = await world.http.post(f"/v1/invocations/{identifier}/erase", headers=world.of("bob"))
    assert erased.status_code == 200


async def test_a_keyed_call_whose_result_was_erased_is_not_run_again(world: World) -> None:
    await opened(world, double=double())
    headers = world.of("bob") | {"Idempotency-Key": "once"}
    where = "/v1/functions/alice/double/invocations"
    first = await world.http.post(where, json={"args": {"x": 1}}, headers=headers)
    await world.http.post(f"/v1/invocations/{first.json()['id']}/erase", headers=world.of("bob"))
    again = await world.http.post(where, json={"args": {"x": 1}}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (410, "gone")
    assert again.json()["invocation"] == first.json()["id"]
