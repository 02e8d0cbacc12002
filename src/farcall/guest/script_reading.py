"""The interface of a script, read off the calls of `variable` and `result` in its source. Nothing of it is run.

Only what can be followed with certainty is taken; everything else is refused with the line and what to write instead,
since a mark that is overlooked would be a parameter that silently keeps its default.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from farcall.guest.folding import Names
from farcall.guest.script_marks import RESULT, VARIABLE, Mark, Result, ScriptError, Variable

Parents: TypeAlias = dict[ast.AST, ast.AST]

_MODULES: Final = ("farcall", "farcall.authoring")
_MARKS: Final = {f"{module}.{kind}": kind for module in _MODULES for kind in (VARIABLE, RESULT)}


@dataclass(frozen=True, slots=True)
class Script:
    """What was read. In `tree` each mark calls the name `hidden_name` instead, with its own name spelt out; everything
    else, the lines too, is as in the source. `imports` are the imports that the script begins with.
    """

    doc: str
    variables: tuple[Variable, ...]
    results: tuple[Result, ...]
    tree: ast.Module
    imports: ast.Module


def hidden_name(kind: str) -> str:
    """The name that the marks of one kind have in `Script.tree`."""
    return f"__farcall_{kind}__"


def read_script(tree: ast.Module) -> Script | None:
    """What the source of a file says, with its marks rewritten in place; None if it has none, so is no script.

    Raises ScriptError.
    """
    names = Names(tree)
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    calls = sorted(_calls(tree, names, parents), key=lambda found: (found[1].lineno, found[1].col_offset))
    if not calls:
        return None
    _refuse_detours(tree, names, parents)
    marks = [Mark(kind, call, _target(call, parents), names) for kind, call in calls]
    variables = _variables(marks)
    results = _results(marks)
    if not results:
        raise ScriptError(
            calls[0][1], 'the script gives no result: report one with farcall.result(value, name="…", unit="…").'
        )
    for mark in marks:
        _rewrite(mark)
    imports = ast.Module(_leading_imports(tree), [])
    return Script(ast.get_docstring(tree) or "", variables, results, tree, imports)


def _variables(marks: list[Mark]) -> tuple[Variable, ...]:
    found: dict[str, Variable] = {}
    for mark in marks:
        if mark.kind != VARIABLE:
            continue
        if mark.name in found:
            raise ScriptError(
                mark.call,
                f"there is a variable {mark.name!r} in line {found[mark.name].line} already: give one of them "
                "another name=.",
            )
        found[mark.name] = mark.variable()
    return tuple(found.values())


def _results(marks: list[Mark]) -> tuple[Result, ...]:
    """Each once: several branches may report one result, but not in different words."""
    found: dict[str, Result] = {}
    for mark in marks:
        if mark.kind != RESULT:
            continue
        result = mark.result()
        first = found.setdefault(mark.name, result)
        if first.hint != result.hint:
            raise ScriptError(
                mark.call,
                f"line {first.line} describes the result {mark.name!r} differently: describe it alike in both, "
                "or give one of them another name=.",
            )
    return tuple(found.values())


# -- finding the marks -------------------------------------------------------------------------------------------------


def _calls(tree: ast.Module, names: Names, parents: Parents) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            kind = _kind(node, names)
            if not kind:
                continue
            _refuse_ambiguous(node, names)
            parent = parents[node]
            if not (isinstance(parent, ast.Call) and parent.func is node):
                raise ScriptError(
                    node, f"farcall.{kind} cannot be followed here; call it where it is needed: farcall.{kind}(…)."
                )
            yield kind, parent
        elif isinstance(node, ast.Call):
            _refuse_getattr(node, names)
        elif isinstance(node, ast.ImportFrom) and node.module in _MODULES and node.names[0].name == "*":
            _refuse_star(node, tree, names)


def _kind(node: ast.Name | ast.Attribute, names: Names) -> str:
    """Which kind of mark this is, or may be; empty if it is none."""
    if isinstance(node, ast.Name):
        return next((_MARKS[origin] for origin in names.imports(node.id) if origin in _MARKS), "")
    if node.attr not in (VARIABLE, RESULT):
        return ""
    if isinstance(node.value, ast.Name):
        return node.attr if names.imports(node.value.id).keys() & set(_MODULES) else ""
    return _MARKS.get(names.qualified(node), "")


def _refuse_ambiguous(node: ast.expr, names: Names) -> None:
    """A name that is bound elsewhere in the file too may be something else by the time the script gets there."""
    while isinstance(node, ast.Attribute):
        node = node.value
    assert isinstance(node, ast.Name)  # else it would be no mark
    if lines := names.bound.get(node.id):
        raise ScriptError(lines[0], f"{node.id!r} already stands for what is imported from farcall: rename this one.")
    for origin, line in names.imports(node.id).items():
        if origin not in _MARKS and origin not in _MODULES:
            raise ScriptError(line, f"{node.id!r} stands for what is imported from farcall too: rename this one.")


def _refuse_getattr(call: ast.Call, names: Names) -> None:
    if names.qualified(call.func) != "builtins.getattr" or len(call.args) < 2:
        return
    owner, attribute = call.args[0], call.args[1]
    if isinstance(attribute, ast.Constant) and names.qualified(owner) in _MODULES:
        if attribute.value in (VARIABLE, RESULT):
            raise ScriptError(call, f"getattr cannot be followed; write farcall.{attribute.value}(…).")


def _refuse_star(statement: ast.ImportFrom, tree: ast.Module, names: Names) -> None:
    marks = {f"builtins.{kind}" for kind in (VARIABLE, RESULT)}  # as a name is taken that nothing in the file binds
    if any(isinstance(node, ast.Call) and names.qualified(node.func) in marks for node in ast.walk(tree)):
        raise ScriptError(statement, "what * brings cannot be followed; write from farcall import variable, result.")


def _refuse_detours(tree: ast.Module, names: Names, parents: Parents) -> None:
    """In a script farcall is only used by its attributes: behind a variable or a parameter nobody finds its marks."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or isinstance(parents[node], ast.Attribute):
            continue
        if names.imports(node.id).keys() & set(_MODULES):
            raise ScriptError(
                node,
                f"{node.id} cannot be followed here; write {node.id}.variable(…) and {node.id}.result(…) directly.",
            )


def _target(call: ast.Call, parents: Parents) -> str:
    """The name that a mark's value is assigned to; empty without one."""
    match parents[call]:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.NamedExpr(target=ast.Name(id=name)):
            return name
    return ""


def _leading_imports(tree: ast.Module) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for place, statement in enumerate(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found.append(statement)
        elif not (place == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            break
    return found


def _rewrite(mark: Mark) -> None:
    call = mark.call
    call.func = ast.copy_location(ast.Name(hidden_name(mark.kind), ast.Load()), call.func)
    if all(word.arg != "name" for word in call.keywords):
        name = ast.copy_location(ast.Constant(mark.name), call.func)
        call.keywords.append(ast.copy_location(ast.keyword("name", name), call.func))
