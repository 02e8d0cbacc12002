"""Who used what: sums by day, function, version and caller, for callers, owners and administrators."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import ports

PAGE_LIMIT = 500
DAY_SECONDS = 86_400
DEFAULT_DAYS = 30

Role = Literal["caller", "owner", "admin"]
Part = Literal["day", "function", "version", "caller"]


@dataclass(slots=True)
class Query:
    """What to sum: as caller what was called, as owner what called functions took, as admin everything; told apart by
    `by`. `since` and `until` are wall-clock seconds: the days in which they lie count in full.
    """

    role: Role = "caller"
    by: tuple[str, ...] = ("function",)
    function: str = ""  # a function, or a namespace and everything below it
    since: float | None = None
    until: float | None = None
    limit: int = 50
    cursor: str | None = None


class Usage:
    """Reads."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store

    async def page(self, subject: access.Subject, query: Query) -> ports.Page:
        """A page of UsageRow, in the order of what is told apart; raises Refused."""
        if not 1 <= query.limit <= PAGE_LIMIT:
            raise Refused("invalid_request", f"A page has 1 to {PAGE_LIMIT} items.")
        if query.cursor and not (query.cursor.isascii() and query.cursor.isdigit() and len(query.cursor) < 16):
            raise Refused("invalid_request", "That is no cursor of this list.", "Begin again without one.")
        if query.role == "admin" and not access.administers(subject):
            raise Refused("permission_denied", "Everybody's usage is for administrators.", "Ask for role=owner.")
        skip = int(query.cursor or 0)
        now = time.time()
        since = now - DEFAULT_DAYS * DAY_SECONDS if query.since is None else query.since
        until = now if query.until is None else query.until
        rows = await self._store.usage(
            ports.UsageFilter(
                caller=subject.key if query.role == "caller" else None,
                owners=subject.owned_accounts if query.role == "owner" else None,
                function=self._below(subject, query.function) or None,
                since=int(since // DAY_SECONDS),
                until=int(until // DAY_SECONDS),
                by_day="day" in query.by,
                by_function="function" in query.by or "version" in query.by,
                by_version="version" in query.by,
                by_caller="caller" in query.by,
                limit=query.limit + 1,
                skip=skip,
            )
        )
        following = str(skip + query.limit) if len(rows) > query.limit else None
        return ports.Page(list(rows[: query.limit]), following)

    def _below(self, subject: access.Subject, function: str) -> str:
        """The path to sum below: what was asked for, if the token reaches it."""
        try:
            path = names.path(function) if function else ""
        except names.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        if not subject.only:
            return path
        if path and access.within(subject, path):
            return path
        if not path and len(subject.only) == 1:
            return subject.only[0]
        raise Refused(
            "permission_denied",
            f"This token is limited to {', '.join(subject.only)}.",
            "Ask for the usage of one of these, with function=.",
        )
