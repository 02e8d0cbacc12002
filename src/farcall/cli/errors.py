"""What goes wrong, as one sentence on stderr with what to do about it, and an exit code."""

from __future__ import annotations

import traceback

from farcall.cli.output import say
from farcall.domain.errors import ERRORS

DEFECT = 1


def report(error: BaseException, debug: bool) -> int:
    """Say what went wrong; returns the exit code. The traceback of this program shows only if `debug`."""
    if debug:
        say("".join(traceback.format_exception(error)), err=True, nl=False)
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in ERRORS:
        _say(_sentence(error))
        return ERRORS[code].exit_code
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        _say(f"{error.filename}: {error.strerror}.")
        return 1
    if isinstance(error, OSError | ValueError | TimeoutError | ImportError):
        _say(str(error) or type(error).__name__)
        return 1
    _say(f"{type(error).__name__}: {error}")
    if not debug:
        say("That is a defect of farcall. farcall --debug … shows where; please report it.", err=True)
    return DEFECT


def _say(text: str) -> None:
    say(f"Error: {text}", err=True)


def _sentence(error: BaseException) -> str:
    """What the function raised is named with its type and its traceback; everything else words itself."""
    failure = getattr(error, "failure", None)
    if failure is None or failure.code != "function_error":
        return str(error)
    kind = failure.remote_type.removeprefix("builtins.")
    text = f"{getattr(error, 'function', '') or 'the function'} raised {kind}: {failure.message}"
    if failure.traceback:
        lines = failure.traceback.rstrip().splitlines()
        text += "\n" + "\n".join(f"  {line}" for line in lines)
    return text
