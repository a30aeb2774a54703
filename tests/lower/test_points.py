"""Long scalar functions: few kernels whatever the length, the same results as any other schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.express.scalar import batched, scalar_graph
from symdl.lower.long_scalars import LONG, _Piece
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import outputs
from tests.lower.programs import assert_agrees
from tests.lowering import lower

x, y, z = sp.symbols("x y z", real=True)
rng = np.random.default_rng(1)
POINTS = {name: rng.uniform(0.1, 2, 70) for name in "xyz"}


def long(terms: int) -> Any:
    """A function with about ten operations a term, of a handful of structures."""
    value: Any = x
    for at in range(1, terms + 1):
        turned = sp.sin(x * y + sp.Rational(at, 7)) * y
        root = sp.sqrt(z * z + x * (at + 1)) * sp.Float(0.3 + at)
        value += turned * (
            root if at % 3 else sp.Piecewise((root, x < at), (z / (1 + sp.exp(-x * at)), True))
        )
    return value


def program(f: Any, *, gradients: bool = True) -> Program:
    graph = scalar_graph(f)
    chosen = differentiate(graph.outputs[0], graph.inputs).program if gradients else graph
    return batched(chosen, Dim("points"))


def test_agrees_with_the_interpreter() -> None:
    assert_agrees(program(long(12)), POINTS)


def test_compiled_code_agrees_with_the_interpreter() -> None:
    made = program(long(12))
    found = Compiled(made, dtype="float32", target="cpu")(**POINTS)
    for ours, theirs in zip(found, outputs(made, POINTS), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_kernels_do_not_grow_with_the_length() -> None:
    small, large = (lower(program(long(terms))) for terms in (20, 80))
    assert len(large.calls) > 3 * len(small.calls) > LONG
    assert len(large.kernels) <= len(small.kernels) + 3 < 30
    assert max(len(kernel.arrays) for kernel in large.kernels) <= 4


def test_a_function_of_many_points_is_told_by_its_size() -> None:
    assert lower(program(long(12))).points == "points"
    assert lower(program(x * y)).points == "points"


def test_rows_are_used_again() -> None:
    forward = lower(program(long(60), gradients=False))
    rows = [b for b in forward.plan.buffers if b.kind == "arena"]
    assert 10 * len(rows) < len(forward.calls)


def test_outputs_that_are_inputs_numbers_or_alike() -> None:
    value = long(12)
    graph = scalar_graph(value)
    body = graph.outputs[0]
    wide = batched(Program(graph.inputs, graph.equations, (body, graph.inputs[0], body)), Dim("points"))
    assert_agrees(wide, POINTS)
    slopes = program(value + 3 * x)  # by z alone nothing is added; by y, too
    assert_agrees(slopes, POINTS)


def test_a_number_that_is_not_small_is_a_parameter() -> None:
    graph = lower(program(long(12)))
    large = [size.number for call in graph.calls for size in call.sizes if size.number]  # type: ignore[union-attr]
    assert 7 in large
    assert not _Piece([]).sizes
