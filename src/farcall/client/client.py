"""One hub, with one token, as a caller sees it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from farcall.client import config, sharing
from farcall.client.blobs import Blobs
from farcall.client.channel import Channel
from farcall.client.deprecation import warn_deprecated
from farcall.client.encoding import ResultReader
from farcall.client.errors import NotFound, from_failure
from farcall.client.function import RemoteFunction
from farcall.client.identifiers import Identifiers
from farcall.client.invocation import Invocation, Route
from farcall.client.listing import Listing
from farcall.client.neighbours import with_neighbours
from farcall.client.rest import Rest
from farcall.client.sharing import Expiry
from farcall.domain import names
from farcall.domain.errors import Failure
from farcall.domain.ids import MalformedId, from_text
from farcall.domain.interface import Interface, InterfaceError
from farcall.domain.model import CallOptions

if TYPE_CHECKING:
    from farcall.client.catalog import Namespace
    from farcall.client.groups import Groups
    from farcall.client.names import Names

SOFTWARE = "farcall-python"
_BLOB_LIMIT_BYTES = 1 << 40  # the hub's own limit is the one that holds


class Client:
    """Calls functions through the hub at `url` with `token`; both are found by themselves if they are not given.

    Connects when first used. Safe with threads, after fork, and inside running event loops.
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, ca_file: str | None = None) -> None:
        self._credentials = config.find(url, token)
        self._ca_file = ca_file
        self.rest = Rest(self._credentials.address, self._credentials.token, ca_file=ca_file)
        self._blobs = Blobs(self.rest, _BLOB_LIMIT_BYTES)
        self._identifiers = Identifiers()
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._channel: Channel | None = None
        self._inherited: list[Channel] = []  # the parent's: not used, and not taken apart, since it shares its sockets
        self._functions: dict[tuple[str, bytes], RemoteFunction] = {}
        self._listeners: list[Callable[[list[str]], None]] = []
        self._listing = Listing(self)

    @property
    def url(self) -> str:
        """The hub's."""
        return self._credentials.address.url

    # -- calling -------------------------------------------------------------------------------------------------------

    def get(self, name: str) -> RemoteFunction:
        """The function of that full name, such as ``alice/physics/free_fall`` or ``…@3``; raises NotFound."""
        try:
            return self._get(name)
        except NotFound as error:
            raise with_neighbours(error, self.rest, name) from None

    def _get(self, name: str) -> RemoteFunction:
        try:
            asked = str(names.reference(name))
        except names.BadName as error:
            raise from_failure(Failure("not_found", f"There is no such function: {error}."), name) from None
        resolved = self._channel_now().resolve(asked)
        key = (asked, resolved.interface)
        known = self._functions.get(key)
        if resolved.deprecated:
            warn_deprecated(f"{resolved.name}@{resolved.version}", resolved.deprecated)
        if known is None or known._resolved is not resolved:  # its documentation tells of workers: it is made anew
            try:
                interface = Interface.parse(resolved.document) if known is None else known.interface
            except InterfaceError as error:
                message = f"The interface of {asked} cannot be read: {error}."
                raise from_failure(Failure("internal", message, "Is this Farcall older than the hub?"), asked) from None
            shown = asked if "@" in asked else resolved.name or asked
            known = RemoteFunction(self, shown, resolved, interface, CallOptions())
            self._functions[key] = known
        return known

    @property
    def catalog(self) -> Namespace:
        """The catalog by attributes: ``client.catalog.alice.physics.free_fall``."""
        from farcall.client.catalog import Namespace

        return Namespace(lambda: self, "")

    def invocation(self, identifier: str) -> Invocation:
        """An invocation by its id, from this process or another, this machine or another."""
        try:
            raw = from_text(identifier)
        except MalformedId as error:
            raise from_failure(Failure("not_found", f"{error}.")) from None
        channel = self._channel_now()
        invocation = Invocation(
            channel, raw, Route("", b"", CallOptions(), False, ResultReader(None, self._blobs)), None
        )
        channel.adopt(invocation)
        return invocation

    # -- the catalog and its people ------------------------------------------------------------------------------------

    def functions(self, text: str = "", *, namespace: str = "") -> Iterator[dict[str, Any]]:
        """What there is to call, as the hub describes it."""
        return self.rest.items("/v1/functions", q=text or None, namespace=namespace or None, limit=500)

    def share(
        self, name: str, who: str, can: str = "invoke", *, expires: Expiry = None, **limits: float | None
    ) -> dict[str, Any]:
        """Let somebody use a function or a namespace of yours. `can` is view, invoke or manage.

        `who` is a handle (an account's, a group's, or `public`), or an e-mail address: then an invitation waits for
        whoever has it. `expires` is a timedelta, a datetime, or text such as ``30d``. `limits` are `per_minute`,
        `in_flight` and `seconds_per_day`. Returns what the hub made: for an address with `mail`, what became of the
        e-mail, and with `link`, if the hub sends none.
        """
        return sharing.share(self.rest, name, who, can, expires=expires, **limits)

    def shares(self) -> Iterator[dict[str, Any]]:
        """Who may use what is yours, and what others share with you."""
        return self.rest.items("/v1/shares", limit=500)

    def unshare(self, name: str, who: str, *, passed_on: bool = False) -> sharing.Unshared:
        """Take a permission or an invitation back. Returns what `ended`; false if there was nothing to take back.

        What a manager has passed on stays, and is told as `staying`; with `passed_on` it ends too, and what was passed
        on in turn.
        """
        return sharing.unshare(self.rest, name, who, passed_on=passed_on)

    def invites(self) -> Iterator[dict[str, Any]]:
        """Invitations that wait for you."""
        return sharing.invites(self.rest)

    def accept(self, invite: str) -> dict[str, Any]:
        """Accept an invitation, by its id or its whole link; returns what you may do now."""
        return sharing.accept(self.rest, sharing.reference(invite, self._credentials.address))

    def decline(self, invite: str) -> None:
        """Decline an invitation, by its id or its whole link."""
        sharing.decline(self.rest, sharing.reference(invite, self._credentials.address))

    @property
    def names(self) -> Names:
        """Namespaces, links, versions and aliases: ``client.names.link("alice/shared", "alice/physics/free_fall")``."""
        from farcall.client.names import Names

        return Names(self.rest)

    @property
    def groups(self) -> Groups:
        """Groups that you belong to: ``for group in client.groups``, ``client.groups.add("lab", "bob")``."""
        from farcall.client.groups import Groups

        return Groups(self.rest)

    def audit(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Who did what to what, newest first: what you did, and what happened to you and to what is yours.

        Filters: who, what (``token.create``, or ``token``), path, since and until (RFC 3339).
        """
        return self.rest.items("/v1/audit", **filters, limit=500)

    def invocations(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Records, newest first. Filters: role (caller, owner), function, status, since (RFC 3339)."""
        return self.rest.items("/v1/invocations", **filters)

    def usage(
        self,
        *,
        role: str = "caller",
        by: Iterable[str] = ("function",),
        function: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What you used (role caller), or what was used of yours (owner): invocations, failures, seconds, bytes.

        by: what is told apart, some of day, function, version, caller. function: only this one, or this namespace.
        since, until: days in UTC, both included; the last 30 days without them. Administrators may ask for role admin.
        """
        return self.rest.items(
            "/v1/usage",
            role=role,
            by=by if isinstance(by, str) else ",".join(by),
            function=function or None,
            since=since and since.isoformat(),
            until=until and until.isoformat(),
            limit=500,
        )

    def workers(self) -> Iterator[dict[str, Any]]:
        """The workers that you may know of."""
        return self.rest.items("/v1/workers")

    def me(self) -> dict[str, Any]:
        """Who you are to the hub, and what the token may do."""
        answer: dict[str, Any] = self.rest.get("/v1/me")
        return answer

    # -- the connection ------------------------------------------------------------------------------------------------

    def connect(self) -> Client:
        """Connect now instead of with the first call; raises HubUnreachable or PermissionDenied."""
        self._channel_now().welcome()
        return self

    def on_names_changed(self, listener: Callable[[list[str]], None]) -> None:
        """Call `listener` with the functions that have other versions or other workers; with [] if that is unknown.

        In the connection's thread, while there is a connection: one is opened now. It must not wait for the hub.
        """
        self._listeners.append(listener)
        self._channel_now().welcome()

    def _names_changed(self, names: list[str]) -> None:
        self._listing.forget()
        for listener in self._listeners:
            listener(names)

    def close(self) -> None:
        """Let what was submitted get through, and disconnect. What is under way goes on at the hub."""
        channel = self._channel
        if channel is not None:
            channel.close()
        self.rest.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.url}>"

    @property
    def _is_told(self) -> bool:
        """Whether the hub tells of changes: it does while there is a channel."""
        return self._channel is not None and self._channel.usable and self._channel.connected_once

    def _channel_now(self) -> Channel:
        """The open channel, or a new one after the end of the last, and in a forked process."""
        channel = self._channel
        if channel is not None and channel.usable:
            return channel
        return self._open_channel()

    def _open_channel(self) -> Channel:
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), threading.Lock()
            if self._channel is not None:
                self._inherited.append(self._channel)
        with self._lock:
            if self._channel is None or not self._channel.usable:
                self._channel = Channel(
                    self._credentials.address,
                    self._credentials.token,
                    self.rest,
                    SOFTWARE,
                    self._channel_now,
                    ca_file=self._ca_file,
                    on_names_changed=self._names_changed,
                )
            return self._channel
