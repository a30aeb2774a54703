"""Every operation as C99, against the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdl.differentiate.prepare import prepare
from symdl.errors import EmitError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.alone import write
from symdl.run.c99.alone import source_and_header

from ..totality import checks
from ..totality.case import Built, Case, Size
from ..totality.elementwise import SPECIAL
from ..totality.table import CASES
from .c import Function, load, needs_compiler

GROUP = 40


def failures(
    cases: Sequence[Case], wanted: Callable[[Built], Sequence[Tensor]], size: Size, dtype: str, folder: Path
) -> list[str]:
    """Export each case, compile all together; return what is not as the interpreter says."""
    made: dict[str, tuple[Built, Sequence[Tensor], Any]] = {}
    for case in cases:
        built = case.build(size)
        tensors = wanted(built)
        if tensors:
            program = prepare(collect(list(tensors)))[0]
            name = f"case_{len(made)}"
            try:
                write(program, folder / f"{name}.c", source_and_header, dtype=dtype, values={})
            except EmitError:
                if case not in SPECIAL:  # of these, some have no code but SciPy's
                    raise
                continue
            made[name] = built, tensors, program
    functions = load([folder / f"{name}.c" for name in made])
    found = []
    for name, (built, tensors, program) in made.items():
        for n in built.case.sizes if isinstance(size, str) else (size,):
            if n or not isinstance(size, str):
                found += wrong(functions[name], built, tensors, program, n, dtype)
    return found


def wrong(
    function: Function, built: Built, tensors: Sequence[Tensor], program: Any, n: int, dtype: str
) -> list[str]:
    """Call one function; return what it computes otherwise than the interpreter."""
    values = built.values(n, *built.directions().values())
    arrays = [values[str(t.name)] for t in program.inputs if t.value is None]
    given = [np.ascontiguousarray(a if a.dtype.kind == "i" else a.astype(dtype)) for a in arrays]
    expected = checks.computed(tensors, values)
    results = [np.zeros(e.shape, "int64" if t.dtype == "int64" else dtype)
               for t, e in zip(tensors, expected, strict=True)]  # fmt: skip
    dims = {name: n if name == "n" else n + 2 for name in function.dims}
    failed = function(dims, given, results)
    if failed:
        return [f"{built.case.id}, n = {n}: returned {failed}"]
    try:
        for t, ours, theirs in zip(tensors, results, expected, strict=True):
            checks.close(ours, theirs, t, 1e-10 if dtype == "float64" else 1e-4)
    except AssertionError as error:
        return [f"{built.case.id}, n = {n}, {dtype}: {error}"]
    return []


GROUPS = [CASES[k :: -(-len(CASES) // GROUP)] for k in range(-(-len(CASES) // GROUP))]


@needs_compiler
@pytest.mark.parametrize("cases", GROUPS, ids=lambda cases: f"{cases[0].id}, ...")
def test_functions_and_gradients(cases: Sequence[Case], tmp_path: Path) -> None:
    found = failures(cases, checks.first, "n", "float64", tmp_path)
    assert not found, "\n\n".join(found)


@needs_compiler
def test_functions_and_gradients_in_float32(tmp_path: Path) -> None:
    found = failures(CASES[::5], checks.first, "n", "float32", tmp_path)
    assert not found, "\n\n".join(found)
