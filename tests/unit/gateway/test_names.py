"""Namespaces, links, aliases, deprecation and deletion over REST."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from .conftest import Served, World

pytestmark = pytest.mark.anyio

DOUBLE = "/v1/functions/alice/double"


async def send(world: World, method: str, path: str, body: Any = None, handle: str = "alice") -> httpx2.Response:
    return await world.http.request(method, path, json=body, headers=world.of(handle))


async def done(world: World, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await send(world, method, path, body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def refused(
    world: World, method: str, path: str, body: Any, status: int, code: str, handle: str = "alice"
) -> str:
    answer = await send(world, method, path, body, handle)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return f"{answer.json()['detail']} {answer.json().get('hint', '')}"


async def places(world: World, query: str = "", handle: str = "alice") -> list[tuple[str, str]]:
    answer = await send(world, "GET", f"/v1/functions{query}", None, handle)
    return [(item["name"], item["link_to"]) for item in answer.json()["items"]]


async def test_a_namespace_is_made_listed_renamed_and_deleted(world: World) -> None:
    made = {"path": "alice/lab/optics", "made": True, "can": "owner"}
    assert await done(world, "POST", "/v1/namespaces", {"path": "alice/lab/optics"}, 201) == made
    assert (await done(world, "GET", "/v1/namespaces?below=alice/lab"))["items"] == [
        {"path": "alice/lab", "made": False, "can": "owner"},
        made,
    ]
    moved = await done(world, "PATCH", "/v1/namespaces/alice/lab/optics", {"path": "alice/lenses"})
    assert moved == {"path": "alice/lenses"}
    page = await done(world, "GET", "/v1/namespaces?limit=1")
    assert [item["path"] for item in page["items"]] == ["alice"]
    page = await done(world, "GET", f"/v1/namespaces?limit=1&cursor={page['next']}")
    assert ([item["path"] for item in page["items"]], page["next"]) == (["alice/lenses"], None)
    assert (await send(world, "GET", "/v1/namespaces", None, "bob")).json()["items"] == []
    await refused(world, "DELETE", "/v1/namespaces/alice/lenses", None, 404, "not_found", "bob")
    await done(world, "DELETE", "/v1/namespaces/alice/lenses", None, 204)
    await refused(world, "DELETE", "/v1/namespaces/alice/lenses", None, 404, "not_found")
    assert (await done(world, "GET", "/v1/namespaces"))["items"] == []


async def test_a_namespace_that_is_not_empty_is_deleted_only_if_that_is_said(world: World) -> None:
    await world.serve(**{"lab/double": Served(lambda x: 2 * x)})
    told = await refused(world, "DELETE", "/v1/namespaces/alice/lab?force=true", None, 409, "conflict")
    assert "is not empty" in told
    told = await refused(world, "DELETE", "/v1/namespaces/alice/lab?recursive=true", None, 409, "conflict")
    assert "is being served" in told
    await done(world, "DELETE", "/v1/namespaces/alice/lab?recursive=true&force=true", None, 204)
    assert await places(world) == []


async def test_a_linked_function_is_shown_called_and_listed_under_both_names(world: World) -> None:
    await world.serve(double=Served(lambda x: 2 * x))
    link = {"function": "alice/double"}
    assert await done(world, "POST", "/v1/namespaces/alice/shared/~links", link, 201) == {
        "path": "alice/shared/double",
        "function": "alice/double",
    }
    assert await places(world) == [("alice/double", ""), ("alice/shared/double", "alice/double")]
    assert await places(world, "?q=shared") == [("alice/double", "")]
    await world.share("alice/shared")
    assert await places(world, handle="bob") == [("alice/shared/double", "alice/double")]
    shown = await send(world, "GET", "/v1/functions/alice/shared/double", None, "bob")
    assert (shown.json()["name"], shown.json()["links"], shown.json()["can"]) == (
        "alice/double",
        ["alice/shared/double"],
        "invoke",
    )
    called = await send(world, "POST", "/v1/functions/alice/shared/double/invocations", {"args": [2.0]}, "bob")
    assert (called.status_code, called.json()["result"]) == (200, 4.0)
    await done(world, "POST", "/v1/namespaces/alice/shared/~links", link, 201)  # it is there
    await done(world, "DELETE", "/v1/namespaces/alice/shared/~links/double", None, 204)
    await refused(world, "GET", "/v1/functions/alice/shared/double", None, 404, "not_found", "bob")


async def test_an_alias_is_set_listed_rolled_back_and_deleted(world: World) -> None:
    await world.serve(double=Served(lambda x: 2 * x))
    await world.serve(double=Served(lambda y: 2 * y, {"y": {"type": "number", "x-type": "float"}}))
    versions = (await done(world, "GET", f"{DOUBLE}/versions"))["items"]
    assert [item["version"] for item in versions] == [2, 1]
    first = await done(world, "PUT", f"{DOUBLE}/aliases/prod", {"version": 1})
    assert first == {"name": "prod", "version": 1}
    moved = await done(world, "PUT", f"{DOUBLE}/aliases/prod", {"version": versions[0]["digest"][:12]})
    assert moved == {"name": "prod", "version": 2}
    listed = await done(world, "GET", f"{DOUBLE}/aliases")
    assert listed["items"] == [moved]
    assert [(move["version"], move["by"]) for move in listed["history"]] == [(2, "alice"), (1, "alice")]
    assert await done(world, "POST", f"{DOUBLE}/aliases/prod/~rollback") == first
    logged = await done(world, "GET", "/v1/audit?what=alias.move&limit=1")
    assert logged["items"][0]["detail"] == {"rolled_back": True}
    await refused(world, "POST", f"{DOUBLE}/aliases/prod/~rollback", None, 409, "conflict")
    shown = await done(world, "GET", f"{DOUBLE}@prod")
    assert (shown["version"], shown["aliases"]) == (1, ["prod"])
    await refused(world, "PUT", f"{DOUBLE}/aliases/latest", {"version": 1}, 400, "invalid_request")
    await refused(world, "PUT", f"{DOUBLE}/aliases/prod", {"version": 9}, 404, "not_found")
    await done(world, "DELETE", f"{DOUBLE}/aliases/prod", None, 204)
    await refused(world, "POST", f"{DOUBLE}/aliases/prod/~rollback", None, 404, "not_found")
    assert "Aliases there: none" in await refused(world, "GET", f"{DOUBLE}@prod", None, 404, "not_found")


async def test_a_deprecated_version_says_so_in_headers_and_fields(world: World) -> None:
    await world.serve(double=Served(lambda x: 2 * x))
    assert "Say which version" in await refused(world, "PATCH", DOUBLE, {"deprecated": "no"}, 400, "invalid_request")
    words = 'use "triple" → bald'
    changed = await send(world, "PATCH", f"{DOUBLE}@1", {"deprecated": words})
    assert changed.json()["deprecated"] == words
    assert changed.headers["warning"] == '299 farcall "use \\"triple\\" ? bald"'
    called = await send(world, "POST", f"{DOUBLE}/invocations", {"args": [2.0]})
    assert (called.json()["result"], called.headers["deprecation"][:1]) == (4.0, "@")
    await done(world, "PATCH", f"{DOUBLE}@1", {"deprecated": ""})
    assert "deprecation" not in (await send(world, "GET", DOUBLE)).headers


async def test_a_function_is_renamed_and_deleted_with_what_it_was_called_before_gone(world: World) -> None:
    await world.serve(double=Served(lambda x: 2 * x))
    assert (await done(world, "PATCH", DOUBLE, {"path": "alice/math/twice"}))["name"] == "alice/math/twice"
    await refused(world, "GET", DOUBLE, None, 404, "not_found")
    called = await done(world, "POST", "/v1/functions/alice/math/twice/invocations", {"args": [2.0]})
    assert called["result"] == 4.0
    await refused(world, "PATCH", "/v1/functions/alice/math/twice", {"path": "bob/twice"}, 404, "not_found")
    await world.share("alice/math", "invoke")
    await refused(world, "DELETE", "/v1/functions/alice/math/twice", None, 403, "permission_denied", "bob")
    assert "is being served" in await refused(world, "DELETE", "/v1/functions/alice/math/twice", None, 409, "conflict")
    await done(world, "DELETE", "/v1/functions/alice/math/twice?force=true", None, 204)
    [record] = (await done(world, "GET", "/v1/invocations"))["items"]
    assert record["function"] == "alice/math/twice"
    assert (await done(world, "GET", f"/v1/invocations/{record['id']}/result"))["result"] == 4.0


async def test_a_cursor_of_another_list_is_refused_and_hostile_words_find_nothing(world: World) -> None:
    await world.serve(double=Served(lambda x: 2 * x))
    for cursor in ("alice/double", "1", "1.2.3", "9" * 40 + ".1", "0." + "9" * 40):
        answer = await send(world, "GET", f"/v1/functions?q=double&cursor={cursor}")
        assert answer.status_code in (200, 400), answer.text
    for words in ("%22", "NEAR(", "%00", "a%00b", "*", "double*%20OR", "'%20OR%201=1", "%F0%9F%98%80"):
        answer = await send(world, "GET", f"/v1/functions?q={words}")
        assert answer.status_code == 200, answer.text
