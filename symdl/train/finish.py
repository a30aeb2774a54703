"""What is computed once, from numbers over all samples.

Enters: equations without an axis over samples, and the values of what they read. Leaves: their outputs, in
float64, by the reference interpreter: they are few and small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.express.dims import Dim, dims_of
from symdl.express.equations import Equation
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Tensor
from symdl.run.reference.binding import bind_dims
from symdl.run.reference.interpreter import outputs

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Finish:
    """A program that is run once.

    Attributes:
        program: its outputs are the results; some of its inputs only show sizes.
        sizes: these, by the size that they show.
    """

    program: Program
    sizes: Mapping[Dim, Tensor]

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """What must be given."""
        shown = set(self.sizes.values())
        return tuple(t for t in self.program.inputs if t.value is None and t not in shown)

    def __call__(self, values: Mapping[Tensor, Any], dims: Mapping[Dim, int]) -> tuple[Array, ...]:
        """Return the outputs for the values of what it reads."""
        shown = {tensor: np.zeros(dims[dim]) for dim, tensor in self.sizes.items()}
        return outputs(self.program, {**shown, **{t: values[t] for t in self.reads}})


def finish(inputs: Iterable[Tensor], equations: Sequence[Equation], ends: Sequence[Tensor]) -> Finish:
    """Return the program that computes `ends`; no size is the number of samples."""
    given = tuple(inputs)
    extents = [size for e in equations for size in e.extents.values()]
    extents += [size for t in given for size in t.shape]
    found = {dim for size in extents for dim in dims_of(size)} | {
        d for e in equations for d in e.body.atoms(Dim)
    }
    sizes = {dim: Tensor(f"size of {dim}", (dim,)) for dim in sorted(found, key=str)}
    return Finish(Program((*given, *sizes.values()), tuple(equations), tuple(ends)), sizes)


def with_count(equation: Equation, samples: Dim, count: Tensor) -> Equation:
    """Return an equation in which the number of samples, as a value, is read from `count`."""
    if not equation.body.has(samples):
        return equation
    return replace(equation, body=rebuilt(equation.body, {samples: count.at()}))


def sizes_of(inputs: Iterable[Tensor], arrays: Mapping[str, Array]) -> dict[Dim, int]:
    """Return the symbolic sizes that data show."""
    given = tuple(t for t in inputs if str(t.name) in arrays)
    return bind_dims(Program(given, (), ()), {t: arrays[str(t.name)] for t in given})
