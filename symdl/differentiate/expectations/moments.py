"""Means and covariances of affine maps of normal tensors: they are normal themselves.

Enters: random tensors with their distributions, equations. Leaves: `Moments`: for each element of an affine
tensor its mean, and its covariance with another, as elements of tensors that equations define.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.expectations.normals import ZERO, Covariance, Source
from symdl.differentiate.expectations.terms import ONE, Reader, Term, refuse
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation, Origin
from symdl.express.surface import Sum, define
from symdl.express.tensors import Access, Tensor, accesses_in, map_accesses, substitute

Axes = tuple[tuple[Index, Extent], ...]
Mean, Cov = sp.Function("E"), sp.Function("Cov")
"""Names of moments in formulas that are told, never computed."""


@dataclass(slots=True)
class Moments:
    """What is random, and its moments, each made once.

    Attributes:
        sources: what is given at random.
        taken: index variables that are used.
        affine: tensors that are affine in the sources, with their terms.
        other: other random tensors, with their terms.
        means: of affine tensors.
        covariances: of two affine tensors, by the pattern of their indices.
        spoken: of each tensor of moments its indices, the moment by name, and what it is.
        told: what was found, in order: of one element its mean, of two their covariance, each by moments of
            what it is made of.
    """

    sources: Mapping[Tensor, Source]
    taken: set[Index] = field(default_factory=set)
    affine: dict[Tensor, Equation] = field(default_factory=dict)
    other: dict[Tensor, Equation] = field(default_factory=dict)
    terms: dict[Tensor, list[Term]] = field(default_factory=dict)
    depth: dict[Tensor, int] = field(default_factory=dict)
    means: dict[Tensor, sp.Expr | Tensor] = field(default_factory=dict)
    covariances: dict[tuple[object, ...], sp.Expr | Tensor] = field(default_factory=dict)
    spoken: dict[Tensor, tuple[tuple[Index, ...], sp.Expr, sp.Expr]] = field(default_factory=dict)
    told: list[tuple[tuple[Access, ...], sp.Expr]] = field(default_factory=list)

    @property
    def reader(self) -> Reader:
        """What reads expressions over these tensors."""
        return Reader(self.is_random, self._element)

    def is_random(self, expr: sp.Expr) -> bool:
        """Say whether an expression reads something random."""
        return any(a.tensor in self.sources or a.tensor in self.terms for a in accesses_in(expr))

    def add(self, equation: Equation) -> None:
        """Take in the equation of a tensor; what it reads was taken in before.

        Raises:
            DerivativeError: it is random, and nothing that is known here.
        """
        self.taken |= set(equation.extents)
        if not any(t in self.sources or t in self.terms for t in equation.reads()):
            return
        if equation.guards or (equation.reduction and equation.reduction.op != "sum"):
            op = equation.reduction.op if equation.reduction else "equation with conditions"
            raise refuse(equation.body, f"{op} of something random")
        tensor, terms = equation.lhs, self.reader.read(equation.body)
        axes = equation.reduction.axes if equation.reduction else ()
        self.terms[tensor] = [replace(t, axes=(*axes, *t.axes)) for t in terms]
        self.depth[tensor] = len(self.depth) + 1
        (self.affine if all(t.is_affine for t in terms) else self.other)[tensor] = equation

    def fresh(self, wish: Index | None = None) -> Index:
        """Return an index variable that nothing uses yet."""
        letters = [wish] if wish is not None else []
        letters += [Index(letter) for letter in "ijklmpqrsuvw"]
        letters += [Index(f"i{n}") for n in range(1, len(self.taken) + 2)]
        found = next(i for i in letters if i not in self.taken)
        self.taken.add(found)
        return found

    def equation(self, tensor: Tensor) -> Equation:
        """Return the equation of a random tensor that was taken in."""
        return self.affine.get(tensor) or self.other[tensor]

    def terms_at(self, access: Access) -> list[Term]:
        """Return the terms of one element of a tensor, its summed indices renamed."""
        equation = self.equation(access.tensor)
        found = []
        for term in self.terms[access.tensor]:
            new = {index: self.fresh() for index, _ in term.axes}
            values: dict[Index, sp.Expr] = dict(zip(equation.indices, access.indices, strict=True))
            changed = term.changed({**values, **new})
            found.append(replace(changed, axes=tuple((new[i], size) for i, size in term.axes)))
        return found

    def _element(self, access: Access) -> Sequence[Term]:
        if any(self.is_random(e) for e in access.indices):
            raise refuse(access, "a position is random")
        if access.tensor in self.sources or access.tensor in self.affine:
            return [Term(factors=(access,))]
        if access.tensor not in self.other:
            return [Term(coefficient=access)]
        return self.terms_at(access)

    def mean(self, access: Access) -> sp.Expr:
        """Return the mean of an element of a source or of an affine tensor."""
        tensor = access.tensor
        if tensor in self.sources:
            return self.sources[tensor].mean_at(access.indices)
        if tensor not in self.means:
            equation = self.affine[tensor]
            whole = sp.Add(
                *(
                    summed(t.axes, t.coefficient * sp.Mul(*map(self.mean, t.factors)))
                    for t in self.terms[tensor]
                )
            )
            self.means[tensor] = self._defined(equation.indices, whole, tensor.shape, Mean(equation.target))
            named = [
                summed(t.axes, t.coefficient * sp.Mul(*map(Mean, t.factors))) for t in self.terms[tensor]
            ]
            self.told.append(((equation.target,), sp.Add(*named)))
        found = self.means[tensor]
        return found.at(*access.indices) if isinstance(found, Tensor) else found

    def covariance(self, left: Access, right: Access) -> Covariance:
        """Return the covariance of two elements."""
        one, other = sorted((left, right), key=lambda a: -self.depth.get(a.tensor, 0))
        if one.tensor in self.sources:
            if one.tensor is not other.tensor:
                return ZERO
            return self.sources[one.tensor].covariance_at(one.indices, other.indices)
        where = (*one.indices, *other.indices)
        places = list(dict.fromkeys(e for e in where if not e.is_Integer))
        pattern = tuple(e if e.is_Integer else places.index(e) for e in where)
        key = (one.tensor, other.tensor, *((p, type(p)) for p in pattern))
        if key not in self.covariances:
            sizes = dict(
                zip(reversed(where), reversed((*one.tensor.shape, *other.tensor.shape)), strict=True)
            )
            named = {e: self.fresh() for e in places}
            first, second = (Access(a.tensor, *(named.get(e, e) for e in a.indices)) for a in (one, other))
            terms = [t for t in self.terms_at(first) if t.factors]
            parts = [
                collapsed(t.axes, t.coefficient * found.value, found.equal)
                for t in terms
                for found in (self.covariance(second, t.factors[0]),)
            ]
            self.covariances[key] = self._defined(
                tuple(named.values()), sp.Add(*parts), [sizes[e] for e in places], Cov(first, second)
            )
            whole = sp.Add(*(summed(t.axes, t.coefficient * Cov(t.factors[0], second)) for t in terms))
            self.told.append(((first, second), whole))
        found = self.covariances[key]
        return Covariance(found.at(*places) if isinstance(found, Tensor) else found)

    def _defined(
        self, where: tuple[Index, ...], body: sp.Expr, shape: Sequence[Extent], name: sp.Expr
    ) -> sp.Expr | Tensor:
        """Return a tensor for a mean or a covariance; a number stays one."""
        if not body.free_symbols:
            return body
        tensor = define(None, where, body, shape=shape, origin=Origin("moment"))
        self.spoken[tensor] = where, name, body
        return tensor


def summed(axes: Axes, body: sp.Expr) -> sp.Expr:
    """Return a sum over axes, nothing of nothing."""
    if body == 0 or not axes:
        return body
    return Sum(body, *axes)


def collapsed(axes: Axes, body: sp.Expr, equal: Iterable[tuple[sp.Expr, sp.Expr, Extent]]) -> sp.Expr:
    """Return the sum over axes of what is there where positions are equal: such a sum has one term."""
    waiting = list(equal)
    sizes = dict(axes)
    while waiting:
        left, right, size = waiting.pop()
        if left == right:
            continue
        if left.is_Integer and right.is_Integer:
            return sp.Integer(0)
        old = next((e for e in (left, right) if isinstance(e, Index) and sizes.get(e) == size), None)
        if old is None:
            body = body * sp.Piecewise((ONE, sp.Eq(left, right)), (0, True))
            continue
        new = {old: right if old is left else left}
        del sizes[old]
        body = substitute(body, dict(new))
        waiting = [(substitute(a, dict(new)), substitute(b, dict(new)), n) for a, b, n in waiting]
    return summed(tuple(sizes.items()), body)


def merged(moments: Moments, expr: sp.Expr) -> sp.Expr:
    """Return a sum over one moment, which is a sum itself, as one sum: so a trace is seen."""
    if not isinstance(expr, Sum):
        return expr
    body = expr.args[0]
    found = [a for a in accesses_in(body) if a.tensor in moments.spoken]
    if len(found) != 1 or body.coeff(found[0]) * found[0] != body:
        return expr
    where, _, inner = moments.spoken[found[0].tensor]
    if not isinstance(inner, Sum):
        return expr
    values: dict[Index, sp.Expr] = dict(zip(where, found[0].indices, strict=True))
    new = {index: moments.fresh() for index in inner.axes}
    inside = substitute(inner.args[0], {**values, **new})
    axes = {**expr.axes, **{new[i]: size for i, size in inner.axes.items()}}
    return Sum(body.coeff(found[0]) * inside, *axes.items())


def by_name(moments: Moments, expr: sp.Expr) -> sp.Expr:
    """Return an expression with moments by name: ``E(t[i])`` for an element of a tensor that holds it."""

    def named(access: Access) -> sp.Expr:
        if access.tensor not in moments.spoken:
            return access
        where, name, _ = moments.spoken[access.tensor]
        return substitute(name, dict(zip(where, access.indices, strict=True)))

    return map_accesses(expr, named)
