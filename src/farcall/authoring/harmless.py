"""Text that somebody else wrote, made fit to be shown: nothing in it speaks to the terminal or turns the direction of
writing, and what was hidden in it is seen.
"""

import re
from typing import Final

# Control characters but tab and line feed; what overrides or isolates the direction of writing; separators that only
# some take for an end of line; and lone surrogates, which no output can encode.
_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    r"""The text with ``\x1b``, ``\u202e`` and their like spelt out. Tabs stay, and lines, whichever way they end."""
    return _STEERING.sub(_escaped, text.replace("\r\n", "\n").replace("\r", "\n"))


def harmless_line(text: str) -> str:
    r"""The same as one line: ends of lines are spelt out too (``\n``), and tabs are spaces."""
    spelt = text.replace("\n", r"\n").replace("\r", r"\r").replace("\t", " ")
    return _STEERING.sub(_escaped, spelt)


def harmless_json(document: str) -> str:
    """A JSON document that means the same and is harmless: JSON leaves DEL, C1 and the direction of writing alone."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
