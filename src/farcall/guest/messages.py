"""What a guest and the process that started it say to each other: msgpack arrays, numbered like the frames of the wire.

Attempts are named by `seq`, which the starter counts from 1 in each guest. `function` is an index into
`Loaded.functions`.
"""

from __future__ import annotations

from typing import Any

import msgspec

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
SECRET_BYTES = 32


class Message(msgspec.Struct, array_like=True, gc=False):
    """Base of all messages."""


# -- to the guest ------------------------------------------------------------------------------------------------------


class Setup(Message, tag=1):
    """First message: what to load, and the constants of this guest."""

    targets: list[str]  # files or module names
    secret: bytes  # 32 bytes that key implementation digests; they stay on this machine
    spool: str  # directory for what is too large for a message
    inline_limit_bytes: int
    blob_limit_bytes: int
    stream_window: int  # items of a stream that may wait for the caller


class RunItem(msgspec.Struct, array_like=True, gc=False):
    """One attempt. `blobs` gives for each digest in the arguments the file that holds it, already verified."""

    seq: int
    function: int
    id: bytes
    arguments: bytes
    attempt: int
    caller: str
    blobs: dict[str, str] = {}


class Run(Message, tag=2):
    """With `given` the first of these is the guest's own already; each other one is whoever's takes its token."""

    items: list[RunItem]
    given: bool = False


class Taken(Message, tag=3):
    """The caller has taken the first `count` items of this attempt's stream."""

    seq: int
    count: int


class Leave(Message, tag=4):
    """Nothing more will be given: run what was, and end."""


# -- from the guest ----------------------------------------------------------------------------------------------------


class Options(msgspec.Struct, array_like=True, frozen=True):
    """What the author declared; as `farcall.domain.model.FunctionOptions`, which a guest does not see."""

    timeout_seconds: float | None
    tries: int
    backoff_seconds: float
    concurrency: int | None
    queue: bool
    requires: dict[str, int | float | str | bool]
    policy: str
    replayable: bool
    visibility: str


class Described(msgspec.Struct, array_like=True, frozen=True):
    """A function that this guest can run. `name` holds its namespace: ``physics/free_fall``, or ``/lab/free_fall``."""

    name: str
    document: dict[str, Any]
    implementation: bytes  # 16 bytes
    options: Options
    code: bytes = b""  # digest of the code without a key, 32 bytes; it stays on this machine
    units: list[tuple[str, str]] = []  # of a script: file, line and name where one is declared, and the unit


class Loaded(Message, tag=1):
    functions: list[Described]
    files: list[str]  # those whose change asks for a reload
    python: str


class Unloadable(Message, tag=2):
    """Nothing can be served; `message` is one sentence, `detail` a traceback for the owner's eyes."""

    message: str
    detail: str = ""


class Succeeded(Message, tag=3):
    seq: int
    result: bytes
    run_seconds: float
    blobs: list[str] = []  # digests of files in the spool, named by their hexadecimal digits
    cpu_seconds: float = 0.0


class Failed(Message, tag=4):
    """`code` is of the table of errors; ``cancelled`` says that the interrupt which was asked for ended it."""

    seq: int
    run_seconds: float
    code: str
    message: str
    hint: str = ""
    remote_type: str = ""
    traceback: str = ""
    cpu_seconds: float = 0.0


class Piece(msgspec.Struct, array_like=True, gc=False):
    """Some output: `stream` is stdout, stderr or log; `at` wall time."""

    stream: str
    at: float
    text: str


class Printed(Message, tag=5):
    """Output of an attempt, before its end is told; `seq` 0: of none, such as while loading."""

    seq: int
    pieces: list[Piece]


class Reported(Message, tag=6):
    """Progress; the latest wins."""

    seq: int
    fraction: float
    stage: str


class Yielded(Message, tag=7):
    """Items `first`, `first + 1`, … (from 0) of an attempt's stream."""

    seq: int
    first: int
    items: list[bytes]


ToGuest = Setup | Run | Taken | Leave
FromGuest = Loaded | Unloadable | Succeeded | Failed | Printed | Reported | Yielded
