"""Every row of the table of errors has its exception."""

from __future__ import annotations

import builtins
import pickle

import pytest

import farcall
from farcall.client import errors
from farcall.domain.errors import ERRORS, Failure


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_each_code_has_the_exception_that_the_table_names(code: str) -> None:
    error = errors.from_failure(Failure(code, "It went wrong.", "Do this."), "alice/f", "inv_1")
    assert type(error).__name__ == ERRORS[code].exception
    assert type(error) is getattr(farcall, ERRORS[code].exception)
    assert (error.code, error.hint, error.function, error.invocation_id) == (code, "Do this.", "alice/f", "inv_1")
    assert isinstance(error, errors.FarcallError)
    if code != "function_error":
        assert str(error) == "It went wrong. Do this."


def test_a_code_of_a_later_version_is_a_platform_error() -> None:
    assert type(errors.from_failure(Failure("new_trouble", "Oh."))) is errors.PlatformError


@pytest.mark.parametrize("name", sorted(errors.ALSO_BUILTIN))
def test_builtin_exceptions_of_functions_can_be_caught_as_such(name: str) -> None:
    error = errors.from_failure(Failure("function_error", "it is bad", "", name, "Traceback: …"))
    assert isinstance(error, getattr(builtins, name))
    assert isinstance(error, errors.FunctionError)
    assert error.args == ("it is bad",)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own, from a line above
    assert type(again) is type(error)


@pytest.mark.parametrize(
    "name",
    [
        "StopIteration",
        "GeneratorExit",
        "KeyboardInterrupt",
        "SystemExit",
        "UnicodeDecodeError",
        "os.system",
        "mine.Odd",
        "",
    ],
)
def test_other_exceptions_of_functions_are_function_errors_only(name: str) -> None:
    assert type(errors.from_failure(Failure("function_error", "x", "", name))) is errors.FunctionError


def test_the_families_are_those_of_the_surface() -> None:
    assert not issubclass(errors.InvocationTimeout, TimeoutError)
    for kind in (
        errors.WorkerLost,
        errors.OutOfMemory,
        errors.NoWorkerAvailable,
        errors.StreamBroken,
        errors.InvocationTimeout,
    ):
        assert issubclass(kind, errors.PlatformError)
    for kind in (
        errors.NotFound,
        errors.PermissionDenied,
        errors.InvalidArguments,
        errors.QuotaExceeded,
        errors.SignatureChanged,
    ):
        assert issubclass(kind, errors.RequestError)


def test_what_a_worker_wrote_does_not_speak_to_the_terminal() -> None:
    hostile = "bad\x1b[2J\u202e"
    failure = Failure("function_error", hostile, hostile, "ValueError", f"Traceback:\n  {hostile}\n")
    error = errors.from_failure(failure, "alice/f")
    for shown in (str(error), repr(error), str(errors.from_failure(Failure("not_found", hostile, hostile)))):
        assert r"bad\x1b[2J\u202e" in shown
        assert not set("\x1b\u202e") & set(shown)
    assert error.failure.message == hostile  # for programs it is what it was
