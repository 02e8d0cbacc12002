"""Behind `farcall.catalog`: names of the hub as attributes and as importable modules, looked up when they are used.

`import farcall.catalog.alice.physics` asks nobody; `from farcall.catalog.alice.physics import free_fall` asks the hub
for that one name. Names that begin with `_` are never looked up, because tools probe for many.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from farcall.client.errors import FarcallError, NotFound, also
from farcall.client.neighbours import with_neighbours

if TYPE_CHECKING:
    from farcall.client.client import Client
    from farcall.client.function import RemoteFunction

ROOT = "farcall.catalog"


def find(client: Client, path: str) -> RemoteFunction | None:
    """The function at `path`, or None if it is a namespace; raises NotFound, and what a hub that is away raises."""
    if "/" not in path:
        return None  # a handle: nobody is asked before a name below it is wanted
    try:
        return client._get(path)
    except NotFound as error:
        if names_within(client, path):
            return None
        raise with_neighbours(error, client.rest, path) from None


def names_below(client: Client, path: str) -> list[str]:
    """The functions and namespaces right below a namespace, sorted; nothing if the hub cannot be asked."""
    prefix = f"{path}/" if path else ""
    try:
        known = names_within(client, path)
    except FarcallError:
        return []
    return sorted({name.removeprefix(prefix).partition("/")[0] for name in known if name.startswith(prefix)})


def names_within(client: Client, namespace: str) -> list[str]:
    """The full names of functions and namespaces below a namespace."""
    return [name for name in client._listing.below(namespace) if name != namespace]


class Namespace:
    """A namespace of one client's catalog."""

    def __init__(self, client: Callable[[], Client], path: str) -> None:
        self._client = client
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        path = f"{self._path}/{name}" if self._path else name
        try:
            function = find(self._client(), path)
        except FarcallError as error:
            raise also(error, AttributeError) from None
        return function if function is not None else Namespace(self._client, path)

    def __dir__(self) -> list[str]:
        return names_below(self._client(), self._path)

    def __repr__(self) -> str:
        return f"<catalog {self._path or '/'}>"


class CatalogModule(ModuleType):
    """A namespace of the default client's catalog, as a module.

    Names are looked up by functions in the module, as PEP 562 has it, not by methods of this class: shells complete
    ``physics.waves.`` only where a module's type has no `__getattr__` of its own.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Functions of {_path(name)}.")
        self.__dict__["__getattr__"] = partial(_looked_up, self)
        self.__dict__["__dir__"] = lambda: names_below(_client(), _path(name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """For those who wrote `import farcall.catalog.alice.free_fall`: it was a function after all."""
        return _client().get(_path(self.__name__))(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<catalog {_path(self.__name__)}>"


def _looked_up(module: CatalogModule, name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    try:
        function = find(_client(), f"{_path(module.__name__)}/{name}")
    except FarcallError as error:
        # `from … import name` swallows AttributeErrors and then imports: the finder says what was wrong.
        module.__dict__.setdefault("_missing", {})[name] = error
        raise also(error, AttributeError) from None
    return function if function is not None else importlib.import_module(f"{module.__name__}.{name}")


class CatalogFinder(MetaPathFinder, Loader):
    """Finds `farcall.catalog.…`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, name = fullname.rpartition(".")
        if not parent.startswith(ROOT) or parent[len(ROOT) :][:1] not in ("", ".") or name.startswith("_"):
            return None
        missing = getattr(sys.modules.get(parent), "__dict__", {}).get("_missing", {})
        error = missing.pop(name, None)
        if error is not None:
            raise also(error, ImportError)
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return CatalogModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run: names are looked up when they are used."""


def install() -> None:
    """Let the catalog be imported. Doing it again changes nothing."""
    if not any(isinstance(finder, CatalogFinder) for finder in sys.meta_path):
        sys.meta_path.append(CatalogFinder())


def handles() -> list[str]:
    """Whose functions there are."""
    return names_below(_client(), "")


def _client() -> Client:
    from farcall.client.defaults import default_client

    return default_client()


def _path(module: str) -> str:
    return module.removeprefix(ROOT).removeprefix(".").replace(".", "/")
