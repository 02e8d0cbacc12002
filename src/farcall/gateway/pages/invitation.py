"""The page of an invitation, ``/i/SECRET``: what is offered, registering or logging in, accepting, declining, and how
to begin. It can be read without an account. Whoever has the link has proved the address.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from farcall.domain import access, limits, people
from farcall.domain.errors import Failure, Refused
from farcall.gateway.pages import rendering
from farcall.gateway.pages.sessions import Sessions, Visit, cookie_name
from farcall.gateway.services import HubServices
from farcall.hub import offers, ports
from farcall.hub.invitations import closed
from farcall.hub.whereabouts import Whereabouts

_LABEL = "invitation page"
_ENTERS = ("register", "login")  # and accept, in one step


@dataclass(frozen=True, slots=True)
class Opened:
    """An invitation that a browser looks at. `subject` is who is logged in there."""

    request: Request
    secret: str
    row: ports.InvitationRow
    visit: Visit
    subject: access.Subject | None
    account: ports.AccountRow | None

    @property
    def origin(self) -> str:
        return self.request.client.host if self.request.client is not None else ""

    @property
    def path(self) -> str:
        return f"/i/{self.secret}"

    @property
    def secure(self) -> bool:
        return self.request.url.scheme == "https"

    @property
    def mine(self) -> bool:
        """Whether it was accepted by whoever is logged in."""
        return self.account is not None and self.row.accepted_by == self.account.key

    @property
    def foreign(self) -> bool:
        """Whether somebody is logged in whom it is not for."""
        return self.account is not None and self.account.email.lower() != self.row.email.lower()


class InvitationPage:
    """Handlers of one hub."""

    def __init__(self, hub: HubServices, sessions: Sessions | None = None) -> None:
        self._hub = hub
        self._sessions = sessions or Sessions()
        self._actions: dict[str, Callable[[Opened, dict[str, str]], Awaitable[Visit]]] = {
            "register": self._register,
            "login": self._log_in,
            "logout": self._log_out,
            "accept": self._accept,
            "decline": self._decline,
        }

    def routes(self) -> list[Route]:
        return [
            Route("/i/{secret}", rendering.guarded("invitation", self._show), methods=["GET"]),
            Route("/i/{secret}", rendering.guarded("invitation", self._act), methods=["POST"]),
            Route(rendering.STYLE_PATH, rendering.style, methods=["GET"]),
        ]

    # -- looking -------------------------------------------------------------------------------------------------------

    async def _open(self, request: Request) -> Opened:
        secret = str(request.path_params["secret"])
        row = await self._hub.invitations.by_secret(secret)
        name = cookie_name(secure=request.url.scheme == "https")
        visit = self._sessions.visit(request.cookies.get(name))
        return await self._as(Opened(request, secret, row, visit, None, None), visit)

    async def _as(self, opened: Opened, visit: Visit) -> Opened:
        """The same as it is now, for this visit."""
        row = await self._hub.invitations.by_secret(opened.secret)
        if visit.token:
            try:
                subject = await self._hub.accounts.authenticate(visit.token)
                account = await self._hub.accounts.me(subject)
            except Refused:
                self._sessions.log_out(visit)
            else:
                return replace(opened, row=row, visit=visit, subject=subject, account=account)
        return replace(opened, row=row, visit=visit, subject=None, account=None)

    async def _show(self, request: Request) -> Response:
        return await self._page(await self._open(request))

    async def _page(
        self, opened: Opened, problem: Failure | None = None, action: str = "", typed: dict[str, str] | None = None
    ) -> Response:
        standing = await self._hub.invitations.standing(opened.row)
        if standing == "accepted" and opened.mine and await self._hub.invitations.holds(opened.row):
            return await self._welcome(opened)
        if standing == "accepted" and opened.account is None:
            return self._accepted(opened, problem, typed or {})
        if standing != "open":
            message, hint = closed(opened.row, "ended" if opened.mine else standing)
            return rendering.closed(message, hint, standing, 410)
        status = _status(problem) if problem is not None else 403 if opened.foreign else 200
        known = await self._hub.invitations.account_of(opened.row)
        response = rendering.page(
            "invitation.html",
            status,
            opened.visit,
            secure=opened.secure,
            **await self._told(opened),
            form_key=self._sessions.form_key(opened.visit),
            problem=problem,
            action=action,
            bad_password=action == "register" and problem is not None and "password" in problem.message,
            typed=typed or {},
            account=opened.account,
            foreign=opened.foreign,
            known=known,
            registers=self._hub.accounts.registers_invited,
            suggestion=_suggestion(opened.row.email),
        )
        if problem is not None and problem.retry_after_seconds:
            response.headers["Retry-After"] = str(math.ceil(problem.retry_after_seconds))
        return response

    def _accepted(self, opened: Opened, problem: Failure | None, typed: dict[str, str]) -> Response:
        """The way to what was accepted, for whoever it was: nobody is logged in here."""
        message, hint = closed(opened.row, "accepted")
        return rendering.page(
            "accepted.html",
            _status(problem) if problem is not None else 410,
            opened.visit,
            secure=opened.secure,
            title=message,
            hint=hint,
            path=opened.path,
            form_key=self._sessions.form_key(opened.visit),
            problem=problem,
            name=typed.get("name", ""),
        )

    async def _welcome(self, opened: Opened) -> Response:
        told = await self._told(opened)
        return rendering.page(
            "welcome.html",
            200,
            opened.visit,
            secure=opened.secure,
            **told,
            form_key=self._sessions.form_key(opened.visit),
            account=opened.account,
            hub=_login(self._hub.invitations.whereabouts),
            python=offers.python_lines(told["offer"]),
        )

    async def _told(self, opened: Opened) -> dict[str, Any]:
        row = opened.row
        offer = await self._hub.invitations.offer(row)
        return {
            "row": row,
            "offer": offer,
            "path": opened.path,
            "masked": people.masked(row.email),
            "abilities": offers.abilities(row.level, offer.single),
            "restrictions": offers.restrictions(limits.from_json(row.limits)),
            "until": offers.day(row.expires_at) if row.expires_at is not None else "",
            "ends": offers.day(row.grant_expires_at) if row.grant_expires_at is not None else "",
        }

    # -- acting --------------------------------------------------------------------------------------------------------

    async def _act(self, request: Request) -> Response:
        opened = await self._open(request)
        typed = await rendering.form(request)
        action = typed.get("action", "")
        if action not in self._actions:
            raise Refused("invalid_request", "The form asks for nothing that this page does.")
        if not self._sessions.is_own_form(opened.visit, typed.get("form_key", "")):
            stale = "The form is not from this page, or the page was open for too long."
            return await self._page(opened, Failure("permission_denied", stale, "Try again; cookies must be allowed."))
        try:
            visit = await self._actions[action](opened, typed)
        except Refused as refusal:
            return await self._page(await self._as(opened, opened.visit), refusal.failure, action, typed)
        if action in _ENTERS:
            opened = await self._as(opened, visit)
            try:
                if not opened.foreign and not opened.mine:
                    await self._accept(opened, typed)
            except Refused as refusal:
                return await self._page(opened, refusal.failure)
        return rendering.elsewhere(opened.path, visit, secure=opened.secure)

    async def _register(self, opened: Opened, typed: dict[str, str]) -> Visit:
        password = typed.get("password", "")
        if password != typed.get("again", ""):
            raise Refused("invalid_request", "The two passwords differ.", "Type the same one twice.")
        email, vouched_by = await self._hub.invitations.proved(opened.secret)
        made = await self._hub.accounts.register(
            typed.get("handle", "").strip(),
            email,
            password,
            invited_email=email,
            vouched_by=vouched_by,
            origin=opened.origin,
        )
        if made.token is None:
            raise Refused("invalid_request", "The address has to be confirmed first.")
        return self._sessions.log_in(opened.visit, made.token.token)

    async def _log_in(self, opened: Opened, typed: dict[str, str]) -> Visit:
        _, token = await self._hub.logins.log_in(
            typed.get("name", ""), typed.get("password", ""), label=_LABEL, origin=opened.origin
        )
        return self._sessions.log_in(opened.visit, token.token)

    async def _accept(self, opened: Opened, typed: dict[str, str]) -> Visit:
        if opened.subject is None:
            raise Refused("permission_denied", "You are not logged in any more.", "Log in again.")
        await self._hub.invitations.accept(replace(opened.subject, origin=opened.origin), opened.secret)
        return opened.visit

    async def _decline(self, opened: Opened, typed: dict[str, str]) -> Visit:
        await self._hub.invitations.decline_by_secret(opened.secret, opened.origin)
        return opened.visit

    async def _log_out(self, opened: Opened, typed: dict[str, str]) -> Visit:
        self._sessions.log_out(opened.visit)
        if opened.subject is not None:
            await self._hub.logins.log_out(opened.subject)
        return opened.visit


def _status(problem: Failure) -> int:
    """401 would make browsers ask for a password of their own."""
    return 403 if problem.code == "unauthenticated" else problem.kind.http_status


def _login(whereabouts: Whereabouts) -> str:
    """What `farcall login` takes, as any shell understands it."""
    return f'"{whereabouts.link()}"' if whereabouts.fingerprint else whereabouts.url


def _suggestion(email: str) -> str:
    """A handle to begin with, as far as the address has one."""
    found = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in email.partition("@")[0])
    return found.strip("_")[:30].lstrip("_0123456789").lower()
