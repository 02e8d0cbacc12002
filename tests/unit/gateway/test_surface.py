from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from farcall.domain.errors import ERRORS
from farcall.hub import ports
from farcall.wire import frames

from .conftest import Served, World

pytestmark = pytest.mark.anyio

DOUBLE = {"double": Served(lambda x: 2 * x)}


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["code"], body["status"]) == (code, status)
    return body


async def get(world: World, path: str, handle: str = "alice", **headers: str) -> httpx2.Response:
    return await world.http.get(path, headers={**world.of(handle), **headers})


async def call(world: World, handle: str = "alice", args: Any = (1.0,)) -> str:
    body = {"args": list(args)}
    answer = await world.http.post("/v1/functions/alice/double/invocations", json=body, headers=world.of(handle))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


# -- the frame ---------------------------------------------------------------------------------------------------------


OPEN = {"/healthz", "/readyz", "/v1/accounts", "/v1/login", "/v1/confirm", "/v1/confirm/again", "/v1/reset"}


async def test_everything_but_health_the_description_and_logging_in_needs_a_token(world: World) -> None:
    description = (await world.http.get("/openapi.json")).json()
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            answer = await world.http.request(method.upper(), path.replace("{name}", "alice/f"))
            if "security" in operation:
                refused(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"].startswith("Bearer")
            else:
                assert path in OPEN
                assert answer.status_code == (200 if path in ("/healthz", "/readyz") else 400)
    assert (await world.http.get("/docs")).status_code == 200


async def test_an_odd_authorization_is_unauthenticated(world: World) -> None:
    for header in ("Bearer", "Bearer ", "Basic YTpi", "Bearer farcall_pat_x", "bearer \xff"):
        answer = await world.http.get("/v1/me", headers={b"authorization": header.encode("latin-1")})
        refused(answer, 401, "unauthenticated")


async def test_what_the_framework_refuses_looks_like_everything_else(world: World) -> None:
    refused(await get(world, "/v1/nothing"), 404, "not_found")
    answer = await world.http.delete("/v1/me", headers=world.of("alice"))
    refused(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


async def test_a_store_that_refuses_commits_makes_the_hub_not_ready(world: World) -> None:
    assert (await world.http.get("/readyz")).json() == {"status": "ready"}
    world.hub.services.dispatcher._commit_failed(ports.StoreFailed("disk full"))
    answer = await world.http.get("/readyz")
    refused(answer, 503, "hub_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert (await world.http.get("/healthz")).status_code == 200


async def test_a_defect_of_ours_is_internal_and_says_nothing_of_itself(world: World) -> None:
    async def broken(subject: Any) -> Any:
        raise RuntimeError("the secret detail")

    world.hub.services.accounts.me = broken
    transport = httpx2.ASGITransport(app=world.hub.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as http:
        answer = await http.get("/v1/me", headers=world.of("alice"))
    refused(answer, 500, "internal")
    assert "secret" not in answer.text


async def test_openapi_declares_every_status_of_every_operation(world: World) -> None:
    description = (await world.http.get("/openapi.json")).json()
    assert description["openapi"].startswith("3.1")
    operation = description["paths"]["/v1/functions/{name}/invocations"]["post"]
    assert {"200", "202", "400", "401", "403", "404", "409", "413", "422", "424", "429", "503", "504"} <= set(
        operation["responses"]
    )
    names = [entry["operationId"] for methods in description["paths"].values() for entry in methods.values()]
    assert len(names) == len(set(names)) > 25


async def test_the_page_for_people_names_every_path_and_error_and_loads_nothing(world: World) -> None:
    page = (await world.http.get("/docs")).text
    description = (await world.http.get("/openapi.json")).json()
    for path in description["paths"]:
        assert path in page
    for code in ERRORS:
        assert f'id="{code}"' in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


async def test_metrics_are_for_administrators_and_tell_of_workers(world: World) -> None:
    refused(await get(world, "/metrics"), 403, "permission_denied")
    await world.serve(**DOUBLE)
    await call(world)
    text = (await get(world, "/metrics", "admin")).text
    assert "farcall_ready 1.0" in text
    assert 'farcall_workers{state="ready"} 1.0' in text
    assert 'farcall_worker_slots{state="ready"} 4.0' in text
    assert "farcall_invocations_settled_total 1.0" in text
    assert 'farcall_http_answers_total{status="403"} 1.0' in text


# -- people ------------------------------------------------------------------------------------------------------------


async def test_me_tells_who_speaks(world: World) -> None:
    body = (await get(world, "/v1/me")).json()
    assert (body["handle"], body["admin"], body["only"]) == ("alice", False, [])
    assert body["scopes"] == ["deploy", "invoke", "manage", "serve"]


async def test_a_new_token_works_until_it_is_revoked(world: World) -> None:
    made = await world.http.post(
        "/v1/tokens", json={"label": "laptop", "scopes": ["invoke"], "only": ["alice/lab"]}, headers=world.of("alice")
    )
    assert made.status_code == 201
    token = made.json()
    world.tokens["laptop"] = token["token"]
    assert (await get(world, "/v1/me", "laptop")).json()["only"] == ["alice/lab"]
    listed = (await get(world, "/v1/tokens")).json()["items"]
    assert [entry["label"] for entry in listed] == ["first token", "laptop"]
    assert token["token"] not in str(listed)
    assert (await world.http.delete(f"/v1/tokens/{token['id']}", headers=world.of("alice"))).status_code == 204
    refused(await get(world, "/v1/me", "laptop"), 401, "unauthenticated")
    for missing in ("999", "abc", "1" * 30, "-1"):
        refused(await world.http.delete(f"/v1/tokens/{missing}", headers=world.of("alice")), 404, "not_found")


async def test_accounts_are_for_administrators(world: World) -> None:
    refused(await get(world, "/v1/accounts"), 403, "permission_denied")
    body = {"handle": "carol", "email": "carol@example.org"}
    refused(await world.http.post("/v1/accounts", json=body, headers=world.of("alice")), 403, "permission_denied")
    listed = (await get(world, "/v1/accounts", "admin")).json()["items"]
    assert [entry["handle"] for entry in listed] == ["admin", "alice", "bob"]
    locked = await world.http.post("/v1/accounts/bob/disable", headers=world.of("admin"))
    assert locked.json()["disabled"] is True
    refused(await get(world, "/v1/me", "bob"), 401, "unauthenticated")
    await world.http.post("/v1/accounts/bob/enable", headers=world.of("admin"))
    assert (await get(world, "/v1/me", "bob")).status_code == 200


WRONG_ACCOUNTS: list[Any] = [
    {},
    {"handle": "x"},
    {"handle": "X", "email": "x@y.z"},
    {"handle": "x", "email": "nowhere"},
    {"handle": 3, "email": "x@y.z"},
    {"handle": "x", "email": "x@y.z", "superuser": True},
    [],
]


async def test_a_wrong_account_is_refused(world: World) -> None:
    for body in WRONG_ACCOUNTS:
        refused(await world.http.post("/v1/accounts", json=body, headers=world.of("admin")), 400, "invalid_request")


async def test_shares_are_made_listed_and_taken_back(world: World) -> None:
    await world.serve(**DOUBLE)
    await world.share("alice/double")
    assert await call(world, "bob")
    shares = (await get(world, "/v1/shares", "bob")).json()["items"]
    assert [(share["path"], share["handle"], share["can"]) for share in shares] == [("alice/double", "bob", "invoke")]
    answer = await world.http.delete(f"/v1/shares/{shares[0]['id']}", headers=world.of("alice"))
    assert (answer.status_code, answer.json()["ended"][0]["id"]) == (200, shares[0]["id"])
    gone = await world.http.post("/v1/functions/alice/double/invocations", json={"args": [1]}, headers=world.of("bob"))
    refused(gone, 404, "not_found")


# -- the catalog -------------------------------------------------------------------------------------------------------


async def test_functions_are_listed_shown_and_told_by_version(world: World) -> None:
    await world.serve(double=Served(lambda x: 2 * x), triple=Served(lambda x: 3 * x))
    listed = (await get(world, "/v1/functions?q=doub")).json()["items"]
    assert [(entry["name"], entry["workers"], entry["can"]) for entry in listed] == [("alice/double", 1, "owner")]
    assert listed[0]["signature"] == "(x: float) -> float"
    page = (await get(world, "/v1/functions?limit=1")).json()
    following = (await get(world, f"/v1/functions?limit=1&cursor={page['next']}")).json()
    assert [entry["name"] for entry in (*page["items"], *following["items"])] == ["alice/double", "alice/triple"]
    shown = (await get(world, "/v1/functions/alice/double@1")).json()
    assert shown["doc"] == "For tests."
    assert shown["interface"]["parameters"][0]["name"] == "x"
    versions = (await get(world, "/v1/functions/alice/double/versions")).json()["items"]
    assert [entry["version"] for entry in versions] == [1]
    assert (await get(world, "/v1/functions", "bob")).json()["items"] == []
    refused(await get(world, "/v1/functions/alice/double/versions", "bob"), 404, "not_found")


async def test_a_wrong_query_is_refused(world: World) -> None:
    long = "q=" + "x" * 201
    for query in ("limit=0", "limit=501", "limit=x", "nonsense=1", long, "limit=1&limit=2", "namespace=A%20B"):
        refused(await get(world, f"/v1/functions?{query}"), 400, "invalid_request")


# -- invocations -------------------------------------------------------------------------------------------------------


async def test_invocations_are_listed_for_caller_and_owner(world: World) -> None:
    await world.serve(**DOUBLE)
    await world.share("alice")
    identifier = await call(world, "bob")
    mine = (await get(world, "/v1/invocations", "bob")).json()["items"]
    assert [entry["id"] for entry in mine] == [identifier]
    assert (await get(world, "/v1/invocations")).json()["items"] == []
    owned = (await get(world, "/v1/invocations?role=owner&function=alice/double&status=succeeded")).json()["items"]
    assert [(entry["id"], entry["caller"]) for entry in owned] == [(identifier, "bob")]
    assert (await get(world, "/v1/invocations?since=2100-01-01T00:00:00Z", "bob")).json()["items"] == []
    assert len((await get(world, "/v1/invocations?since=2000-01-01T00:00:00+01:00", "bob")).json()["items"]) == 1
    for query in ("status=odd", "role=admin", "cursor=abc", "since=yesterday", "function=%20"):
        refused(await get(world, f"/v1/invocations?{query}"), 400, "invalid_request")


async def test_a_result_shows_to_the_caller_and_the_record_to_the_owner(world: World) -> None:
    await world.serve(**DOUBLE)
    await world.share("alice")
    identifier = await call(world, "bob")
    record = f"/v1/invocations/{identifier}"
    assert (await get(world, f"{record}/result", "bob")).json()["result"] == 2.0
    assert (await get(world, record)).json()["status"] == "succeeded"
    refused(await get(world, f"{record}/result"), 403, "permission_denied")
    shown = (await get(world, record)).json()
    assert not {"arguments", "args", "result"} & {name for name, value in shown.items() if value is not None}
    body = {"handle": "carol", "email": "carol@example.org"}
    made = await world.http.post("/v1/accounts", json=body, headers=world.of("admin"))
    world.tokens["carol"] = made.json()["token"]["token"]
    for path in (record, f"{record}/result", f"{record}/explain", f"{record}/logs"):
        refused(await get(world, path, "carol"), 404, "not_found")
    refused(await world.http.delete(record, headers=world.of("carol")), 404, "not_found")


async def test_an_unknown_or_malformed_id_is_not_found(world: World) -> None:
    for identifier in ("inv_", "inv_" + "0" * 36, "inv_" + "z" * 36, "nonsense", "%00"):
        refused(await get(world, f"/v1/invocations/{identifier}"), 404, "not_found")


async def test_explain_is_a_timeline(world: World) -> None:
    await world.serve(**DOUBLE)
    identifier = await call(world)
    body = (await get(world, f"/v1/invocations/{identifier}/explain")).json()
    assert body["status"] == "succeeded"
    assert body["items"][0]["what"] == "accepted"
    assert body["items"][-1]["what"] == "succeeded"
    assert [line["at"] for line in body["items"]] == sorted(line["at"] for line in body["items"])


async def test_logs_are_text_lines_or_events_that_resume(world: World) -> None:
    await world.serve(**DOUBLE)
    world.worker.hold = True
    body = {"args": [1.0]}
    headers = {**world.of("alice"), "Prefer": "respond-async"}
    answer = await world.http.post("/v1/functions/alice/double/invocations", json=body, headers=headers)
    await asyncio.wait_for(world.worker.offered.wait(), 5)
    offer = world.worker.held[0]
    world.worker.say(frames.Started([frames.AttemptKey(offer.id, offer.fence)]))
    world.worker.say(
        frames.Logs(
            [
                frames.LogItem(offer.id, offer.fence, 0, 1.0, "stdout", "one\n"),
                frames.LogItem(offer.id, offer.fence, 1, float("nan"), "strange", "two\n"),
                frames.LogItem(offer.id, offer.fence + 1, 2, 1.0, "stdout", "of another attempt\n"),
            ]
        )
    )
    world.worker.run()
    path = f"{answer.headers['location']}/logs"
    assert (await get(world, path)).text == "one\ntwo\n"
    lines = (await get(world, path, Accept="application/json")).json()["items"]
    assert [(line["stream"], line["text"]) for line in lines] == [("stdout", "one\n"), ("log", "two\n")]
    stream = await get(world, path, Accept="text/event-stream")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text.count("event: line") == 2
    assert "event: end" in stream.text
    rest = await get(world, path, **{"Accept": "text/event-stream", "Last-Event-ID": lines[0]["place"]})
    assert "two" in rest.text
    assert "one" not in rest.text
    refused(await get(world, path, **{"Last-Event-ID": "nowhere"}), 400, "invalid_request")


# -- workers and blobs -------------------------------------------------------------------------------------------------


async def test_workers_show_to_their_owner_and_to_administrators(world: World) -> None:
    await world.serve(**DOUBLE)
    for handle, count in (("alice", 1), ("admin", 1), ("bob", 0)):
        assert len((await get(world, "/v1/workers", handle)).json()["items"]) == count
    worker = (await get(world, "/v1/workers")).json()["items"][0]
    assert (worker["account"], worker["state"], worker["functions"]) == ("alice", "ready", ["alice/double"])
    url = f"/v1/workers/{worker['id']}/drain"
    refused(await world.http.post(url, headers=world.of("bob")), 404, "not_found")
    assert (await world.http.post(url, headers=world.of("alice"))).status_code == 202
    assert any(isinstance(frame, frames.Drain) for frame in world.worker.told)


async def test_a_blob_is_read_by_whoever_uploaded_it_and_by_nobody_else(world: World) -> None:
    answer = await world.http.post("/v1/blobs", content=b"large" * 1000, headers=world.of("alice"))
    assert answer.status_code == 201
    blob = answer.json()
    assert blob["size"] == 5000
    path = answer.headers["location"]
    got = await get(world, path)
    assert got.content == b"large" * 1000
    assert got.headers["content-length"] == "5000"
    part = await get(world, path, Range="bytes=4998-")
    assert (part.status_code, part.content) == (206, b"ge")
    assert part.headers["content-range"] == "bytes 4998-4999/5000"
    refused(await get(world, path, Range="bytes=9000-"), 400, "invalid_request")
    refused(await get(world, path, "bob"), 404, "not_found")
    refused(await get(world, "/v1/blobs/blake3:" + "0" * 64), 404, "not_found")
    refused(await get(world, "/v1/blobs/..%2F..%2Fadmin-token"), 404, "not_found")


async def test_an_upload_over_the_limit_or_of_other_bytes_is_refused(world: World) -> None:
    headers = world.of("alice")
    refused(await world.http.post("/v1/blobs", content=b"x" * 100_001, headers=headers), 413, "too_large")
    wrong = {**headers, "X-Farcall-Digest": "blake3:" + "0" * 64}
    refused(await world.http.post("/v1/blobs", content=b"x", headers=wrong), 400, "invalid_request")
    odd = {**headers, "X-Farcall-Digest": "md5:1234"}
    refused(await world.http.post("/v1/blobs", content=b"x", headers=odd), 400, "invalid_request")
