"""Large values by digest: streamed in, streamed out."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from farcall.domain.errors import Refused
from farcall.gateway.exchange import Exchange, Reply
from farcall.gateway.operations import Answer, Operation
from farcall.wire import rest

BYTES = "application/octet-stream"


async def upload(x: Exchange) -> Reply:
    expected = x.request.headers.get("x-farcall-digest") or None
    digest, size = await x.hub.blobs.upload(x.subject, x.chunks(x.hub.blobs.limit_bytes), expected)
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
    return StreamingResponse(chunks, 206 if start else 200, headers, BYTES)


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
