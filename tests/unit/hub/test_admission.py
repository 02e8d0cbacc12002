from __future__ import annotations

from typing import Any

import pytest
from blake3 import blake3

from farcall import payload
from farcall.domain import access, ids
from farcall.domain.errors import Failure
from farcall.domain.interface import Interface
from farcall.domain.model import CallOptions, FunctionOptions, NewInvocation
from farcall.hub import ports
from farcall.hub.admission import Bounds, Call, Target, Terms, shorter

NOW = 1_800_000_000.0
BOB = access.Subject(7, "bob", False, 3, 1, frozenset({"invoke"}))
PLAIN, DECLARED = CallOptions(), FunctionOptions()
BOUNDS = Bounds(inline_limit_bytes=1_000, resume_window_seconds=3_600.0)
DOCUMENT = {
    "parameters": [
        {"name": "x", "schema": {"type": "number", "x-type": "float", "maximum": 10}},
        {"name": "n", "schema": {"type": "integer", "x-type": "int"}},
    ],
    "result": {"type": "number", "x-type": "float"},
}


def terms(options: CallOptions = PLAIN, declared: FunctionOptions = DECLARED) -> Terms:
    row = ports.VersionRow(
        5, 4, "alice/f", 2, "alice", 1, bytes(16), bytes(16), bytes(16), DOCUMENT, declared, NOW, newest=True
    )
    return Terms(BOB, Target(row, Interface.parse(DOCUMENT), 3, 0), options, BOUNDS)


def call(arguments: Any = None, *, at: float = NOW) -> Call:
    body = payload.encode({"x": 1.0, "n": 2} if arguments is None else arguments)
    return Call(ids.invocation_id(at, bytes(16)), body)


def refusal(of: Terms, what: Call) -> Failure:
    answer = of.admit(what, NOW)
    assert isinstance(answer, Failure)
    return answer


def admitted(of: Terms, what: Call) -> NewInvocation:
    answer = of.admit(what, NOW)
    assert isinstance(answer, NewInvocation)
    return answer


def test_what_is_admitted_bears_the_terms_of_its_submission() -> None:
    options = CallOptions(timeout_seconds=5.0, expires_seconds=60.0, queue=True, priority=1_000)
    item = admitted(terms(options, FunctionOptions(timeout_seconds=3.0, tries=2)), call())
    assert (item.version, item.caller, item.access_epoch) == (5, 7, 3)
    assert (item.timeout_seconds, item.expires_at, item.queue, item.priority) == (3.0, NOW + 60, True, 100)
    assert (item.tries_left, item.created_at, item.blobs) == (2, NOW, ())


def test_the_request_digest_covers_arguments_and_options() -> None:
    digests = {
        admitted(terms(), call()).request_digest,
        admitted(terms(), call({"x": 2.0, "n": 2})).request_digest,
        admitted(terms(CallOptions(priority=1)), call()).request_digest,
    }
    assert len(digests) == 3
    assert admitted(terms(), call()).request_digest in digests


def test_every_bad_argument_is_named_by_its_path() -> None:
    failure = refusal(terms(), call({"x": 11.0, "n": "two"}))
    assert failure.code == "invalid_arguments"
    assert [path for path, _ in failure.problems] == ["x", "n"]
    assert "and 1 more" in failure.message


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93\x01\x02\x03", b"\x81"])
def test_arguments_that_are_no_object_are_malformed(body: bytes) -> None:
    failure = refusal(terms(), Call(call().id, body))
    assert failure.code == "invalid_arguments"
    assert "malformed" in failure.message


def test_arguments_over_the_limit_are_too_large_for_a_frame() -> None:
    failure = refusal(terms(), call({"x": 1.0, "n": 2, "more": "a" * 1_000}))
    assert failure.code == "too_large"
    assert "blobs" in failure.hint


def test_an_id_of_another_length_is_refused_before_anything_is_read() -> None:
    assert refusal(terms(), Call(bytes(21), b"\xc1")).code == "invalid_request"


def test_an_id_older_than_the_resume_window_is_never_run() -> None:
    assert refusal(terms(), call(at=NOW - 3_601)).code == "outcome_unknown"
    admitted(terms(), call(at=NOW - 3_599))


def test_an_id_from_the_future_speaks_of_the_clock() -> None:
    assert "clock" in refusal(terms(), call(at=NOW + 200_000)).hint
    admitted(terms(), call(at=NOW + 3_600))  # clocks differ


def test_a_key_goes_with_the_id_that_is_made_from_it_and_with_no_other() -> None:
    keyed = terms(CallOptions(key="monthly"))
    body = call().arguments
    assert admitted(keyed, Call(ids.keyed_id("bob", "monthly"), body)).key == "monthly"
    for identifier in (ids.keyed_id("bob", "weekly"), ids.keyed_id("alice", "monthly"), call().id):
        assert refusal(keyed, Call(identifier, body)).code == "invalid_request"
    assert refusal(terms(), Call(ids.keyed_id("bob", "monthly"), body)).code == "invalid_request"


def test_blobs_that_arguments_name_are_said() -> None:
    held: list[str] = []

    class Sink:
        def put(self, data: bytes | memoryview) -> str:
            held.append("blake3:" + blake3(data).hexdigest())
            return held[-1]

    document = {"parameters": [{"name": "x", "schema": {"x-type": "bytes"}}], "result": {}}
    row = ports.VersionRow(
        5, 4, "alice/f", 2, "alice", 1, bytes(16), bytes(16), bytes(16), document, FunctionOptions(), NOW, newest=True
    )
    target = Target(row, Interface.parse(document), 3, 0)
    body = payload.encode({"x": bytes(300_000)}, blobs=Sink())
    item = admitted(Terms(BOB, target, CallOptions(), BOUNDS), Call(call().id, body))
    assert list(item.blobs) == held
    assert len(held) == 1


def test_the_shorter_of_two_limits_holds_and_none_is_no_limit() -> None:
    assert [shorter(None, None), shorter(1.0, None), shorter(None, 2.0), shorter(3.0, 2.0)] == [None, 1.0, 2.0, 2.0]
