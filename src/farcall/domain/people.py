"""Rules of what people choose: handles that imitate nobody, e-mail addresses, passwords that hold.

All of them answer with a value in its one way of being written, or raise a sentence that says why not.
"""

from __future__ import annotations

import re
import unicodedata

from farcall.authoring.names import RESERVED, BadName, space_name

__all__ = ["BadName", "email", "handle", "masked", "own_handle", "password", "weakness"]

# Who speaks for the hub, or for nobody: a handle that looks like one of these would mislead.
_MISLEADING = """
    abuse account accounts admin administrator all anonymous anybody anyone api catalog console docs everybody everyone
    farcall group groups guest help hostmaster hub info login logout mail me moderator namespace namespaces nobody none
    noreply null official operator owner postmaster public register root security self share shares staff support
    system team token tokens undefined webmaster worker workers www you
"""
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_LOOKALIKES = (("0", "o"), ("1", "l"), ("i", "l"), ("3", "e"), ("4", "a"), ("5", "s"), ("7", "t"), ("8", "b"))
_LOOKALIKE_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))

PASSWORD_LENGTH = 10
PASSWORD_LENGTH_LIMIT = 1024
_DISTINCT_CHARACTERS = 5
_SHORTEST_REVEALING = 4
# What most people try first, as letters alone: digits and signs around them make them no better.
_COMMON = """
    abcdefghij baseball changeme computer dragon farcall football freedom hallo hello iloveyou ihateyou internet
    letmein liverpool login master michael michelle monkey mustang passwd password passwort princess qazwsxedc qwerty
    qwertyuiop qwertz qwertzuiop admin administrator secret starwars sunshine superman test testing trustno whatever
    welcome willkommen asdfghjkl asdfasdf zxcvbnm correcthorsebatterystaple geheim motdepasse contrasena
"""
_COMMON_WORDS = frozenset(_COMMON.split())
_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")


def handle(text: str) -> str:
    """A handle as people may choose it, with ``-`` as ``_``; raises BadName."""
    chosen = own_handle(text)
    if _skeleton(chosen) in _TAKEN_SKELETONS:
        raise BadName(f"the handle {chosen!r} is, or looks like, a word that speaks for the hub; choose another")
    return chosen


def own_handle(text: str) -> str:
    """A handle as the hub's own administrator may have it: any single name; raises BadName."""
    if "/" in text:
        raise BadName(f"a handle is a single name; {text[:80]!r} is a path")
    return space_name(text, "handle")


def _skeleton(text: str) -> str:
    """What the eye sees: letters that look alike are the same."""
    text = text.replace("_", "")
    for pair, one in _LOOKALIKE_PAIRS:
        text = text.replace(pair, one)
    for alike, one in _LOOKALIKES:
        text = text.replace(alike, one)
    return text


_TAKEN_SKELETONS = frozenset(_skeleton(word) for word in RESERVED.union(_MISLEADING.split()))


def email(text: str) -> str:
    """An address, in lower case: one person's address is one account's. Raises BadName."""
    address = unicodedata.normalize("NFC", text.strip()).lower()
    if not _EMAIL.fullmatch(address) or not address.isprintable():
        raise BadName(f"{text[:80]!r} is no e-mail address")
    return address


def masked(address: str) -> str:
    """``b…@lab.org``: enough for its owner to recognise it."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}…@{domain}"


def password(text: str) -> str:
    """The password in the one way it is hashed: the same keys on another keyboard may send other code points."""
    return unicodedata.normalize("NFKC", text)


def weakness(text: str, account_handle: str, address: str) -> str:
    """Why the password is too weak, as a sentence, or nothing."""
    if len(text) < PASSWORD_LENGTH:
        return f"The password is shorter than {PASSWORD_LENGTH} characters."
    if len(text) > PASSWORD_LENGTH_LIMIT:
        return f"The password is longer than {PASSWORD_LENGTH_LIMIT} characters."
    if len(set(text)) < _DISTINCT_CHARACTERS:
        return f"The password has fewer than {_DISTINCT_CHARACTERS} different characters."
    lower = text.casefold()
    local, _, _domain = address.partition("@")
    for what, part in (("your handle", account_handle), ("your e-mail address", local)):
        if len(part) >= _SHORTEST_REVEALING and part.casefold() in lower:
            return f"The password contains {what}."
    letters = "".join(character for character in lower if character.isalpha())
    if _period(lower) or not _COMMON_WORDS.isdisjoint((lower, letters, _period(letters))):
        return "The password is one of those that everybody tries first."
    if any(lower in row * 2 or lower in row[::-1] * 2 for row in _ROWS):
        return "The password is a row of the keyboard or of the alphabet."
    return ""


def _period(text: str) -> str:
    """What the text repeats, if it is nothing but a repetition."""
    length = (text + text).find(text, 1) if text else 0
    return text[:length] if 0 < length < len(text) else ""
