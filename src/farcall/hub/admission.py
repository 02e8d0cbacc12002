"""What may become an invocation: the size, the arguments and the age of one call, under the terms of its submission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from blake3 import blake3

from farcall import payload
from farcall.domain import access
from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure
from farcall.domain.interface import Interface
from farcall.domain.model import ID_BYTES, CallOptions, NewInvocation
from farcall.domain.validation import Problem
from farcall.hub import ports
from farcall.hub.quotas import Quota
from farcall.wire import frames

_FUTURE_TOLERANCE_SECONDS = 86_400.0
_PRIORITY_LIMIT = 100
_KEY_LIMIT = 255


@dataclass(slots=True)
class Target:
    """A version as one subject may call it, resolved once and good for as long as both epochs hold."""

    row: ports.VersionRow
    interface: Interface
    access_epoch: int
    catalog_epoch: int
    quota: Quota | None = None  # None: nothing is limited
    terms: Terms | None = None  # of the latest submission: the next one is nearly always made under the same


@dataclass(slots=True)
class Call:
    """One item of a submission: an id made by the caller, and the canonical payload of the bound arguments."""

    id: bytes
    arguments: bytes


@dataclass(slots=True, frozen=True)
class Bounds:
    """What a hub takes: the size of arguments that travel in a frame, and how old an id may be."""

    inline_limit_bytes: int
    resume_window_seconds: float


class Terms:
    """What holds for all calls of a subject with the same options; `wrong` says why there can be none."""

    def __init__(self, subject: access.Subject, target: Target, options: CallOptions, bounds: Bounds) -> None:
        declared = target.row.options
        self.options = options
        self.wrong = _wrong_options(options)
        self._subject = subject
        self._target = target
        self._bounds = bounds
        self._timeout = shorter(declared.timeout_seconds, options.timeout_seconds)
        self._queue = declared.queue if options.queue is None else options.queue
        self._priority = max(-_PRIORITY_LIMIT, min(_PRIORITY_LIMIT, options.priority))
        # What the request digest covers beside the arguments.
        self._salt = subject.key.to_bytes(8, "big") + target.row.digest + _encode_options(options)

    def admit(self, call: Call | frames.SubmitItem, now_wall_seconds: float) -> NewInvocation | Failure:
        """The invocation that this call asks for, or why there is none. Whether its blobs may be named is not asked."""
        arguments = call.arguments
        row = self._target.row
        options = self.options
        failure = self._malformed(call) or self._bad_arguments(arguments) or self._wrong_age(call.id, now_wall_seconds)
        if failure is not None:
            return failure
        references = payload.blob_digests(arguments)
        return NewInvocation(
            call.id,
            row.version,
            self._subject.key,
            arguments,
            blake3(self._salt + arguments).digest(16),
            now_wall_seconds,
            self._priority,
            self._timeout,
            None if options.expires_seconds is None else now_wall_seconds + options.expires_seconds,
            self._queue,
            row.options.tries,
            self._subject.access_epoch,
            tuple(digest for digest, _ in references) if references else (),
            options.key,
        )

    def _malformed(self, call: Call | frames.SubmitItem) -> Failure | None:
        limit = self._bounds.inline_limit_bytes
        if len(call.id) != ID_BYTES:
            return Failure("invalid_request", f"An invocation id has {ID_BYTES} bytes, not {len(call.id)}.")
        if len(call.arguments) > limit:
            return Failure(
                "too_large",
                f"The arguments take {len(call.arguments)} bytes; at most {limit} travel in a frame.",
                "Send large values as blobs.",
            )
        return None

    def _bad_arguments(self, arguments: bytes) -> Failure | None:
        try:
            view = payload.plain(arguments)
            if type(view) is not dict:
                raise payload.MalformedPayload("arguments are an object of values by name")
            problems = self._target.interface.validate(view)
        except payload.MalformedPayload as error:
            return Failure("invalid_arguments", f"The arguments are malformed: {error}")
        return invalid_arguments(self._target.row.name, problems) if problems else None

    def _wrong_age(self, identifier: bytes, now_wall_seconds: float) -> Failure | None:
        """Ids that follow from a key stand outside time; all others say when they were made."""
        key = self.options.key
        age = now_wall_seconds - identifiers.created_seconds(identifier)
        if -_FUTURE_TOLERANCE_SECONDS < age < self._bounds.resume_window_seconds:
            return _not_from_key() if key else None
        if identifiers.is_keyed(identifier):
            ours = key and identifier == identifiers.keyed_id(self._subject.handle, key)
            return None if ours else _not_from_key()
        if age < 0:
            return Failure("invalid_request", "The id claims a time that lies in the future.", "Set the clock.")
        return Failure(
            "outcome_unknown",
            "The invocation is older than the resume window; whether it ran is no longer known.",
            "It was not run again. Look at its effects, then call anew.",
        )


def _not_from_key() -> Failure:
    return Failure("invalid_request", "The id was not made from the key.")


def _wrong_options(options: CallOptions) -> Failure | None:
    """What a call may not ask for."""
    for name, seconds in (("timeout", options.timeout_seconds), ("expires", options.expires_seconds)):
        if seconds is not None and not 0 < seconds < float("inf"):
            return Failure("invalid_request", f"{name} is a number of seconds above 0, not {seconds}.")
    if len(options.key) > _KEY_LIMIT:
        return Failure("invalid_request", f"An idempotency key has at most {_KEY_LIMIT} characters.")
    return None


def shorter(one: float | None, other: float | None) -> float | None:
    """The shorter of two limits, None being no limit."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def invalid_arguments(name: str, problems: Sequence[Problem]) -> Failure:
    """One failure that lists every bad argument with its path."""
    pairs = [(problem.path, problem.message) for problem in problems]
    first = f"{pairs[0][0]}: {pairs[0][1]}" if pairs[0][0] else pairs[0][1]
    more = f" (and {len(pairs) - 1} more)" if len(pairs) > 1 else ""
    return Failure("invalid_arguments", f"{name}: {first}{more}", f"See farcall show {name}.", problems=pairs)


_encode_options = msgspec.msgpack.Encoder().encode
