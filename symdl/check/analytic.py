"""The complex step: slopes as exact as the function itself.

Enters: a program and a point. Leaves: partial derivatives, each the imaginary part of the output where one
element got an imaginary part so small that its square is 0. Nothing is subtracted, so nothing is lost by
rounding. It needs functions that are analytic; at corners the side is that of the real part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.check.walk import NotCovered, Shape, walk
from symdl.express.dims import Dim
from symdl.express.equations import Equation, Op
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.run.reference.scalars import FUNCTIONS

Array = NDArray[Any]

STEP = 1e-100

_NAMES = (
    "Add Mul Pow exp log log1p expm1 sin cos tan cot sec csc asin acos atan sinh cosh tanh coth"
    " asinh acosh atanh erf erfc gamma loggamma"
)
_ANALYTIC: Mapping[str, Callable[..., Any]] = {
    **{name: FUNCTIONS[name] for name in _NAMES.split()},
    "expm1": lambda x: 2 * np.exp(x / 2) * np.sinh(x / 2),
    "Abs": lambda x: np.where(np.real(x) == 0, np.abs(np.real(x)), x * np.sign(np.real(x))),
    "Mod": lambda x, m: x - m * np.floor(np.real(x) / np.real(m)),
    "Remainder": lambda x, m: x - m * np.floor(np.real(x) / np.real(m)),
    "StopGradient": np.real,
}


class ComplexNumbers:
    """The arithmetic of complex arrays."""

    functions = _ANALYTIC

    def constant(self, value: Array) -> Array:
        """Return the numbers."""
        return value

    def apply(self, name: str, args: Sequence[Array]) -> Array:
        """Compute an analytic function."""
        return np.asarray(_ANALYTIC[name](*args))

    def call(self, function: Callable[..., Array], args: Sequence[Array]) -> Array:
        """Refuse: a routine is made for real numbers."""
        raise NotCovered("a special function has no values for complex numbers here")

    def read(self, source: Array, where: tuple[Array, ...], mask: Array) -> Array:
        """Read elements."""
        return source[where]

    def select(
        self, cases: Sequence[tuple[Array, Array]], otherwise: float, shape: Shape | None = None
    ) -> Array:
        """Choose."""
        value: Any = otherwise
        for taken, case in cases:
            value = np.where(taken, case, value)
        return value if shape is None else np.broadcast_to(value, shape)

    def reduce(self, op: Op, value: Array, free: Shape) -> Array:
        """Reduce; of a maximum, the element whose real part is largest."""
        flat: Any = value.reshape((*free, -1))
        if op in ("sum", "prod"):
            return np.asarray(flat.sum(-1) if op == "sum" else flat.prod(-1))
        best = np.expand_dims(flat.real.argmax(-1), -1)
        top: Array = np.take_along_axis(flat, best, -1)[..., 0]
        if op == "max":
            return top
        shift = np.where(np.isfinite(top.real), top, 0.0)
        return np.asarray(np.log(np.exp(flat - shift[..., None]).sum(-1)) + shift)

    def matrices(self, equation: Equation, value: Array, shape: Shape) -> Array:
        """Compute what is analytic in the entries: inverses and determinants."""
        assert equation.reduction is not None
        matrices, op = value.reshape(shape), equation.reduction.op
        if op in ("inverse", "det"):
            return np.asarray(np.linalg.inv(matrices) if op == "inverse" else np.linalg.det(matrices))
        raise NotCovered(f"{op} of matrices has no values for complex numbers here")

    def put(self, so_far: Array, block: Array, where: tuple[slice, ...]) -> Array:
        """Replace a block."""
        copy = np.array(so_far, dtype=np.result_type(so_far, block))
        copy[where] = block
        return copy


def complex_step(
    program: Program,
    output: Tensor,
    arrays: Mapping[Tensor, Array],
    dims: Mapping[Dim, int],
    positions: Mapping[Tensor, Iterable[int]],
) -> dict[Tensor, Array]:
    """Return the partial derivatives of a rank-0 tensor at some positions of its inputs, NaN at the others.

    Args:
        arrays: the values of all tensors of the program.
        dims: the symbolic sizes.
        positions: the flat positions for each input.

    Raises:
        NotCovered: a function is not analytic, or is not known for complex numbers.
    """
    found = {}
    for tensor, chosen in positions.items():
        slopes = np.full(arrays[tensor].shape, np.nan)
        for position in chosen:
            where = np.unravel_index(position, slopes.shape)
            moved = arrays[tensor].astype(complex)
            moved[where] += 1j * STEP
            computed: dict[Tensor, Array] = walk(program, arrays, dims, ComplexNumbers(), {tensor: moved})
            slopes[where] = np.imag(computed[output]) / STEP
        found[tensor] = slopes
    return found
