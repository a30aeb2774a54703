"""Sums that the equations of a program determine, such as ``sum_j (x_j - mean) = 0``.

Enters: forward equations, and an element of a tensor that a derivative sums. Leaves: 0 where the definitions
make the sum 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.known_quotients import tensors_of
from symdl.differentiate.known_values import canonical
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor, is_plain, map_accesses, substitute

_LONGEST_FLAT = 400  # operations of a forward body in which a sum that is 0 is looked for


@dataclass(slots=True)
class KnownSums:
    """The sums among forward equations.

    Attributes:
        forward: the equations.
        sums: those that are sums, by the tensors that they read.
        flat: definitions down to the next reductions; None where that is too long.
    """

    forward: Mapping[Tensor, Equation]
    sums: dict[frozenset[Tensor], list[Equation]] = field(init=False)
    flat: dict[Tensor, sp.Expr | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sums = {}
        for equation in self.forward.values():
            if is_sum(equation):
                self.sums.setdefault(tensors_of(equation.body), []).append(equation)

    def zero(self, core: sp.Expr, equation: Equation) -> sp.Expr | None:
        """Return 0 for a sum of forward tensors whose definitions make it 0."""
        reads = {a.tensor for a in core.atoms(Access)} & self.forward.keys()
        if not reads or not all(map(is_plain, core.atoms(Access))):
            return None
        assert equation.reduction is not None
        table: dict[Tensor, Equation] = {}
        for tensor in reads:
            if (written := self.elementwise(tensor)) is None:
                return None
            table[tensor] = replace(self.forward[tensor], body=written)
        whole = inserted(core, table)
        if sp.count_ops(whole) > _LONGEST_FLAT:
            return None
        flat = sp.expand(whole)
        total: list[sp.Expr] = []
        for term in sp.Add.make_args(flat):
            factors = sp.Mul.make_args(term)
            inside = sp.Mul(*(f for f in factors if bound_in(f, equation)))
            front = sp.Mul(*(f for f in factors if not bound_in(f, equation)))
            if inside == 1:
                total.append(front * sp.Mul(*(size for _, size in equation.reduction.axes)))
                continue
            value = self.forward_sum(inside, equation)
            if value is None:
                return None
            total.append(front * value)
        return sp.Integer(0) if sp.cancel(sp.together(sp.Add(*total))) == 0 else None

    def elementwise(self, tensor: Tensor) -> sp.Expr | None:
        """The body of a forward equation with those without a reduction put in; None if that is too long."""
        waiting = [tensor]
        while waiting:
            one = waiting[-1]
            equation = self.forward[one]
            plain = equation.reduction is None and not equation.guards
            inside = (
                [t for t in equation.reads() if t in self.forward and t not in self.flat] if plain else []
            )
            if inside and one not in self.flat:
                waiting += inside
                continue
            waiting.pop()
            if one not in self.flat:
                self.flat[one] = self._written(equation) if plain else one.at(*equation.indices)
        return self.flat[tensor]

    def _written(self, equation: Equation) -> sp.Expr | None:
        reads = [t for t in equation.reads() if t in self.forward]
        table = {t: replace(self.forward[t], body=e) for t in reads if (e := self.flat[t]) is not None}
        whole = inserted(equation.body, table) if len(table) == len(reads) else None
        return whole if whole is not None and sp.count_ops(whole) <= _LONGEST_FLAT else None

    def forward_sum(self, inside: sp.Expr, equation: Equation) -> sp.Expr | None:
        """Return a forward tensor that holds the sum, or a multiple of it."""
        assert equation.reduction is not None
        used = {s for a in inside.atoms(Access) for s in a.free_symbols}
        free = tuple(i for i in equation.indices if i in used)
        for source in self.sums.get(tensors_of(inside), ()):
            factor = source.body.as_independent(Access, as_Add=False)[0]
            shape = tuple(equation.extents[i] for i in free)
            if source.lhs.shape != shape or factor.free_symbols & set(source.bound):
                continue
            lhs = Tensor(None, shape)
            wanted = Equation(lhs, free, inside * factor, equation.reduction)
            if canonical(wanted) == canonical(source):
                return source.lhs.at(*free) / factor
        return None


def is_sum(equation: Equation) -> bool:
    """Say whether an equation is a sum without guards."""
    return equation.reduction is not None and equation.reduction.op == "sum" and not equation.guards


def inserted(body: sp.Expr, table: Mapping[Tensor, Equation]) -> sp.Expr:
    """Put definitions in the place of what they define."""

    def change(access: Access) -> sp.Expr:
        source = table.get(access.tensor)
        if source is None:
            return access
        return substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))

    return map_accesses(body, change) if table else body


def bound_in(factor: sp.Expr, equation: Equation) -> bool:
    """Say whether a factor depends on what an equation sums over."""
    used = set(factor.free_symbols) | {s for a in factor.atoms(Access) for s in a.free_symbols}
    return bool(used & set(equation.bound))
