"""The one table of errors: code, meaning, retryable or not, HTTP status, exit code, exception.

An error is a value (`Failure`) that travels; the client turns it into the exception that the table names. The page
``docs/reference/errors.md`` is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the table. `exit_code` is that of the command line; `exception` a name of the public Python API."""

    code: str
    meaning: str
    http_status: int
    exception: str
    retryable: bool = False
    exit_code: int = 1


_ROWS = (
    ErrorKind("function_error", "The function itself raised.", 424, "FunctionError", exit_code=3),
    ErrorKind("worker_lost", "The worker vanished while it ran the invocation.", 502, "WorkerLost", retryable=True),
    ErrorKind("invocation_timeout", "The function ran longer than its timeout.", 504, "InvocationTimeout"),
    ErrorKind("expired", "The invocation was not started before it expired.", 504, "InvocationTimeout"),
    ErrorKind("out_of_memory", "The function's process was killed for want of memory.", 507, "OutOfMemory"),
    ErrorKind("process_died", "The function's process ended (crash or exit).", 502, "WorkerLost", retryable=True),
    ErrorKind("no_worker", "No worker serves the function.", 503, "NoWorkerAvailable"),
    ErrorKind("stream_broken", "A stream's attempt was lost after items were delivered.", 502, "StreamBroken"),
    ErrorKind("bad_result", "The result could not be encoded, or is too large.", 502, "PlatformError"),
    ErrorKind("cancelled", "The invocation was cancelled.", 409, "InvocationCancelled"),
    ErrorKind("not_found", "No such thing, or you may not know of it.", 404, "NotFound"),
    ErrorKind("version_withdrawn", "The version is no longer served.", 410, "NotFound"),
    ErrorKind("gone", "Arguments and result were erased, or kept for their time; the record stays.", 410, "NotFound"),
    ErrorKind("invitation_closed", "It was accepted, declined or taken back, or has expired.", 410, "RequestError"),
    ErrorKind("permission_denied", "You may see it, but not do this.", 403, "PermissionDenied"),
    ErrorKind("unauthenticated", "A token is missing, unknown, expired or revoked.", 401, "PermissionDenied"),
    ErrorKind("invalid_arguments", "The arguments do not fit the interface.", 422, "InvalidArguments"),
    ErrorKind("invalid_request", "The request itself is malformed.", 400, "RequestError"),
    ErrorKind("method_not_allowed", "The resource does not take this method.", 405, "RequestError"),
    ErrorKind("too_large", "A body or value is over the limit.", 413, "RequestError"),
    ErrorKind(
        "quota_exceeded",
        "A limit of the account, or of what it was given, is reached.",
        429,
        "QuotaExceeded",
        retryable=True,
    ),
    ErrorKind("signature_changed", "The served interface is not the one you imported.", 409, "SignatureChanged"),
    ErrorKind("conflict", "The id or name is taken by something else.", 409, "RequestError"),
    ErrorKind("already_finished", "The invocation had finished before.", 409, "RequestError"),
    ErrorKind("not_finished", "The invocation goes on; cancel it first.", 409, "RequestError"),
    ErrorKind("outcome_unknown", "The id is older than the resume window; it is never rerun.", 409, "PlatformError"),
    ErrorKind("unsupported_protocol", "The two ends share no protocol version.", 426, "RequestError"),
    ErrorKind("hub_unavailable", "The hub can't commit now; try again.", 503, "PlatformError", retryable=True),
    ErrorKind("hub_unreachable", "No hub answers at the address.", 503, "HubUnreachable", retryable=True),
    ErrorKind("internal", "A defect of the platform; the hub's log has the detail.", 500, "PlatformError"),
)

ERRORS: dict[str, ErrorKind] = {row.code: row for row in _ROWS}


class Failure(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """An error as a value. `message` is one sentence; `hint` says what to do; the rest is set where it applies."""

    code: str
    message: str
    hint: str = ""
    remote_type: str = ""  # qualified name of what the function raised
    traceback: str = ""  # text, already freed of the platform's own frames
    problems: list[tuple[str, str]] = []  # (path, message) of each bad argument
    retry_after_seconds: float | None = None  # when the same may be accepted

    @property
    def kind(self) -> ErrorKind:
        """The row of the table; an unknown code counts as `internal`."""
        return ERRORS.get(self.code, ERRORS["internal"])


def without_words(failure: Failure) -> Failure:
    """The same kind of failure without what it said, which may quote arguments."""
    return Failure(failure.code, "What it said was erased.")


class Refused(Exception):
    """Raised inside the hub by a use case that says no; carries the failure that the caller shall see."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        problems: list[tuple[str, str]] | None = None,
        *,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = Failure(code, message, hint, problems=problems or [], retry_after_seconds=retry_after_seconds)

    @classmethod
    def of(cls, failure: Failure) -> Refused:
        """The exception that carries this very failure."""
        refusal = cls(failure.code, failure.message, failure.hint)
        refusal.failure = failure
        return refusal
