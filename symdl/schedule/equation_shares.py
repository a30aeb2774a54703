"""Whose work a kernel does.

Enters: a kernel that computes several equations in one loop. Leaves: which share of its work each of them is,
by counting. No clock can tell, since the loop does all of them side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from symdl.lower.ir.integers import Poly, Sizes, constant, evaluate, rebuild
from symdl.lower.ir.loops import Fold, KernelItem, KernelStatement, Loop, Start, Store, Update, When
from symdl.lower.ir.names import Param
from symdl.lower.kernels import Call, Kernel, KernelCall, ProductCall
from symdl.schedule.cost import FUNCTION, of_body


def shares(call: Call, kernels: Sequence[Kernel], sizes: Sizes) -> Mapping[int, float]:
    """Return the equations that a call computes, each with its share of the work; the shares add up to 1.

    Each element that a line reads or writes counts as one operation, an elementary function as `FUNCTION`.
    """
    if not isinstance(call, KernelCall):
        equations = call.equations if isinstance(call, ProductCall) else ()
        return {equation: 1 / len(equations) for equation in equations}
    kernel = kernels[call.kernel]
    known = {param: evaluate(size, sizes) for param, size in zip(kernel.sizes, call.sizes, strict=True)}
    own = dict(zip(kernel.equations, call.equations, strict=False))
    found = dict.fromkeys(call.equations, 0.0)
    for statement, times in _statements(kernel.items, known, 1):
        equation = own.get(statement.equation, -1)
        if equation in found:
            found[equation] += times * _weight(statement)
    whole = math.fsum(found.values())
    return {e: weight / whole if whole else 1 / len(found) for e, weight in found.items()}


def _statements(
    items: Sequence[KernelItem], known: Mapping[Param, int], times: int
) -> Iterator[tuple[KernelStatement, int]]:
    """Yield each statement with how often it is done."""
    for item in items:
        match item:
            case Loop():
                yield from _statements(item.items, known, times * _number(item.expected, known))
            case When():
                yield from _statements(item.items, known, times)
            case _:
                yield item, times


def _number(extent: Poly, known: Mapping[Param, int]) -> int:
    return evaluate(rebuild(extent, lambda a: constant(known[a]) if isinstance(a, Param) else None), {})


def _weight(item: KernelStatement) -> int:
    if isinstance(item, Start):
        return 0
    operations, functions = of_body(item.body)
    if isinstance(item, Fold | Update):
        operations, functions = operations + 1, functions + (item.op == "logsumexp")
    return operations + FUNCTION * functions + len(item.body.elements) + isinstance(item, Store | Update)
