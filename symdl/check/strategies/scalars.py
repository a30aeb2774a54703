"""Random scalar functions.

Enters: symbols and limits. Leaves: a strategy for SymPy's expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.errors import require_extra


def scalar_expressions(symbols: Sequence[sp.Symbol], *, leaves: int = 8) -> Any:
    """Return a strategy for smooth real functions that are defined and tame everywhere.

    Roots, logarithms and quotients get positive arguments, exponentials bounded ones.

    Args:
        symbols: what the functions may depend on.
        leaves: roughly the largest number of symbols and numbers in one function.
    """
    st = require_extra("hypothesis.strategies", "test")
    numbers = st.sampled_from([sp.Integer(k) for k in (-2, -1, 2, 3)] + [sp.Rational(1, 3)])
    start = st.one_of(st.sampled_from(list(symbols)), st.sampled_from(list(symbols)), numbers)

    def grow(inner: Any) -> Any:
        one = st.sampled_from(
            [
                sp.sin,
                sp.cos,
                sp.tanh,
                sp.atan,
                lambda e: e**2,
                lambda e: sp.exp(sp.sin(e)),
                lambda e: sp.log(1 + e**2),
                lambda e: sp.sqrt(1 + e**2),
                lambda e: 1 / (1 + e**2),
                lambda e: 1 / (1 + sp.exp(-sp.tanh(e))),
            ]
        )
        two = st.sampled_from([lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b])
        unary = st.builds(lambda function, e: function(e), one, inner)
        return unary | st.builds(lambda function, a, b: function(a, b), two, inner, inner)

    return st.recursive(start, grow, max_leaves=leaves)
