"""Sums of products in their cheapest order.

Enters: a program. Leaves: the same values. A sum of a product of three or more factors, or of formulas, is
one loop nest over all of its indices; as products of two it is a few matrix products. What is read by one
other sum only belongs to the same product: ``(A B) x`` is ``A (B x)``, ``tr(A B)`` is no matrix product, and
``diag(x) A`` needs no matrix.

Sizes that are symbols are taken for `NOMINAL`. An order that was not left open, because somebody defined what
stands between, changes only where the other is much cheaper then, and not dearer for small or large sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.contractions.costs import STEP, Costs
from symdl.differentiate.contractions.inlining import definitions, without_deltas
from symdl.differentiate.contractions.networks import Network, as_network
from symdl.differentiate.contractions.plans import Plan, Step, cheapest, total, written
from symdl.express.dims import Dim, Extent, Index
from symdl.express.equations import Equation, Origin, Reduction
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor

NOMINAL = 128
"""A symbolic size while orders are compared."""
_OTHERS = (2, 16, 2048)
"""Sizes for which an order that was written down must not become dearer."""
_GAIN = 0.7
"""The share of the cost that an order may have to be worth a change."""


def with_contraction_order(program: Program) -> Program:
    """Return the program with sums of products in an order that costs least."""
    worker = _Ordering(program)
    made = [e for equation in program.equations for e in worker.parts(equation)]
    return program.with_equations(made) if worker.changed else program


@dataclass(frozen=True, slots=True)
class _Written:
    """The equations that compute a sum as it stands: networks, each in one step or by its plan."""

    steps: tuple[tuple[Network, Plan | None], ...] = ()

    def cost(self, sizes: Mapping[Dim, int]) -> float:
        """Return what they cost for some sizes."""
        found = 0.0
        for network, plan in self.steps:
            costs = costs_of(network, sizes)
            at_once = written(network.operands, network.result, costs)
            found += at_once if plan is None else total(plan, network.operands, costs)
        return found


class _Ordering:
    """
    Attributes:
        changed: whether any equation was.
    """

    def __init__(self, program: Program) -> None:
        self.definitions = definitions(program)
        self.dims = program.dims
        self.written: dict[Tensor, _Written] = {}
        self.inside = {e.lhs for r in program.recurrences for e in r.equations}
        self.changed = False

    def parts(self, equation: Equation) -> list[Equation]:
        """Return what computes an equation."""
        plain = without_deltas(equation)
        self.changed |= plain is not equation
        network = as_network(plain)
        if network is None or not _worth_a_look(network):
            return [plain]
        plan: Step | None = None
        if len(network.factors) > 2 or network.loose or not all(f.stored for f in network.factors):
            plan = self.cheaper(network)
        before = _Written(((network, plan),))
        if equation.lhs not in self.inside:
            found = self.definitions.into(network)
            if found is not None:
                apart = [self.written[t] for t in found.sums if t in self.written]
                whole = _Written((*before.steps, *(s for w in apart for s in w.steps)))
                other = cheapest(
                    found.network.operands, found.network.result, costs_of(found.network, self.sizes(NOMINAL))
                )
                if self.much_better(found.network, other, whole):
                    network, plan, before = found.network, other, _Written(((found.network, other),))
        self.written[equation.lhs] = before
        if plan is None:
            return [plain]
        self.changed = True
        return list(equations_of(network, plan))

    def cheaper(self, network: Network) -> Step | None:
        """Return the best order of a sum where it is worth a change."""
        costs = costs_of(network, self.sizes(NOMINAL))
        plan = cheapest(network.operands, network.result, costs)
        at_once = written(network.operands, network.result, costs)
        return plan if total(plan, network.operands, costs) < _GAIN * at_once else None

    def much_better(self, network: Network, plan: Step, before: _Written) -> bool:
        """Say whether a plan for a product is to replace equations that were written."""

        def cost(sizes: Mapping[Dim, int]) -> float:
            return total(plan, network.operands, costs_of(network, sizes))

        usual = self.sizes(NOMINAL)
        if not cost(usual) < _GAIN * before.cost(usual):
            return False
        others = [self.sizes(size) for size in _OTHERS] if self.dims else []
        others += [{**usual, dim: size} for dim in self.dims for size in _OTHERS if len(self.dims) > 1]
        return all(cost(sizes) < before.cost(sizes) + 10 * STEP for sizes in others)

    def sizes(self, size: int) -> dict[Dim, int]:
        """Return the same size for all symbols."""
        return dict.fromkeys(self.dims, size)


def _worth_a_look(network: Network) -> bool:
    """Say whether something is summed, or only a part of what a sum computed is read: its diagonal, a row."""
    if network.equation.reduction is not None:
        return True
    accesses = (f.value for f in network.factors if isinstance(f.value, Access))
    return any(len({*a.indices}) < a.tensor.rank or any(e.is_Integer for e in a.indices) for a in accesses)


def costs_of(network: Network, sizes: Mapping[Dim, int]) -> Costs:
    """Return the costs of steps of a network for some sizes."""
    return Costs([_number(network.extents[i], sizes) for i in network.indices])


def _number(extent: Extent, sizes: Mapping[Dim, int]) -> float:
    return float(extent if isinstance(extent, int) else extent.xreplace(dict(sizes)))


def equations_of(network: Network, plan: Step) -> Iterator[Equation]:
    """Yield the equations of a plan's steps, each after those that it reads; the last is the result."""
    made: list[Equation] = []
    root = _Writer(network, made).body(plan)
    equation = network.equation
    bound = [i for i in network.named(_axes(network, plan)) if i not in equation.indices]
    yield from made
    yield replace(equation, body=network.scale * root, reduction=_over(network, bound), guards=())


def _axes(network: Network, plan: Plan) -> int:
    """Return the indices of what a step reads."""
    found = 0
    for part in plan.parts if isinstance(plan, Step) else ():
        found |= network.operands[part].axes if isinstance(part, int) else part.kept
    return found


def _over(network: Network, bound: Sequence[Index]) -> Reduction | None:
    return Reduction("sum", tuple((i, network.extents[i]) for i in bound)) if bound else None


@dataclass(slots=True)
class _Writer:
    network: Network
    made: list[Equation]

    def body(self, plan: Step) -> sp.Expr:
        """Return the product of a step's parts, and define those that are steps."""
        return sp.Mul(
            *(
                self.network.factors[part].value if isinstance(part, int) else self.define(part, plan)
                for part in plan.parts
            )
        )

    def define(self, plan: Step, above: Step) -> Access:
        """Define the result of a step as a tensor; return its element."""
        network = self.network
        body = self.body(plan)
        where = self.order(plan, above)
        bound = [i for i in network.named(_axes(network, plan)) if i not in where]
        lhs = Tensor(None, [network.extents[i] for i in where])
        origin = Origin("contraction", network.equation.lhs)
        self.made.append(Equation(lhs, where, body, _over(network, bound), origin=origin))
        return lhs.at(*where)

    def order(self, plan: Step, above: Step) -> tuple[Index, ...]:
        """Return the axes of a step's result, as a matrix product writes them and the step above reads them.

        First what counts matrices, then the rows, then the columns; of each first what stays above.
        """
        network = self.network
        first, second = (*map(self.axes, plan.parts), 0)[:2]

        def place(index: Index) -> tuple[int, bool]:
            here = network.bits((index,))
            side = 0 if here & first and here & second else 1 if here & first else 2
            return side, not here & above.kept

        return tuple(sorted(network.named(plan.kept), key=place))

    def axes(self, part: Plan) -> int:
        return self.network.operands[part].axes if isinstance(part, int) else part.kept
