"""What a worker says it serves, before the catalog believes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from blake3 import blake3

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.domain.interface import Interface, InterfaceError
from farcall.domain.model import DIGEST_BYTES, FunctionOptions
from farcall.domain.units import check_units, has_units
from farcall.hub import ports
from farcall.hub.bounds import Bounds
from farcall.wire import frames

_REQUIREMENTS_LIMIT = 64

_encode_options = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Moved:
    """A name under which something is published, although it, or a namespace above it (`old`), was renamed to `new`."""

    name: str
    old: str
    new: str

    @property
    def to(self) -> str:
        """What the name is now."""
        return self.new + self.name[len(self.old) :]

    def refusal(self) -> Refused:
        """Refused (conflict): what is published is not what was renamed."""
        free = f"farcall delete {self.old}" if self.old == self.name else f"farcall namespace create {self.old}"
        return Refused(
            "conflict",
            f"{self.old} was renamed to {self.new}, and this is no version of {self.to}.",
            f"Write the new name into its file; or, to have the old name for something else: {free}",
        )


async def specify(
    subject: access.Subject, publication: frames.Publication, taken: set[tuple[str, bytes]]
) -> ports.VersionSpec:
    """What the store is to keep of a publication; raises Refused.

    `taken` are names and digests of the same message, and grows: several versions of one function may be served.
    """
    try:
        name = names.absolute(subject.handle, publication.name)
    except names.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None
    decision = access.decide(subject, "serve", name)
    if not decision.allowed:
        raise Refused(
            decision.code, decision.reason, "Serve it under your own handle, or become a member of the group."
        )
    try:
        interface = Interface.parse(publication.document)
        if has_units(interface):
            await asyncio.to_thread(check_units, interface)  # the first time it imports pint
    except InterfaceError as error:
        raise Refused("invalid_request", f"The interface of {name} is malformed: {error}.") from None
    if len(publication.implementation) != DIGEST_BYTES:
        raise Refused("invalid_request", f"The implementation digest of {name} has {DIGEST_BYTES} bytes.")
    _check_options(name, publication.options)
    covered = interface.digest + publication.implementation + _encode_options(publication.options)
    digest = blake3(covered).digest(DIGEST_BYTES)
    if (name, digest) in taken:
        raise Refused("conflict", f"{name} is there twice.", "Give one of the two another name.")
    taken.add((name, digest))
    return ports.VersionSpec(
        name,
        interface.to_document(),
        interface.digest,
        publication.implementation,
        digest,
        publication.options,
    )


def too_many(name: str, bounds: Bounds) -> Refused:
    """Refused (quota_exceeded): there is no room for it, be it a new function or another version of one."""
    return Refused(
        "quota_exceeded",
        f"There is no room for {name}: this hub allows {bounds.functions_per_handle} functions and links "
        f"below a handle, and {bounds.versions_per_function} versions of a function.",
        "Delete what nobody calls, with farcall delete; it makes room a day later.",
    )


def _check_options(name: str, options: FunctionOptions) -> None:
    """Raises Refused for options that no worker of ours would send."""
    complaint = ""
    if options.timeout_seconds is not None and not 0 < options.timeout_seconds < float("inf"):
        complaint = "a timeout is more than 0 seconds"
    elif not 1 <= options.tries <= 1000:
        complaint = "a function is tried 1 to 1000 times"
    elif not 0 <= options.backoff_seconds <= 86_400:
        complaint = "the pause before another try is 0 to 86400 seconds"
    elif options.concurrency is not None and options.concurrency < 1:
        complaint = "a concurrency limit is at least 1"
    elif options.visibility not in ("caller", "owner"):
        complaint = "visibility is caller or owner"
    elif len(options.requires) > _REQUIREMENTS_LIMIT:
        complaint = f"there are at most {_REQUIREMENTS_LIMIT} requirements"
    if complaint:
        raise Refused("invalid_request", f"The options of {name} are wrong: {complaint}.")
