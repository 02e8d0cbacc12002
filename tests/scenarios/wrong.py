"""Asking for what is refused, and looking at how it is."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from typing import Any

from tests.scenarios.world import World


def ask(
    world: World, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """A REST request as Bob; status and JSON of the answer. `body` is JSON, or bytes as they are."""
    token = world.tokens["bob"] if token is None else token
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(world.url + path, data, sent, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        kind, problem = error.headers["Content-Type"], json.loads(error.read())
        status = error.code
    assert kind == "application/problem+json"
    assert problem["status"] == status
    return status, problem


def refused(done: subprocess.CompletedProcess[str], *words: str, code: int = 1) -> None:
    """The command failed with this exit code and a sentence that holds the words; never with a traceback of ours."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Error: " in done.stderr
    assert "defect" not in done.stderr
    assert "site-packages" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
