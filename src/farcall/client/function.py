"""A function that runs elsewhere, and feels local."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from farcall.client.about import documentation
from farcall.client.encoding import MustUpload, ResultReader, arguments_bytes, has_blobs, plain_value
from farcall.client.errors import FarcallError, from_failure
from farcall.client.invocation import Invocation, Route
from farcall.client.options import call_options
from farcall.client.streaming import Items, Stream
from farcall.domain.errors import Failure
from farcall.domain.interface import Interface
from farcall.domain.model import CallOptions
from farcall.wire.frames import Resolved

if TYPE_CHECKING:
    from farcall.client.client import Client
    from farcall.client.mapping import Map

WINDOW = 20_000  # calls of one `map` under way at once


class RemoteFunction:
    """Calls `name` through the hub. Immutable: `options` gives another one.

    `name` is the full name, `interface` what it takes and gives, as of the import. Calls are refused with
    SignatureChanged once its owner serves another interface.
    """

    def __init__(
        self, client: Client, name: str, resolved: Resolved, interface: Interface, options: CallOptions
    ) -> None:
        self._client = client
        self._resolved = resolved
        self._interface = interface
        self._options = options
        self._name = name
        read = ResultReader(interface, client._blobs)
        self._read = read
        settled = plain_value if interface.stream else read
        self._waited = Route(name, resolved.interface, options, False, settled, interface.stream)
        self._called = Route(name, resolved.interface, options, False, settled, interface.stream, reads=True)
        self._mapped = Route(name, resolved.interface, options, False, settled, interface.stream, patient=True)
        self._noted = Route(name, resolved.interface, options, True, settled, interface.stream)
        self._inline_limit_bytes = client._channel_now().welcome().inline_limit_bytes
        self.__name__ = resolved.name.rpartition("/")[2]
        self.__qualname__ = self.__name__
        self.__module__ = "farcall.catalog." + resolved.name.rpartition("/")[0].replace("/", ".")
        self.__doc__ = documentation(interface, resolved)
        self.__signature__ = interface.signature()
        self.__annotations__ = _annotations(self.__signature__)

    @property
    def name(self) -> str:
        """The full name, as it was asked for."""
        return self._name

    @property
    def interface(self) -> Interface:
        """What it takes and gives."""
        return self._interface

    @property
    def owner(self) -> str:
        """The handle of whoever serves it."""
        return self._resolved.owner

    @property
    def version(self) -> int:
        """The number of the version that was imported."""
        return self._resolved.version

    @property
    def deprecated(self) -> str:
        """What the owner tells callers of this version, as of the import; empty if it is not deprecated."""
        return self._resolved.deprecated

    # -- calling -------------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, wait, and return its value; a generator function gives an iterator. Raises FarcallError.

        Ctrl-C while waiting cancels the call.
        """
        if self._interface.stream:
            return self.stream(*args, **kwargs)
        invocation = self._start(self._called, args, kwargs)
        try:
            return invocation.result()
        except KeyboardInterrupt:
            invocation.cancel()
            raise

    def submit(self, *args: Any, **kwargs: Any) -> Invocation:
        """Send the call and return its handle at once. It goes on if this process ends."""
        return self._start(self._noted, args, kwargs)

    async def aio(self, *args: Any, **kwargs: Any) -> Any:
        """Call it from a coroutine; cancelling the task cancels the call."""
        try:
            invocation = self._start(self._waited, args, kwargs, may_upload=False)
        except MustUpload:
            invocation = await asyncio.to_thread(self._start, self._waited, args, kwargs)
        if self._interface.stream:
            return [item async for item in Stream(_items(invocation))]
        return await result_of(invocation)

    def map(
        self,
        *iterables: Any,
        ordered: bool = True,
        return_exceptions: bool = False,
        progress: bool | None = None,
        window: int = WINDOW,
    ) -> Map:
        """Call it with the items of the iterables, as the builtin `map` does, and iterate over the results.

        ordered: results in the order of the items, otherwise as they come. return_exceptions: errors take the place of
        results; otherwise the iterator raises at a bad item, and the others keep running. progress: a bar on stderr;
        None means after 2 s, if somebody watches. window: how many may be under way; iterables may be endless.

        Where a limit of calls per minute or in flight is reached, it waits for room and goes on.
        """
        from farcall.client.mapping import Map

        return Map(
            self, iterables, ordered=ordered, return_exceptions=return_exceptions, progress=progress, window=window
        )

    def stream(self, *args: Any, **kwargs: Any) -> Stream:
        """Iterate over what a generator function yields, as it comes; also with `async for`.

        Dropping or closing the iterator stops the function.
        """
        if not self._interface.stream:
            message = f"{self._name} gives one result, not a stream; call it."
            raise from_failure(Failure("invalid_request", message), self._name)
        return Stream(_items(self._start(self._waited, args, kwargs)), owned=True)

    def options(self, **options: Any) -> RemoteFunction:
        """The same function with options of the call: timeout, expires (seconds), queue, priority, key."""
        chosen = call_options(self._options, options)
        return RemoteFunction(self._client, self._name, self._resolved, self._interface, chosen)

    def _start(self, route: Route, args: Any, kwargs: Any, *, may_upload: bool = True) -> Invocation:
        client = self._client
        data = arguments_bytes(
            self._interface,
            self._name,
            args,
            kwargs,
            client._blobs,
            self._inline_limit_bytes,
            may_upload=may_upload,
        )
        channel = client._channel_now()
        identifier = (
            client._identifiers.keyed(channel, route.options.key) if route.options.key else client._identifiers.new()
        )
        invocation = Invocation(channel, identifier, route, data)
        if route.streams:
            invocation._items = Items(invocation, self._read)
        try:
            channel.submit(invocation)
        except BaseException:  # an interrupt: it may have been sent, and nobody will ask for it
            channel.cancel(identifier)
            raise
        return invocation

    def _begin(self, args: tuple[Any, ...]) -> Invocation:
        """One call of a map: what is wrong with its arguments is its own failure."""
        try:
            return self._start(self._mapped, args, {})
        except FarcallError as error:
            client = self._client
            invocation = Invocation(client._channel_now(), client._identifiers.new(), self._mapped, b"")
            invocation._refuse(error.failure)
            return invocation

    # -- looks ---------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<RemoteFunction {self._name}{self._interface.signature_text} by {self.owner}>"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """As an attribute of a class it is not bound: it takes no self."""
        return self


def _items(invocation: Invocation) -> Items:
    assert invocation._items is not None  # its route streams
    return invocation._items


def _annotations(signature: inspect.Signature) -> dict[str, Any]:
    found = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    }
    if signature.return_annotation is not inspect.Signature.empty:
        found["return"] = signature.return_annotation
    return found


async def result_of(invocation: Invocation) -> Any:
    """The result, in any running loop, without blocking it; cancelling the task cancels the call."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: Any) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if waiter.done() else waiter.set_result(None))
        except RuntimeError:
            pass  # that loop is closed: nobody waits there any more

    invocation.add_done_callback(wake)
    try:
        await waiter
    except asyncio.CancelledError:
        invocation.cancel()
        raise
    if has_blobs(invocation._raw):
        return await asyncio.to_thread(invocation.result)
    return invocation.result()
