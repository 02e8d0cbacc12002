"""REST bodies about accounts, logins, passwords and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from farcall.wire.rest import Handle, Path, Question, Text

Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254, examples=["alice@example.org"])]
Password = Annotated[str, msgspec.Meta(max_length=1024)]
ScopeName = Literal["invoke", "serve", "deploy", "manage", "admin"]


class Account(msgspec.Struct):
    handle: str
    email: str
    admin: bool
    disabled: bool
    created_at: datetime
    confirmed: bool  # the address is known to be theirs


class NewAccount(Question, frozen=True):
    """Administrators need no password; others register with one. `invitation`: the secret of an invitation's link."""

    handle: Handle
    email: Email
    admin: bool = False
    password: Password = ""
    invitation: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Confirmation(Question, frozen=True):
    """`email`: the address to give to the account; without it the one that it has."""

    email: Annotated[str, msgspec.Meta(max_length=254)] = ""


class Login(Question, frozen=True):
    """`name` is a handle or an e-mail address. `admin` asks for a token that may administer the hub."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    password: Password
    label: Text = ""
    admin: bool = False


class NewPassword(Question, frozen=True):
    """`old` is needed if there is one."""

    new: Password
    old: Password = ""


class Me(msgspec.Struct):
    """Who is speaking, and what the token may do."""

    handle: str
    email: str
    confirmed: bool
    admin: bool
    scopes: list[str]
    only: list[str]
    expires_at: datetime | None = None


class Token(msgspec.Struct):
    """A token without its text."""

    id: int
    label: str
    scopes: list[str]
    only: list[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class NewToken(Question, frozen=True):
    """Without `scopes`: the everyday ones of the asking token. `only` limits it to functions and namespaces."""

    label: Text = ""
    scopes: list[ScopeName] = []  # noqa: RUF012 a Struct copies it
    only: Annotated[list[Path], msgspec.Meta(max_length=100)] = []  # noqa: RUF012 a Struct copies it
    expires_at: datetime | None = None


class TokenCreated(msgspec.Struct):
    """The only answer that ever holds the token's text."""

    id: int
    token: str
    scopes: list[str]
    only: list[str]
    expires_at: datetime | None = None


class AccountCreated(msgspec.Struct):
    account: Account
    token: TokenCreated


class Proof(Question, frozen=True):
    """`secret` is what follows /confirm/ in the link that was mailed."""

    secret: Annotated[str, msgspec.Meta(max_length=200)]


class LetterWish(Question, frozen=True):
    email: Email


class Reset(Question, frozen=True):
    """`secret` is what follows /reset/ in the link that was mailed."""

    secret: Annotated[str, msgspec.Meta(max_length=200)]
    password: Password


class AccountPending(msgspec.Struct):
    """The address has to be proved first: a link was mailed there. The answer is the same if it has an account."""

    handle: str
    detail: str
