"""Large values by digest: streamed in, streamed out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from farcall.domain.errors import Refused
from farcall.gateway.exchange import Exchange, Reply
from farcall.gateway.line import Line, line_of
from farcall.gateway.operations import Answer, Operation
from farcall.wire import rest

BYTES = "application/octet-stream"


async def upload(x: Exchange) -> Reply:
    expected = x.request.headers.get("x-farcall-digest") or None
    async with x.filling(x.hub.blobs.limit_bytes) as fill:
        digest, size = await x.hub.blobs.upload(x.subject, fill, expected)
    return Reply(rest.Blob(digest, size), 201, {"Location": f"/v1/blobs/{digest}"})


async def download(x: Exchange) -> Response:
    start = _start(x.request.headers.get("range", ""))
    digest = x.path("digest")
    size, chunks = await x.hub.blobs.open(x.subject, digest, start)
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{digest}"', "X-Content-Type-Options": "nosniff"}
    if start > size or (start and start == size):
        raise Refused("invalid_request", f"The blob has {size} bytes; it cannot be read from {start} on.")
    headers["Content-Length"] = str(size - start)
    if start:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    if x.request.method == "HEAD":
        return Response(None, 206 if start else 200, headers, BYTES)
    return _Stream(line_of(x.request.scope), chunks, 206 if start else 200, headers, BYTES)


class _Stream(StreamingResponse):
    """By the request's line, if it has one."""

    def __init__(self, line: Line | None, chunks: AsyncIterator[memoryview], *answer: Any) -> None:
        super().__init__(chunks, *answer)
        self._line = line
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self._line is not None:
            await self._line.send(self._chunks)
        else:
            async for chunk in self._chunks:  # who is handed it may keep it for longer than it is valid
                await send({"type": "http.response.body", "body": bytes(chunk), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _start(header: str) -> int:
    """`bytes=N-` resumes a broken download; any other range is ignored, as RFC 9110 allows."""
    unit, _, span = header.partition("=")
    first, dash, last = span.partition("-")
    if unit.strip() == "bytes" and dash and not last and first.isascii() and first.isdigit() and len(first) < 19:
        return int(first)
    return 0


OPERATIONS = (
    Operation(
        "POST",
        "/v1/blobs",
        "upload_blob",
        "Upload bytes; the answer is their digest, which arguments may name for as long as the upload is pinned.",
        upload,
        {201: Answer(rest.Blob, "Stored in full.", headers=("Location",))},
        "blobs",
        headers={"X-Farcall-Digest": "blake3:HEX; the upload is refused if it is something else."},
        raw_body=BYTES,
    ),
    Operation(
        "GET",
        "/v1/blobs/{digest}",
        "download_blob",
        "The bytes, for whoever uploaded them and for the parties of an invocation that names them.",
        download,
        {
            200: Answer(bytes, "All of it.", BYTES, ("Content-Length",)),
            206: Answer(bytes, "The rest, from the byte that Range: bytes=N- names.", BYTES, ("Content-Range",)),
        },
        "blobs",
        headers={"Range": "bytes=N- resumes a download."},
    ),
)
