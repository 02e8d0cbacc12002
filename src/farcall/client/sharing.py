"""Sharing and invitations, as requests to the REST surface."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from farcall.client.errors import from_failure
from farcall.client.logins import invited
from farcall.client.rest import Rest
from farcall.domain.errors import Failure
from farcall.domain.names import covers
from farcall.link.address import Address

Expiry = timedelta | datetime | str | None
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class BadDuration(ValueError):
    """The text is no duration; the message says what one looks like."""


def duration(text: str) -> timedelta:
    """`45m`, `12h`, `30d`, `2w`; raises BadDuration."""
    match = re.fullmatch(r"([1-9]\d{0,4})([mhdw])", text)
    if match is None:
        raise BadDuration(f"{text[:40]!r} is no duration; say 45m, 12h, 30d or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def moment(expires: timedelta | datetime | str, now: datetime) -> str:
    """When that is, in RFC 3339; a moment without a zone is local time. Raises BadDuration."""
    if isinstance(expires, str):
        expires = duration(expires)
    when = now + expires if isinstance(expires, timedelta) else expires
    return when.astimezone(UTC).isoformat()


def share(
    rest: Rest, name: str, who: str, can: str = "invoke", *, expires: Expiry = None, **limits: float | None
) -> dict[str, Any]:
    """The share that the hub made. `who` is a handle or an e-mail address; limits are those of `Limits`."""
    body: dict[str, Any] = {"path": name, "email" if "@" in who else "handle": who, "can": can}
    if expires is not None:
        body["expires_at"] = moment(expires, datetime.now(UTC))
    chosen = {key: value for key, value in limits.items() if value is not None}
    if chosen:
        body["limits"] = chosen
    made: dict[str, Any] = rest.post("/v1/shares", body)
    return made


@dataclass(frozen=True, slots=True)
class Unshared:
    """What ended; what was passed on through it and ended too, or stays. Each as `shares` lists it, in the order of
    passing on. True if anything ended.
    """

    ended: list[dict[str, Any]]
    passed_on: list[dict[str, Any]]
    staying: list[dict[str, Any]]

    def __bool__(self) -> bool:
        return bool(self.ended)

    @property
    def first_staying(self) -> list[dict[str, Any]]:
        """Those of `staying` on which the others hang."""
        return [
            item
            for place, item in enumerate(self.staying)
            if not any(_may_have_led_to(before, item) for before in self.staying[:place])
        ]


def _may_have_led_to(share: dict[str, Any], other: dict[str, Any]) -> bool:
    leads = share["can"] == "manage" and share["handle"] == other["by"]
    return leads and covers(share["path"], other["path"])


def unshare(rest: Rest, name: str, who: str, *, passed_on: bool = False) -> Unshared:
    """Take back the grant of that name to that handle, or the invitation of that address; `passed_on`: with all that
    was passed on through it.
    """
    wanted = who.lower() if "@" in who else who.replace("-", "_")
    found = [
        item
        for item in rest.items("/v1/shares", limit=500)
        if item["path"] == name and wanted in (item["handle"], item["email"])
    ]
    done = Unshared([], [], [])
    for item in found:
        answer = rest.delete(f"/v1/shares/{item['id']}", passed_on=str(passed_on).lower())
        done.ended.append(answer["ended"][0])
        done.passed_on.extend(answer["ended"][1:])
        done.staying.extend(answer["staying"])
    return done


def invites(rest: Rest) -> Iterator[dict[str, Any]]:
    """Open invitations for the account's confirmed address."""
    return rest.items("/v1/invites")


def reference(invite: str, address: Address) -> str:
    """What the hub at `address` knows an invitation by: its id, or the secret of its link. Raises RequestError."""
    if re.fullmatch(r"i[0-9]{1,15}", invite):
        return invite
    url, secret = invited(invite)
    if Address.parse(url).url != address.url:  # the secret is for the hub of the link alone
        hint = f"farcall login '{url}', or farcall register --invite LINK."
        raise from_failure(
            Failure("invalid_request", f"The invitation is of the hub at {url}, not of {address.url}.", hint)
        )
    return secret


def accept(rest: Rest, reference: str) -> dict[str, Any]:
    """What the account may do now; `reference` as `reference` gives it."""
    made: dict[str, Any] = rest.post(f"/v1/invites/{quote(reference, safe='')}/accept")
    return made


def decline(rest: Rest, reference: str) -> None:
    """It cannot be accepted any more."""
    rest.post(f"/v1/invites/{quote(reference, safe='')}/decline")
