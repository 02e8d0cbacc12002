"""A script as a function: each call runs it from its first line to its last, as Python would, in a warm process.

Each call has a fresh namespace as ``__main__``, and a fresh working directory that is removed once the result is sent.
What the script imports stays loaded from call to call, and with it whatever state those modules keep.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import shutil
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from farcall.authoring import scripts
from farcall.guest.script_marks import RESULT, VARIABLE
from farcall.guest.script_reading import Script, hidden_name


class RunningScript:
    """A script that can be called as `name` again and again, one call at a time; working directories are made in
    `rooms`.

    A call leaves the script's surroundings as they are, since the files that it reports are yet to be read; `leave`
    clears them away.
    """

    def __init__(self, name: str, script: Script, path: Path, rooms: Path) -> None:
        self._name = name
        self._script = script
        self._path = path
        self._rooms = rooms
        self._calls = 0
        self._code = compile(script.tree, str(path), "exec", dont_inherit=True)
        self._lines = {result.name: result.line for result in script.results}
        self._left = contextlib.ExitStack()
        self._type = _results_type(script, name)

    def warm_up(self) -> None:
        """Import what the script begins by importing, so that the first call need not; raises whatever that raises."""
        code = compile(self._script.imports, str(self._path), "exec", dont_inherit=True)
        exec(code, {"__name__": "__main__", "__file__": str(self._path)})  # noqa: S102  # its owner asked for it

    def function(self) -> Callable[..., Any]:
        """The script as a Python function with its signature, annotations and documentation."""

        def run(**values: Any) -> Any:
            return self._run(values)

        script = self._script
        parameters = [
            inspect.Parameter(variable.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=variable.default)
            for variable in script.variables
        ]
        run.__name__ = run.__qualname__ = self._name
        run.__doc__ = script.doc
        run.__annotations__ = {variable.name: variable.hint for variable in script.variables}
        run.__annotations__["return"] = script.results[0].hint if self._type is None else self._type
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as inspect documents it
        return run

    def leave(self) -> None:
        """Remove the working directory and the namespace of the last call; nothing if there was none."""
        with contextlib.suppress(OSError):  # the directory that it came from is gone
            self._left.close()

    # -- one call ------------------------------------------------------------------------------------------------------

    def _run(self, values: dict[str, Any]) -> Any:
        results: dict[str, Any] = {}
        namespace = self._enter()
        namespace[hidden_name(VARIABLE)] = _variables(values)
        namespace[hidden_name(RESULT)] = _reporter(results)
        try:
            exec(self._code, namespace)  # noqa: S102  # the owner's own code, which is what serving means
        except SystemExit as end:
            if end.code not in (None, 0):
                what = end.code if isinstance(end.code, str) else f"it exited with code {end.code}"
                raise RuntimeError(f"The script ended early: {what}") from end
        missing = [name for name in self._lines if name not in results]
        if missing:
            where = " and ".join(f"{name!r} (line {self._lines[name]})" for name in missing)
            raise RuntimeError(f"The script ended without reporting {where}.")
        return self._type(**results) if self._type is not None else next(iter(results.values()))

    def _enter(self) -> dict[str, Any]:
        """A fresh namespace and working directory; `leave` undoes it, as far as it came."""
        self.leave()
        path, undo = str(self._path), self._left.callback
        main = ModuleType("__main__")
        main.__file__ = path
        main.__doc__ = self._script.doc or None
        # Not left to the garbage collector, which does not know how large arrays are.
        undo(main.__dict__.clear)
        undo(setattr, sys, "argv", sys.argv)
        sys.argv = [path]
        undo(sys.path.__setitem__, slice(None), sys.path[:])
        directory = str(self._path.parent)
        sys.path[:] = [directory, *(entry for entry in sys.path if entry != directory)]
        undo(sys.modules.__setitem__, "__main__", sys.modules["__main__"])
        sys.modules["__main__"] = main
        self._calls += 1
        room = self._rooms / f"room-{self._calls}"
        room.mkdir(mode=0o700, parents=True)
        undo(shutil.rmtree, room, ignore_errors=True)
        undo(os.chdir, os.getcwd())
        os.chdir(room)
        return main.__dict__


def _results_type(script: Script, name: str) -> Any:
    """The named tuple of several results; None for a single one, which is given back as it is."""
    if len(script.results) == 1:
        return None
    title = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Result"
    made: Any = namedtuple(title, [result.name for result in script.results])  # type: ignore[misc]  # made at run time
    made.__annotations__ = {result.name: result.hint for result in script.results}
    return made


def _variables(values: dict[str, Any]) -> Callable[..., Any]:
    """What `variable` is in a served call: the caller's value, which was checked on its way; else the default."""

    def variable(default: Any, /, *, name: str, **words: Any) -> Any:
        return values[name] if name in values else scripts.variable(default, name=name, **words)

    return variable


def _reporter(results: dict[str, Any]) -> Callable[..., Any]:
    """What `result` is in a served call: as by itself, and it is kept; the last report counts."""

    def result(value: Any, /, *, name: str, **words: Any) -> Any:
        results[name] = scripts.result(value, name=name, **words)
        return value

    return result
