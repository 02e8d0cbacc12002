"""Files and modules to functions that can be served: import them, find what is marked, describe it. A script is read
instead of imported, and is one function.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypedDict

import msgspec
from blake3 import blake3

from farcall.authoring.calling import Bound, Call, hints, prepare
from farcall.authoring.conversion import argument_check, declared_units, result_check
from farcall.authoring.declaration import Declaration
from farcall.authoring.names import BadName, function_name
from farcall.authoring.schemas import schema_of
from farcall.authoring.signature import SignatureError, describe
from farcall.guest.failures import message_of, traceback_of
from farcall.guest.messages import Described, Options
from farcall.guest.script_marks import ScriptError
from farcall.guest.script_reading import Script, read_script
from farcall.guest.scripts import RunningScript

SCALARS: Final = frozenset({int, float, str, bool})
_DIGEST_BYTES: Final = 16


class LoadError(Exception):
    """Nothing can be served; the message is one sentence for the owner, `detail` a traceback."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Served:
    """A function, ready to be called with bound arguments."""

    described: Described
    fn: Callable[..., Any]
    prepare: Callable[[Bound], Call]
    arguments: Any  # a TypedDict of the parameters' hints
    scalars: dict[str, type]  # those parameters whose hint is one of `SCALARS`
    streams: bool
    fit: Callable[[Any, str], Any] | None = None  # result_check of the declared result
    hold: Callable[[Bound], None] | None = None  # argument_check of the declared parameters
    leave: Callable[[], None] | None = None  # clears away what a call needed until its result was encoded


@dataclass(frozen=True, slots=True)
class Loaded:
    functions: list[Served]
    files: list[str]


def load(targets: Iterable[str], secret: bytes, rooms: Path) -> Loaded:
    """Import every target and collect its functions; scripts work below the directory `rooms`. Raises LoadError."""
    functions: list[Served] = []
    origins: dict[str, tuple[Callable[..., Any], str]] = {}
    targets = list(targets)
    for target in targets:
        path = Path(target)
        is_file = target.endswith(".py") or path.is_file()
        shown = path.name if is_file else target
        for served in _served_of_file(path, secret, rooms) if is_file else _served_of_module(target, secret):
            name = served.described.name
            if name in origins:
                if origins[name][0] is served.fn:
                    continue
                raise LoadError(
                    f"{shown} and {origins[name][1]} both serve a function named {name}: "
                    "rename one of them, or give it another namespace."
                )
            origins[name] = (served.fn, shown)
            functions.append(served)
    return Loaded(functions, _watched_files(targets))


def _served_of_file(path: Path, secret: bytes, rooms: Path) -> list[Served]:
    if not path.is_file():
        raise LoadError(f"{path} is not there: serve takes a Python file or the name of a module.")
    full = path.resolve()
    directory = str(full.parent)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    if path.suffix == ".py":
        script = _script_in(full, path.name)
        if script is not None:
            return [_served_script(script, full, secret, rooms / full.stem)]
    return _served_of(_import_file(full), path.name, secret)


def _served_of_module(name: str, secret: bytes) -> list[Served]:
    return _served_of(_import_module(name), name, secret)


def _served_of(module: ModuleType, shown: str, secret: bytes) -> list[Served]:
    found = _marked(module, shown)
    if not found:
        raise LoadError(
            f"{shown} has no functions to serve: put @farcall.function above the ones that others may call, "
            "or mark the values of a script with farcall.variable() and farcall.result()."
        )
    source = _source(module)
    return [_describe(fn, declaration, source, secret, shown) for fn, declaration in found]


# -- scripts -----------------------------------------------------------------------------------------------------------


def _script_in(full: Path, shown: str) -> Script | None:
    """The script that a file is; None if it is none. Nothing of it is run."""
    try:
        tree = ast.parse(full.read_bytes(), filename=str(full))
        script = read_script(tree)
    except ScriptError as error:
        raise LoadError(f"{shown}, {error}") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        raise LoadError(_import_failed(shown, str(full), error), traceback_of(error)) from None
    if script is not None:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_marks, node.decorator_list)):
                line = script.results[0].line
                raise LoadError(
                    f"{shown} is both a script (line {line}) and a file of functions (line {node.lineno}): "
                    f"put the function {node.name} into a file of its own."
                )
    return script


def _served_script(script: Script, full: Path, secret: bytes, rooms: Path) -> Served:
    shown = full.name
    try:
        name = function_name(full.stem)
    except BadName as error:
        raise LoadError(f"{shown} is served under the name of the file, and {error}: rename the file.") from None
    running = RunningScript(name, script, full, rooms)
    try:
        running.warm_up()
    except BaseException as error:  # noqa: BLE001  # as where a file is imported
        raise LoadError(_import_failed(shown, str(full), error), traceback_of(error)) from None
    served = _describe(running.function(), Declaration(name), full.read_bytes(), secret, shown)
    described = msgspec.structs.replace(served.described, units=_units(script, shown))
    return replace(served, described=described, leave=running.leave)


def _units(script: Script, shown: str) -> list[tuple[str, str]]:
    """Where each unit is declared, and the unit. Whether it is one is not asked here: that would import pint."""
    marks = [(f"{shown}, line {mark.line}: variable {mark.name!r}", mark.hint) for mark in script.variables]
    marks += [(f"{shown}, line {mark.line}: result {mark.name!r}", mark.hint) for mark in script.results]
    return [(place, unit) for place, hint in marks for unit in declared_units(schema_of(hint))]


# -- functions ---------------------------------------------------------------------------------------------------------


def _import_file(full: Path) -> ModuleType:
    name = full.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) != str(full):
        name = f"served_{name}"  # a file may well be called like a module that is in use here
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise LoadError(f"{full.name} is no Python file: its name has to end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        _refuse_twins(full)
        spec.loader.exec_module(module)
    except LoadError:
        raise
    except BaseException as error:  # noqa: BLE001  # importing runs code, which may do anything, sys.exit() included
        raise LoadError(_import_failed(full.name, str(full), error), traceback_of(error)) from None
    return module


def _import_module(name: str) -> ModuleType:
    directory = os.getcwd()
    if directory not in sys.path:
        sys.path.insert(0, directory)
    if Path(f"{name}.py").is_file() and _script_in(Path(f"{name}.py").resolve(), f"{name}.py") is not None:
        raise LoadError(f"{name} is a script, which is served as a file: write {name}.py.")
    try:
        module = importlib.import_module(name)
        if module.__file__:
            _refuse_twins(Path(module.__file__))
    except LoadError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise LoadError(_import_failed(name, "", error), traceback_of(error)) from None
        hint = f"; did you mean {name}.py?" if Path(f"{name}.py").is_file() else ""
        raise LoadError(f"{name} is neither a file nor a module that can be imported here{hint}") from None
    except BaseException as error:  # noqa: BLE001  # as above
        raise LoadError(_import_failed(name, "", error), traceback_of(error)) from None
    return module


def _import_failed(shown: str, full: str, error: BaseException) -> str:
    line: int | None = None
    if isinstance(error, SyntaxError) and error.filename:
        if not full or error.filename == full:
            line = error.lineno
        else:
            shown = f"{shown} (through {os.path.basename(error.filename)})"
            line = error.lineno
        what = error.msg
    else:
        tb = error.__traceback__
        while tb is not None:
            if tb.tb_frame.f_code.co_filename == full:
                line = tb.tb_lineno
            tb = tb.tb_next
        what = message_of(error)
    where = f"{shown}, line {line}" if line else shown
    return f"{where}: it can't be imported: {type(error).__name__}: {what}".removesuffix(": ")


def _refuse_twins(path: Path) -> None:
    """Two marked functions of one name in a file: the second would silently take the place of the first."""
    if path.suffix != ".py":
        return
    seen: dict[str, int] = {}
    for node in ast.parse(path.read_bytes(), filename=str(path)).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not any(map(_marks, node.decorator_list)):
            continue
        if node.name in seen:
            raise LoadError(
                f"{path.name} has two functions named {node.name}, in lines {seen[node.name]} and {node.lineno}: "
                "rename one of them."
            )
        seen[node.name] = node.lineno


def _marks(decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(target, ast.Attribute) and target.attr == "function") or (
        isinstance(target, ast.Name) and target.id == "function"
    )


def _marked(module: ModuleType, shown: str) -> list[tuple[Callable[..., Any], Declaration]]:
    """The marked functions that this module, or a module inside it, defines; each once, in the order of definition."""
    inside = f"{module.__name__}."
    found: dict[str, tuple[Callable[..., Any], Declaration]] = {}
    for value in vars(module).values():
        declaration = getattr(value, "__farcall__", None)
        if not isinstance(declaration, Declaration) or not callable(value):
            continue
        if not f"{getattr(value, '__module__', '')}.".startswith(inside):
            continue
        name = _full_name(declaration)
        if name in found and found[name][0] is not value:
            raise LoadError(
                f"{shown} has two functions named {name}: rename one of them, or give it another namespace."
            )
        found[name] = (value, declaration)
    return list(found.values())


def _full_name(declaration: Declaration) -> str:
    return f"{declaration.namespace}/{declaration.name}" if declaration.namespace else declaration.name


def _describe(fn: Callable[..., Any], declaration: Declaration, source: bytes, secret: bytes, shown: str) -> Served:
    try:
        document = describe(fn)
        resolved = hints(fn)
    except SignatureError as error:
        raise LoadError(f"{shown}: {error}") from None
    code = source + f"\0{getattr(fn, '__qualname__', declaration.name)}".encode()
    described = Described(
        _full_name(declaration),
        document,
        blake3(code, key=secret).digest(_DIGEST_BYTES),
        Options(
            declaration.timeout_seconds,
            declaration.attempts,
            declaration.backoff_seconds,
            declaration.concurrency,
            declaration.queue,
            dict(declaration.requires),
            declaration.policy,
            declaration.replayable,
            declaration.visibility,
        ),
        blake3(code).digest(),
    )
    names = [parameter["name"] for parameter in document["parameters"]]
    parameters = {name: resolved.parameters.get(name, Any) for name in names}
    typed_dict: Any = TypedDict  # called with what only the running function knows
    arguments = typed_dict("Arguments", parameters, total=False)
    scalars = {name: hint for name, hint in parameters.items() if isinstance(hint, type) and hint in SCALARS}
    return Served(
        described,
        fn,
        prepare(fn),
        arguments,
        scalars,
        bool(document["stream"]),
        fit=result_check(document["result"]),
        hold=argument_check(document["parameters"]),
    )


def _source(module: ModuleType) -> bytes:
    """What tells one implementation from another: the text of the file."""
    file = getattr(module, "__file__", None)
    try:
        return Path(file).read_bytes() if file else b""
    except OSError:
        return b""


def _watched_files(targets: Iterable[str]) -> list[str]:
    """The files of the targets, and of modules beside them that they imported."""
    directories = {str(Path(target).resolve().parent) + os.sep for target in targets if target.endswith(".py")}
    packages = {target.partition(".")[0] for target in targets if not target.endswith(".py")}
    files = {str(Path(target).resolve()) for target in targets if target.endswith(".py")}  # scripts are no modules
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py"):
            continue
        near = any(file.startswith(directory) for directory in directories) and "site-packages" not in file
        if near or name.partition(".")[0] in packages:
            files.add(file)
    return sorted(files)
