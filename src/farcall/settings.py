"""Frozen settings of hub and worker, from defaults, a TOML file, the environment and the command line, in that order.

Nothing is read at import. ``docs/reference/settings.md`` is made from the fields below.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Bytes = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=1)]

MIB = 1024 * 1024
TABLES = ("hub", "worker")
_SECRET = frozenset({"smtp_password"})  # never shown
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class SettingsError(ValueError):
    """A setting is unknown or wrong; the message is one sentence that names it, and where it was found."""


class HubSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hub. Environment: FARCALL_HUB_ and the name in capitals; TOML: table `hub`."""

    data: Annotated[str, Meta(description="Directory of everything that the hub keeps.")] = ""
    host: Annotated[
        str, Meta(description="Address to listen on; :: or 0.0.0.0 for all; empty: this machine alone.")
    ] = ""
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 picks a free one.")] = 8750
    public_url: Annotated[
        str, Meta(description="What links to the hub begin with; empty: the address it listens on.")
    ] = ""
    smtp_host: Annotated[str, Meta(description="Mail server for invitations; empty: none are mailed.")] = ""
    smtp_port: Annotated[int, Meta(ge=1, le=65535, description="Its port.")] = 587
    smtp_user: Annotated[str, Meta(description="Whom to log in as there; empty: without login.")] = ""
    smtp_password: Annotated[str, Meta(description="The password for that; better in the environment.")] = ""
    smtp_security: Annotated[
        Literal["none", "starttls", "tls"], Meta(description="How the connection to it is kept private.")
    ] = "starttls"
    smtp_timeout_seconds: Annotated[Positive, Meta(description="How long sending one e-mail may take.")] = 20.0
    mail_from: Annotated[str, Meta(description="Sender of e-mail, such as Farcall <farcall@lab.org>.")] = ""
    tell_owners: Annotated[
        bool, Meta(description="E-mail to owners whose function others call while no worker serves it.")
    ] = True
    invitation_seconds: Annotated[
        Positive, Meta(description="How long an invitation can be accepted; a grant's own end may come first.")
    ] = 30 * 86_400.0
    invitations_per_day: Annotated[
        int, Meta(ge=0, description="How many invitations an account may make in 24 hours.")
    ] = 200
    tls_certificate: Annotated[str, Meta(description="Certificate (chain) in PEM, to listen with TLS.")] = ""
    tls_key: Annotated[str, Meta(description="The certificate's private key in PEM.")] = ""

    registration: Annotated[
        Literal["open", "invitation", "closed"],
        Meta(description="Who may make an account: anybody, who was invited, or administrators alone."),
    ] = "invitation"
    trusted_proxies: Annotated[
        str, Meta(description="Addresses, with commas, of proxies whose X-Forwarded-For says who is asking; * for any.")
    ] = ""
    tokens_per_account: Annotated[Count, Meta(description="Tokens that an account may have made for itself.")] = 1_000
    groups_per_account: Annotated[Count, Meta(description="Groups that an account may make.")] = 100
    shares_per_account: Annotated[
        Count, Meta(description="Shares that an account may give, with the invitations that wait.")
    ] = 10_000
    namespaces_per_handle: Annotated[Count, Meta(description="Namespaces that are made below a handle.")] = 10_000
    functions_per_handle: Annotated[Count, Meta(description="Functions and links below a handle.")] = 100_000
    versions_per_function: Annotated[Count, Meta(description="Versions of one function.")] = 10_000

    heartbeat_seconds: Annotated[Positive, Meta(description="How often workers give a sign of life.")] = 2.0
    lease_seconds: Annotated[Positive, Meta(description="How long a worker's attempts hold without one.")] = 10.0
    lease_margin_seconds: Annotated[
        Seconds,
        Meta(description="Counted on top of a lease before its attempt is taken to have stopped."),
    ] = 2.0
    resume_grace_seconds: Annotated[
        Seconds, Meta(description="How long the attempts of a disconnected worker wait for it to come back.")
    ] = 30.0
    no_worker_grace_seconds: Annotated[
        Seconds, Meta(description="How long calls wait for a function whose last worker has just gone.")
    ] = 5.0
    prefetch_seconds: Annotated[
        Seconds, Meta(description="Work that is sent ahead to a worker, by the measured time of its function.")
    ] = 0.005
    window_items: Annotated[Count, Meta(description="Invocations held in memory; the rest is in the store.")] = 65_536
    window_bytes: Annotated[Bytes, Meta(description="Arguments held in memory.")] = 256 * MIB

    linger_seconds: Annotated[
        Seconds, Meta(description="How long a commit that nobody waits for may wait for company.")
    ] = 0.002
    inline_limit_bytes: Annotated[Bytes, Meta(description="Arguments or result in a frame; above, as a blob.")] = MIB
    blob_limit_bytes: Annotated[Bytes, Meta(description="Largest blob.")] = 1024 * MIB
    blob_pin_seconds: Annotated[
        Positive, Meta(description="How long an upload is kept without an invocation that names it.")
    ] = 3600.0
    body_limit_bytes: Annotated[Bytes, Meta(description="Largest body of a REST request that is no blob.")] = 16 * MIB
    default_wait_seconds: Annotated[
        Seconds, Meta(description="How long a REST call waits for its result unless it says.")
    ] = 30.0
    wait_limit_seconds: Annotated[Seconds, Meta(description="The most that a REST call may ask to wait.")] = 300.0

    retention_seconds: Annotated[
        Positive, Meta(description="How long arguments and results are kept; records stay.")
    ] = 30 * 86_400.0
    resume_window_seconds: Annotated[
        Positive, Meta(description="The oldest id that may still be submitted; above: outcome unknown.")
    ] = 86_400.0
    housekeeping_seconds: Annotated[Positive, Meta(description="Pause between rounds of collection.")] = 300.0

    def __post_init__(self) -> None:
        if self.lease_seconds < 2 * self.heartbeat_seconds:
            raise ValueError("`lease_seconds` must be at least twice `heartbeat_seconds`")
        if bool(self.tls_certificate) is not bool(self.tls_key):
            raise ValueError("`tls_certificate` and `tls_key` go together")
        if self.public_url and not self.public_url.startswith(("http://", "https://")):
            raise ValueError("`public_url` begins with http:// or https://")
        if self.smtp_host and "@" not in self.mail_from:
            raise ValueError("`smtp_host` takes a `mail_from`, such as Farcall <farcall@lab.org>")
        if self.smtp_user and self.smtp_security == "none" and self.smtp_host not in _THIS_MACHINE:
            raise ValueError("`smtp_user` with `smtp_security` none would show the password to the network")

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in _SECRET)
        return f"HubSettings({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in _SECRET]


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The worker. Environment: FARCALL_WORKER_ and the name in capitals; TOML: table `worker`."""

    name: Annotated[str, Meta(max_length=200, description="Name of the worker; empty: the machine's.")] = ""
    slots: Annotated[int, Meta(ge=0, le=4096, description="Calls at once; 0: one per core.")] = 0
    credit_per_slot: Annotated[Count, Meta(description="Attempts taken ahead per slot, at most.")] = 512
    kill_grace_seconds: Annotated[
        Seconds, Meta(description="Between the interrupt of a cancelled call and its kill.")
    ] = 2.0
    drain_seconds: Annotated[Seconds, Meta(description="How long a stopping worker lets running calls finish.")] = 30.0
    connect_patience_seconds: Annotated[
        Seconds, Meta(description="How long the first connection may fail before the worker gives up.")
    ] = 0.0
    blob_limit_bytes: Annotated[Bytes, Meta(description="Largest blob that is fetched or sent.")] = 1024 * MIB
    blob_cache_limit_bytes: Annotated[Bytes, Meta(description="Blobs kept on this machine.")] = 4096 * MIB


Settings = TypeVar("Settings", HubSettings, WorkerSettings)

PREFIXES: dict[type[HubSettings | WorkerSettings], str] = {
    HubSettings: "FARCALL_HUB_",
    WorkerSettings: "FARCALL_WORKER_",
}


def load_hub(
    config: Path | None = None, *, environ: Mapping[str, str] | None = None, **overrides: object
) -> HubSettings:
    """Settings of the hub; `overrides` that are None do not count. Raises SettingsError."""
    if not overrides.get("data"):
        overrides["data"] = None
    settings = load(HubSettings, "hub", config, environ, overrides)
    return settings if settings.data else msgspec.structs.replace(settings, data=str(default_data_directory()))


def load_worker(
    config: Path | None = None, *, environ: Mapping[str, str] | None = None, **overrides: object
) -> WorkerSettings:
    """Settings of a worker; `overrides` that are None do not count. Raises SettingsError."""
    return load(WorkerSettings, "worker", config, environ, overrides)


def default_data_directory() -> Path:
    """Where a hub keeps what it has if nobody says."""
    import platformdirs

    return platformdirs.user_data_path("farcall", appauthor=False) / "hub"


def load(
    kind: type[Settings],
    table: str,
    config: Path | None,
    environ: Mapping[str, str] | None,
    overrides: Mapping[str, object],
) -> Settings:
    """Defaults, then `table` of the TOML file, then the environment, then `overrides`. Raises SettingsError."""
    values: dict[str, Any] = {}
    for name, value in (_from_file(config, table) if config is not None else {}).items():
        values[name] = _checked(kind, name, value, f"{config}, table [{table}]", strict=True)
    for variable, name, text in _from_environment(kind, os.environ if environ is None else environ):
        values[name] = _checked(kind, name, text, f"the environment variable {variable}", strict=False)
    for name, value in overrides.items():
        if value is not None:
            given = str(value) if isinstance(value, Path) else value
            values[name] = _checked(kind, name, given, "the command line", strict=True)
    try:
        return kind(**values)
    except ValueError as error:
        raise SettingsError(f"The settings of the {table} contradict each other: {error}.") from None


def _from_file(path: Path, table: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from None
    for name in document:
        if name not in TABLES:
            raise SettingsError(f"{path} has an unknown table [{name}]; there are {_listed(TABLES)}.")
    found = document.get(table, {})
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: {table} is no table; write [{table}].")
    return found


def _from_environment(kind: type[Settings], environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(variable, name of the setting, text) of every variable with the kind's prefix."""
    prefix = PREFIXES[kind]
    found = []
    for variable, text in sorted(environ.items()):
        if variable.startswith(prefix):
            name = variable.removeprefix(prefix).lower()
            if name not in kind.__struct_fields__:
                raise _unknown(kind, name, "the environment", lambda known: prefix + known.upper(), variable)
            found.append((variable, name, text))
    return found


def _checked(kind: type[Settings], name: str, value: object, place: str, *, strict: bool) -> Any:
    for field in msgspec.structs.fields(kind):
        if field.name == name:
            try:
                return msgspec.convert(value, field.type, strict=strict)
            except msgspec.ValidationError as error:
                reason = str(error)
                raise SettingsError(f"{name} in {place} is wrong: {reason[:1].lower()}{reason[1:]}.") from None
    raise _unknown(kind, name, place, str, name)


def _unknown(kind: type[Settings], name: str, place: str, spell: Any, given: str) -> SettingsError:
    near = difflib.get_close_matches(name, kind.__struct_fields__, n=1)
    hint = f"; did you mean {spell(near[0])}?" if near else "; see docs/reference/settings.md."
    return SettingsError(f"There is no setting {given} (in {place}){hint}")


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"[{name}]" for name in names)
