"""How much work loops are.

Enters: a tree and what sizes are. Leaves: about how many operations it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symdl.lower.ir.integers import Poly
from symdl.lower.ir.loops import ItemOn, Loop, Start, StatementOn, Target, When
from symdl.lower.ir.scalars import COMPARE

LANES_GAIN = 8
"""By how much lanes are faster than other loops."""

COSTLY = {"div": 3, "sqrt": 5, "pow": 30}
_FUNCTIONS = 40
_LEAVES = ("local", "const", "index", "whole", "load")


def work(items: Iterable[ItemOn[Target]], count: Callable[[Poly], int]) -> float:
    """Return about how many operations a tree takes."""
    total = 0.0
    for item in items:
        match item:
            case Loop():
                gain = LANES_GAIN if item.kind == "lanes" else 1
                total += count(item.extent) * work(item.items, count) / gain
            case When():
                total += work(item.items, count)
            case _:
                total += 1 + _operations(item)
    return total


def _operations(item: StatementOn[Target]) -> float:
    if isinstance(item, Start):
        return 0
    plain = ("add", "sub", "mul", "neg", "select", *COMPARE, "abs", *_LEAVES)
    operations = (n.op for n in item.body.nodes)
    return sum(COSTLY.get(op, 1 if op in plain else _FUNCTIONS) for op in operations)
