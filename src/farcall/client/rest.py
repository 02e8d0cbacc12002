"""What goes over HTTP and not the channel: lists, records, logs, shares, blobs. The HTTP library is imported lazily."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from farcall.client.errors import FarcallError, HubUnreachable, from_failure
from farcall.domain.errors import Failure
from farcall.link.address import Address
from farcall.link.transfers import Broken, Transfers, transfers
from farcall.wire.rest import LogLine

if TYPE_CHECKING:
    import httpx2

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 90.0  # a server that is silent for longer is taken for lost; event streams say they are alive
_LOG_ATTEMPTS = 8
_CHECK = "Check the address, and that the hub is running."

_log_line = msgspec.json.Decoder(LogLine).decode


class Rest:
    """The REST surface of one hub, with one token, or none (to log in). Made lazily, safe with threads.

    The token is sent to this hub alone: redirects are not followed. Failures are raised as the exceptions of the API.
    """

    def __init__(self, address: Address, token: str, *, ca_file: str | None = None) -> None:
        self.url = address.url
        self._address = address
        self._token = token
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._http: httpx2.Client | None = None
        self._bytes: Transfers | None = None

    def _forget_the_parents(self) -> None:
        """In a forked process: sockets and locks are the parent's."""
        if self._pid != os.getpid():
            self._pid, self._lock, self._http, self._bytes = os.getpid(), threading.Lock(), None, None

    def _transfers(self) -> Transfers:
        self._forget_the_parents()
        with self._lock:
            if self._bytes is None:
                self._bytes = transfers(self._address, self._token, self._ca_file, silence_seconds=_READ_SECONDS)
            return self._bytes

    def _client(self) -> httpx2.Client:
        self._forget_the_parents()
        with self._lock:
            if self._http is None:
                import httpx2

                from farcall.link.security import proxy_for, tls_for

                self._http = httpx2.Client(
                    headers={"Authorization": f"Bearer {self._token}"} if self._token else {},
                    timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
                    verify=tls_for(self._address, self._ca_file) if self._address.secure else True,
                    proxy=proxy_for(self._address),
                    trust_env=False,
                    follow_redirects=False,
                )
            return self._http

    def get(self, path: str, /, **query: Any) -> Any:
        """The JSON of `GET path`; query parameters that are None are left out."""
        return self._call("GET", path, params={key: value for key, value in query.items() if value is not None})

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON that answers `POST path`."""
        return self._call("POST", path, json=body)

    def put(self, path: str, body: Any) -> Any:
        """The JSON that answers `PUT path`."""
        return self._call("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """The JSON that answers `PATCH path`."""
        return self._call("PATCH", path, json=body)

    def delete(self, path: str, **query: Any) -> Any:
        """The JSON that answers `DELETE path`, or None."""
        return self._call("DELETE", path, params=query)

    def items(self, path: str, /, **query: Any) -> Iterator[Any]:
        """All items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, **query, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            http, self._http = self._http, None
            way, self._bytes = self._bytes, None
        if http is not None:
            http.close()
        if way is not None:
            way.close()

    def _call(self, method: str, path: str, **options: Any) -> Any:
        import httpx2

        try:
            answer = self._client().request(method, self.url + path, **options)
        except httpx2.HTTPError as error:
            raise self.unreachable(error) from None
        if answer.status_code >= 300:
            raise problem(answer.status_code, answer.content, self.url)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise self.unreachable("the answer is no JSON; is this a hub?") from None

    # -- bytes ---------------------------------------------------------------------------------------------------------

    def upload(self, data: bytes | memoryview, digest: str) -> None:
        """Send a blob, streamed; the hub refuses it if its digest is another."""
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        try:
            status, body = self._transfers().post("/v1/blobs", view, len(view), digest)
        except Broken as error:
            raise self.unreachable(error) from None
        if status >= 300:
            raise problem(status, body, self.url)

    @contextlib.contextmanager
    def download(self, path: str) -> Iterator[Callable[[memoryview], int]]:
        """For the body of `GET path`: what puts its next bytes at the beginning of a buffer, and returns how many."""
        try:
            with self._transfers().get(path) as answer:
                if answer.status >= 300:
                    raise problem(answer.status, answer.rest(), self.url)
                yield answer.fill
        except Broken as error:
            raise self.unreachable(error) from None

    # -- logs ----------------------------------------------------------------------------------------------------------

    def logs(self, identifier: str, *, follow: bool = False) -> Iterator[LogLine]:
        """What an invocation printed and logged; with `follow` until it has ended, over broken connections too."""
        if follow:
            yield from self._follow(identifier)
            return
        answer = self._call("GET", f"/v1/invocations/{identifier}/logs", headers={"Accept": "application/json"})
        yield from msgspec.convert(answer["items"], list[LogLine])

    def _follow(self, identifier: str) -> Iterator[LogLine]:
        place, failures = "", 0
        while True:
            try:
                for event, data in self._events(f"/v1/invocations/{identifier}/logs", place):
                    failures = 0
                    if event == "end":
                        return
                    if event == "problem":
                        raise _of_problem(json.loads(data))
                    line = _log_line(data)
                    place = line.place
                    yield line
            except HubUnreachable:
                failures += 1
                if failures == _LOG_ATTEMPTS:
                    raise
                threading.Event().wait(min(5.0, 0.1 * 2**failures))

    def _events(self, path: str, place: str) -> Iterator[tuple[str, str]]:
        import httpx2

        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": place} if place else {})}
        try:
            with self._client().stream("GET", self.url + path, headers=headers) as answer:
                if answer.status_code >= 300:
                    raise problem(answer.status_code, answer.read(), self.url)
                yield from _server_sent(answer.iter_lines())
        except httpx2.HTTPError as error:
            raise self.unreachable(error) from None
        raise self.unreachable("the connection ended before the log did")

    def unreachable(self, reason: object) -> FarcallError:
        """The error that says so, naming the URL and what to do."""
        from farcall.link.security import certificate_error, certificate_hint, certificate_reason

        text = re.sub(r"^\[Errno -?\d+\] ", "", str(reason)).rstrip(".") or type(reason).__name__
        message, hint = f"The hub at {self.url} does not answer: {text}.", _CHECK
        certificate = certificate_error(reason)
        if certificate is not None:
            message = f"No safe connection to the hub at {self.url}: {certificate_reason(certificate)}."
            hint = certificate_hint(certificate)
        return from_failure(Failure("hub_unreachable", message, hint))


def _server_sent(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """(event, data) of each server-sent event."""
    event = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        if field == "event":
            event = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))


def problem(status: int, body: bytes, url: str) -> FarcallError:
    """The exception of an answer that is an error."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if isinstance(content, dict) and isinstance(content.get("code"), str):
        return _of_problem(content)
    return from_failure(Failure("hub_unreachable", f"What answers at {url} is no hub, or not well: status {status}."))


def _of_problem(content: Mapping[str, Any]) -> FarcallError:
    failure = Failure(
        str(content.get("code", "internal")),
        str(content.get("detail") or content.get("title") or "The hub refused."),
        str(content.get("hint", "")),
        str(content.get("remote_type", "")),
        str(content.get("traceback", "")),
        [(str(item.get("path", "")), str(item.get("message", ""))) for item in content.get("problems", [])],
        float(content.get("retry_after", 0)) or None,
    )
    return from_failure(failure, invocation_id=str(content.get("invocation", "")))
