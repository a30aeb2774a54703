"""A formula compiled with its Jacobian.

Enters: a formula, its data's names, the layout of what is fitted. Leaves: a `Model`: from data and parameters
to values ``(n,)`` and a Jacobian ``(n, p)``, in one call of one program.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.errors import FittingError, SymdlError
from symdl.express.tensors import Tensor
from symdl.express.walks import swapped, symbols_of
from symdl.fitting.equations import POINTS, derived
from symdl.run.compile import compile
from symdl.run.compiled import Compiled
from symdl.train.layout import Layout

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A compiled formula.

    Attributes:
        layout: of the free parameters.
        function: returns the values, then a derivative for each of `varied`.
        varied: the free parameters that the formula depends on.
        names: what the function calls data and parameters, by their names.
    """

    layout: Layout
    function: Compiled[Any]
    varied: tuple[str, ...]
    names: Mapping[str, str]

    def at(
        self, data: Mapping[str, Any], values: Mapping[str, Any], count: int
    ) -> tuple[NDArray[Any], Matrix]:
        """Return the values at `count` points, in their shape, and their derivatives, one row a value.

        Args:
            data: arrays by name; others than the formula reads do no harm.
            values: free and fixed parameters by name.
            count: how many points there are.
        """
        known = {**data, **values, POINTS: np.zeros(count)}
        value, *columns = self.function(**{inner: known[name] for name, inner in self.names.items()})
        jacobian = np.zeros((np.size(value), self.layout.size))
        slices = self.layout.slices
        for name, column in zip(self.varied, columns, strict=True):
            jacobian[:, slices[name]] = np.reshape(column, (np.size(value), -1))
        return np.asarray(value), jacobian


def compiled(formula: Any, data: Collection[str], layout: Layout) -> Model:
    """Compile a formula.

    Args:
        formula: an expression or a tensor, tied parameters put in.
        data: the names of what is given.
        layout: of the free parameters.

    Raises:
        FittingError: it has no code, or no derivative.
    """
    if isinstance(formula, Tensor):
        found = derived(formula, data=data, free=[*layout.shapes])
        function = compile(found.all)
        return Model(layout, function, found.varied, {name: name for name in _reads(function)})
    known = {str(symbol): symbol for symbol in sorted(symbols_of(formula), key=str)}
    free = [name for name in layout.shapes if name in known]
    order = free + [name for name in known if name not in free]
    inner = {name: f"{'x' if name in data else 'b'}{at}" for at, name in enumerate(order)}
    same = swapped(formula, {known[n]: sp.Symbol(new, **known[n].assumptions0) for n, new in inner.items()})
    given = tuple(inner[name] for name in order if name in data)
    try:
        function, varied = _program(same, given, tuple(inner[name] for name in free))
    except SymdlError as problem:
        raise FittingError(problem.message, expression=formula, cure=problem.cure) from problem
    outer = {new: name for name, new in inner.items()}
    names = {outer.get(name, name): name for name in _reads(function)}
    return Model(layout, function, tuple(outer[name] for name in varied), names)


@lru_cache(maxsize=32)
def _program(
    expression: sp.Expr, data: tuple[str, ...], free: tuple[str, ...]
) -> tuple[Compiled[Any], tuple[str, ...]]:
    """Return the program of an expression: formulas that differ in names only share it, and so do fits."""
    found = derived(expression, data=data, free=free)
    return compile(found.all), found.varied


def _reads(function: Compiled[Any]) -> list[str]:
    return [str(t.name) for t in function.program.inputs if t.value is None]
