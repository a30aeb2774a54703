"""The cheapest order of a product of many factors.

Enters: the factors' indices, those of the result, and costs. Leaves: a `Plan`: a tree of steps, each a
product of a few parts that is summed over what nothing above it needs. All trees of products of two are
compared where factors are few (by dynamic programming over sets of factors), with one loop nest over several
factors as a step, too; of many factors cheap pairs are taken first until few parts are left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from symdl.differentiate.contractions.costs import Costs, Operand

_FEW = 6
"""Of so many parts all orders are compared."""


@dataclass(frozen=True, slots=True)
class Step:
    """The product of `parts`, summed over all of their indices that are not `kept` (a set of bits)."""

    parts: tuple[Plan, ...]
    kept: int


Plan: TypeAlias = int | Step
"""The number of a factor, or a step."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A way to a part: what the steps so far cost, and what a step above reads."""

    cost: float
    plan: Plan
    value: Operand


def written(operands: Sequence[Operand], result: int, costs: Costs) -> float:
    """Return what the product costs in one step."""
    return costs.step(operands, result)


def total(plan: Plan, operands: Sequence[Operand], costs: Costs) -> float:
    """Return what all steps of a plan cost."""
    if not isinstance(plan, Step):
        return 0.0
    parts = [operands[p] if isinstance(p, int) else Operand(p.kept) for p in plan.parts]
    return costs.step(parts, plan.kept) + sum(total(p, operands, costs) for p in plan.parts)


def cheapest(operands: Sequence[Operand], result: int, costs: Costs) -> Step:
    """Return the cheapest plan for the product of at least one factor.

    Args:
        operands: the factors.
        result: the indices of the result; those that no factor has are repeated.
        costs: of steps.
    """
    search = _Search(operands, result, costs)
    items = [1 << number for number in range(len(operands))]
    ways = {item: search.alone(number) for number, item in enumerate(items)}
    while len(items) > _FEW:
        first, second = min(
            itertools.combinations(items, 2),
            key=lambda pair: min(p.cost for p in search.pairs(ways[pair[0]], ways[pair[1]], sum(pair))),
        )
        joined = first | second
        ways[joined] = [min(search.pairs(ways[first], ways[second], joined), key=_cost)]
        items = [joined if item == first else item for item in items if item != second]
    return search.exact(items, ways)


def _cost(part: _Part) -> float:
    return part.cost


class _Search:
    def __init__(self, operands: Sequence[Operand], result: int, costs: Costs) -> None:
        self.operands, self.result, self.costs = operands, result, costs
        self.everything = (1 << len(operands)) - 1

    def axes(self, group: int) -> int:
        """Return the indices of some factors."""
        return self.over(group, lambda operand: operand.axes)

    def over(self, group: int, read: Callable[[Operand], int]) -> int:
        """Return the union of what factors have."""
        found = 0
        for number, operand in enumerate(self.operands):
            if group >> number & 1:
                found |= read(operand)
        return found

    def needed(self, group: int) -> int:
        """Return those indices of some factors that the result or another factor has."""
        return self.axes(group) & (self.result | self.axes(self.everything & ~group))

    def alone(self, number: int) -> list[_Part]:
        """Return the ways to a factor: as it is, stored, and summed over what only it has."""
        operand = self.operands[number]
        ways = [_Part(0.0, number, operand)]
        stored = () if operand.stored else (operand.axes,)
        for kept in dict.fromkeys((*stored, self.needed(1 << number))):
            if kept != operand.axes or not operand.stored:
                ways.append(self.step((ways[0],), kept))
        return ways

    def step(self, parts: Sequence[_Part], kept: int) -> _Part:
        """Return the way to a product."""
        cost = sum(p.cost for p in parts) + self.costs.step([p.value for p in parts], kept)
        return _Part(cost, Step(tuple(p.plan for p in parts), kept), Operand(kept))

    def pairs(self, first: Sequence[_Part], second: Sequence[_Part], group: int) -> list[_Part]:
        """Return the products of two parts."""
        kept = self.needed(group)
        return [self.step((a, b), kept) for a in first for b in second]

    def exact(self, items: Sequence[int], ways: dict[int, list[_Part]]) -> Step:
        """Return the best of all orders of the items, sets of factors."""
        table = {1 << place: ways[item] for place, item in enumerate(items)}
        whole = (1 << len(items)) - 1
        for chosen in range(1, whole + 1):
            if chosen.bit_count() < 2:
                continue
            group = sum(item for place, item in enumerate(items) if chosen >> place & 1)
            kept = self.needed(group)
            at_once = [table[1 << p][0] for p in range(len(items)) if chosen >> p & 1]
            best = self.step(at_once, kept)
            part = (chosen - 1) & chosen
            while part:
                other = chosen ^ part
                if part < other:
                    best = min(best, *self.pairs(table[other], table[part], group), key=_cost)
                part = (part - 1) & chosen
            table[chosen] = [best]
        plan = min(self.finished(table[whole]), key=_cost).plan
        assert isinstance(plan, Step)
        return plan

    def finished(self, ways: Sequence[_Part]) -> list[_Part]:
        """Return the ways to the result, which may repeat values along indices that no factor has."""
        found = []
        for way in ways:
            if isinstance(way.plan, Step) and way.plan.kept == self.result:
                found.append(way)
                continue
            found.append(self.step((way,), self.result))
            if isinstance(way.plan, Step):
                last = Step(way.plan.parts, self.result)
                found.append(_Part(total(last, self.operands, self.costs), last, Operand(self.result)))
        return found
