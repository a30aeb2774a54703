"""Derivatives in the compact form of a textbook.

Enters: a derivative. Leaves: the same gradients from fewer sums, by identities of real numbers, recorded:

- *known quotient*: where a forward tensor holds ``t = g/h``, the derivative writes ``g`` as ``t h``;
- *factor out of the sum*: what does not depend on the summed index stands before the sum;
- *known sum*: a sum that the forward equations determine, such as ``sum_j (x_j - mean) = 0``.

A normalisation so gets its three terms, ``(m y_bar - sum y_bar - x_hat sum(y_bar x_hat)) gamma/(m sigma)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.known_quotients import Quotients
from symdl.differentiate.known_sums import KnownSums, bound_in, inserted, is_sum
from symdl.differentiate.known_values import canonical
from symdl.differentiate.record import Derivative, Rewrite
from symdl.express.dims import Index
from symdl.express.equations import Equation, Origin, Reduction
from symdl.express.program import collect
from symdl.express.tensors import Access, Tensor, is_plain


def compact(derivative: Derivative) -> Derivative:
    """Return the derivative with its gradients in compact form; the same object where nothing applies."""
    program = derivative.program
    forward = {e.lhs for e in collect([derivative.output]).equations}
    given = {e.lhs: e for e in program.equations if e.lhs in forward}
    quotients = Quotients.among(given.values())
    if not quotients.found:
        return derivative
    state = _Compactor(given, quotients, frozenset(program.outputs))
    for equation in program.equations:
        if equation.lhs in forward:
            state.take_forward(equation)
        else:
            state.take(equation)
    if not state.rewrites:
        return derivative
    record = replace(derivative.record, rewrites=(*derivative.record.rewrites, *state.rewrites))
    return replace(derivative, program=program.with_equations(state.done.values()), record=record)


@dataclass(slots=True)
class _Compactor:
    """One pass in topological order.

    `rows` and `products` hold derived tensors that are put into their users: narrow ones always, wide ones
    where something else is rewritten. `open` are cotangents of deviations, whose sums go on being rewritten.
    """

    forward: Mapping[Tensor, Equation]
    quotients: Quotients
    outputs: frozenset[Tensor]
    done: dict[Tensor, Equation] = field(default_factory=dict)
    rows: dict[Tensor, Equation] = field(default_factory=dict)
    products: dict[Tensor, Equation] = field(default_factory=dict)
    sums: dict[object, Tensor] = field(default_factory=dict)
    rewrites: list[Rewrite] = field(default_factory=list)
    open: set[Tensor] = field(default_factory=set)
    names: frozenset[Index] = field(init=False)
    known_sums: KnownSums = field(init=False)

    def __post_init__(self) -> None:
        self.known_sums = KnownSums(self.forward)
        self.names = frozenset(i for e in self.forward.values() for i in e.indices)

    def take_forward(self, equation: Equation) -> None:
        """Keep a forward equation; a sum can be recognised later."""
        self.done[equation.lhs] = equation
        if is_sum(equation):
            self.sums.setdefault(canonical(equation), equation.lhs)

    def take(self, equation: Equation) -> None:
        """Rewrite one derived equation and file it."""
        new = self.rewritten(equation)
        if new is not equation:
            self.rewrites.append(Rewrite("compact form", "algebraic", equation, new))
        self.done[new.lhs] = new
        if new.reduction or new.guards or new.lhs in self.outputs or new.lhs.dtype != "real":
            return
        if (
            new is not equation and new.lhs.rank < self.quotients.widest
        ):  # narrower than a forward quotient: a row
            self.rows[new.lhs] = new
        elif new.body.is_Mul and len(new.body.args) <= 3 and all(is_plain(a) for a in new.body.atoms(Access)):
            self.products[new.lhs] = new
        elif new is not equation:
            self.products[new.lhs] = new
        if new is not equation and new.lhs.of in self.quotients.deviations and new.lhs in self.products:
            self.open.add(new.lhs)

    def rewritten(self, equation: Equation) -> Equation:
        if equation.guards or (equation.reduction is not None and equation.reduction.op != "sum"):
            return equation
        inner = inserted(equation.body, self.rows)
        quotient = self.quotients.written_in(inner)
        outside = equation.reduction is not None and any(
            self.loose(factor, equation) for term in _terms(quotient) for factor in sp.Mul.make_args(term)
        )
        if quotient == equation.body and not outside and not self.goes_on(equation):
            return equation
        full = self.quotients.written_in(inserted(quotient, self.products))
        if equation.reduction is None:
            return replace(equation, body=_shortest(full))
        return self.split(replace(equation, body=sp.expand(full)), equation)

    def goes_on(self, equation: Equation) -> bool:
        """Say whether an equation adds up the cotangent of a deviation."""
        if not any(a.tensor in self.open for a in equation.body.atoms(Access)):
            return False
        return equation.reduction is None or len(equation.body.atoms(Access)) == 1

    @staticmethod
    def loose(factor: sp.Expr, equation: Equation) -> bool:
        """Say whether a factor with elements of tensors does not depend on what is summed."""
        used = {s for a in factor.atoms(Access) for s in a.free_symbols}
        return (
            bool(factor.atoms(Access))
            and not used & set(equation.bound)
            and not factor.free_symbols & set(equation.bound)
        )

    def split(self, equation: Equation, before: Equation) -> Equation:
        """Take factors out of the sum, term by term, and leave out sums that are known to be 0."""
        assert equation.reduction is not None
        total: list[sp.Expr] = []
        for term in sp.Add.make_args(equation.body):
            factors = sp.Mul.make_args(term)
            inside = [f for f in factors if bound_in(f, equation)]
            front = sp.Mul(*(f for f in factors if f not in inside))
            if not inside:
                total.append(front * sp.Mul(*(size for _, size in equation.reduction.axes)))
                continue
            core = sp.Mul(*inside)
            value = self.known_sums.zero(core, equation)
            total.append(front * (self.summed(core, equation) if value is None else value))
        return replace(equation, body=_shortest(sp.Add(*total)), reduction=None)

    def summed(self, core: sp.Expr, equation: Equation) -> sp.Expr:
        """Return the sum of a term as an access, to a tensor that holds it already if there is one."""
        assert equation.reduction is not None
        used = {s for a in core.atoms(Access) for s in a.free_symbols} | core.free_symbols
        axes = tuple(axis for axis in equation.reduction.axes if axis[0] in used)
        times = sp.Mul(*(size for index, size in equation.reduction.axes if index not in used))
        free = tuple(i for i in equation.indices if i in used)
        sizes = [equation.extents[i] for i in free]
        lhs = Tensor(None, sizes, role="intermediate", of=equation.lhs)
        new = Equation(lhs, free, core, Reduction("sum", axes), origin=Origin("sum", equation.lhs))
        taken = {*self.names, *equation.extents}
        names: dict[Index, Index] = {}
        for index, _ in axes:  # it will stand beside elements at the old name
            names[index] = fresh_index(taken, Index("k"))
            taken.add(names[index])
        new = new.rename(names)
        key = canonical(new)
        if key not in self.sums:
            self.sums[key] = lhs
            self.done[lhs] = new
        return times * self.sums[key].at(*free)


def _terms(body: sp.Expr) -> tuple[sp.Expr, ...]:
    return tuple(sp.Add.make_args(sp.expand_mul(body)))


def _shortest(body: sp.Expr) -> sp.Expr:
    """Multiply out, then take out what is common."""
    flat = sp.expand(body)
    whole = sp.factor_terms(sp.factor(flat) if flat.is_rational_function(*flat.atoms(Access)) else flat)
    number, rest = whole.as_coeff_Mul()
    sums = [f for f in sp.Mul.make_args(rest) if isinstance(f, sp.Add)]
    if number.is_negative and sums:
        return sp.Mul(-number, rest / sums[0], sp.expand(-sums[0]))
    return whole
