"""Arguments and results between REST's JSON or msgpack and payloads.

JSON follows the interface. In msgpack, values are payloads as they are, so that nothing of their types is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from farcall import payload
from farcall.domain.binding import BindingError, bind, bind_named
from farcall.domain.errors import Refused
from farcall.domain.interface import Interface
from farcall.domain.units import converted
from farcall.hub.admission import invalid_arguments
from farcall.payload import WrongType

_encode_msgpack = msgspec.msgpack.Encoder().encode
_BLOB_DEPTH_LIMIT = 64


def arguments_of_json(
    name: str, interface: Interface, args: Mapping[str, Any] | list[Any], blob_sizes: Mapping[str, int]
) -> bytes:
    """The payload of bound arguments, in the units that the interface declares.

    Raises Refused (invalid_arguments) with the path of what does not fit. May take long if there are units.
    """
    bound = _bound(name, interface, args)
    if interface.converters:
        bound, problems = converted(interface, bound)
        if problems:
            failure = invalid_arguments(name, problems)
            raise Refused(failure.code, failure.message, failure.hint, failure.problems)
    try:
        return payload.from_json(bound, arguments_schema(interface), where="args", blob_size=blob_sizes.__getitem__)
    except WrongType as error:
        reason = str(error).removeprefix(f"{error.place}: ")
        hint = f"See farcall show {name}."
        raise Refused("invalid_arguments", f"{name}: {error}", hint, [(error.place, reason)]) from None


def arguments_schema(interface: Interface) -> dict[str, Any]:
    """All arguments as one object."""
    properties = {parameter.name: parameter.bound_schema for parameter in interface.parameters}
    return {"type": "object", "x-type": "dict", "properties": properties}


def arguments_of_msgpack(name: str, interface: Interface, args: msgspec.Raw) -> bytes:
    """The payload of bound arguments, each of which is a payload already; raises Refused (invalid_arguments)."""
    try:
        given = msgspec.msgpack.decode(args, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise Refused("invalid_request", f"'args' takes a map by name or an array by position: {error}.") from None
    bound = _bound(name, interface, given)
    try:
        return _encode_msgpack({key: _spliced(value) for key, value in bound.items()})
    except (payload.Unencodable, TypeError, ValueError) as error:
        raise Refused("invalid_arguments", f"{name}: {error}") from None


def _spliced(value: Any) -> Any:
    """Raw values stay; what binding added (defaults, the list of ``*args``) is encoded around them."""
    if isinstance(value, msgspec.Raw):
        return value
    if isinstance(value, list) and any(isinstance(item, msgspec.Raw) for item in value):
        return value
    if isinstance(value, dict) and any(isinstance(item, msgspec.Raw) for item in value.values()):
        return value
    return msgspec.Raw(payload.encode(value))


def _bound(name: str, interface: Interface, args: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    try:
        return bind(interface, args, {}, name) if isinstance(args, list) else bind_named(interface, args, name)
    except BindingError as error:
        raise Refused("invalid_arguments", f"{error}.", f"See farcall show {name}.", [("", str(error))]) from None


def blobs_named(value: Any, depth: int = 0) -> Iterator[str]:
    """The digest of every ``{"$blob": …}`` in a JSON value."""
    if depth > _BLOB_DEPTH_LIMIT:
        return
    if isinstance(value, dict):
        digest = value.get("$blob")
        if isinstance(digest, str):
            yield digest
        for item in value.values():
            yield from blobs_named(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from blobs_named(item, depth + 1)


def arguments_for(data: bytes, interface: Interface, as_msgpack: bool) -> Any:
    """The payload of bound arguments as it goes into an answer: values by name."""
    if as_msgpack:
        return msgspec.Raw(data)
    return payload.to_json(data, arguments_schema(interface))


def result_for(data: bytes, interface: Interface, as_msgpack: bool) -> Any:
    """A result's payload as it goes into an answer."""
    if as_msgpack:
        return msgspec.Raw(data)
    return payload.to_json(data, interface.result)
