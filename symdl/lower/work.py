"""How much work loops are.

Enters: a tree and what sizes are. Leaves: about how many operations it takes; or how many multiplications a
function of whole matrices does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symdl.lower.ir.integers import Poly
from symdl.lower.ir.loops import ItemOn, Loop, Start, StatementOn, Target, When
from symdl.lower.ir.scalars import COMPARE, DECOMPOSITIONS, DETERMINANTS, MATRIX, ORDERS, Body

LANES_GAIN = 8
"""By how much lanes are faster than other loops."""

COSTLY = {"div": 3, "sqrt": 5, "pow": 30}
_FUNCTIONS = 40
_SWEEPS = {"eigh": 9, "qr": 4, "svd": 20, "eigenvalues": 2, "singular_values": 3}
"""How often a factorisation goes over its matrix."""
_SORTING = 64
"""Operations for each key that is sorted, digit by digit."""
_PLAIN = (
    *("add", "sub", "mul", "neg", "select", *COMPARE, "abs"),
    *("local", "const", "index", "whole", "load"),
)


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
                total += 1 + _operations(item, count)
    return total


def of_matrices(body: Body, count: Callable[[Poly], int]) -> int:
    """Return about how many multiplications a function of matrices takes; 0 if a body is none."""
    op, *sizes = body.result.op, *(body.nodes[at].value for at in body.result.args)
    if op not in MATRIX:
        return 0
    rows, *columns = (count(size) for size in sizes if isinstance(size, Poly))
    if op.removesuffix("_of_factors") in DETERMINANTS:
        return rows if op.endswith("_of_factors") else rows**3 // 3
    if op in ("factors", "cholesky"):
        return rows**3 // 3
    if op in ORDERS:
        return _SORTING * rows
    if op == "cholesky_of_factors":
        return rows**2
    if op in DECOMPOSITIONS:
        across = columns[0] if columns else rows
        return _SWEEPS[op] * rows * across**2
    return rows**2 * (columns[0] if columns else rows)


def _operations(item: StatementOn[Target], count: Callable[[Poly], int]) -> float:
    if isinstance(item, Start):
        return 0
    if item.body.result.op in MATRIX:
        return of_matrices(item.body, count) / LANES_GAIN
    operations = (n.op for n in item.body.nodes)
    return sum(COSTLY.get(op, 1 if op in _PLAIN else _FUNCTIONS) for op in operations)


def calls_functions(body: Body) -> bool:
    """Say whether a body needs more than arithmetic: what is worth computing for many elements at once."""
    return any(n.op not in (*_PLAIN, *COSTLY) for n in body.nodes)
