"""The whole contract of the Store port."""

from __future__ import annotations

from farcall.testing.contracts.store_acceptance import AcceptanceContract
from farcall.testing.contracts.store_attempts import AttemptsContract
from farcall.testing.contracts.store_audit import AuditContract
from farcall.testing.contracts.store_bounds import BoundsContract
from farcall.testing.contracts.store_catalog import CatalogContract
from farcall.testing.contracts.store_functions import FunctionsContract
from farcall.testing.contracts.store_groups import GroupsContract
from farcall.testing.contracts.store_guards import GuardsContract
from farcall.testing.contracts.store_invitations import InvitationsContract
from farcall.testing.contracts.store_missed import MissedContract
from farcall.testing.contracts.store_moved import MovedContract
from farcall.testing.contracts.store_people import PeopleContract
from farcall.testing.contracts.store_presence import PresenceContract
from farcall.testing.contracts.store_records import RecordsContract
from farcall.testing.contracts.store_usage import UsageContract


class StoreContract(
    AcceptanceContract,
    AuditContract,
    AttemptsContract,
    BoundsContract,
    RecordsContract,
    CatalogContract,
    FunctionsContract,
    PeopleContract,
    GroupsContract,
    GuardsContract,
    InvitationsContract,
    MissedContract,
    MovedContract,
    PresenceContract,
    UsageContract,
):
    """Inherit, and give a fixture `new_store`: a store that was not opened yet, empty."""
