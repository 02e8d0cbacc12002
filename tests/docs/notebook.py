"""The Python that a person of a page types into: one process, names stay from block to block.

Reads one JSON request per line from standard input, `{"code": …, "doctest": …}`, answers on a descriptor of its own.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    answers = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8", buffering=1)
    sys.path.insert(0, os.getcwd())
    for request in sys.stdin:
        asked = json.loads(request)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            failure = _dialogue(asked["code"], names) if asked["doctest"] else _program(asked["code"], names)
        answers.write(json.dumps({"printed": printed.getvalue(), "failure": failure}) + "\n")


def _program(code: str, names: dict[str, Any]) -> str:
    try:
        exec(compile(code, "<page>", "exec"), names)  # noqa: S102  # running the page's code is what this is for
    except BaseException:
        return traceback.format_exc()
    return ""


def _dialogue(code: str, names: dict[str, Any]) -> str:
    example = doctest.DocTestParser().get_doctest(code + "\n", {}, "page", None, 0)
    example.globs = names
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append, clear_globs=False)
    return "".join(said)


if __name__ == "__main__":
    main()
