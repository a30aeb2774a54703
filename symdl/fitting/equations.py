"""A formula and its Jacobian as equations.

Enters: an expression in symbols or a tensor, which of its names are data, and which are fitted. Leaves:
tensors: the values at all data points, and their derivatives with respect to each parameter. Kernels and the
reference interpreter compute the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from symdl.differentiate.jacobian import jacobian
from symdl.express.batching import vmap
from symdl.express.dims import Dim
from symdl.express.operations import stable_graphs
from symdl.express.ordering import depending, real_reads
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.express.walks import symbols_of

POINTS = "points"
"""Zeros, added to a formula that reads no data: they say how many points there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """The values of a formula, and their derivatives.

    Attributes:
        value: at an expression's data points, shape ``(n,)``; a tensor formula has its own shape.
        columns: for each of `varied` the derivative, of shape ``value.shape + parameter.shape``.
        varied: the parameters that the formula depends on.
    """

    value: Tensor
    columns: tuple[Tensor, ...]
    varied: tuple[str, ...]

    @property
    def all(self) -> list[Tensor]:
        """What a program computes."""
        return [self.value, *self.columns]


def names_of(formula: Any) -> list[str]:
    """Return the names of all that a formula reads, data and parameters, in order."""
    if isinstance(formula, Tensor):
        return [str(t.name) for t in collect([formula]).inputs if t.value is None]
    return sorted(map(str, symbols_of(formula)))


def derived(formula: Any, *, data: Collection[str] | None, free: Sequence[str]) -> Equations:
    """Return a formula with its derivatives.

    Args:
        formula: an expression or a tensor.
        data: of an expression: the symbols that have a value at each point; None for an expression that is
            one number.
        free: what to differentiate with respect to.
    """
    if isinstance(formula, Tensor):
        return _with_columns(formula, free)
    return _of_expression(formula, None if data is None else tuple(data), tuple(free))


@lru_cache(maxsize=64)
def _of_expression(formula: Any, data: tuple[str, ...] | None, free: tuple[str, ...]) -> Equations:
    """Return an expression with its derivatives, derived once: whoever fits one curve fits many."""
    return _with_columns(_at_points(formula, data), free)


def _with_columns(value: Tensor, free: Sequence[str]) -> Equations:
    program = collect([value])
    known = {str(t.name): t for t in program.inputs if t.value is None}
    reached = [t for name in free if (t := known.get(name)) is not None]
    varied = [t for t in reached if value in depending(program.groups, [t], real_reads)]
    return Equations(value, tuple(jacobian(value, t) for t in varied), tuple(str(t.name) for t in varied))


def _at_points(expression: Any, data: Collection[str] | None) -> Tensor:
    """Return an expression at all data points."""
    program = stable_graphs([expression])
    (value,) = program.outputs
    if data is None:
        return value
    moving = [t for t in program.inputs if str(t.name) in data]
    size = Dim("n")
    if not moving:
        return value + Tensor(POINTS, (size,), role="input")
    return vmap(value, moving, size=size)
