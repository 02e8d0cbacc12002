"""The Store port on SQLite: one data directory, one hub, one writer thread with group commit, readers beside it.

`store` is the face; `writer` drains commands into transactions; `inflow` holds the hot path of one transaction (accept
and complete); `invocations`, `catalog` and `presence` carry out the other commands; `reads` answers questions. SQL
lives in `sql/` and `migrations/`. Not here: decisions about access or placement.
"""

from farcall.stores.sqlite.store import SqliteStore
from farcall.stores.sqlite.writer import WriterLimits

__all__ = ["SqliteStore", "WriterLimits"]
