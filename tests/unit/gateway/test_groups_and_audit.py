from __future__ import annotations

from typing import Any

import pytest

from .conftest import Served, World

pytestmark = pytest.mark.anyio

DOUBLE = {"/lab/double": Served(lambda x: 2 * x)}


async def ask(world: World, method: str, path: str, handle: str = "alice", body: Any = None) -> Any:
    """(status, body), the latter None if there is none."""
    answer = await world.http.request(method, path, headers=world.of(handle), json=body)
    return answer.status_code, answer.json() if answer.content else None


async def test_a_group_from_its_beginning_to_its_end(world: World) -> None:
    status, group = await ask(world, "POST", "/v1/groups", body={"handle": "lab"})
    assert (status, group["handle"], group["role"]) == (201, "lab", "manager")
    assert group["members"] == [{"handle": "alice", "role": "manager"}]
    status, group = await ask(world, "PUT", "/v1/groups/lab/members/bob", body={"role": "member"})
    assert (status, group["members"][1]) == (200, {"handle": "bob", "role": "member"})
    status, page = await ask(world, "GET", "/v1/groups", "bob")
    assert (status, [(each["handle"], each["role"]) for each in page["items"]]) == (200, [("lab", "member")])
    assert (await ask(world, "GET", "/v1/groups/lab", "bob"))[0] == 200
    assert (await ask(world, "DELETE", "/v1/groups/lab", "bob"))[0] == 403
    assert (await ask(world, "DELETE", "/v1/groups/lab/members/alice"))[0] == 409
    assert (await ask(world, "DELETE", "/v1/groups/lab/members/bob", "bob")) == (204, None)
    assert (await ask(world, "GET", "/v1/groups/lab", "bob"))[0] == 404
    assert (await ask(world, "DELETE", "/v1/groups/lab")) == (204, None)
    assert (await ask(world, "GET", "/v1/groups/lab"))[0] == 404


@pytest.mark.parametrize("body", [{}, {"handle": ""}, {"handle": "a/b"}, {"handle": "lab", "more": 1}, {"handle": 7}])
async def test_a_group_that_makes_no_sense_is_refused(world: World, body: Any) -> None:
    status, problem = await ask(world, "POST", "/v1/groups", body=body)
    assert (status, problem["code"]) == (400, "invalid_request")


async def test_a_role_is_member_or_manager(world: World) -> None:
    await ask(world, "POST", "/v1/groups", body={"handle": "lab"})
    status, _ = await ask(world, "PUT", "/v1/groups/lab/members/bob", body={"role": "owner"})
    assert status == 400


async def test_a_members_function_is_called_and_read_of_by_those_whom_it_concerns(world: World) -> None:
    await ask(world, "POST", "/v1/groups", body={"handle": "lab"})
    await ask(world, "PUT", "/v1/groups/lab/members/bob", body={})
    [published] = await world.worker.serve(world.hub, world.tokens["bob"], DOUBLE)
    assert published.failure is None
    status, outcome = await ask(world, "POST", "/v1/functions/lab/double/invocations", "bob", {"args": [4.0]})
    assert (status, outcome["result"]) == (200, 8.0)
    for handle, count in (("alice", 1), ("bob", 0)):
        _, page = await ask(world, "GET", "/v1/invocations?role=owner", handle)
        assert len(page["items"]) == count, "the group's manager sees its calls as an owner does"
        _, page = await ask(world, "GET", "/v1/workers", handle)
        assert [each["functions"] for each in page["items"]] == [["lab/double"]]
    assert (await ask(world, "GET", f"/v1/invocations/{outcome['id']}"))[0] == 200


async def test_the_log_is_read_in_pages_and_says_whence(world: World) -> None:
    for number in range(3):
        await ask(world, "POST", "/v1/groups", body={"handle": f"lab{number}"})
    status, page = await ask(world, "GET", "/v1/audit?what=group.create&limit=2")
    assert (status, [each["path"] for each in page["items"]]) == (200, ["lab2", "lab1"])
    _, rest = await ask(world, "GET", f"/v1/audit?what=group.create&limit=2&cursor={page['next']}")
    assert ([each["path"] for each in rest["items"]], rest["next"]) == (["lab0"], None)
    [entry] = rest["items"]
    assert (entry["who"], entry["what"], entry["outcome"], entry["detail"]) == ("alice", "group.create", "ok", {})
    assert entry["origin"] == "127.0.0.1"
    assert entry["token"] > 0
    since = entry["at"].replace("+", "%2B")
    assert len((await ask(world, "GET", f"/v1/audit?what=group&since={since}"))[1]["items"]) == 3
    assert (await ask(world, "GET", f"/v1/audit?what=group&until={since}"))[1]["items"] == []
    assert (await ask(world, "GET", "/v1/audit?what=group", "bob"))[1]["items"] == []
    for wrong in ("limit=0", "what=weather", "cursor=x", "since=yesterday", "colour=red"):
        status, problem = await ask(world, "GET", f"/v1/audit?{wrong}")
        assert (status, problem["code"]) == (400, "invalid_request"), wrong
