"""REST bodies about the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from farcall.wire.rest import Limit, Question, Text


class AuditQuery(Question, frozen=True):
    """`who`: a handle; `what`: `token.create`, or `token` for all about tokens; `path`: a function or a namespace and
    all below it; `since` (inclusive) and `until` (exclusive): when.
    """

    who: Annotated[str, msgspec.Meta(max_length=254)] = ""
    what: Text = ""
    path: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: Limit = 50
    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class AuditEntry(msgspec.Struct):
    """`who` did `what` to `path`, to the account, address or id `target`, from the remote address `origin`.

    `token` is the id of the token that asked, 0 without one. `outcome` is ok, or the code of the error. `origin` and
    `token` show to whoever did it and to administrators.
    """

    id: int
    at: datetime
    who: str
    token: int
    what: str
    path: str
    target: str
    origin: str
    outcome: str
    detail: dict[str, Any]
