"""That a version will go is said once per process: whoever imports it sees why and what to use instead."""

from __future__ import annotations

import warnings

from farcall.authoring.harmless import harmless_line

_told: set[tuple[str, str]] = set()


class DeprecatedFunction(UserWarning):
    """The owner of an imported function has deprecated this version of it. Shown by default."""


def warn_deprecated(function: str, message: str) -> None:
    """Warn about a version, named in full, unless this process has said the same before."""
    if (function, message) not in _told:
        _told.add((function, message))
        warnings.warn(f"{function} is deprecated: {harmless_line(message)}", DeprecatedFunction, stacklevel=3)
