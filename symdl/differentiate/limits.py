"""Where a contribution to a derivative is evaluated.

Enters: a program and what is differentiated. Leaves: for each term ``T_bar * w`` the support in which `w` is
evaluated; elsewhere the term is 0, whatever `w` would be.

A cotangent is 0 outside its support. Where all that the weight reads is finite there, 0 times the weight is 0
anyway, and nothing is asked; most layers are so. The support is asked

- of the cotangent, if the weight is not finite for all finite values (``1/(2 sqrt(v))`` at 0);
- of the tensor `T`, if the weight reads elements that may themselves be anything where `T` is not used (the
  values of padding).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy as sp

from symdl.differentiate.solve import Solution
from symdl.differentiate.support import (
    EVERYWHERE,
    NOWHERE,
    Support,
    both,
    carried,
    demand,
    either,
    is_whole,
    names_of,
    nonzero,
    resolved,
)
from symdl.differentiate.totals import is_total
from symdl.express.equations import Equation
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor

CLEAN = ("parameter", "state", "cotangent")
"""Roles of tensors that hold no values that do not count: what is learned, and what this module limits."""


@dataclass(slots=True)
class Limits:
    """Collects the supports of cotangents as a reverse sweep goes on.

    Attributes:
        demands: where each tensor is used.
        slopes: where each cotangent may be other than 0, as far as the sweep has come.
        infinite: tensors whose cotangents may be infinite.
    """

    program: Program
    outputs: Iterable[Tensor]
    demands: dict[Tensor, Support] = field(init=False)
    slopes: dict[Tensor, Support] = field(default_factory=dict)
    infinite: set[Tensor] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.demands = demand(self.program, self.outputs)
        stepped = (e.lhs for r in self.program.recurrences for e in r.equations)
        self.slopes = dict.fromkeys(self.outputs, EVERYWHERE)
        self.slopes |= {t: self.demands.get(t, EVERYWHERE) for t in stepped}

    def of(self, equation: Equation, weight: sp.Expr) -> Support:
        """Return where the weight of a contribution of `equation` is evaluated."""
        if not is_total(weight, self.program.definitions):
            return self.slopes.get(equation.lhs, EVERYWHERE)
        used = self.demands.get(equation.lhs, EVERYWHERE)
        if used.everywhere or all(map(self.clean, _values(weight))):
            return EVERYWHERE
        return used

    def clean(self, access: Access) -> bool:
        """Say whether an element counts for sure, so that it is finite if the result is."""
        tensor = access.tensor
        known = self.demands.get(tensor, EVERYWHERE)
        return tensor.dtype != "real" or tensor.role in CLEAN or (known.everywhere and known.exact)

    def pass_on(self, equation: Equation, access: Access, weight: sp.Expr, solution: Solution) -> None:
        """Note where the cotangent of what is read may be other than 0 because of this contribution."""
        tensor = access.tensor
        if equation.lhs in self.infinite or _is_steep(equation.body):
            self.infinite.add(tensor)
        known = self.slopes.get(tensor, NOWHERE)
        if known == EVERYWHERE:
            return
        names = names_of(tensor, self.program.definitions)
        extents = dict(zip(names, tensor.shape, strict=True))
        own = self.slopes.get(equation.lhs, EVERYWHERE)
        here = both(own, resolved(Support(equation.guards, nonzero(weight)), self.program.definitions))
        if not (here.everywhere and is_whole(equation, access)):
            here = carried(here, solution, names)
        self.slopes[tensor] = either(known, here, extents)


def _values(weight: sp.Expr) -> set[Access]:
    """Return the elements that an expression computes with; what it only compares may be anything."""
    if isinstance(weight, Access):
        return {weight}
    parts = [v for v, _ in weight.args] if isinstance(weight, sp.Piecewise) else weight.args
    return set().union(*map(_values, parts))


def _is_steep(body: sp.Expr) -> bool:
    """Say whether an expression may have an infinite slope where its value is finite."""
    roots = any(not p.exp.is_Integer and not p.exp.is_negative for p in body.atoms(sp.Pow))
    return roots or body.has(sp.asin, sp.acos, sp.acosh)


def times(weight: sp.Expr, factor: sp.Expr) -> sp.Expr:
    """Return a product in which `factor` is not evaluated where the cases of `weight` say 0."""
    if not weight.has(sp.Piecewise):
        return weight * factor
    if isinstance(weight, sp.Add):
        return sp.Add(*(times(term, factor) for term in weight.args))
    factors = sp.Mul.make_args(weight)
    for place, cases in enumerate(factors):
        if isinstance(cases, sp.Piecewise) and any(value == 0 for value, _ in cases.args):
            factor = sp.Mul(factor, *factors[:place], *factors[place + 1 :])
            return sp.Piecewise(*((sp.S.Zero if v == 0 else times(v, factor), c) for v, c in cases.args))
    return weight * factor
