"""Every operation as C99 and as a Python file, against the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdl.differentiate.prepare import prepare
from symdl.emit.alone import Alone
from symdl.errors import EmitError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.alone import constants, write
from symdl.targets import EXPORTERS

from ..totality import checks
from ..totality.case import Built, Case
from ..totality.elementwise import SPECIAL
from ..totality.table import CASES
from . import files
from .c import Function, load, needs_compiler

GROUP = 40


def failures(
    cases: Sequence[Case], wanted: Callable[[Built], Sequence[Tensor]], dtype: str, folder: Path
) -> list[str]:
    """Export each case, compile the C of all together; return what is not as the interpreter says.

    The loops of Python files run as plain Python: Numba would take a second for each.
    """
    made: dict[str, tuple[Built, Sequence[Tensor], Any]] = {}
    for case in cases:
        built = case.build("n")
        tensors = wanted(built)
        if not tensors:
            continue
        program = prepare(collect(list(tensors)))[0]
        name = f"case_{len(made)}"
        asked = Alone(dtype, values=constants(program, dtype, {}))
        try:
            for ending in EXPORTERS:
                write(program, folder / f"{name}{ending}", EXPORTERS[ending], asked)
        except EmitError as error:
            if case not in SPECIAL:  # of these, some have no code but SciPy's
                raise
            assert "elementary" in str(error.cure)
            continue
        made[name] = built, tensors, program
    functions = load([folder / f"{name}.c" for name in made])
    found = []
    for name, (built, tensors, program) in made.items():
        python = files.load(folder / f"{name}.py")
        for n in filter(None, built.case.sizes):
            found += wrong(functions[name], python, built, tensors, program, n, dtype)
    return found


def wrong(
    function: Function,
    python: Callable[..., Sequence[Any]],
    built: Built,
    tensors: Sequence[Tensor],
    program: Any,
    n: int,
    dtype: str,
) -> list[str]:
    """Call one function in both languages; return what it computes otherwise than the interpreter."""
    values = built.values(n, *built.directions().values())
    arrays = [values[str(t.name)] for t in program.inputs if t.value is None]
    given = [a.astype("int64" if a.dtype.kind == "i" else dtype, order="C") for a in arrays]
    expected = checks.computed(tensors, values)
    results = [np.zeros(e.shape, "int64" if t.dtype == "int64" else dtype)
               for t, e in zip(tensors, expected, strict=True)]  # fmt: skip
    dims = {name: n if name == "n" else n + 2 for name in function.dims}
    failed = function(dims, given, results)
    if failed:
        return [f"{built.case.id}, n = {n}: returned {failed}"]
    ours = {"C": results, "Python": python(*given)}
    try:
        for language, found in ours.items():
            for t, mine, theirs in zip(tensors, found, expected, strict=True):
                checks.close(mine, theirs, (t, language), 1e-10 if dtype == "float64" else 1e-4)
    except AssertionError as error:
        return [f"{built.case.id}, n = {n}, {dtype}: {error}"]
    return []


GROUPS = [CASES[k :: -(-len(CASES) // GROUP)] for k in range(-(-len(CASES) // GROUP))]


@needs_compiler
@pytest.mark.parametrize("cases", GROUPS, ids=lambda cases: f"{cases[0].id}, ...")
def test_functions_and_gradients(cases: Sequence[Case], tmp_path: Path) -> None:
    found = failures(cases, checks.first, "float64", tmp_path)
    assert not found, "\n\n".join(found)


@needs_compiler
def test_functions_and_gradients_in_float32(tmp_path: Path) -> None:
    found = failures(CASES[::5], checks.first, "float32", tmp_path)
    assert not found, "\n\n".join(found)
