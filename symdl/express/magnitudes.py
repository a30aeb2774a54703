"""Numbers that no float, or no int64, holds.

Enters: the right-hand side of an equation. Leaves: the same, or an error: such a number would be infinity,
and 0 times it not a number.
"""

from __future__ import annotations

import sys

import sympy as sp
from sympy.core.relational import Relational

from symdl.errors import ExpressionError
from symdl.express.tensors import Access, DType
from symdl.express.walks import kinds_of

_FLOAT, _WHOLE = int(sys.float_info.max), 2**63 - 1


def representable(expr: sp.Expr, dtype: DType) -> sp.Expr:
    """Return an expression whose numbers a kernel can hold.

    Raises:
        ExpressionError: one is larger than any float, or beside int64 elements alone than any int64.
    """
    _check(expr, _WHOLE if dtype == "int64" else _FLOAT, dtype if dtype == "int64" else "float")
    for relation in kinds_of(expr, Relational):
        kinds = {access.tensor.dtype for access in kinds_of(relation, Access)}
        if kinds == {"int64"}:
            _check(relation, _WHOLE, "int64")
    return expr


def _check(expr: sp.Basic, limit: int, kind: str) -> None:
    for value in kinds_of(expr, sp.Number):
        if value.is_finite and not -limit - (limit == _WHOLE) <= value <= limit:
            raise ExpressionError(
                f"the number {sp.Float(value, 3)} is larger than any {kind}",
                cure="scale what it stands beside, or compute with logarithms"
                if kind == "float"
                else "compare or combine a real tensor, such as 1.0*x",
            )
