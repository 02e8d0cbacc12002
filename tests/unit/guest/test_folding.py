"""What can be told of an expression from the source alone, and what cannot."""

from __future__ import annotations

import ast
import datetime
import math
import pathlib
import time
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.guest.folding import Names, NotReadable


def expression(source: str) -> tuple[Names, ast.expr]:
    """The last line of `source`, with the names of all of it."""
    tree = ast.parse(source)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    return Names(tree), last.value


def constant(source: str) -> Any:
    names, node = expression(source)
    return names.constant(node)


def hint(source: str) -> Any:
    names, node = expression(source)
    return names.hint(node)


@pytest.mark.parametrize(
    "source",
    [
        "1 + 2 * 3 - 4 / 5",
        "-(2 ** 10) // 7 % 5",
        "not True",
        "~5 & 3 | 4 ^ 1",
        "1 << 4 >> 2",
        "+2.5e3",
        "1 + 2j",
        "'a' + 'b' 'c' * 2",
        "b'a' + b'b'",
        "(1, [2.0, 'x'], {'k': None, 2: (3,)})",
        "{1, 2}",
        "float('1e3')",
        "int(3.7)",
        "complex(1, 2)",
        "str(5)",
        "bool(1)",
        "None",
    ],
)
def test_expressions_of_constants_are_worked_out_as_python_does(source: str) -> None:
    assert constant(source) == eval(source)  # noqa: S307  # the test's own texts


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
        | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=20,
    )
)
def test_whatever_python_can_write_down_is_read_as_what_it_is(value: Any) -> None:
    read = constant(repr(value))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("import math\nmath.pi / 2", math.pi / 2),
        ("import math as m\nm.tau", math.tau),
        ("from math import pi as p\np", math.pi),
        ("import numpy as np\nnp.pi", math.pi),
        ("import math\n-math.inf", -math.inf),
        ("G = 9.81\nH = G * 2\nH + 1", 9.81 * 2 + 1),
        ("G: float = 9.81\nG", 9.81),
        ("from pathlib import Path\nPath('data') ", pathlib.Path("data")),
        ("import pathlib\npathlib.Path('a', 'b')", pathlib.Path("a/b")),
        ("def f():\n    return G\nG = 2\nG", 2),
    ],
)
def test_names_that_can_only_mean_one_thing_are_followed(source: str, value: Any) -> None:
    assert constant(source) == value


@pytest.mark.parametrize(
    "source",
    [
        "N",
        "N = 1\nN = 2\nN",
        "N = 1\nN += 1\nN",
        "if x:\n    N = 1\nN",
        "N = 1\ndef f():\n    global N\n    N = 2\nN",
        "N = 1\ndef f(N):\n    return N\nN",
        "for N in range(3): pass\nN",
        "N = 1\n[N for N in range(3)]\nN",
        "N = 1\nwith open('x') as N: pass\nN",
        "N = 1\ntry: pass\nexcept ValueError as N: pass\nN",
        "N = 1\nmatch 1:\n    case N: pass\nN",
        "N = 1\ndel N\nN",
        "N = 1\nimport math as N\nN",
        "N = 1\ndef N(): pass\nN",
        "N = [1]\nN.append(2)\nN",
        "N = N + 1\nN",
        "a, N = 1, 2\nN",
        "import math\nmath = 3\nmath.pi",
        "try:\n    import cupy as np\nexcept ImportError:\n    import numpy as np\nnp.pi",
        "try:\n    import numpy as np\nexcept ImportError:\n    import cupy as np\nnp.pi",
        "float = str\nfloat('1')",
        "print(1)",
        "open('x').read()",
        "[n for n in (1, 2)]",
        "f'{1}'",
        "lambda: 1",
        "1 if True else 2",
        "(1, 2)[0]",
        "{**{'a': 1}}",
        "...",
        "1 / 0",
        "'a' + 1",
        "int('x')",
        "round(2.5)",
        "float(x=1)",
    ],
)
def test_what_the_source_alone_does_not_say_is_not_guessed(source: str) -> None:
    with pytest.raises(NotReadable):
        constant(source)


@pytest.mark.parametrize(
    "source", ["9 ** 9 ** 9", "1 << 10 ** 12", "'x' * 10 ** 12", "10 ** 12 * [0]", "2.0 ** 5000", "-" * 90000 + "1"]
)
def test_nothing_is_worked_out_that_would_take_for_ever(source: str) -> None:
    started = time.monotonic()
    with pytest.raises((NotReadable, RecursionError, MemoryError)):
        constant(source)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("float", float),
        ("list[float]", list[float]),
        ("dict[str, int]", dict[str, int]),
        ("tuple[float, ...]", tuple[float, ...]),
        ("float | None", float | None),
        ("None", None),
        ("import numpy as np\nnp.ndarray", np.ndarray),
        ("from numpy.typing import NDArray\nimport numpy as np\nNDArray[np.float64]", npt.NDArray[np.float64]),
        ("import numpy.typing as npt\nimport numpy\nnpt.NDArray[numpy.int8]", npt.NDArray[np.int8]),
        ("from pathlib import Path\nPath", pathlib.Path),
        ("import datetime as dt\ndt.datetime", datetime.datetime),
        ("from typing import Literal\nLiteral['a', 2]", Literal["a", 2]),
        ("from typing import Any\nAny", Any),
    ],
)
def test_types_are_read_under_the_names_that_they_were_imported_by(source: str, kind: Any) -> None:
    assert hint(source) == kind


@pytest.mark.parametrize(
    "source",
    [
        "Path",
        "int(1)",
        "'float'",
        "print",
        "import os\nos.PathLike",
        "import numpy as np\nnp.nothing",
        "float = int\nfloat",
        "float[int]",
        "1 | 2",
        "class P: pass\nP",
    ],
)
def test_what_is_no_type_that_can_be_told_is_refused(source: str) -> None:
    with pytest.raises(NotReadable):
        hint(source)
