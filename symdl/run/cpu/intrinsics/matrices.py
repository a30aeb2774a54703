"""The functions of factored matrices, as generated modules call them.

Enters: arrays, positions, numbers of rows. Leaves: Numba intrinsics. What they call
(`symdl.run.cpu.intrinsics.offered`) is compiled once for all programs: a kernel has it by name, and who links
the kernel looks it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from symdl.run.cpu.cache.objects import OFFERED, offered
from symdl.run.cpu.intrinsics.instructions import BYTES, LONG, SHORT, call, slot
from symdl.run.cpu.intrinsics.lapack import PLAIN, TRANSPOSED

_WHOLE = types.int64


def _build(name: str, reals: Any, result: Any, *more: int) -> Any:
    """Return what builds a call of a compiled function; `more` are its last arguments."""
    symbol = f"{reals.dtype}_{name}"

    def build(context: Any, builder: Any, _signature: Any, args: Sequence[Any]) -> Any:
        binding.add_symbol(OFFERED + symbol, offered(symbol))  # for Numba, which links it here and now
        place = slot(builder, BYTES if result is types.void else context.get_value_type(result))
        call(
            builder,
            OFFERED + symbol,
            SHORT,
            [place, slot(builder, BYTES), *args, *(ir.Constant(LONG, value) for value in more)],
        )
        return context.get_dummy_value() if result is types.void else builder.load(place)

    return build


def _value(name: str) -> Any:
    def of(_typing: Any, factors: Any, at: Any, count: Any) -> Any:
        signature = types.float64(factors, _WHOLE, _WHOLE)
        return signature, _build(name, factors, types.float64)

    of.__name__ = name
    return intrinsic(of)


def _filling(name: str) -> Any:
    def fill(_typing: Any, target: Any, target_at: Any, matrix: Any, at: Any, count: Any) -> Any:
        signature = types.void(target, _WHOLE, matrix, _WHOLE, _WHOLE)
        return signature, _build(name, matrix, types.void)

    fill.__name__ = name
    return intrinsic(fill)


def _solving(name: str, way: int) -> Any:
    def fill(
        _typing: Any,
        target: Any,
        target_at: Any,
        factors: Any,
        at: Any,
        right: Any,
        right_at: Any,
        count: Any,
        columns: Any,
    ) -> Any:
        signature = types.void(target, _WHOLE, factors, _WHOLE, right, _WHOLE, _WHOLE, _WHOLE)
        return signature, _build("solve", target, types.void, way)

    fill.__name__ = name
    return intrinsic(fill)


def _filling_from_factors(name: str) -> Any:
    def fill(
        _typing: Any,
        target: Any,
        target_at: Any,
        factors: Any,
        at: Any,
        matrix: Any,
        matrix_at: Any,
        count: Any,
    ) -> Any:
        signature = types.void(target, _WHOLE, factors, _WHOLE, matrix, _WHOLE, _WHOLE)
        return signature, _build(name, target, types.void)

    fill.__name__ = name
    return intrinsic(fill)


def _decomposing(name: str) -> Any:
    def fill(_typing: Any, target: Any, target_at: Any, matrix: Any, at: Any, rows: Any, columns: Any) -> Any:
        signature = types.void(target, _WHOLE, matrix, _WHOLE, _WHOLE, _WHOLE)
        return signature, _build(name, target, types.void)

    fill.__name__ = name
    return intrinsic(fill)


cholesky, eigenvectors, eigenvalues = map(_filling, ("cholesky", "eigenvectors", "eigenvalues"))
factor, invert_factored = map(_filling, ("factor", "invert_factored"))
cholesky_of = _filling_from_factors("cholesky_of")
determinant_of, determinant_sign_of = map(_value, ("determinant_of", "determinant_sign_of"))
log_determinant_of, log_absolute_determinant_of = map(
    _value, ("log_determinant_of", "log_absolute_determinant_of")
)
rank, rank_falling = rank_whole, rank_whole_falling = tuple(map(_filling, ("rank", "rank_falling")))
orthonormal, singular_vectors = map(_decomposing, ("orthonormal", "singular_vectors"))
singular_values = _decomposing("singular_values")
solve, solve_transposed = _solving("solve", TRANSPOSED), _solving("solve_transposed", PLAIN)
