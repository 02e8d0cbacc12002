"""What many read and every call would have to write: filed later, for many calls at once.

Under whom and what an invocation was called, and what it took, would be three pages more in the transaction of a call
that is alone. So only the invocation itself is written with it. Once enough have come together, they are filed in the
order of acceptance, within a transaction that goes on anyway. Who reads looks through those behind `filed_to` as well.
"""

from __future__ import annotations

import apsw

from farcall.stores.sqlite.queries import Speaker, Statements


class AcceptOrder:
    """The order of acceptance; numbers of what was rolled back are not used again."""

    def __init__(self, last: int) -> None:
        self.last = last


class Filing(Speaker):
    """Files what was accepted; all of it has to be written when it is called. Runs in the writer's transaction."""

    def __init__(
        self, connection: apsw.Connection, statements: Statements, order: AcceptOrder, file_after: int
    ) -> None:
        super().__init__(connection, statements)
        self._order = order
        self._file_after = file_after
        self._filed_to: int | None = None

    @property
    def filed_to(self) -> int:
        """The last that is filed. What it took is charged by whoever records its end, if it has not ended yet."""
        if self._filed_to is None:
            self._filed_to = int(self.one("filed_to"))
        return self._filed_to

    def is_due(self) -> bool:
        """Whether so many were accepted meanwhile that they are to be filed."""
        return self._order.last - self.filed_to >= self._file_after

    def catch_up(self) -> None:
        """File all that was accepted."""
        last = self._order.last
        if last == self.filed_to:
            return
        for name in ("file_by_caller", "file_by_version", "file_usage"):
            self.one(name, self.filed_to, last)
        self.one("set_filed_to", last)
        self._filed_to = last

    def forget(self) -> None:
        """What was done may have been rolled back."""
        self._filed_to = None
