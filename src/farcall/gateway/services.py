"""What the gateway hands requests to, and its own few settings."""

from __future__ import annotations

from dataclasses import dataclass

from farcall.gateway.channels import Channels
from farcall.hub.accounts import Accounts
from farcall.hub.audit import AuditLog
from farcall.hub.blobs import BlobRoom
from farcall.hub.catalog import Catalog
from farcall.hub.confirmations import Confirmations
from farcall.hub.dispatcher import Dispatcher
from farcall.hub.erasure import Erasure
from farcall.hub.groups import Groups
from farcall.hub.invitations import Invitations
from farcall.hub.invocations import Invocations
from farcall.hub.logins import Logins
from farcall.hub.logs import Logs
from farcall.hub.namespaces import Names
from farcall.hub.quotas import Quotas
from farcall.hub.records import Records
from farcall.hub.releases import Releases
from farcall.hub.shares import Shares
from farcall.hub.usage import Usage
from farcall.hub.workers import Workers


@dataclass(slots=True)
class HubServices:
    """The use cases of one hub."""

    accounts: Accounts
    logins: Logins
    shares: Shares
    invitations: Invitations
    confirmations: Confirmations
    catalog: Catalog
    names: Names
    releases: Releases
    invocations: Invocations
    records: Records
    logs: Logs
    blobs: BlobRoom
    workers: Workers
    dispatcher: Dispatcher
    channels: Channels
    usage: Usage
    quotas: Quotas
    erasure: Erasure
    groups: Groups
    audit: AuditLog


@dataclass(slots=True, frozen=True)
class GatewayOptions:
    """`wait_limit_seconds` bounds what `Prefer: wait=` may ask for."""

    version: str = "0"
    body_limit_bytes: int = 16 * 1024 * 1024
    default_wait_seconds: float = 30.0
    wait_limit_seconds: float = 300.0
