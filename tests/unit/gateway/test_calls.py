from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import msgspec
import pytest

from farcall import payload
from farcall.domain import ids
from farcall.domain.errors import Refused
from farcall.domain.model import CallOptions
from farcall.domain.states import AttemptState
from farcall.gateway.calls import preference
from farcall.hub.admission import Call
from farcall.hub.tickets import Ticket
from farcall.wire import frames

from .conftest import NUMBER, Served, World

pytestmark = pytest.mark.anyio

URL = "/v1/functions/alice/physics/fall/invocations"


def fall(x: float) -> float:
    if x < 0:
        raise ValueError("no falling upwards")
    return 9.81 * x


@pytest.fixture
async def serving(world: World) -> World:
    await world.serve(**{"physics/fall": Served(fall)})
    await world.share("alice/physics")
    return world


async def call(world: World, args: Any, handle: str = "bob", url: str = URL, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.http.post(url, json={"args": args}, headers={**world.of(handle), **named})


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["detail"]
    return body


async def test_a_call_waits_for_its_result(serving: World) -> None:
    spellings: list[Any] = [{"x": 2.0}, [2.0], {"x": 2}]
    for args in spellings:
        answer = await call(serving, args)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["status"] == "succeeded"
        assert body["result"] == pytest.approx(19.62)
        assert body["id"].startswith("inv_")


async def test_a_call_that_does_not_want_to_wait_is_told_where_to_ask(serving: World) -> None:
    answer = await call(serving, {"x": 2.0}, Prefer="respond-async")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    where = answer.headers["location"]
    for _ in range(100):
        result = await serving.http.get(f"{where}/result", headers=serving.of("bob"))
        if result.status_code == 200:
            break
        assert result.status_code == 202
        await asyncio.sleep(0.01)
    assert result.json()["result"] == pytest.approx(19.62)
    record = (await serving.http.get(where, headers=serving.of("bob"))).json()
    assert (record["status"], record["caller"], record["function"]) == ("succeeded", "bob", "alice/physics/fall")


async def test_a_call_that_takes_longer_than_the_wait_is_pending_and_then_cancelled(serving: World) -> None:
    serving.worker.hold = True
    answer = await call(serving, {"x": 2.0}, Prefer="wait=0.2")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=0.2"
    where = answer.headers["location"]
    result = await serving.http.get(f"{where}/result", headers=serving.of("bob"))
    assert result.status_code == 202
    stopping = await serving.http.delete(where, headers=serving.of("bob"))
    assert stopping.status_code == 202
    for _ in range(100):
        record = (await serving.http.get(where, headers=serving.of("bob"))).json()
        if record["status"] == "cancelled":
            break
        await asyncio.sleep(0.01)
    assert record["status"] == "cancelled"
    refused(await serving.http.get(f"{where}/result", headers=serving.of("bob")), 409, "cancelled")
    refused(await serving.http.post(f"{where}/cancel", headers=serving.of("bob")), 409, "already_finished")


async def test_what_the_function_raised_is_no_server_error(serving: World) -> None:
    body = refused(await call(serving, {"x": -1.0}), 424, "function_error")
    assert body["detail"] == "no falling upwards"
    assert body["remote_type"] == "ValueError"
    assert "raise ValueError" in body["traceback"]
    assert body["invocation"].startswith("inv_")


async def test_arguments_that_do_not_fit_are_refused_with_their_place(serving: World) -> None:
    wrong: list[tuple[Any, str]] = [
        ({"x": "fast"}, "x"),
        ({}, ""),
        ({"x": 1, "y": 2}, ""),
        ([1, 2], ""),
        ({"x": None}, "x"),
        ({"x": {"$type": "nonsense", "value": 1}}, "x"),
    ]
    for args, place in wrong:
        body = refused(await call(serving, args), 422, "invalid_arguments")
        assert place in body["problems"][0]["path"]
    assert not any(isinstance(frame, frames.Offer) for frame in serving.worker.told)


async def test_a_malformed_body_is_refused_and_harms_nothing(serving: World) -> None:
    for content in (
        b"[]",
        b"{",
        b'{"args": 3}',
        b'{"args": {}, "x": 1}',
        b'{"options": {"timeout": 0}}',
        b"\xff",
        b"null",
    ):
        answer = await serving.http.post(URL, content=content, headers=serving.of("bob"))
        refused(answer, 400, "invalid_request")
    refused(await serving.http.post(URL, content=b"", headers=serving.of("bob")), 422, "invalid_arguments")
    assert (await call(serving, [1.0])).status_code == 200


async def test_deeply_nested_arguments_are_refused(serving: World) -> None:
    content = b'{"args": [' + b"[" * 40_000 + b"]" * 40_000 + b"]}"
    answer = await serving.http.post(URL, content=content, headers=serving.of("bob"))
    assert answer.status_code in (400, 422)


async def test_a_body_over_the_limit_is_refused(serving: World) -> None:
    refused(await call(serving, {"x": "a" * 200_000}), 413, "too_large")


async def test_another_media_type_is_refused(serving: World) -> None:
    headers = {**serving.of("bob"), "Content-Type": "text/csv"}
    refused(await serving.http.post(URL, content=b"x,1", headers=headers), 400, "invalid_request")


async def test_the_same_key_gives_the_same_invocation(serving: World) -> None:
    first = await call(serving, {"x": 2.0}, Idempotency_Key="one")
    again = await call(serving, {"x": 2.0}, Idempotency_Key="one")
    assert first.json() == again.json()
    other = await call(serving, {"x": 2.0}, Idempotency_Key="two")
    assert other.json()["id"] != first.json()["id"]
    refused(await call(serving, {"x": 3.0}, Idempotency_Key="one"), 409, "conflict")


async def test_a_stranger_cannot_tell_a_hidden_function_from_none(serving: World) -> None:
    hidden = refused(await call(serving, [1], handle="admin"), 404, "not_found")
    missing = refused(await call(serving, [1], handle="admin", url=URL.replace("fall", "nope")), 404, "not_found")
    assert hidden["detail"].replace("fall", "nope") == missing["detail"]


async def test_a_viewer_may_look_but_not_call(serving: World) -> None:
    await serving.share("alice/physics", can="view")
    shown = await serving.http.get("/v1/functions/alice/physics/fall", headers=serving.of("bob"))
    assert shown.json()["can"] == "view"
    refused(await call(serving, [1]), 403, "permission_denied")


async def test_a_function_without_worker_fails_at_once_unless_the_call_waits(serving: World) -> None:
    serving.worker.say(frames.Leaving("test"))
    serving.hub.services.workers.disconnected(serving.worker)
    serving.worker.told.clear()
    body = refused(await call(serving, [1], Prefer="wait=5"), 503, "no_worker")
    assert body["invocation"]
    waiting = await serving.http.post(
        URL, json={"args": [1], "options": {"queue": True}}, headers={**serving.of("bob"), "Prefer": "wait=0.3"}
    )
    assert waiting.status_code == 202, waiting.text


async def test_msgpack_keeps_the_types_of_values(world: World) -> None:
    anything = {"x-type": "any"}
    await world.serve(echo=Served(lambda value: value, {"value": anything}, anything))
    value = {"moment": (1, 2), "set": {3}, "big": 1 << 70, "bytes": b"\x00", "complex": 1 + 2j}
    body = msgspec.msgpack.encode({"args": {"value": msgspec.Raw(payload.encode(value))}})
    kind = "application/msgpack"
    headers = {**world.of("alice"), "Content-Type": kind, "Accept": kind}
    answer = await world.http.post("/v1/functions/alice/echo/invocations", content=body, headers=headers)
    assert answer.headers["content-type"] == kind
    decoded = msgspec.msgpack.decode(answer.content, type=dict[str, msgspec.Raw])
    assert payload.decode(bytes(decoded["result"])) == value


async def test_json_marks_types_that_it_lacks(world: World) -> None:
    anything = {"x-type": "any"}
    await world.serve(pair=Served(lambda: (1, b"\x00\x01"), {}, anything))
    answer = await call(world, {}, "alice", "/v1/functions/alice/pair/invocations")
    shown = answer.json()["result"]
    again = await world.http.post("/v1/functions/alice/pair/invocations", json={"args": []}, headers=world.of("alice"))
    assert again.json()["result"] == shown
    assert payload.decode(payload.from_json(shown)) == (1, b"\x00\x01")


async def test_a_batch_accepts_or_refuses_each_item_by_itself(serving: World) -> None:
    url = "/v1/functions/alice/physics/fall/batches"
    items = [{"x": 1.0}, {"x": "bad"}, [3.0], {"y": 1}]
    answer = await serving.http.post(url, json={"items": items}, headers=serving.of("bob"))
    assert answer.status_code == 202, answer.text
    got = answer.json()["items"]
    assert [entry.get("problem", {}).get("code", "") for entry in got] == [
        "",
        "invalid_arguments",
        "",
        "invalid_arguments",
    ]
    assert got[0]["id"] != got[2]["id"]
    for _ in range(100):
        result = await serving.http.get(f"/v1/invocations/{got[2]['id']}/result", headers=serving.of("bob"))
        if result.status_code == 200:
            break
        await asyncio.sleep(0.01)
    assert result.json()["result"] == pytest.approx(29.43)


async def test_a_batch_of_nothing_or_of_no_argument_sets_is_refused(serving: World) -> None:
    url = "/v1/functions/alice/physics/fall/batches"
    wrong: list[Any] = [[], [1], "many"]
    for items in wrong:
        answer = await serving.http.post(url, json={"items": items}, headers=serving.of("bob"))
        refused(answer, 400, "invalid_request")


async def test_a_stream_is_refused_with_a_way_to_get_it(world: World) -> None:
    await world.serve(count=Served(lambda: None, {}, NUMBER, stream=True))
    body = refused(await call(world, {}, "alice", "/v1/functions/alice/count/invocations"), 400, "invalid_request")
    assert ".stream()" in body["hint"]


async def test_a_digest_is_no_capability(world: World) -> None:
    anything = {"x-type": "any"}
    await world.serve(size=Served(lambda data: None, {"data": anything}, anything))
    await world.share("alice")
    url = "/v1/functions/alice/size/invocations"
    secret = await world.http.post("/v1/blobs", content=b"secret", headers=world.of("admin"))
    digest = secret.json()["digest"]
    refused(await call(world, {"data": {"$blob": digest}}, url=url), 404, "not_found")
    body = msgspec.msgpack.encode({"args": {"data": msgspec.Raw(naming(digest, 6))}})
    headers = {**world.of("bob"), "Content-Type": "application/msgpack"}
    refused(await world.http.post(url, content=body, headers=headers), 404, "not_found")
    assert (await world.http.get(f"/v1/blobs/{digest}", headers=world.of("bob"))).status_code == 404


def naming(digest: str, size: int) -> bytes:
    return payload.from_json({"$blob": digest, "size": size}, {"x-type": "bytes"})


async def test_whoever_may_read_a_blob_may_name_it_and_lets_the_worker_read_it(world: World) -> None:
    anything = {"x-type": "any"}
    await world.serve(size=Served(lambda data: None, {"data": anything}, anything))
    await world.share("alice")
    world.worker.hold = True
    uploaded = await world.http.post("/v1/blobs", content=b"large", headers=world.of("bob"))
    path = uploaded.headers["location"]
    assert (await world.http.get(path, headers=world.of("alice"))).status_code == 404
    args = {"data": {"$blob": uploaded.json()["digest"]}}
    answer = await call(world, args, url="/v1/functions/alice/size/invocations", Prefer="wait=0.2")
    assert answer.status_code == 202, answer.text
    assert (await world.http.get(path, headers=world.of("alice"))).content == b"large"


async def test_a_worker_cannot_read_a_blob_by_naming_it_in_a_result(serving: World) -> None:
    serving.worker.hold = True
    uploaded = await serving.http.post("/v1/blobs", content=b"secret", headers=serving.of("admin"))
    digest = uploaded.json()["digest"]
    waiting = asyncio.ensure_future(call(serving, [1.0]))
    await serving.worker.offered.wait()
    offer = serving.worker.held[0]
    item = frames.FinishedItem(offer.id, offer.fence, AttemptState.SUCCEEDED, naming(digest, 6), blobs=[digest])
    await serving.worker.say(frames.Finished([item]))
    refused(await waiting, 502, "bad_result")
    for handle in ("alice", "bob"):
        assert (await serving.http.get(f"/v1/blobs/{digest}", headers=serving.of(handle))).status_code == 404


@pytest.mark.parametrize(
    ("header", "seconds", "applied"),
    [
        ("", 30.0, ""),
        ("respond-async", 0.0, "respond-async"),
        ("wait=5", 5.0, "wait=5"),
        ("wait=0.5; foo=bar", 0.5, "wait=0.5"),
        ('return=minimal, wait="7"', 7.0, "wait=7"),
        ("wait=100000", 300.0, "wait=300"),
        ("wait=-1", 30.0, ""),
        ("wait=soon", 30.0, ""),
        ("wait=nan", 30.0, ""),
    ],
)
def test_the_prefer_header_is_read_and_what_is_odd_ignored(header: str, seconds: float, applied: str) -> None:
    prefer = preference(header, 30.0, 300.0)
    assert (prefer.wait_seconds, prefer.applied) == (seconds, applied)


async def test_calls_are_not_denied_because_something_else_is_shared_meanwhile(serving: World) -> None:
    async def share() -> None:
        for number in range(20):
            await serving.share(f"alice/other{number}")

    async def calls() -> list[int]:
        answers = []
        for _ in range(10):
            answers += await asyncio.gather(*(call(serving, [float(x)]) for x in range(20)))
        return [answer.status_code for answer in answers]

    statuses, _ = await asyncio.gather(calls(), share())
    assert set(statuses) == {200}


async def test_a_call_that_was_checked_before_the_share_ended_is_denied_at_its_commit(serving: World) -> None:
    services = serving.hub.services
    bob = await services.accounts.authenticate(serving.tokens["bob"])
    target = await services.invocations.target(bob, "alice/physics/fall")
    shares = (await serving.http.get("/v1/shares", headers=serving.of("bob"))).json()["items"]
    await serving.http.delete(f"/v1/shares/{shares[0]['id']}", headers=serving.of("alice"))
    ticket = Ticket(bob.key, ids.invocation_id(time.time(), bytes(16)))
    calls = [Call(ticket.id, payload.encode({"x": 1.0}))]
    assert services.invocations.submit(bob, target, CallOptions(), calls, ticket, acknowledge=True) == []
    with pytest.raises(Refused, match="withdrawn"):
        await ticket.accepted()
