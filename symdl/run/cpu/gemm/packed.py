"""Matrix products by a micro-kernel, compiled: panels of columns, and in each one register block below the
other.

Enters: a dtype, and what fits into a processor's registers. Leaves: `entries`, the compiled product, and the
one by BLAS in pieces. The last rows and columns belong to two blocks if the sizes are no multiples: both
compute the same. A right matrix that is stored transposed is laid out anew ("packed"), panel by panel, on the
stack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba import njit, types

from symdl.run.cpu.gemm.micro_kernel import behind, micro_kernel, room, transposition
from symdl.run.cpu.gemm.multiply import in_pieces
from symdl.run.cpu.intrinsics.pointers import PLAIN_KERNEL

Function = Callable[..., Any]

_PACKED = 6144
"""Elements of a packed panel of a transposed matrix: what it becomes shall stay in the first cache."""
_behind: Any = behind
_whole: Any = types.int64
_REALS: dict[str, Any] = {"float32": types.float32, "float64": types.float64}


def entries(dtype: str, *, rows: int, lanes: int, widths: Sequence[int], longest: int) -> list[Any]:
    """Return the products of a dtype, compiled.

    Args:
        rows: of a register block; half of them make a half block.
        lanes: elements of a vector.
        widths: how many vectors of columns a register block may have, from 1 on.
        longest: columns of a right matrix that is stored transposed, at most.
    """
    real, nothing, pointer = _REALS[dtype], types.void, types.CPointer
    reals: Any = pointer(real)  # type: ignore[no-untyped-call]  # Numba has no types
    operands = (_whole, _whole, _whole, _whole, real, reals, _whole, reals, _whole, reals, _whole)
    signature: Any = nothing(*operands)
    pieces: Any = nothing(_whole, *operands)
    product = product_loop(dtype, rows=rows, lanes=lanes, widths=widths, longest=longest)
    return [njit(signature, **PLAIN_KERNEL)(product), njit(pieces, **PLAIN_KERNEL)(in_pieces)]


def product_loop(dtype: str, *, rows: int, lanes: int, widths: Sequence[int], longest: int) -> Function:
    """Return ``result = factor * left @ right``, row-major.

    `left` is stored transposed if `turned` is 1 or 3, `right` if it is 2 or 3.
    """
    halves = [part for part in (lanes // 2, lanes // 4) if part > 1]
    forms = [*((vectors, lanes) for vectors in widths), *((1, part) for part in halves)]
    few, widest = rows // 2, widths[-1]
    whole, half = micro_kernel(dtype, rows, forms), micro_kernel(dtype, few, forms)
    narrow, narrowest = max(halves, default=lanes), min(halves, default=lanes)
    space = room(dtype, widest * lanes * longest)
    transpose = transposition(dtype, lanes)

    def product(
        turned: int,
        m: int,
        n: int,
        k: int,
        factor: Any,
        left: Any,
        left_lead: int,
        right: Any,
        right_lead: int,
        result: Any,
        lead: int,
    ) -> None:
        row, column = (1, left_lead) if turned & 1 else (left_lead, 1)
        full = n // lanes
        rest = n - full * lanes
        most = max(1, min(widest, _PACKED // (k * lanes))) if turned & 2 else widest
        panels = (full + most - 1) // most
        many = (m + few - 1) // rows
        packed = space()
        j = 0
        for panel in range(panels + (rest > 0)):
            vectors = full // panels + (panel < full % panels)
            width = vectors * lanes
            if panel == panels:  # the last columns, in the narrowest blocks that have them all
                width = narrowest if rest <= narrowest else narrow if rest <= narrow else lanes
                j = n - width
            other, other_lead = _behind(right, j), right_lead
            if turned & 2:
                begin, other_lead = min(j, n - lanes), max(width, lanes)
                other = _behind(packed, j - begin)
                for first in range(0, other_lead, lanes):
                    source, target = _behind(right, (begin + first) * right_lead), _behind(packed, first)
                    for at in range(0, k, lanes):
                        p = min(at, k - lanes)
                        transpose(_behind(source, p), right_lead, _behind(target, p * other_lead), other_lead)
            for at in range(many):
                i = min(at * rows, m - rows)
                into = _behind(result, i * lead + j)
                whole(width, _behind(left, i * row), row, column, other, other_lead, into, lead, k, factor)
            if many * rows < m:
                i = m - few
                into = _behind(result, i * lead + j)
                half(width, _behind(left, i * row), row, column, other, other_lead, into, lead, k, factor)
            j += width

    return product
