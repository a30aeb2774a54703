"""Sums of products in their cheapest order.

Enters: a program. Leaves: the same values. A sum of a product of three or more factors, or of formulas, is
one loop nest over all of its indices; as products of two it is a few matrix products. What is read by one
other sum only belongs to the same product: ``(A B) x`` is ``A (B x)``, ``tr(A B)`` is no matrix product, and
``diag(x) A`` needs no matrix.

Sizes that are symbols are taken for 128 (`sizes.NOMINAL`). An order that was not left open, because somebody
defined what stands between, changes only where the other is much cheaper then, and not dearer for small or
large sizes. What several sums read, and nobody else, goes if all of them together are cheaper without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.contractions.costs import STEP
from symdl.differentiate.contractions.inlining import definitions, without_deltas
from symdl.differentiate.contractions.networks import Network, as_network
from symdl.differentiate.contractions.plans import Plan, Step, cheapest, total, written
from symdl.differentiate.contractions.sizes import GAIN, at_nominal, costs_of, elsewhere
from symdl.differentiate.masking import without_idle_guards
from symdl.express.dims import Dim, Index
from symdl.express.equations import Equation, Origin, Reduction
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor


def with_contraction_order(program: Program) -> Program:
    """Return the program with sums of products in an order that costs least."""
    worker = _Ordering(program)
    for equation in program.equations:
        worker.look_at(equation)
    for tensor in worker.read_by_several_sums():
        worker.try_without(tensor)
    made = [e for equation in program.equations for e in worker.parts(equation)]
    return program.with_equations(made) if worker.changed else program


@dataclass(frozen=True, slots=True)
class _Choice:
    """How a sum is computed.

    Attributes:
        network: the sum, with definitions in it that it is not to read.
        plan: its steps; None where it stays as it stands.
        sums: the tensors of sums that are among the definitions.
    """

    network: Network
    plan: Step | None = None
    sums: tuple[Tensor, ...] = ()

    def cost(self, sizes: Mapping[Dim, int]) -> float:
        """Return what the steps cost for some sizes."""
        costs = costs_of(self.network, sizes)
        if self.plan is not None:
            return total(self.plan, self.network.operands, costs)
        return written(self.network.operands, self.network.result, costs)

    @property
    def reads(self) -> frozenset[Tensor]:
        """The tensors that are read."""
        return frozenset().union(*(f.tensors for f in self.network.factors))


class _Ordering:
    """
    Attributes:
        changed: whether any equation was.
    """

    def __init__(self, program: Program) -> None:
        self.known, self.defined = definitions(program), program.definitions
        self.equations = program.equations
        self.usual, self.others = at_nominal(program.dims), elsewhere(program.dims)
        self.inside = {e.lhs for r in program.recurrences for e in r.equations}
        self.plain: dict[Tensor, Equation] = {}
        self.choices: dict[Tensor, _Choice] = {}

    @property
    def changed(self) -> bool:
        """Whether any equation is computed another way."""
        other = any(self.plain[e.lhs] is not e for e in self.equations)
        return other or any(c.plan is not None for c in self.choices.values())

    def look_at(self, equation: Equation) -> None:
        """Choose how an equation is computed; those before it are known."""
        plain = self.plain[equation.lhs] = without_deltas(equation)
        idle = without_idle_guards(plain, self.defined) if plain.guards else None
        network = as_network(idle or plain)
        if network is None or not _worth_a_look(network):
            return
        choice = self.choices[equation.lhs] = self.alone(network)
        found = self.with_definitions(equation.lhs, network)
        if found is not None:
            apart = [self.choices[t] for t in found.sums if t in self.choices]
            if self.much_better([found], [choice, *apart]):
                self.choices[equation.lhs] = found

    def alone(self, network: Network) -> _Choice:
        """Return the best order of a sum that reads what it reads, where it is worth a change."""
        if len(network.factors) <= 2 and not network.loose and all(f.stored for f in network.factors):
            return _Choice(network)
        costs = costs_of(network, self.usual)
        plan = cheapest(network.operands, network.result, costs)
        at_once = written(network.operands, network.result, costs)
        better = total(plan, network.operands, costs) < GAIN * at_once
        return _Choice(network, plan if better else None)

    def with_definitions(self, tensor: Tensor, network: Network) -> _Choice | None:
        """Return the best order of a sum with definitions in it."""
        found = self.known.into(network) if tensor not in self.inside else None
        if found is None:
            return None
        costs = costs_of(found.network, self.usual)
        plan = cheapest(found.network.operands, found.network.result, costs)
        return _Choice(found.network, plan, found.sums)

    def much_better(self, after: Sequence[_Choice], before: Sequence[_Choice]) -> bool:
        """Say whether choices are to replace those that were written down."""

        def costs(choices: Sequence[_Choice], sizes: Mapping[Dim, int]) -> float:
            return sum(choice.cost(sizes) for choice in choices)

        if not costs(after, self.usual) < GAIN * costs(before, self.usual):
            return False
        return all(costs(after, sizes) < costs(before, sizes) + 10 * STEP for sizes in self.others)

    def read_by_several_sums(self) -> list[Tensor]:
        """Return the sums that some other sums read, and nobody else."""
        gone = {t for choice in self.choices.values() for t in choice.sums}
        readers: dict[Tensor, list[Tensor]] = {}
        for equation in self.equations:
            if equation.lhs not in gone:
                choice = self.choices.get(equation.lhs)
                for tensor in choice.reads if choice else equation.reads():
                    readers.setdefault(tensor, []).append(equation.lhs)
        self.readers = {t: found for t, found in readers.items() if self.choices.keys() >= {t, *found}}
        return [
            e.lhs for e in self.equations if len(self.readers.get(e.lhs, ())) > 1 and e.lhs not in self.inside
        ]

    def try_without(self, tensor: Tensor) -> None:
        """Let all readers of a sum do without it, if that is much better."""
        self.known.let(tensor, True)
        readers = self.readers[tensor]
        found = [
            self.with_definitions(t, as_network(self.plain[t]) or self.choices[t].network) for t in readers
        ]
        after = [choice for choice in found if choice is not None and tensor in choice.sums]
        before = [self.choices[tensor], *(self.choices[t] for t in readers)]
        if len(after) == len(readers) and self.much_better(after, before):
            self.choices.update(zip(readers, after, strict=True))
        else:
            self.known.let(tensor, False)

    def parts(self, equation: Equation) -> list[Equation]:
        """Return what computes an equation."""
        choice = self.choices.get(equation.lhs)
        if choice is None or choice.plan is None:
            return [self.plain[equation.lhs]]
        return list(equations_of(choice.network, choice.plan))


def _worth_a_look(network: Network) -> bool:
    """Say whether something is summed, or only a part of what a sum computed is read: its diagonal, a row."""
    if network.equation.reduction is not None:
        return True
    accesses = (f.value for f in network.factors if isinstance(f.value, Access))
    return any(len({*a.indices}) < a.tensor.rank or any(e.is_Integer for e in a.indices) for a in accesses)


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
