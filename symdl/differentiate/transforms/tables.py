"""Cosines and sines of the parts of a circle, as equations.

Enters: N. Leaves: tensors of ``cos(2πm/N)`` and ``sin(2πm/N)``. Whole quarters are first taken off each
angle, in integers, so that no digit of it is lost: what is rounded is at most an eighth of the circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sympy as sp

from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation, Origin, Reduction
from symdl.express.tensors import DType, Tensor

RULE = "Fourier transform"
"""The rule that equations of stages are written by."""


@dataclass(slots=True)
class Writer:
    """Writes equations down, and tables once.

    Attributes:
        made: the equations, each after those that it reads.
    """

    made: list[Equation] = field(default_factory=list)
    _tables: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def define(
        self,
        where: Sequence[tuple[Index, Extent]],
        body: sp.Expr,
        *,
        over: Sequence[tuple[Index, Extent]] = (),
        dtype: DType = "real",
    ) -> Tensor:
        """Define a tensor over indices with their sizes; the body is summed over others."""
        lhs = Tensor(None, [size for _, size in where], dtype=dtype)
        reduction = Reduction("sum", tuple(over)) if over else None
        self.made.append(Equation(lhs, tuple(i for i, _ in where), body, reduction, origin=Origin(RULE)))
        return lhs

    def circle(self, size: int) -> tuple[Tensor, Tensor]:
        """Return the cosines and the sines of all parts of a circle of that many."""
        if size not in self._tables:
            self._tables[size] = self._circle(size)
        return self._tables[size]

    def _circle(self, size: int) -> tuple[Tensor, Tensor]:
        m = Index("m")
        eighths = [8 * m <= part * size for part in (1, 3, 5, 7)]
        # Whole quarters are taken off: what is left counts parts of 4N, N/2 of them at most.
        turned = self.define(
            [(m, size)],
            sp.Piecewise(
                *((4 * m - quarter * size, here) for quarter, here in enumerate(eighths)),
                (4 * m - 4 * size, True),
            ),
            dtype="int64",
        )
        angle = turned.at(m) * sp.pi / (2 * size)
        cos, sin = sp.cos(angle), sp.sin(angle)
        tables = []
        for values in ((cos, -sin, -cos, sin), (sin, cos, -sin, -cos)):
            body = sp.Piecewise(*zip(values, eighths, strict=True), (values[0], True))
            tables.append(self.define([(m, size)], body))
        return tables[0], tables[1]
