"""REST bodies about groups."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from farcall.wire.rest import Handle, Question
from farcall.wire.rest_people import Email

Role = Literal["member", "manager"]


class Member(msgspec.Struct):
    handle: str
    role: Role


class Group(msgspec.Struct):
    """`role` is yours in it; empty for an administrator who is no member."""

    handle: str
    role: Literal["", "member", "manager"]
    members: list[Member]
    created_at: datetime


class NewGroup(Question, frozen=True):
    handle: Annotated[Handle, msgspec.Meta(examples=["lab"])]


class NewMember(Question, frozen=True):
    """A member calls and serves everything below the group's handle; a manager manages there too."""

    role: Role = "member"


class NewGroupInvitation(Question, frozen=True):
    """Whoever has the address may join, with an account or by making one."""

    email: Email
    role: Role = "member"
