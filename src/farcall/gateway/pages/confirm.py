"""The pages behind links that were mailed: ``/confirm/SECRET`` proves an address, ``/reset/SECRET`` sets a password.

Looking changes nothing, since mail programs look too; the button does. The secret is all the proof there is: no cookie.
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


class ConfirmationPages:
    """Handlers of one hub."""

    def __init__(self, hub: HubServices) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        handlers = (
            ("GET", CONFIRM, self._look),
            ("POST", CONFIRM, self._confirm),
            ("GET", RESET, self._look),
            ("POST", RESET, self._reset),
        )
        return [
            Route(
                f"/{purpose}/{{secret}}",
                rendering.guarded(purpose, partial(handler, purpose=purpose)),
                methods=[method],
            )
            for method, purpose, handler in handlers
        ]

    async def _look(self, request: Request, purpose: str, problem: Failure | None = None) -> Response:
        proof = await self._hub.confirmations.proof(_secret(request), purpose)
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
        account = await self._hub.confirmations.prove(_secret(request), _origin(request))
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


def _secret(request: Request) -> str:
    return str(request.path_params["secret"])


def _origin(request: Request) -> str:
    return request.client.host if request.client is not None else ""
