"""The hub keeps what its OpenAPI document says, whatever is thrown at it. Bounded and repeatable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from farcall.assemble.hub import Hub, build_hub
from farcall.gateway.server import listen
from farcall.settings import load_hub

from .conftest import LocalWorker, Served


@asynccontextmanager
async def running_hub(data: Path) -> AsyncIterator[tuple[Hub, str, str]]:
    """A hub on a free port with a function that is served: (hub, address, administrator's token)."""
    hub = await build_hub(load_hub(environ={}, data=data, default_wait_seconds=1.0, wait_limit_seconds=1.0))
    assert hub.first_token is not None
    await LocalWorker("cd" * 16).serve(hub, hub.first_token, {"double": Served(lambda x: 2 * x)})
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(hub.app, log_config=None, ws="none", lifespan="off"))
    serving = asyncio.ensure_future(server.serve([listener]))
    try:
        yield hub, f"http://127.0.0.1:{listener.getsockname()[1]}", hub.first_token
    finally:
        server.should_exit = True
        await serving
        await hub.stop()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A hub in a thread of its own: (address, token)."""
    found: list[tuple[str, str]] = []
    up, end = threading.Event(), threading.Event()

    async def life() -> None:
        async with running_hub(tmp_path_factory.mktemp("hub") / "data") as (_, url, token):
            found.append((url, token))
            up.set()
            await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=asyncio.run, args=(life(),))
    thread.start()
    try:
        assert up.wait(20)
        yield found[0]
    finally:
        end.set()
        thread.join(20)


# They would end the very account, worker and function that the others use.
EXCLUDED = {"disable_account", "drain_worker", "change_function", "delete_function"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BOUNDS = settings(max_examples=8, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def test_every_answer_is_one_that_the_document_declares(address: tuple[str, str]) -> None:
    url, token = address
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    seen: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        name = operation.definition.raw["operationId"]
        if name not in EXCLUDED:
            hold(operation.as_strategy(), url, token, seen.setdefault(name, set()))
    assert len(seen) > 25
    assert seen["show_function"] == {200}
    assert 422 in seen["call_function"]
    assert httpx2.get(f"{url}/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def hold(cases: SearchStrategy[Any], url: str, token: str, seen: set[int]) -> None:
    """Throw cases of one operation at the hub; notes which statuses were seen."""

    @BOUNDS
    @given(case=cases)
    def throw(case: Any) -> None:
        if "name" in (case.path_parameters or {}):
            case.path_parameters["name"] = "admin/double"
        headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
        answer = case.call(base_url=url, headers=headers, timeout=10)
        seen.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    throw()
