"""The matrix product that generated CPU code calls.

Enters: addresses, sizes, and where products are computed (`symdl.run.cpu.gemm.dispatch`). Leaves: Numba
intrinsics. A product of moderate size is computed by a micro-kernel (`symdl.run.cpu.gemm.micro_kernel`),
others by BLAS: as a whole, or in pieces where a matrix is larger than numbers of 32 bits can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from symdl.run.cpu.gemm.micro_kernel import behind
from symdl.run.cpu.intrinsics.instructions import LONG, slot
from symdl.run.cpu.intrinsics.operand import Traced
from symdl.run.cpu.intrinsics.pointers import call_address, integer_at
from symdl.run.cpu.limits import LARGEST_RIGHT, WORTH_THREADS
from symdl.run.elementary.operations import select

_behind: Any = behind


@intrinsic
def multiply_matrices(
    _typing: Any,
    blas: Any,
    turned: Any,
    m: Any,
    n: Any,
    k: Any,
    factor: Any,
    left: Any,
    left_at: Any,
    left_lead: Any,
    right: Any,
    right_at: Any,
    right_lead: Any,
    result: Any,
    result_at: Any,
    result_lead: Any,
) -> Any:
    """``result = factor * left @ right`` for row-major matrices inside arrays.

    Args:
        blas: the address of what `symdl.run.cpu.gemm.dispatch` says.
        turned: 1 if `left` is stored transposed, 2 if `right` is, 3 for both.
        m, n, k: ``left`` is m x k, ``right`` is k x n.
        left_at, left_lead: where the matrix starts in its array, and the distance of its rows.
    """
    whole = types.int64
    matrix = (left, whole, whole)
    signature = types.void(whole, whole, whole, whole, whole, factor, *matrix, *matrix, result, whole, whole)

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        table, scale = args[0], args[5]
        turns, rows, columns, inner, *steps = (Traced(builder, args[at]) for at in (*range(1, 5), 8, 11, 14))
        bases = [builder.gep(args[at], [args[at + 1]]) for at in (6, 9, 12)]
        operands = (*args[1:6], bases[0], args[8], bases[1], args[11], bases[2], args[14])
        entries = builder.inttoptr(table, LONG.as_pointer())

        def entry(at: int) -> Any:
            return builder.load(builder.gep(entries, [ir.Constant(LONG, at)]))

        limits = [Traced(builder, entry(at)) for at in (2, 3, 4)]
        with builder.if_else(moderate(turns, rows, columns, inner, *limits).value) as (ours, library):
            with ours:
                call_address(builder, entry(1), operands)
            with library:
                large = too_large(turns, rows, columns, inner, steps, Traced(builder, entry(6)))
                with builder.if_else(large.value) as (pieces, whole_):
                    with pieces:
                        call_address(builder, entry(5), (table, *operands))
                    with whole_:
                        _call_library(builder, entry(0), operands, ir.Constant(scale.type, 0.0))
        return context.get_dummy_value()

    return signature, build


def moderate(turned: Any, m: Any, n: Any, k: Any, rows: Any, lanes: Any, longest: Any) -> Any:
    """Say whether a product is one for the micro-kernel: not too narrow, not too large.

    These are integers, or operands that leave instructions.
    """
    packed = (k >= lanes) & (k <= longest)
    small = (k * n < LARGEST_RIGHT) & (k * n * m < WORTH_THREADS)
    return (((turned & 2) == 0) | packed) & (m >= rows) & (n >= lanes) & small


def too_large(turned: Any, m: Any, n: Any, k: Any, leads: Sequence[Any], limit: Any) -> Any:
    """Say whether a matrix spans more elements than BLAS, which may count in 32 bits, can get at once."""
    left_lead, right_lead, lead = leads
    left, right = select((turned & 1) != 0, k, m), select((turned & 2) != 0, n, k)
    large = (left * left_lead > limit) | (right * right_lead > limit) | (m * lead > limit)
    for size in (m, n, k, *leads):
        large = large | (size > limit)
    return large


def _product_added(
    _typing: Any,
    table: Any,
    turned: Any,
    m: Any,
    n: Any,
    k: Any,
    factor: Any,
    left: Any,
    left_lead: Any,
    right: Any,
    right_lead: Any,
    result: Any,
    lead: Any,
    more: Any,
) -> Any:
    """``result = factor * left @ right`` by BLAS, added to what is there if there is `more`."""
    whole = types.int64
    sizes = (whole,) * 5
    signature = types.void(*sizes, factor, left, whole, right, whole, result, whole, types.boolean)

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        address = builder.load(builder.inttoptr(args[0], args[0].type.as_pointer()))
        one, zero = (ir.Constant(args[5].type, value) for value in (1.0, 0.0))
        _call_library(builder, address, tuple(args[1:12]), builder.select(args[12], one, zero))
        return context.get_dummy_value()

    return signature, build


_add_product: Any = intrinsic(_product_added)


def in_pieces(
    table: int,
    turned: int,
    m: int,
    n: int,
    k: int,
    factor: float,
    left: Any,
    left_lead: int,
    right: Any,
    right_lead: int,
    result: Any,
    lead: int,
) -> None:
    """As `multiply_matrices`, by BLAS in pieces: of each matrix no more elements than BLAS can count.

    If a single row, as it is stored, is longer, a piece is a part of a row.
    """
    limit = integer_at(table)[6]
    lines = max(1, limit // max(left_lead, 1))
    others = max(1, limit // max(right_lead, 1))
    tall = min(limit, max(1, limit // max(lead, 1)), limit if turned & 1 else lines)
    deep = min(limit, lines if turned & 1 else limit, limit if turned & 2 else others)
    wide = min(limit, others if turned & 2 else limit)
    for i in range(0, m, tall):
        for j in range(0, n, wide):
            for p in range(0, k, deep):
                one = _behind(left, p * left_lead + i if turned & 1 else i * left_lead + p)
                other = _behind(right, j * right_lead + p if turned & 2 else p * right_lead + j)
                place = _behind(result, i * lead + j)
                sizes = (min(tall, m - i), min(wide, n - j), min(deep, k - p))
                factors = (one, min(left_lead, limit), other, min(right_lead, limit))
                _add_product(table, turned, *sizes, factor, *factors, place, min(lead, limit), p > 0)


def _call_library(builder: Any, address: Any, operands: tuple[Any, ...], kept: Any) -> None:
    """Call ``sgemm`` or ``dgemm``. It is column-major: the product of the transposes, in reverse.

    Sizes are passed by address. One whose integers have 32 bits reads the first half of them, which holds the
    lower bits on all processors that we compile for; one whose have 64 reads all.
    """
    turns, rows, columns, inner, scale, a, lda, b, ldb, c, ldc = operands

    def kept_at(value: Any) -> Any:
        place = slot(builder, value.type)
        builder.store(value, place)
        return place

    def letter(bit: int) -> Any:
        one = ir.Constant(turns.type, bit)
        on = builder.icmp_signed("!=", builder.and_(turns, one), ir.Constant(turns.type, 0))
        byte = ir.IntType(8)
        return kept_at(builder.select(on, ir.Constant(byte, ord("T")), ir.Constant(byte, ord("N"))))

    found = [letter(2), letter(1), kept_at(columns), kept_at(rows), kept_at(inner), kept_at(scale)]
    found += [b, kept_at(ldb), a, kept_at(lda), kept_at(kept), c, kept_at(ldc)]
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in found])
    builder.call(builder.inttoptr(address, kind.as_pointer()), found)
