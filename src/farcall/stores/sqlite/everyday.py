"""What every command beside the hot path needs, and who carries it out. In the writer's transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from farcall.hub.ports import (
    AcceptInvitation,
    AddAudit,
    AddConfirmation,
    AddNotes,
    Audited,
    BeginEpoch,
    Claim,
    CloseInvitation,
    CollectBlobs,
    Command,
    ConfirmEmail,
    CreateAccount,
    CreateGroup,
    CreateToken,
    DeleteFunction,
    DeleteGrant,
    DeleteGroup,
    DeleteLink,
    DeleteNamespace,
    DeleteVersion,
    EndPresence,
    Erase,
    ExpireGrants,
    Expunge,
    FlagCancel,
    FreeHandles,
    Lease,
    NoteMail,
    PinBlob,
    PublishVersions,
    PutGrant,
    PutInvitation,
    PutMember,
    PutPresence,
    RemoveMember,
    Rename,
    Requeue,
    RevokeToken,
    SetDisabled,
    SetLimits,
    SetPassword,
    TakeConfirmation,
    UseTokens,
)
from farcall.stores.sqlite.audit import AuditCommands
from farcall.stores.sqlite.catalog import CatalogCommands
from farcall.stores.sqlite.functions import FunctionCommands
from farcall.stores.sqlite.groups import GroupCommands
from farcall.stores.sqlite.inflow import Admission, Inflow
from farcall.stores.sqlite.invitations import InvitationCommands
from farcall.stores.sqlite.invocations import InvocationCommands
from farcall.stores.sqlite.missed import MissedCommands
from farcall.stores.sqlite.people import PeopleCommands
from farcall.stores.sqlite.presence import PresenceCommands
from farcall.stores.sqlite.queries import Statements
from farcall.stores.sqlite.usage import UsageCommands

# After these rows of `invocations` may be read, or what they are charged may change: gathered rows are written first.
_READS_ROWS = (Lease, Requeue, FlagCancel, Claim, PinBlob, CollectBlobs, Expunge, Erase, DeleteVersion)
# These take bodies away, by which is charged what is filed.
_TAKES_BODIES = (Expunge, Erase)
_CHANGES_ACCESS = (
    CreateGroup,
    PutMember,
    RemoveMember,
    DeleteGroup,
    CreateAccount,
    SetDisabled,
    SetLimits,
    PutGrant,
    DeleteGrant,
    AcceptInvitation,
    ExpireGrants,
    PublishVersions,
    DeleteFunction,
    DeleteVersion,
    DeleteNamespace,
    DeleteLink,
    Rename,
)


class Everyday:
    """Finds the handler of a command by its type."""

    def __init__(self, connection: apsw.Connection, statements: Statements, admission: Admission) -> None:
        self._admission = admission
        invocations = InvocationCommands(connection, statements)
        self._audit = AuditCommands(connection, statements)
        catalog = CatalogCommands(connection, statements)
        functions = FunctionCommands(connection, statements)
        invitations = InvitationCommands(connection, statements)
        groups = GroupCommands(connection, statements)
        missed = MissedCommands(connection, statements)
        people = PeopleCommands(connection, statements)
        presence = PresenceCommands(connection, statements)
        usage = UsageCommands(connection, statements)
        self._handlers: dict[type, Callable[[Any], Any]] = {
            Lease: invocations.lease,
            Requeue: invocations.requeue,
            FlagCancel: invocations.flag_cancel,
            Claim: invocations.claim,
            AddNotes: invocations.add_notes,
            Expunge: invocations.expunge,
            CreateGroup: groups.create_group,
            PutMember: groups.put_member,
            RemoveMember: groups.remove_member,
            DeleteGroup: groups.delete_group,
            AddAudit: self._audit.add_audit,
            BeginEpoch: catalog.begin_epoch,
            CreateAccount: catalog.create_account,
            SetDisabled: catalog.set_disabled,
            CreateToken: catalog.create_token,
            RevokeToken: catalog.revoke_token,
            SetPassword: people.set_password,
            ConfirmEmail: people.confirm_email,
            AddConfirmation: people.add_confirmation,
            TakeConfirmation: people.take_confirmation,
            FreeHandles: people.free_handles,
            UseTokens: people.use_tokens,
            PutGrant: catalog.put_grant,
            DeleteGrant: catalog.delete_grant,
            PutInvitation: invitations.put_invitation,
            AcceptInvitation: invitations.accept_invitation,
            CloseInvitation: invitations.close_invitation,
            NoteMail: invitations.note_mail,
            ExpireGrants: invitations.expire_grants,
            **functions.handlers,
            **missed.handlers,
            PutPresence: presence.put_presence,
            EndPresence: presence.end_presence,
            PinBlob: presence.pin_blob,
            CollectBlobs: presence.collect_blobs,
            SetLimits: usage.set_limits,
            Erase: usage.erase,
        }

    def carry_out(self, command: Command, inflow: Inflow) -> Any:
        """Its outcome; what the transaction has gathered is written first, if the command looks at it."""
        audited = command if isinstance(command, Audited) else None
        if audited is not None:
            command = audited.command
        if isinstance(command, _READS_ROWS):
            inflow.flush()
        if isinstance(command, _TAKES_BODIES):
            inflow.file(anyhow=True)
        if isinstance(command, _CHANGES_ACCESS):
            self._admission.forget()
        outcome = self._handlers[type(command)](command)
        if audited is not None:
            self._audit.add(audited.entries(outcome))
        return outcome
