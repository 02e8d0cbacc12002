"""Which hub, and with which token. A token is only ever given out for the hub that it was issued for.

In this order: what `connect` was given; FARCALL_HUB with FARCALL_TOKEN; the hub of the project's `.farcall.toml`;
the hub of the last login. Tokens come from FARCALL_TOKEN (only for FARCALL_HUB) or from the login file, by hub.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from farcall.client.errors import FarcallError, from_failure
from farcall.domain.errors import Failure
from farcall.link.address import Address, BadAddress

PROJECT_FILE = ".farcall.toml"
_LOGINS = "logins.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A hub and the token to use there. `source` says where the hub was found."""

    address: Address
    token: str
    source: str

    def __repr__(self) -> str:
        return f"Credentials({self.address.url!r}, source={self.source!r})"


def find(
    url: str | None = None,
    token: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    login_file: Path | None = None,
) -> Credentials:
    """The hub and the token; raises HubUnreachable if no hub is named, PermissionDenied if there is no token for it."""
    environ = os.environ if environ is None else environ
    address, source = _hub(url, environ, directory or Path.cwd(), login_file)
    address = pinned(address, login_file)
    if token is not None:
        if url is None:
            raise _refused("A token was given without the hub it is for.", "Give the hub's URL with it.")
        return Credentials(address, _checked(token), source)
    named = environ.get("FARCALL_HUB")
    if environ.get("FARCALL_TOKEN") and named and _address(named, "FARCALL_HUB") == address:
        return Credentials(address, _checked(environ["FARCALL_TOKEN"]), source)
    known = logins(login_file).get(address.url)
    if known is None:
        raise from_failure(
            Failure(
                "unauthenticated",
                f"There is no token for the hub at {address.url}.",
                f"Log in: farcall login {address.url}",
            )
        )
    if address.fingerprint != _fingerprints(_read(login_file)).get(address.url, ""):
        raise _refused(
            f"The certificate that {source} names for {address.url} is not the one that you logged in to; "
            "the token is kept back.",
            f"If whoever runs the hub gave you that link, log in again: farcall login '{address.link}'",
        )
    return Credentials(address, known, source)


def _hub(url: str | None, environ: Mapping[str, str], directory: Path, login_file: Path | None) -> tuple[Address, str]:
    if url is not None:
        return _address(url, "the URL"), "argument"
    if environ.get("FARCALL_HUB"):
        return _address(environ["FARCALL_HUB"], "FARCALL_HUB"), "FARCALL_HUB"
    project = project_file(directory)
    if project is not None:
        named = _read_project(project).get("hub")
        if named is not None:
            return _address(named, str(project)), str(project)
    last = current(login_file)
    if last:
        return _address(last, "the login file"), "login"
    lonely = (
        " FARCALL_TOKEN is set, but it is only used together with FARCALL_HUB." if environ.get("FARCALL_TOKEN") else ""
    )
    hint = (
        "Say farcall login URL (farcall register makes an account, farcall up a hub on this machine), set FARCALL_HUB"
        " and FARCALL_TOKEN, or call farcall.connect(url, token)."
    )
    raise from_failure(Failure("hub_unreachable", f"No hub is known.{lonely}", hint))


def project_file(directory: Path) -> Path | None:
    """The `.farcall.toml` of the project that `directory` lies in, or None."""
    for place in (directory, *directory.parents):
        candidate = place / PROJECT_FILE
        if candidate.is_file():
            return candidate
    return None


def _read_project(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(f"{path} cannot be read: {error}.") from None
    if "token" in content:
        raise _refused(
            f"{path} holds a token. Projects are shared, so tokens do not belong there.", "farcall login keeps them."
        )
    return content


def address(url: str) -> Address:
    """Where a hub is, with the fingerprint that is known of it; raises RequestError."""
    return pinned(_address(url, "the URL"))


def _address(text: object, source: str) -> Address:
    try:
        return Address.parse(text if isinstance(text, str) else repr(text))
    except BadAddress as error:
        raise _refused(f"{source}: {error}.") from None


def _checked(token: str) -> str:
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise _refused("The token is empty, or holds characters that no token has.", "They look like farcall_pat_….")
    return token


def _refused(message: str, hint: str = "") -> FarcallError:
    return from_failure(Failure("invalid_request", message, hint))


# -- the login file ----------------------------------------------------------------------------------------------------


def login_path() -> Path:
    """Where logins are kept: one file in the user's configuration directory, readable for the user alone."""
    import platformdirs

    return platformdirs.user_config_path("farcall", appauthor=False) / _LOGINS


def logins(login_file: Path | None = None) -> dict[str, str]:
    """Tokens by the hub's URL."""
    known = _read(login_file).get("tokens")
    return {url: token for url, token in known.items() if isinstance(token, str)} if isinstance(known, dict) else {}


def current(login_file: Path | None = None) -> str:
    """The URL of the hub of the last login; empty if there is none."""
    last = _read(login_file).get("current")
    return last if isinstance(last, str) else ""


def pinned(address: Address, login_file: Path | None = None) -> Address:
    """The address with the fingerprint that its link said, or else the one that a login remembered."""
    known = _fingerprints(_read(login_file)).get(address.url)
    return address if address.fingerprint or not known else replace(address, fingerprint=known)


def _fingerprints(content: dict[str, Any]) -> dict[str, str]:
    known = content.get("fingerprints")
    return {url: text for url, text in known.items() if isinstance(text, str)} if isinstance(known, dict) else {}


def remember(url: str, token: str, login_file: Path | None = None) -> Address:
    """Keep a token for the hub at `url`, with the fingerprint that a link says, and make that hub the one in use."""
    address = _address(url, "the URL")
    content = _read(login_file)
    tokens = {**logins(login_file), address.url: _checked(token)}
    fingerprints = _fingerprints(content)
    if address.fingerprint:
        fingerprints[address.url] = address.fingerprint
    _write({**content, "current": address.url, "tokens": tokens, "fingerprints": fingerprints}, login_file)
    return address


def forget(url: str, login_file: Path | None = None) -> bool:
    """Drop the token for the hub at `url`; False if there was none."""
    address = _address(url, "the URL")
    content, tokens = _read(login_file), logins(login_file)
    if tokens.pop(address.url, None) is None:
        return False
    current = content.get("current")
    if current == address.url:
        current = next(reversed(tokens), None)
    _write({**content, "current": current, "tokens": tokens}, login_file)
    return True


def _read(login_file: Path | None) -> dict[str, Any]:
    path = login_file or login_path()
    try:
        _keep_private(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _refused(f"The login file {path} cannot be read: {error}.", "Remove it, and log in again.") from None
    return content if isinstance(content, dict) else {}


def _keep_private(path: Path) -> None:
    """Take away what others may do with the file; whoever changed that should know that its tokens may be known."""
    if os.name != "posix" or not stat.S_IMODE(path.stat().st_mode) & 0o077:
        return
    path.chmod(0o600)
    sys.stderr.write(
        f"{path} could be read by others; now it cannot. If somebody may have, revoke its tokens: farcall token list.\n"
    )


def _write(content: dict[str, Any], login_file: Path | None) -> None:
    path = login_file or login_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".logins-")  # made with 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
