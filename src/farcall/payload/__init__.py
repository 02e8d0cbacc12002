"""Values to bytes and back: the typed msgpack codec, canonical form and digests.

Bottom layer: standard library, msgspec and blake3; numpy only when a value needs it. What cannot travel is refused
here, naming the place. Not here: sockets, files other than values by content, interfaces, hubs and workers.
The bytes are specified in docs/reference/payload.md.
"""

from farcall.payload.blobs import BlobSink, BlobSource
from farcall.payload.canonical import canonical
from farcall.payload.codes import BLOB_THRESHOLD_BYTES, MAX_DEPTH, Code
from farcall.payload.decode import decode
from farcall.payload.digests import digest_bytes, digest_of, expression_digest
from farcall.payload.encode import encode
from farcall.payload.errors import BlobMissing, MalformedPayload, Unencodable, WrongType
from farcall.payload.json_read import from_json
from farcall.payload.json_write import to_json
from farcall.payload.values import ArrayView, BlobView, FileContent, Record, RecordTuple
from farcall.payload.view import blob_digests, plain

__all__ = [
    "BLOB_THRESHOLD_BYTES",
    "MAX_DEPTH",
    "ArrayView",
    "BlobMissing",
    "BlobSink",
    "BlobSource",
    "BlobView",
    "Code",
    "FileContent",
    "MalformedPayload",
    "Record",
    "RecordTuple",
    "Unencodable",
    "WrongType",
    "blob_digests",
    "canonical",
    "decode",
    "digest_bytes",
    "digest_of",
    "encode",
    "expression_digest",
    "from_json",
    "plain",
    "to_json",
]
