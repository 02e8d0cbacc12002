"""What a function's author imports: `function`, `Unit`, `Range`, `Doc`, `Term`, `Retry`, `progress`, `log`, `current`;
and `variable`, `result` for plain scripts.

Bottom layer, standard library only, and pint once a unit is asked about. Everything does something sensible with no hub
and no network. Belongs here: what an author writes (`declaration`, `markers`, `names`, `scripts`), what a running
function can ask (`context`), what can be read off a function without running it (`signature`, `schemas`, `spelling`,
`calling`), what values with units mean (`units`, `conversion`), and how text of others is shown (`harmless`). Not here:
calling, serving, encoding.
"""

from farcall.authoring.context import current, log, progress
from farcall.authoring.declaration import Declaration, DeclarationError, Retry, function
from farcall.authoring.markers import Doc, Range, Term, Unit
from farcall.authoring.scripts import result, variable

__all__ = [
    "Declaration",
    "DeclarationError",
    "Doc",
    "Range",
    "Retry",
    "Term",
    "Unit",
    "current",
    "function",
    "log",
    "progress",
    "result",
    "variable",
]
