"""`concurrent.futures.Executor` over functions that run elsewhere."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from farcall.client.function import RemoteFunction
from farcall.client.invocation import Invocation

if TYPE_CHECKING:
    from farcall.client.client import Client


class Executor(concurrent.futures.Executor):
    """Takes remote functions, or their full names, where other executors take functions."""

    def __init__(self, client: Client | None = None) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._closed = False
        self._under_way: WeakSet[Invocation] = WeakSet()

    def submit(self, fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Invocation:  # it also takes names
        """The call's handle, a Future. Raises TypeError for a function that is not in the catalog."""
        function = self._function(fn)
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            invocation = function.submit(*args, **kwargs)
            self._under_way.add(invocation)
        return invocation

    def map(  # every item is a call of its own, so chunks mean nothing
        self,
        fn: Callable[..., Any] | str,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """Results in the order of the items; `timeout` in seconds from now, for each to come."""
        if timeout is not None:
            return super().map(fn, *iterables, timeout=timeout)  # type: ignore[arg-type]  # submit() takes names
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        return self._function(fn).map(*iterables)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more; wait for what was submitted, or cancel it."""
        with self._lock:
            self._closed = True
            under_way = list(self._under_way)
        if cancel_futures:
            for invocation in under_way:
                invocation.cancel()
        if wait:
            concurrent.futures.wait(under_way)

    def _function(self, fn: Callable[..., Any] | str) -> RemoteFunction:
        if isinstance(fn, RemoteFunction):
            return fn
        if isinstance(fn, str):
            if self._client is None:
                from farcall.client.defaults import default_client

                self._client = default_client()
            return self._client.get(fn)
        name = getattr(fn, "__name__", repr(fn))
        raise TypeError(
            f"{name} is a function of this process; code does not travel. Serve it (farcall serve), and give the "
            "executor the imported function, or its full name."
        )
