"""The interface of a script from its source: every construct that is read, and every one that is refused."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import pytest

from farcall.authoring.schemas import schema_of
from farcall.authoring.spelling import annotation_text
from farcall.guest.script_marks import Hidden, ScriptError, Variable
from farcall.guest.script_reading import Script, read_script

HEAD = "import farcall\n"
TAIL = "farcall.result(1, name='y')\n"


def read(source: str) -> Script | None:
    return read_script(ast.parse(textwrap.dedent(source)))


def script(source: str) -> Script:
    found = read(source)
    assert found is not None
    return found


def variable(call: str, before: str = "") -> Variable:
    (found,) = script(f"{HEAD}{before}\n{call}\n{TAIL}").variables
    return found


def schema(call: str, before: str = "") -> dict[str, Any]:
    return schema_of(variable(call, before).hint)


def result_schema(call: str, before: str = "") -> dict[str, Any]:
    (found,) = script(f"{HEAD}{before}\n{call}\n").results
    return schema_of(found.hint)


def refusal(source: str) -> str:
    with pytest.raises(ScriptError) as caught:
        read(source)
    return str(caught.value)


# -- what is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "import farcall\nx = farcall.variable(1)\nfarcall.result(x, name='y')",
        "import farcall as fc\nx = fc.variable(1)\nfc.result(x, name='y')",
        "from farcall import variable, result\nx = variable(1)\nresult(x, name='y')",
        "from farcall import variable as v, result as r\nx = v(1)\nr(x, name='y')",
        "import farcall\nimport farcall as fc\nx = farcall.variable(1)\nfc.result(x, name='y')",
        "import farcall.catalog\nx = farcall.variable(1)\nfarcall.result(x, name='y')",
        "def f():\n    import farcall\n    x = farcall.variable(1)\n    farcall.result(x, name='y')\nf()",
        "import farcall\nif True:\n    x = farcall.variable(1)\nfor _ in 'a':\n    farcall.result(x, name='y')",
        "import farcall\nasync def f():\n    x = farcall.variable(1)\n    farcall.result(x, name='y')",
        "import farcall\nclass C:\n    x = farcall.variable(1)\nfarcall.result(C.x, name='y')",
        "import farcall\nprint(g := [farcall.result(x, name='y') for _ in [x := farcall.variable(1)]])",
    ],
)
def test_marks_are_found_wherever_they_stand_and_however_farcall_is_imported(source: str) -> None:
    found = script(source)
    assert [(v.name, v.default) for v in found.variables] == [("x", 1)]
    assert [r.name for r in found.results] == ["y"]


@pytest.mark.parametrize(
    "source",
    [
        "print('nothing of ours')",
        "import farcall\n@farcall.function\ndef f(x):\n    return x",
        "import farcall\nf = farcall.get('alice/f').submit(1).result()",
        "import farcall\nfrom farcall.catalog.alice import result\nprint(result(1))",
        "import farcall\ndef show(farcall_module=farcall): print(farcall)",
        "def variable(x): return x\ny = variable(1)",
        "class T:\n    def variable(self): pass\nT().variable()",
    ],
)
def test_what_has_no_marks_is_no_script(source: str) -> None:
    assert read(source) is None


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        ("True", "bool"),
        ("2", "int"),
        ("2.0", "float"),
        ("-2e3 * 4", "float"),
        ("1j", "complex"),
        ("'a' + 'b'", "str"),
        ("b'x'", "bytes"),
        ("[1, 2]", "list"),
        ("{'a': 1}", "dict"),
        ("(1, 2)", "tuple"),
        ("{1}", "set"),
        ("None", "any"),
        ("pathlib.Path('x')", "path"),
        ("math.pi", "float"),
        ("SIZE + 1", "int"),
    ],
)
def test_the_type_is_that_of_the_default(default: str, kind: str) -> None:
    assert schema(f"x = farcall.variable({default})", "import math, pathlib\nSIZE = 3")["x-type"] == kind


def test_an_explicit_type_comes_before_that_of_the_default() -> None:
    found = variable("x = farcall.variable(2, type=float)")
    assert (found.hint, found.default, type(found.default)) == (float, 2.0, float)
    assert schema("x = farcall.variable(None, type=float | None)")["anyOf"][1]["x-type"] == "none"


def test_a_default_that_only_the_script_can_work_out_stays_with_it() -> None:
    found = variable("x = farcall.variable(np.zeros(3), type=np.ndarray)", "import numpy as np")
    assert isinstance(found.default, Hidden)
    assert "zeros" not in repr(found.default)
    assert schema_of(found.hint)["x-type"] == "array"


def test_bounds_unit_and_doc_are_in_the_schema() -> None:
    call = "x = farcall.variable(1.0, min=0, max=10 ** 3, unit='m' + '/s', doc='How fast.')"
    assert schema(call) == {
        "type": "number",
        "x-type": "float",
        "minimum": 0,
        "maximum": 1000,
        "x-unit": "m/s",
        "description": "How fast.",
    }


def test_bounds_without_a_default_are_of_an_optional_number() -> None:
    assert [branch["x-type"] for branch in schema("x = farcall.variable(None, min=0)")["anyOf"]] == ["float", "none"]


def test_choices_are_the_only_values() -> None:
    assert schema("x = farcall.variable('a', choices=('a', 'b'))") == {"enum": ["a", "b"], "x-type": "str"}
    assert schema("x = farcall.variable(2, choices=KNOWN)", "KNOWN = (1, 2)")["enum"] == [1, 2]


def test_a_unit_without_a_type_is_of_a_number_or_an_array_of_numbers() -> None:
    kinds = {"anyOf": [{"type": "number", "x-type": "float"}, {"type": "array", "x-type": "array"}]}
    assert result_schema("farcall.result(f(), name='y', unit='m')", "def f(): pass") == {**kinds, "x-unit": "m"}
    found = schema("x = farcall.variable(None, unit='s')")
    assert annotation_text(found) == "float | ndarray | None [s]"


def test_a_result_is_of_any_type_unless_it_says_one_or_has_bounds_or_a_unit() -> None:
    assert result_schema("farcall.result(f(), name='y')", "def f(): pass") == {"x-type": "any"}
    assert result_schema("farcall.result(1, name='y', type=int, max=3)")["x-type"] == "int"
    assert result_schema("farcall.result(1, name='y', min=0) ") == {"type": "number", "x-type": "float", "minimum": 0}


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("z = farcall.result(1)", "z"),
        ("z: float = farcall.result(1)", "z"),
        ("print(z := farcall.result(1))", "z"),
        ("farcall.result(z)", "z"),
        ("z = farcall.result(a)", "z"),
        ("z = farcall.result(a, name='b')", "b"),
    ],
)
def test_a_name_that_is_left_out_is_that_of_what_it_is_assigned_to(call: str, name: str) -> None:
    assert [result.name for result in script(HEAD + call).results] == [name]


def test_variables_and_results_are_in_the_order_of_the_source() -> None:
    found = script(
        """
        '''What it does.'''
        import farcall
        def late():
            farcall.result(b, name="first"); farcall.result(a, name="second")
            return farcall.variable(3, name="c")
        b = farcall.variable(2); a = farcall.variable(1, name="a")
        """
    )
    assert [variable.name for variable in found.variables] == ["c", "b", "a"]
    assert [result.name for result in found.results] == ["first", "second"]
    assert found.doc == "What it does."


def test_a_result_may_be_reported_in_several_branches_if_they_agree() -> None:
    source = (
        HEAD + "if x:\n    farcall.result(1, name='y', unit='m')\nelse:\n    farcall.result(2, name='y', unit='{}')"
    )
    assert len(script(source.format("m")).results) == 1
    assert refusal(source.format("s")) == (
        "line 5: line 3 describes the result 'y' differently: describe it alike in both, "
        "or give one of them another name=."
    )


def test_only_the_imports_at_the_head_are_warmed_up() -> None:
    found = script(
        "'''Doc.'''\nfrom __future__ import annotations\nimport os, farcall\nos.environ['X'] = '1'\nimport json\n"
        + TAIL
    )
    assert ast.unparse(found.imports) == "from __future__ import annotations\nimport os, farcall"


def test_lines_stay_where_they_are() -> None:
    source = HEAD + "\n\nx = (\n    farcall.variable(\n        1,\n    )\n)\n" + TAIL
    before = [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    after = [node.lineno for node in ast.walk(script(source).tree) if isinstance(node, ast.Call)]
    assert before == after
    compile(script(source).tree, "x.py", "exec")


# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED = {
    "farcall.variable(1)": 'line 2: this variable has no name; write farcall.variable(…, name="…").',
    "farcall.result(1)": 'line 2: this result has no name; write farcall.result(…, name="…").',
    "a, b = farcall.variable((1, 2))": 'line 2: this variable has no name; write farcall.variable(…, name="…").',
    "x = float(farcall.variable(1))": 'line 2: this variable has no name; write farcall.variable(…, name="…").',
    "x = farcall.variable(1, name='not a name')": (
        "line 2: 'not a name' cannot be the name of a variable: it takes letters, digits and _, begins with a letter, "
        "and is no word of Python's."
    ),
    "farcall.result(1, name='class')": (
        "line 2: 'class' cannot be the name of a result: it takes letters, digits and _, begins with a letter, "
        "and is no word of Python's."
    ),
    "_x = farcall.variable(1)": (
        "line 2: '_x' cannot be the name of a variable: it takes letters, digits and _, begins with a letter, "
        "and is no word of Python's."
    ),
    "x = farcall.variable(1, name='')": (
        "line 2: '' cannot be the name of a variable: it takes letters, digits and _, begins with a letter, "
        "and is no word of Python's."
    ),
    "x = farcall.variable(1, name=str(3))": 'line 2: name= takes text that is written out, such as name="time".',
    "x = farcall.variable(1)\nx = farcall.variable(2)": (
        "line 3: there is a variable 'x' in line 2 already: give one of them another name=."
    ),
    "x = farcall.variable()": "line 2: farcall.variable(…) takes the default first, and everything else by name.",
    "x = farcall.variable(1, 'x')": "line 2: farcall.variable(…) takes the default first, and everything else by name.",
    "farcall.result(name='y')": "line 2: farcall.result(…) takes the value first, and everything else by name.",
    "x = farcall.variable(*[1])": (
        "line 2: farcall.variable(…) can't be read with * or ** in it; write each argument out."
    ),
    "x = farcall.variable(1, **{})": (
        "line 2: farcall.variable(…) can't be read with * or ** in it; write each argument out."
    ),
    "x = farcall.variable(1, minn=0)": "line 2: farcall.variable(…) has no minn=; did you mean min=?",
    "farcall.result(1, name='y', choices=(1,))": (
        "line 2: farcall.result(…) has no choices=; there are name, type, min, max, unit, doc, term."
    ),
    "x = farcall.variable(load())": (
        "line 2: the default of variable 'x' can't be read from the source: write a constant, or say what it is with "
        "type=float, type=numpy.ndarray or another type."
    ),
    "x = farcall.variable(1 / 0)": (
        "line 2: the default of variable 'x' can't be read from the source (division by zero): write a constant, or "
        "say what it is with type=float, type=numpy.ndarray or another type."
    ),
    "x = farcall.variable(1, min=least)": (
        "line 2: min= of variable 'x' can't be read from the source: write a constant."
    ),
    "x = farcall.variable(1, type=Mass)": (
        "line 2: type= of variable 'x' can't be read from the source: write a type such as float, list[float] or "
        "numpy.ndarray, under the name that it was imported by."
    ),
    "x = farcall.variable(2000, min=0, max=1000)": "line 2: variable 'x' is 2000; its bounds are 0 to 1000.",
    "x = farcall.variable(1, min=2, max=0)": (
        "line 2: min= and max= of variable 'x': Range(2, 0) is empty: the minimum is above the maximum."
    ),
    "x = farcall.variable('a', min=0)": (
        "line 2: variable 'x': Range is for int and float; for a list put it on the items: list[Annotated[…]]."
    ),
    "x = farcall.variable('a', type=float)": "line 2: variable 'x' is 'a', a str, and its type is float.",
    "x = farcall.variable(1, unit=3)": (
        "line 2: variable 'x': Unit takes the unit as text, such as Unit('m/s'), not 3."
    ),
    "x = farcall.variable(1, doc=3)": "line 2: variable 'x': Doc takes text, not 3.",
    "x = farcall.variable(1, min='a')": "line 2: min= and max= of variable 'x': Range takes numbers, not 'a'.",
    "x = farcall.variable('c', choices=('a', 'b'))": (
        "line 2: variable 'x' is 'c', which is none of its choices: 'a', 'b'."
    ),
    "x = farcall.variable(0.5, choices=(0.5, 1.5))": (
        "line 2: variable 'x': Literal[0.5] cannot travel; use texts, whole numbers, booleans or None."
    ),
    "x = farcall.variable('a', choices='ab')": "line 2: choices= of variable 'x' takes a tuple of values, not 'ab'.",
    "v = farcall.variable": (
        "line 2: farcall.variable cannot be followed here; call it where it is needed: farcall.variable(…)."
    ),
    "map(farcall.variable, [1, 2])": (
        "line 2: farcall.variable cannot be followed here; call it where it is needed: farcall.variable(…)."
    ),
    "farcall.result = print": (
        "line 2: farcall.result cannot be followed here; call it where it is needed: farcall.result(…)."
    ),
    "getattr(farcall, 'variable')(1, name='x')": "line 2: getattr cannot be followed; write farcall.variable(…).",
    "f = farcall\nx = farcall.variable(1)": (
        "line 2: farcall cannot be followed here; write farcall.variable(…) and farcall.result(…) directly."
    ),
    "x = farcall.variable(1)\nfarcall = None": (
        "line 3: 'farcall' already stands for what is imported from farcall: rename this one."
    ),
    "import numpy as farcall\nx = farcall.variable(1)": (
        "line 2: 'farcall' stands for what is imported from farcall too: rename this one."
    ),
    "from farcall import result\nresult = result(1)": (
        "line 3: 'result' already stands for what is imported from farcall: rename this one."
    ),
    "from farcall import result as r\nr(1, name='y')\nk = r": (
        "line 4: farcall.result cannot be followed here; call it where it is needed: farcall.result(…)."
    ),
    "from farcall import *\nx = variable(1)": (
        "line 2: what * brings cannot be followed; write from farcall import variable, result."
    ),
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_line_and_what_to_write_instead(source: str) -> None:
    assert refusal(HEAD + source + "\nfarcall.result(0, name='z')\n") == REFUSED[source]


def test_a_script_without_results_is_refused() -> None:
    assert refusal("import farcall\n\nx = farcall.variable(1)") == (
        'line 3: the script gives no result: report one with farcall.result(value, name="…", unit="…").'
    )
