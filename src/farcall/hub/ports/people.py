"""Commands about passwords, proofs of addresses, and the use of tokens; and the row that is read of a proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class SetPassword:
    """Keep the hash of an account's password, and revoke its tokens of kind login but `keep`.

    With `renews` it is another hash of the same password: it replaces only that one, and no token ends. OK · MISSING ·
    STALE (the hash is not `renews` any more).
    """

    account: int
    hash: str
    at: float
    keep: int = 0  # key of a token
    renews: str = ""


@dataclass(slots=True)
class ConfirmEmail:
    """The account has proved that the address is its own. What others claimed without proof, they lose.

    OK · MISSING · CONFLICT (another account has proved it before).
    """

    account: int
    email: str
    at: float


@dataclass(slots=True)
class AddConfirmation:
    """Keep the digest of a secret that proves an address (`confirm`), or lets set a new password (`reset`).

    Replaces the account's earlier one of that purpose. OK · MISSING.
    """

    digest: bytes
    account: int
    purpose: str
    email: str
    at: float
    expires_at: float


@dataclass(slots=True)
class TakeConfirmation:
    """Use it, once: it is gone then. OK · MISSING."""

    digest: bytes


@dataclass(slots=True)
class FreeHandles:
    """Accounts that were made before `before`, never confirmed an address and never had a token give their handles up.

    Such an account stays as a disabled row that nothing finds; what was granted to it goes. Outcome: how many (int).
    """

    before: float
    limit: int


@dataclass(slots=True)
class UseTokens:
    """Note when tokens were used last: (token, wall-clock time). OK."""

    items: Sequence[tuple[int, float]]


@dataclass(slots=True, frozen=True)
class ConfirmationRow:
    account: int
    purpose: str
    email: str
    expires_at: float
