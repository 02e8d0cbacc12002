"""The catalog of the hub, to be imported from: ``from farcall.catalog.alice.physics import free_fall``.

Everything below is looked up at the hub when it is used; see `farcall.client.catalog`. A directory, although this is
its only file: shells complete imports only below what looks like one.
"""

import importlib as _importlib
from typing import Any as _Any

from farcall.client import catalog as _catalog

__path__ = []  # what is below is not in this directory: the finder makes it

_catalog.install()


def __getattr__(name: str) -> _Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return _catalog.handles()
