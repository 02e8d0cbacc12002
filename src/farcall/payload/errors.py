"""What goes wrong between values and bytes."""


class Unencodable(TypeError):
    """A value cannot travel. `place` names where it is, such as ``args["x"][3]``; `type_name` its type."""

    def __init__(self, place: str, type_name: str, reason: str = "this type cannot travel") -> None:
        super().__init__(f"{place}: {type_name}: {reason}")
        self.place = place
        self.type_name = type_name
        self.reason = reason


class MalformedPayload(ValueError):
    """The bytes are no payload, or break one of the format's limits."""


class BlobMissing(MalformedPayload):
    """The payload names a blob, and no source of blobs was given to decode it."""


class WrongType(MalformedPayload):
    """The payload is sound, but the value at `place` does not fit the type that was asked for."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
