"""What an invitation offers, in words for somebody who has no account yet: for its letter and its page."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from farcall.authoring.spelling import annotation_text, bounds_text, default_text, signature_text
from farcall.domain import access
from farcall.domain.interface import Interface, InterfaceError
from farcall.domain.limits import Limits
from farcall.hub import ports

LISTED = 50
_LINE_LENGTH = 200

# Of one function, and of those in a namespace.
_ABILITIES = {
    "view": (
        "see it: the documentation and the interface, without calling it",
        "see its functions: their documentation and interfaces, without calling them",
    ),
    "invoke": (
        "call it from Python, from the command line and over HTTP, as if it were on your own machine",
        "call its functions from Python, from the command line and over HTTP, as if they were on your own machine",
    ),
    "manage": (
        "call it, serve it, and share it with others, as its owner can",
        "call its functions, add to them, and share them with others, as its owner can",
    ),
}
_ROLES = {
    "member": "call whatever the group has, and serve functions of your own in its name",
    "manager": "call whatever the group has, serve in its name, share that, and say who belongs to it",
}


@dataclass(frozen=True, slots=True)
class OfferedParameter:
    """`type` with its unit, `bounds` and `default` as people write them; empty where there are none."""

    name: str
    type: str
    bounds: str
    default: str
    doc: str


@dataclass(frozen=True, slots=True)
class OfferedFunction:
    """A function as a stranger may read it."""

    path: str
    signature: str
    doc: str
    parameters: tuple[OfferedParameter, ...]
    result: str
    result_doc: str
    stream: bool
    example: str  # of its arguments in a call
    open_to_owner: bool = False  # arguments and results of calls

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def summary(self) -> str:
        """The first line of the docstring, at most 200 characters."""
        return self.doc.strip().partition("\n")[0][:_LINE_LENGTH]


@dataclass(frozen=True, slots=True)
class Offer:
    """What is at a path now: the function of that name (`single`), or those below it, the first of them.

    With `group`, the path is the handle of a group that one may join.
    """

    path: str
    single: bool
    functions: tuple[OfferedFunction, ...]
    more: bool
    group: bool = False

    @property
    def kind(self) -> str:
        """`function`, `namespace`, `group`."""
        return "group" if self.group else "function" if self.single else "namespace"

    @property
    def deed(self) -> str:
        """What whoever invites does: `shares the function alice/f with you`, `invites you to the group lab`."""
        thing = f"the {self.kind} {self.path}"
        return f"invites you to {thing}" if self.group else f"shares {thing} with you"


async def look(store: ports.Store, path: str, *, group: bool = False) -> Offer:
    """What a grant at the path gives now; nothing yet is an empty namespace."""
    function = await store.function(path=path)
    if function is not None and (function.name == path or path in function.passing):
        return Offer(path, True, (_function(path, function.versions[0]),), False)
    page = await store.functions([path], limit=LISTED)
    found = [_function(hit.place, hit.row) for hit in page.items if await _given(store, hit)]
    return Offer(path, False, tuple(found), page.next is not None, group)


async def _given(store: ports.Store, hit: ports.Hit) -> bool:
    """Whether a grant at the place gives the function: a link passes rights on only if its owner allowed it."""
    if hit.place == hit.row.name:
        return True
    function = await store.function(path=hit.place)
    return function is not None and hit.place in function.passing


def _function(path: str, row: ports.VersionRow) -> OfferedFunction:
    """Documents come from workers: what cannot be read is shown by its name alone."""
    try:
        interface = Interface.parse(row.document)
    except InterfaceError:
        return OfferedFunction(path, "(…)", "", (), "", "", False, "")
    document = interface.to_document()
    return OfferedFunction(
        path,
        signature_text(document),
        interface.doc,
        tuple(_parameter(parameter) for parameter in document["parameters"]),
        annotation_text(interface.result),
        str(interface.result.get("description", "")),
        interface.stream,
        ", ".join(
            f"{parameter.name}={_sample(parameter.schema)}" for parameter in interface.parameters if parameter.required
        ),
        row.options.visibility == "owner",
    )


def _parameter(document: dict[str, Any]) -> OfferedParameter:
    schema = document["schema"]
    stars = {"var_positional": "*", "var_keyword": "**"}.get(document["kind"], "")
    return OfferedParameter(
        stars + document["name"],
        annotation_text(schema),
        bounds_text(schema),
        default_text(document),
        str(schema.get("description", "")),
    )


def _sample(schema: dict[str, Any]) -> str:
    """A value to begin with, as Python writes it."""
    if "enum" in schema:
        return repr(schema["enum"][0])
    kind = schema.get("x-type", "any")
    if kind in ("int", "float"):
        low, high = schema.get("minimum", 1), schema.get("maximum", 1)
        return repr((int if kind == "int" else float)(min(max(1, low), high)))
    return {"str": '"…"', "bool": "True", "none": "None"}.get(str(kind), "…")


def python_lines(offer: Offer) -> list[str]:
    """Three lines to copy into a Python session of somebody who is logged in."""
    if not offer.functions:
        return ["import farcall", f"farcall.catalog.{offer.path.replace('/', '.')}  # what is there"]
    function = offer.functions[0]
    parts = function.path.split("/")
    if any(keyword.iskeyword(part) for part in parts):
        take = ["import farcall", f'{parts[-1]}_ = farcall.get("{function.path}")']
        name = f"{parts[-1]}_"
    else:
        take = [f"from farcall.catalog.{'.'.join(parts[:-1])} import {parts[-1]}"]
        name = parts[-1]
    call = f"{name}({function.example})"
    loop = f"for item in {name}.stream({function.example}): print(item)"
    return [*take, *([f"help({name})"] if len(take) == 1 else []), loop if function.stream else call]


def abilities(level: str, single: bool) -> str:
    """What somebody with that level, or that role in a group, will be able to do, to follow `You will be able to`."""
    return _ROLES.get(level) or _ABILITIES[level][0 if single else 1]


def restrictions(limits: Limits) -> list[str]:
    """What the share is limited to, in words."""
    found = []
    if limits.per_minute is not None:
        found.append(f"at most {limits.per_minute} calls a minute")
    if limits.in_flight is not None:
        found.append(f"at most {limits.in_flight} at once")
    if limits.seconds_per_day is not None:
        found.append(f"at most {limits.seconds_per_day:g} seconds of running a day")
    return found


def day(seconds: float) -> str:
    """``21 November 2026, 13:30 UTC``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


assert _ABILITIES.keys() == access.GRANTABLE.keys()
