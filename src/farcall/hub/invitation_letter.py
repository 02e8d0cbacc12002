"""The letter that brings an invitation. What others wrote (names, docstrings) is text in it, never markup or header."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from farcall.authoring.harmless import harmless_line
from farcall.domain import limits
from farcall.hub import offers, ports
from farcall.hub.offers import Offer

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the letter tells: the invitation, what it offers, its link, and the address of the hub."""

    row: ports.InvitationRow
    offer: Offer
    link: str
    hub: str
    reach: str = ""  # who cannot come in by the link, as a sentence


def letter(invitation: Invitation) -> ports.Mail:
    """The letter to whom it is for."""
    row, offer = invitation.row, invitation.offer
    by = line(row.by_handle)
    functions = [f"{function.name}{line(function.signature)}" for function in offer.functions[:_SHOWN]]
    summaries = [line(function.summary) for function in offer.functions[:_SHOWN]]
    more = ["… and more"] if offer.more or len(offer.functions) > _SHOWN else []
    what = f"{by} {line(offer.deed)}, on the Farcall hub at {invitation.hub}."
    able = f"You will be able to {offers.abilities(row.level, offer.single)}."
    if row.level in ("invoke", "manage"):
        able += " The code stays with its owner: nothing of it is copied to you."
    facts = [*_facts(row), *([invitation.reach] if invitation.reach else [])]
    if any(function.open_to_owner for function in offer.functions):
        which = "it" if offer.single else "some of its functions"
        facts.append(f"Who owns {which} sees the arguments and results of your calls.")
    alone = f"The link is meant for {row.email} alone: whoever has it can accept in your name, so do not pass it on."
    stranger = f"If you do not know {by}, ignore this letter: nothing happens then."
    shown = [
        part
        for function, summary in zip(functions, summaries, strict=True)
        for part in (f"    {function}", *([f"        {summary}"] if summary else []))
    ]
    text = "\n".join(
        [
            "Hello,",
            "",
            what,
            "",
            *shown,
            *(f"    {one}" for one in more),
            *([""] if shown else []),
            able,
            "",
            "To look at it, and to accept or decline, open",
            "",
            f"    {invitation.link}",
            "",
            *facts,
            alone,
            stranger,
            "",
        ]
    )
    listed = "".join(
        f"<li><code>{escape(function)}</code>{'<br>' + escape(summary) if summary else ''}</li>"
        for function, summary in zip(functions, summaries, strict=True)
    ) + "".join(f"<li>{one}</li>" for one in more)
    html = (
        '<!doctype html><html lang="en"><body style="font:16px/1.5 sans-serif;max-width:40em">'
        f"<p>Hello,</p><p>{escape(what)}</p>"
        f"{'<ul>' + listed + '</ul>' if listed else ''}"
        f"<p>{escape(able)}</p>"
        f'<p><a href="{escape(invitation.link)}">Look at it, accept or decline</a></p>'
        f"<p><small>{escape(' '.join((*facts, alone, stranger)))}</small></p></body></html>\n"
    )
    subject = line(offer.deed if offer.group else f"shares {offer.path} with you")
    return ports.Mail(row.email, f"{by} {subject}", text, html)


def _facts(row: ports.InvitationRow) -> list[str]:
    found = []
    if row.expires_at is not None:
        found.append(f"It can be accepted until {offers.day(row.expires_at)}.")
    if row.grant_expires_at is not None:
        found.append(f"What it gives ends on {offers.day(row.grant_expires_at)}.")
    restrictions = offers.restrictions(limits.from_json(row.limits))
    if restrictions:
        found.append(f"It is limited to {', '.join(restrictions)}.")
    return found


def line(text: str) -> str:
    """What others wrote, as part of a line."""
    return harmless_line(" ".join(text.split()))
