"""Pages of the reference that are made from tables in the code, so that they cannot lie.

``python -m farcall.testing.reference DIRECTORY`` writes them; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from farcall.domain.errors import ERRORS
from farcall.settings import PREFIXES, HubSettings, WorkerSettings

_MIB = 1024 * 1024
_DAY = 86_400


_ERRORS = """\
# Errors

Every refusal and every failure has one of these codes, wherever it shows: as `code` of a problem document in REST, as
`.code` of the exception in Python. Codes are stable.

*Try again* says whether the same request may succeed later without any change. The exit code is that of `farcall call`
and `farcall result`.

| code | meaning | HTTP status | exception in Python | try again | exit code |
|---|---|---|---|---|---|
{rows}

A problem document (RFC 9457) has `type`, `title` (the meaning above), `status`, `detail` (one sentence on this very
case), `code`, and where they apply `hint` (what to do), `invocation` (its id), `problems` (path and message of each bad
argument), `remote_type` and `traceback` (of what the function raised).
"""

_SETTINGS = """\
# Settings

A setting is taken from the command line, else from the environment, else from the TOML file that `--config` names, else
its default holds. What is unknown or wrong is refused in one sentence that names it.

Names end in their unit. In the environment a name is written in capitals after the prefix; in TOML it stands, as it is,
in the table.

```toml
[hub]
port = 8750
lease_seconds = 10.0

[worker]
slots = 4
```

## Hub

{hub}

## Worker

{worker}

## Client

| variable | meaning |
|---|---|
| `FARCALL_HUB` | Address of the hub; goes before the project's `.farcall.toml` and the last login. |
| `FARCALL_TOKEN` | The token for `FARCALL_HUB`, and for no other hub. |
"""


def errors_page() -> str:
    """The table of errors."""
    rows = [
        f"| `{kind.code}` | {kind.meaning} | {kind.http_status} | `{kind.exception}` "
        f"| {'yes' if kind.retryable else 'no'} | {kind.exit_code} |"
        for kind in ERRORS.values()
    ]
    return _ERRORS.format(rows="\n".join(rows))


def settings_page() -> str:
    """The tables of settings."""
    return _SETTINGS.format(hub=_table(HubSettings, "hub"), worker=_table(WorkerSettings, "worker"))


def _table(kind: type[HubSettings | WorkerSettings], table: str) -> str:
    lines = [f"Table `[{table}]`, prefix `{PREFIXES[kind]}`.", "", "| setting | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{field.name}` | {_default(field.name, field.default)} | {_meaning(field.type)} |"
        for field in msgspec.structs.fields(kind)
    ]
    return "\n".join(lines)


def _default(name: str, value: Any) -> str:
    if name == "data":
        return "`hub` in the user's data directory"
    if value == "":
        return "empty"
    if name.endswith("_bytes") and value % _MIB == 0:
        return f"{value} ({value // _MIB} MiB)"
    if name.endswith("_seconds") and value >= _DAY and value % _DAY == 0:
        return f"{value:.0f} ({value / _DAY:.0f} d)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _meaning(annotated: Any) -> str:
    """The description that the field's type carries."""
    for mark in reversed(getattr(annotated, "__metadata__", ())):
        if isinstance(mark, msgspec.Meta) and mark.description:
            return mark.description
    return ""


PAGES: dict[str, Callable[[], str]] = {"errors.md": errors_page, "settings.md": settings_page}


def write(directory: Path) -> None:
    """Write every page into the directory."""
    for name, render in PAGES.items():
        (directory / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
