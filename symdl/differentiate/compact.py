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

from symdl.differentiate.cleanup import canonical
from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.local import structure_of
from symdl.differentiate.record import Derivative, Rewrite
from symdl.express.dims import Index
from symdl.express.equations import Equation, Origin, Reduction
from symdl.express.program import collect
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, is_plain, map_accesses, substitute

_LONGEST_FLAT = 400  # operations of a forward body in which a sum that is 0 is looked for


def compact(derivative: Derivative) -> Derivative:
    """Return the derivative with its gradients in compact form; the same object where nothing applies."""
    program = derivative.program
    forward = {e.lhs for e in collect([derivative.output]).equations}
    state = _Compactor({e.lhs: e for e in program.equations if e.lhs in forward}, frozenset(program.outputs))
    if not state.quotients:
        return derivative
    for equation in program.equations:
        if equation.lhs in forward:
            state.take_forward(equation)
        else:
            state.take(equation)
    if not state.rewrites:
        return derivative
    record = replace(derivative.record, rewrites=(*derivative.record.rewrites, *state.rewrites))
    return replace(derivative, program=program.with_equations(state.done.values()), record=record)


@dataclass(frozen=True, slots=True)
class _Quotient:
    """A forward equation ``t = above rest``: `above` a difference of full rank, `rest` of lower rank."""

    equation: Equation
    above: sp.Expr
    rest: sp.Expr


@dataclass(slots=True)
class _Compactor:
    """One pass in topological order.

    `rows` and `products` hold derived tensors that are put into their users: narrow ones always, wide ones
    where something else is rewritten. `open` are cotangents of deviations, whose sums go on being rewritten.
    """

    forward: Mapping[Tensor, Equation]
    outputs: frozenset[Tensor]
    done: dict[Tensor, Equation] = field(default_factory=dict)
    rows: dict[Tensor, Equation] = field(default_factory=dict)
    products: dict[Tensor, Equation] = field(default_factory=dict)
    sums: dict[object, Tensor] = field(default_factory=dict)
    rewrites: list[Rewrite] = field(default_factory=list)
    quotients: list[_Quotient] = field(default_factory=list)
    reading: dict[Tensor, list[int]] = field(default_factory=dict)
    known_sums: dict[frozenset[Tensor], list[Equation]] = field(default_factory=dict)
    flat: dict[Tensor, sp.Expr | None] = field(default_factory=dict)
    deviations: set[Tensor] = field(default_factory=set)
    open: set[Tensor] = field(default_factory=set)
    names: frozenset[Index] = frozenset()
    widest: int = 0

    def __post_init__(self) -> None:
        for equation in self.forward.values():
            found = _numerator(equation)
            if found is not None:
                for tensor in _tensors(found[0]):
                    self.reading.setdefault(tensor, []).append(len(self.quotients))
                self.quotients.append(_Quotient(equation, *found))
                self.deviations.update(a.tensor for a in found[:1] if isinstance(a, Access))
            if equation.reduction is not None and equation.reduction.op == "sum" and not equation.guards:
                self.known_sums.setdefault(_tensors(equation.body), []).append(equation)
        self.widest = max((q.equation.lhs.rank for q in self.quotients), default=0)
        self.names = frozenset(i for e in self.forward.values() for i in e.indices)

    def take_forward(self, equation: Equation) -> None:
        """Keep a forward equation; a sum can be recognised later."""
        self.done[equation.lhs] = equation
        if equation.reduction is not None and equation.reduction.op == "sum" and not equation.guards:
            self.sums.setdefault(canonical(equation), equation.lhs)

    def take(self, equation: Equation) -> None:
        """Rewrite one derived equation and file it."""
        new = self.rewritten(equation)
        if new is not equation:
            self.rewrites.append(Rewrite("compact form", "algebraic", equation, new))
        self.done[new.lhs] = new
        if new.reduction or new.guards or new.lhs in self.outputs or new.lhs.dtype != "real":
            return
        if new is not equation and new.lhs.rank < self.widest:  # narrower than a forward quotient: a row
            self.rows[new.lhs] = new
        elif new.body.is_Mul and len(new.body.args) <= 3 and all(is_plain(a) for a in new.body.atoms(Access)):
            self.products[new.lhs] = new
        elif new is not equation:
            self.products[new.lhs] = new
        if new is not equation and new.lhs.of in self.deviations and new.lhs in self.products:
            self.open.add(new.lhs)

    def rewritten(self, equation: Equation) -> Equation:
        if equation.guards or (equation.reduction is not None and equation.reduction.op != "sum"):
            return equation
        inner = self.inserted(equation.body, self.rows)
        quotient = self.by_quotient(inner)
        outside = equation.reduction is not None and any(
            self.loose(factor, equation) for term in _terms(quotient) for factor in sp.Mul.make_args(term)
        )
        if quotient == equation.body and not outside and not self.goes_on(equation):
            return equation
        full = self.by_quotient(self.inserted(quotient, self.products))
        if equation.reduction is None:
            return replace(equation, body=_shortest(full))
        return self.split(replace(equation, body=sp.expand(full)), equation)

    def goes_on(self, equation: Equation) -> bool:
        """Say whether an equation adds up the cotangent of a deviation."""
        if not any(a.tensor in self.open for a in equation.body.atoms(Access)):
            return False
        return equation.reduction is None or len(equation.body.atoms(Access)) == 1

    def inserted(self, body: sp.Expr, table: Mapping[Tensor, Equation]) -> sp.Expr:
        def change(access: Access) -> sp.Expr:
            source = table.get(access.tensor)
            if source is None:
                return access
            return substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))

        return map_accesses(body, change) if table else body

    @staticmethod
    def loose(factor: sp.Expr, equation: Equation) -> bool:
        """Say whether a factor with elements of tensors does not depend on what is summed."""
        used = {s for a in factor.atoms(Access) for s in a.free_symbols}
        return (
            bool(factor.atoms(Access))
            and not used & set(equation.bound)
            and not factor.free_symbols & set(equation.bound)
        )

    def by_quotient(self, body: sp.Expr) -> sp.Expr:
        """Write numerators of known quotients by the quotients."""
        at = -1
        while later := [p for t in _tensors(body) for p in self.reading.get(t, ()) if p > at]:
            at = min(later)  # only quotients whose numerator reads what the body reads, in order
            quotient, above, rest = (
                self.quotients[at].equation,
                self.quotients[at].above,
                self.quotients[at].rest,
            )
            values: dict[sp.Basic, sp.Expr] = {}
            nodes = body.atoms(sp.Add) if isinstance(above, sp.Add) else body.atoms(Access)
            for node in nodes:
                where = _match(above, node, quotient)
                if where is not None:
                    scale, change = where
                    whole = quotient.lhs.at(*(change[i] for i in quotient.indices))
                    values[node] = scale * whole / substitute(rest, dict(change))
            body = rebuilt(body, values) if values else body
        return body

    def split(self, equation: Equation, before: Equation) -> Equation:
        """Take factors out of the sum, term by term, and leave out sums that are known to be 0."""
        assert equation.reduction is not None
        total: list[sp.Expr] = []
        for term in sp.Add.make_args(equation.body):
            factors = sp.Mul.make_args(term)
            inside = [f for f in factors if self.bound_in(f, equation)]
            front = sp.Mul(*(f for f in factors if f not in inside))
            if not inside:
                total.append(front * sp.Mul(*(size for _, size in equation.reduction.axes)))
                continue
            core = sp.Mul(*inside)
            value = self.known(core, equation)
            total.append(front * (self.summed(core, equation) if value is None else value))
        return replace(equation, body=_shortest(sp.Add(*total)), reduction=None)

    @staticmethod
    def bound_in(factor: sp.Expr, equation: Equation) -> bool:
        used = set(factor.free_symbols) | {s for a in factor.atoms(Access) for s in a.free_symbols}
        return bool(used & set(equation.bound))

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

    def known(self, core: sp.Expr, equation: Equation) -> sp.Expr | None:
        """Return 0 for the sum of a forward tensor whose definition makes it 0."""
        if not isinstance(core, Access) or not is_plain(core) or core.tensor not in self.forward:
            return None
        assert equation.reduction is not None
        written = self.elementwise(core.tensor)
        if written is None:
            return None
        own = self.forward[core.tensor].indices
        flat = sp.expand(substitute(written, dict(zip(own, core.indices, strict=True))))
        total: list[sp.Expr] = []
        for term in sp.Add.make_args(flat):
            factors = sp.Mul.make_args(term)
            inside = sp.Mul(*(f for f in factors if self.bound_in(f, equation)))
            front = sp.Mul(*(f for f in factors if not self.bound_in(f, equation)))
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
        whole = self.inserted(equation.body, table) if len(table) == len(reads) else None
        return whole if whole is not None and sp.count_ops(whole) <= _LONGEST_FLAT else None

    def forward_sum(self, inside: sp.Expr, equation: Equation) -> sp.Expr | None:
        """Return a forward tensor that holds the sum, or a multiple of it."""
        assert equation.reduction is not None
        used = {s for a in inside.atoms(Access) for s in a.free_symbols}
        free = tuple(i for i in equation.indices if i in used)
        for source in self.known_sums.get(_tensors(inside), ()):
            factor = source.body.as_independent(Access, as_Add=False)[0]
            shape = tuple(equation.extents[i] for i in free)
            if source.lhs.shape != shape or factor.free_symbols & set(source.bound):
                continue
            lhs = Tensor(None, shape)
            wanted = Equation(lhs, free, inside * factor, equation.reduction)
            if canonical(wanted) == canonical(source):
                return source.lhs.at(*free) / factor
        return None


def _numerator(equation: Equation) -> tuple[sp.Expr, sp.Expr] | None:
    """Split ``t = g h``: a difference `g` of full rank, and `h` of lower rank; None if it is not so."""
    if equation.reduction or equation.guards or not equation.body.is_Mul or not equation.lhs.name:
        return None
    wide = [f for f in equation.body.args if set(equation.indices) <= _indices(f)]
    rest = [f for f in equation.body.args if f not in wide]
    if len(wide) != 1 or not rest or not sp.Mul(*rest).atoms(Access):
        return None
    (above,) = wide
    source = above.tensor.equation if isinstance(above, Access) and is_plain(above) else None
    difference = isinstance(above, sp.Add) or (source is not None and isinstance(source.body, sp.Add))
    return (above, sp.Mul(*rest)) if difference else None


def _tensors(expr: sp.Expr) -> frozenset[Tensor]:
    return frozenset(a.tensor for a in expr.atoms(Access))


def _indices(expr: sp.Expr) -> set[Index]:
    symbols = set(expr.free_symbols).union(*(a.free_symbols for a in expr.atoms(Access)))
    return {s for s in symbols if isinstance(s, Index)}


def _match(above: sp.Expr, node: sp.Expr, equation: Equation) -> tuple[sp.Expr, dict[Index, sp.Expr]] | None:
    """Find a number `c` and indices at which ``node = c * above``."""
    own, mine = structure_of(above)
    content, plain = node.primitive() if isinstance(node, sp.Add) else (sp.Integer(1), node)
    for sign in (1, -1):
        other, theirs = structure_of(sp.expand(sign * plain))
        if other != own or [a.tensor for a in theirs.values()] != [a.tensor for a in mine.values()]:
            continue
        where: dict[Index, sp.Expr] = {}
        for symbol, access in mine.items():
            for a, b in zip(access.indices, theirs[symbol].indices, strict=True):
                if isinstance(a, Index):
                    where.setdefault(a, b)
        if set(equation.indices) <= set(where) and all(
            substitute(access, dict(where)) == theirs[symbol] for symbol, access in mine.items()
        ):
            return sign * content, where
    return None


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
