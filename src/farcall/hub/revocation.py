"""Permissions that end while something waits in their name."""

from __future__ import annotations

import time

from farcall.domain import access, links
from farcall.domain.model import NewInvocation
from farcall.hub import ports, subjects
from farcall.hub.dispatch import events
from farcall.hub.dispatcher import Dispatcher


class Revocation:
    """Looks again whether an account may still make the calls that the core holds for it."""

    def __init__(self, dispatcher: Dispatcher, store: ports.Store) -> None:
        self._dispatcher = dispatcher
        self._store = store
        dispatcher.epoch_if_allowed = self._epoch_if_allowed

    def look_again(self, account: int) -> None:
        """`access_changed`, beside the loop's other work."""
        self._dispatcher.later(self.access_changed(account))

    async def access_changed(self, account: int) -> None:
        """What waits in the name of an account that may no longer call it is cancelled."""
        owner = await self._store.account(key=account)
        lost = []
        for version in self._dispatcher.core.versions_of(account):
            row = await self._store.version(key=version)
            if owner is None or row is None or not await self._may_still(owner, row):
                lost.append(version)
        if lost:
            self._dispatcher.feed(events.AccessChanged(account, lost))

    async def _epoch_if_allowed(self, item: NewInvocation) -> int | None:
        """The caller's access epoch, if the account may still make this call."""
        account = await self._store.account(key=item.caller)
        row = await self._store.version(key=item.version)
        if account is None or row is None or not await self._may_still(account, row):
            return None
        return account.access_epoch

    async def _may_still(self, account: ports.AccountRow, row: ports.VersionRow) -> bool:
        if account.disabled:
            return False
        subject = await subjects.load(self._store, account, time.time())
        if access.decide(subject, "invoke", row.name).allowed:
            return True
        function = await self._store.function(key=row.function)
        return function is not None and links.decide_at(subject, "invoke", row.name, function.passing).allowed
