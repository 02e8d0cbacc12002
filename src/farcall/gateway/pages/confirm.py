"""The pages behind links that were mailed: ``/confirm/SECRET`` proves an address, ``/reset/SECRET`` sets a password.

Looking changes nothing, since mail programs look too; the button does. The secret is all the proof there is: no cookie.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from farcall.domain.errors import Failure, Refused
from farcall.gateway.pages import rendering
from farcall.gateway.services import HubServices
from farcall.hub.confirmations import CONFIRM, RESET
from farcall.hub.ports import StoreFailed

log = structlog.get_logger("farcall.gateway.pages")

_TITLES = {CONFIRM: "Confirm your address", RESET: "Set a new password"}


class ConfirmationPages:
    """Handlers of one hub."""

    def __init__(self, hub: HubServices) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        return [
            Route("/confirm/{secret}", self._guarded(self._look, CONFIRM), methods=["GET"]),
            Route("/confirm/{secret}", self._guarded(self._confirm, CONFIRM), methods=["POST"]),
            Route("/reset/{secret}", self._guarded(self._look, RESET), methods=["GET"]),
            Route("/reset/{secret}", self._guarded(self._reset, RESET), methods=["POST"]),
        ]

    def _guarded(
        self, handler: Callable[[Request, str], Awaitable[Response]], purpose: str
    ) -> Callable[[Request], Awaitable[Response]]:
        """People get a page whatever happens."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request, purpose)
            except Refused as refusal:
                return _sorry(refusal.failure)
            except StoreFailed:
                return _sorry(
                    Failure("hub_unavailable", "The hub cannot reach its store now.", "Try again in a while.")
                )
            except Exception:
                log.exception("a page failed", page=purpose)  # without its address, which is a secret
                return _sorry(Failure("internal", "The hub failed to show the page; its log has the detail."))

        return guarded

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


def _sorry(failure: Failure) -> Response:
    return rendering.page(
        "closed.html", failure.kind.http_status, title=failure.message, hint=failure.hint, standing=failure.code
    )


def _origin(request: Request) -> str:
    return request.client.host if request.client is not None else ""
