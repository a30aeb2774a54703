"""Logarithms of what is made of exponentials.

Enters: an equation with ``log(p)`` in it, and the definitions of what it reads. Leaves: the equation with the
logarithm taken apart: ``z - logsumexp(z)`` for a softmax `p`, ``-log(1 + exp(-z))`` for a sigmoid; of a
determinant it is one function. An identity of real numbers; in floating point `p` can be 0 or infinite, and
then so is ``log(p)``, and its gradient NaN.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.express.equations import Equation, Op, Origin, Reduction
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute


@dataclass(slots=True)
class Logarithms:
    """Takes logarithms apart, looking through the definitions in `done` but for those of `keep`.

    Attributes:
        made: the logsumexp equations that came to be needed, by the sum that they are the logarithm of.
    """

    done: Mapping[Tensor, Equation]
    keep: Collection[Tensor]
    made: dict[Tensor, Equation] = field(default_factory=dict)

    def rewrite(self, equation: Equation) -> Equation:
        """Return the equation with its logarithms taken apart where that is possible."""
        values: dict[sp.Expr, sp.Expr] = {}
        for node in sorted(equation.body.atoms(sp.log), key=sp.default_sort_key):
            value = self.log(node.args[0]) if node.args[0].atoms(Access) else None
            if value is None and isinstance(node.args[0], Access):
                value = self._log_of_determinant(node.args[0])
            if value is not None and value != node:
                values[node] = value
        return replace(equation, body=rebuilt(equation.body, values)) if values else equation

    def shares(self, equation: Equation) -> Equation:
        """Write ``E/S`` with ``S = sum E`` and ``E = exp(z)`` as ``exp(z - logsumexp(z))``."""
        values: dict[sp.Expr, sp.Expr] = {}
        for node in sorted(equation.body.atoms(sp.Mul), key=sp.default_sort_key):
            for below in node.args:
                if not (isinstance(below, sp.Pow) and below.exp == -1 and isinstance(below.base, Access)):
                    continue
                total = self.done.get(below.base.tensor)
                above = [f for f in node.args if isinstance(f, sp.exp | Access) and self._is_exponential(f)]
                if total is None or total.reduction is None or not above:
                    continue
                logs = [self.log(f) for f in (*above, below.base)]
                if any(value is None for value in logs):
                    continue
                rest = sp.Mul(*(f for f in node.args if f not in (below, *above)))
                values[node] = rest * sp.exp(sp.Add(*logs[:-1]) - logs[-1])
        return replace(equation, body=rebuilt(equation.body, values)) if values else equation

    def _is_exponential(self, factor: sp.Expr) -> bool:
        """Say whether a factor is an exponential of what is not taken off its largest value."""
        body = self._body(factor) if isinstance(factor, Access) else factor
        if not isinstance(body, sp.exp):
            return False
        read = [e.reduction for a in body.atoms(Access) if (e := self.done.get(a.tensor)) is not None]
        return not any(r is not None and r.op in ("max", "logsumexp") for r in read)

    def log(self, expr: sp.Expr) -> sp.Expr | None:
        """Return the logarithm of an expression of positive parts without its exponentials, else None."""
        if isinstance(expr, sp.exp):
            return expr.args[0]
        if not expr.has(Access, sp.exp):
            return sp.log(expr) if expr.is_positive else None
        if isinstance(expr, sp.Mul):
            parts = [self.log(factor) for factor in expr.args]
            return None if any(part is None for part in parts) else sp.Add(*parts)
        if isinstance(expr, sp.Pow) and expr.exp.is_Rational:
            inner = self.log(expr.base)
            return None if inner is None else expr.exp * inner
        if isinstance(expr, sp.Add):
            return self._log_of_sum(expr)
        return self._log_of_access(expr) if isinstance(expr, Access) else None

    def _log_of_sum(self, expr: sp.Add) -> sp.Expr | None:
        """``log(1 + exp(u))`` stays, it is computed without overflow; ``1 - sigmoid`` is a sigmoid too."""
        one, rest = expr.as_independent(Access, sp.exp, as_Add=True)
        if one != 1:
            return None
        if isinstance(rest, sp.exp):
            return sp.log(expr)
        body = self._body(-rest) if isinstance(-rest, Access) else -rest
        if not isinstance(body, sp.Pow) or body.exp != -1:
            return None
        power = body.base - 1
        return -sp.log(1 + sp.exp(sp.expand(-power.args[0]))) if isinstance(power, sp.exp) else None

    def _log_of_access(self, access: Access) -> sp.Expr | None:
        body = self._body(access)
        if body is not None:
            return self.log(body)
        total = self.done.get(access.tensor)
        if total is None or access.tensor in self.keep or total.guards or total.reduction is None:
            return None
        inner = self.log(total.body) if total.reduction.op == "sum" else None
        return None if inner is None else self._make(access, total, inner, "logsumexp")

    def _log_of_determinant(self, access: Access) -> sp.Expr | None:
        """The determinant of a large matrix overflows long before its logarithm is large."""
        total = self.done.get(access.tensor)
        if total is None or access.tensor in self.keep or total.guards or total.reduction is None:
            return None
        return self._make(access, total, total.body, "logdet") if total.reduction.op == "det" else None

    def _make(self, access: Access, total: Equation, body: sp.Expr, op: Op) -> sp.Expr:
        """Return the element of a reduction that is the logarithm of another one; each is made once."""
        if access.tensor not in self.made:
            words = {"logdet": "log-determinant"}.get(op, op)
            lhs, origin = Tensor(None, total.lhs.shape), Origin(words, total.lhs)
            assert total.reduction is not None
            reduction = Reduction(op, total.reduction.axes)
            self.made[access.tensor] = replace(total, lhs=lhs, body=body, reduction=reduction, origin=origin)
        return self.made[access.tensor].lhs.at(*access.indices)

    def _body(self, access: Access) -> sp.Expr | None:
        """The definition of an element, if it is one expression that may be looked into."""
        source = self.done.get(access.tensor)
        if source is None or access.tensor in self.keep or source.reduction or source.guards:
            return None
        if any(e.has(Access) for e in access.indices):
            return None
        return substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))
