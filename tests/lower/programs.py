"""Random programs, and the comparison of a compiled program with the reference interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from symdl.check import strategies
from symdl.differentiate.adjoint import differentiate
from symdl.express.program import Program, collect
from symdl.lower.lowered import Schedule
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import outputs

Arrays = dict[str, np.ndarray]


def assert_agrees(
    program: Program,
    values: Mapping[str, Any],
    *,
    targets: Sequence[str] = ("python",),
    schedules: Sequence[Schedule] = ("fused", "naive"),
    dtype: str = "float64",
) -> None:
    """Compare schedules on some targets with the interpreter."""
    expected = outputs(program, values, dtype=dtype)
    tolerance = 1e-10 if dtype == "float64" else 3e-5
    for target in targets:
        for schedule in schedules:
            found = Compiled(program, dtype=dtype, target=target, schedule=schedule)(**values)
            for ours, theirs in zip(found, expected, strict=True):
                assert ours.dtype == theirs.dtype
                assert np.shape(ours) == theirs.shape
                finite = theirs[np.isfinite(theirs)]
                scale = max(1.0, float(np.abs(finite).max())) if finite.size else 1.0
                np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale)


def programs(*, gradients: bool = True) -> st.SearchStrategy[tuple[Program, Arrays]]:
    """Programs of some steps, every second time of gradients, and values for their inputs."""
    sizes, batches = (0, 1, 2, 3, 4, 5), (1, 2, 3, 4)
    plain = strategies.programs(sizes=sizes, batches=batches).map(
        lambda s: (collect(s.outputs), dict(s.values))
    )
    if not gradients:
        return plain
    return plain | strategies.losses(sizes=sizes[1:], batches=batches).map(_derived)


def _derived(sample: strategies.Sample) -> tuple[Program, Arrays]:
    program = collect([sample.loss])
    program = differentiate(sample.loss, [t for t in program.inputs if t.dtype == "real"]).program
    names = {t.name for t in program.inputs}
    return program, {name: array for name, array in sample.values.items() if name in names}
