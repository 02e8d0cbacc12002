"""Farcall: import a function that runs on someone else's machine. Their code stays there.

Here belong only the public names, handed out lazily so that `import farcall` stays fast. No logic, no work at import.
Nothing inside the package imports this module: it looks down on everything; below the command line nothing looks up.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farcall import catalog as catalog
    from farcall.authoring import Doc, Range, Retry, Term, Unit, current, function, log, progress, result, variable
    from farcall.client.client import Client
    from farcall.client.defaults import connect, get, invocation, login, share
    from farcall.client.deprecation import DeprecatedFunction
    from farcall.client.errors import (
        FarcallError,
        FunctionError,
        HubUnreachable,
        InvalidArguments,
        InvocationCancelled,
        InvocationTimeout,
        NotFound,
        NoWorkerAvailable,
        OutOfMemory,
        PermissionDenied,
        PlatformError,
        QuotaExceeded,
        RequestError,
        SignatureChanged,
        StreamBroken,
        WorkerLost,
    )
    from farcall.client.executor import Executor
    from farcall.client.function import RemoteFunction
    from farcall.client.invocation import Invocation
    from farcall.payload.values import FileContent, Record

__all__ = [
    "Client",
    "DeprecatedFunction",
    "Doc",
    "Executor",
    "FarcallError",
    "FileContent",
    "FunctionError",
    "HubUnreachable",
    "InvalidArguments",
    "Invocation",
    "InvocationCancelled",
    "InvocationTimeout",
    "NoWorkerAvailable",
    "NotFound",
    "OutOfMemory",
    "PermissionDenied",
    "PlatformError",
    "QuotaExceeded",
    "Range",
    "Record",
    "RemoteFunction",
    "RequestError",
    "Retry",
    "SignatureChanged",
    "StreamBroken",
    "Term",
    "Unit",
    "WorkerLost",
    "catalog",
    "connect",
    "current",
    "function",
    "get",
    "invocation",
    "log",
    "login",
    "progress",
    "result",
    "share",
    "variable",
]

__version__ = "0.1.0"

_WHERE = {
    "Client": "farcall.client.client",
    "DeprecatedFunction": "farcall.client.deprecation",
    "Executor": "farcall.client.executor",
    "FileContent": "farcall.payload.values",
    "Invocation": "farcall.client.invocation",
    "Record": "farcall.payload.values",
    "RemoteFunction": "farcall.client.function",
    **dict.fromkeys(
        ("Doc", "Range", "Retry", "Term", "Unit", "current", "function", "log", "progress", "result", "variable"),
        "farcall.authoring",
    ),
    **dict.fromkeys(("connect", "get", "invocation", "login", "share"), "farcall.client.defaults"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "catalog":
        return importlib.import_module("farcall.catalog")
    value = getattr(importlib.import_module(_WHERE.get(name, "farcall.client.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
