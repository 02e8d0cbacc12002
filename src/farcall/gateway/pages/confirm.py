"""The pages behind links that were mailed: ``/confirm/SECRET`` proves an address, ``/reset/SECRET`` sets a password.

``/confirm`` and ``/reset`` alone ask for such a link, anew if need be; the answer is the same whether the address has
an account or not. Looking changes nothing, since mail programs look too; the button does. The secret is all the proof
there is: no cookie.
"""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from farcall.domain.errors import Failure, Refused
from farcall.gateway.pages import rendering
from farcall.gateway.services import HubServices
from farcall.hub.confirmations import CONFIRM, RESET

_TITLES = {CONFIRM: "Confirm your address", RESET: "Set a new password"}
_WISHES = {CONFIRM: "Have the link sent again", RESET: "Have a link sent to set a new password"}


class ConfirmationPages:
    """Handlers of one hub."""

    def __init__(self, hub: HubServices) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        handlers = (
            ("GET", CONFIRM, "/{secret}", self._look),
            ("POST", CONFIRM, "/{secret}", self._confirm),
            ("GET", RESET, "/{secret}", self._look),
            ("POST", RESET, "/{secret}", self._reset),
            *((method, purpose, "", self._wish) for method in ("GET", "POST") for purpose in _TITLES),
        )
        return [
            Route(f"/{purpose}{rest}", rendering.guarded(purpose, partial(handler, purpose=purpose)), methods=[method])
            for method, purpose, rest, handler in handlers
        ]

    async def _wish(self, request: Request, purpose: str) -> Response:
        """Have a link mailed."""
        typed = await rendering.form(request) if request.method == "POST" else {}
        problem, email = None, typed.get("email", "").strip()
        if typed:
            try:
                await self._hub.confirmations.wish(purpose, email, _origin(request))
            except Refused as refusal:
                problem = refusal.failure
        return rendering.page(
            "wish.html",
            200 if problem is None else problem.kind.http_status,
            title=_WISHES[purpose],
            purpose=purpose,
            email=email,
            sent=bool(typed) and problem is None,
            problem=problem,
        )

    async def _look(self, request: Request, purpose: str, problem: Failure | None = None) -> Response:
        try:
            proof = await self._hub.confirmations.proof(_secret(request), purpose)
        except Refused as refusal:
            return _closed(refusal.failure, purpose)
        return rendering.page(
            "proof.html",
            200 if problem is None else problem.kind.http_status,
            title=_TITLES[purpose],
            purpose=purpose,
            email=proof.email,
            handle=proof.account.handle,
            path=f"/{purpose}/{_secret(request)}",
            problem=problem,
            done="",
        )

    async def _confirm(self, request: Request, purpose: str) -> Response:
        try:
            account = await self._hub.confirmations.prove(_secret(request), _origin(request))
        except Refused as refusal:
            return _closed(refusal.failure, purpose)
        return self._done("Your address is confirmed", f"{account.email} is the address of {account.handle}.")

    async def _reset(self, request: Request, purpose: str) -> Response:
        typed = await rendering.form(request)
        password = typed.get("password", "")
        try:
            if password != typed.get("again", ""):
                raise Refused("invalid_request", "The two passwords differ.", "Type the same one twice.")
            account = await self._hub.confirmations.reset(_secret(request), password, _origin(request))
        except Refused as refusal:
            return await self._look(request, purpose, refusal.failure)
        return self._done("The new password holds", f"Everything that was logged in as {account.handle} has ended.")

    def _done(self, title: str, sentence: str) -> Response:
        hub = self._hub.confirmations.hub
        return rendering.page("proof.html", title=title, done=sentence, hub=hub, problem=None, purpose="")


def _closed(failure: Failure, purpose: str) -> Response:
    """The link is good for nothing; the way to another one."""
    way = ("/" + purpose, "Have another one sent") if failure.code == "not_found" else ("", "")
    return rendering.closed(failure.message, failure.hint, failure.code, failure.kind.http_status, way)


def _secret(request: Request) -> str:
    return str(request.path_params["secret"])


def _origin(request: Request) -> str:
    return request.client.host if request.client is not None else ""
