"""Products with a common factor.

Enters: a program. Leaves: the same values with ``A B + A C`` as ``A (B + C)``: one product of matrices and a
sum of two. The gradient through ``A Aᵀ`` is such a sum, ``Z̄ A + Z̄ᵀ A``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.contractions.costs import OPERATION, STEP, WRITTEN
from symdl.differentiate.contractions.inlining import Definitions, definitions
from symdl.differentiate.contractions.networks import Factor, Network, as_network, factors_of
from symdl.differentiate.contractions.plans import written
from symdl.differentiate.contractions.sizes import GAIN, at_nominal, costs_of
from symdl.differentiate.indexforms import fresh_index
from symdl.express.dims import Dim, Extent, Index
from symdl.express.equations import Equation, Origin, Reduction
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, is_plain, substitute


def with_common_factors(program: Program) -> Program:
    """Return the program with sums of products that have a factor in common as one product."""
    known = definitions(program)
    made: list[Equation] = []
    for equation in program.equations:
        made += _collected(equation, known, at_nominal(program.dims))
    return program.with_equations(made) if len(made) > len(program.equations) else program


@dataclass(frozen=True, slots=True)
class _Product:
    """A term: ``scale`` times the sum of ``common * other`` over `axes`.

    Attributes:
        term: as it stands in the sum.
        network: what computes it, with the indices that the sum has.
    """

    term: sp.Expr
    network: Network

    @property
    def axes(self) -> tuple[tuple[Index, Extent], ...]:
        reduction = self.network.equation.reduction
        return reduction.axes if reduction else ()


@dataclass(frozen=True, slots=True)
class _Group:
    """Products with one factor in common: the others, each with its scale, in the names of the first."""

    products: tuple[_Product, ...]
    common: Factor
    others: tuple[sp.Expr, ...]


def _collected(equation: Equation, known: Definitions, sizes: Mapping[Dim, int]) -> list[Equation]:
    """Return what computes a sum of products; only the equation itself where there is nothing to collect."""
    if equation.reduction or equation.guards or not isinstance(equation.body, sp.Add):
        return [equation]
    products = list(_products(equation, known))
    made: list[Equation] = []
    body = equation.body
    while products:
        group = max(_groups(products), key=lambda g: len(g.products))
        products = [p for p in products if p not in group.products]
        if len(group.products) > 1 and _pays(group, sizes):
            made += (total := _total(group), _whole(group, total))
            body = sp.Add(
                *(t for t in body.args if t not in {p.term for p in group.products}), made[-1].target
            )
    if not made:
        return [equation]
    if body == made[-1].target:  # nothing else is added
        return [
            *made[:-1],
            replace(made[-1], lhs=equation.lhs, indices=equation.indices, origin=equation.origin),
        ]
    return [*made, replace(equation, body=body)]


def _products(equation: Equation, known: Definitions) -> Iterator[_Product]:
    """Yield the terms that are sums of a product of two elements, and read here only."""
    for term in equation.body.args:
        factors, scale = factors_of(term)
        access = factors[0].value if len(factors) == 1 else None
        if not isinstance(access, Access) or not is_plain(access):
            continue
        source = known.find(factors[0])
        if source is None or source.equation.reduction is None or source.equation.guards:
            continue
        names = dict(zip(source.equation.indices, access.indices, strict=True))
        taken = {*equation.extents, *source.equation.extents}
        for index in source.equation.bound:
            names[index] = fresh_index(taken)
            taken.add(names[index])
        whole = source.equation.rename(names)
        network = as_network(replace(whole, body=scale * whole.body))
        if network is not None and len(network.factors) == 2 and all(f.stored for f in network.factors):
            yield _Product(term, network)


def _groups(products: Sequence[_Product]) -> Iterator[_Group]:
    """Yield for each factor of the first product those that have it, too."""
    first, *rest = products
    for place, common in enumerate(first.network.factors):
        other = first.network.factors[1 - place]
        found, others = [first], [first.network.scale * other.value]
        for product in rest:
            value = _beside(common, other, first, product)
            if value is not None:
                found.append(product)
                others.append(product.network.scale * value)
        yield _Group(tuple(found), common, tuple(others))


def _beside(common: Factor, other: Factor, first: _Product, second: _Product) -> sp.Expr | None:
    """Return what stands beside the common factor in the second product, in the names of the first."""
    sizes, others = dict(first.axes), dict(second.axes)
    for place, factor in enumerate(second.network.factors):
        mine, theirs = common.value, factor.value
        if not isinstance(mine, Access) or not isinstance(theirs, Access) or mine.tensor is not theirs.tensor:
            continue
        names = {
            b: a
            for a, b in zip(mine.indices, theirs.indices, strict=True)
            if b in others and a in sizes and sizes[a] == others[b]
        }
        value = substitute(second.network.factors[1 - place].value, dict(names))
        one_to_one = len(names) == len(others) == len(sizes) == len(set(names.values()))
        if one_to_one and substitute(theirs, dict(names)) == mine and Factor(value).indices == other.indices:
            return value
    return None


def _pays(group: _Group, sizes: Mapping[Dim, int]) -> bool:
    """Say whether one product and a sum cost less than the products."""
    network = group.products[0].network
    costs = costs_of(network, sizes)
    product = written(network.operands, network.result, costs)
    elements = costs.count(network.bits(_indices(group)))
    total = STEP + elements * (WRITTEN + OPERATION * len(group.others))
    return total + product < GAIN * len(group.products) * product


def _indices(group: _Group) -> tuple[Index, ...]:
    """Return the indices of the sum of the others, in the order in which the first has them."""
    (access,) = group.others[0].atoms(Access)
    found = dict.fromkeys(e for e in access.indices if isinstance(e, Index))
    return tuple({**found, **dict.fromkeys(sorted(Factor(access).indices, key=str))})


def _total(group: _Group) -> Equation:
    """Return the sum of what stands beside the common factor."""
    where = _indices(group)
    extents = group.products[0].network.extents
    lhs = Tensor(None, [extents[i] for i in where])
    origin = Origin("common factor", group.products[0].network.equation.lhs)
    return Equation(lhs, where, sp.Add(*group.others), origin=origin)


def _whole(group: _Group, total: Equation) -> Equation:
    """Return the product of the common factor and that sum."""
    first = group.products[0]
    equation = first.network.equation
    lhs = Tensor(None, equation.lhs.shape)
    body, reduction = group.common.value * total.target, Reduction("sum", first.axes)
    return replace(equation, lhs=lhs, body=body, reduction=reduction)
