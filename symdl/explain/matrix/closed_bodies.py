"""Scalar bodies of a closed formula.

Enters: the equations between named tensors. Leaves: the same with everything elementwise written out, in its
shorter form: what is rational in ``exp(z)`` by the sigmoid of z, fractions cancelled, δ in a term of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import sympy as sp

from symdl.explain.matrix.algebra import NoMatrixForm
from symdl.explain.matrix.deltas import deltas_apart
from symdl.explain.notation.sigmoids import sigmoid_power
from symdl.express.equations import Equation
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, map_accesses, substitute

_LARGEST_BODY = 300  # operations of a scalar body that is still written out


def flattened(table: Mapping[Tensor, Equation], named: Collection[Tensor]) -> dict[Tensor, Equation]:
    """Put unnamed elementwise equations into their users; return every unnamed equation."""
    flat: dict[Tensor, Equation] = {}
    elementwise: dict[Tensor, Equation] = {}

    def change(access: Access) -> sp.Expr:
        source = elementwise.get(access.tensor)
        if source is None:
            return access
        return substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))

    for tensor, equation in table.items():
        if tensor in named:
            continue
        inside = [elementwise[a.tensor].body for a in equation.body.atoms(Access) if a.tensor in elementwise]
        if sum(int(sp.count_ops(e)) for e in (equation.body, *inside)) > _LARGEST_BODY:
            raise NoMatrixForm  # not even built: SymPy goes through what is nested by recursion
        body = map_accesses(equation.body, change)
        if body is not equation.body:
            body = simplified(body)
        body = deltas_apart(body)
        new = replace(equation, body=body)
        flat[tensor] = new
        if new.reduction is None and not new.guards:
            elementwise[tensor] = new
    return flat


def simplified(body: sp.Expr) -> sp.Expr:
    """Return a body, or its cancelled form if that is shorter.

    Raises:
        NoMatrixForm: it is too long to be shown.
    """
    if int(sp.count_ops(body)) > _LARGEST_BODY:
        raise NoMatrixForm
    shares = _sigmoids(body)
    short = rebuilt(body, shares) if shares else body
    names = [*shares.values(), *short.atoms(Access, sp.exp)]
    plain = short.atoms(sp.Piecewise) or not short.is_rational_function(
        *{a for n in names for a in n.atoms(sp.Symbol, Access, sp.exp)}
    )
    size = int(sp.count_ops(short))
    if size >= 4 and not plain:
        cancelled = _signs(sp.factor(sp.cancel(sp.together(short))))
        short = cancelled if sp.count_ops(cancelled) < size else short
    back = {value: key for key, value in shares.items() if value.is_Symbol}
    return rebuilt(short, back) if back else short


def _sigmoids(body: sp.Expr) -> dict[sp.Expr, sp.Expr]:
    """Write everything rational in ``exp(z)`` by the sigmoid ``s`` of `z`, where one occurs."""
    found: dict[sp.Expr, sp.Expr] = {}
    for power in sorted(body.atoms(sp.Pow), key=sp.default_sort_key):
        read = sigmoid_power(power)
        if read is None or power in found:
            continue
        z = -read[0] if read[0].could_extract_minus_sign() else read[0]
        s = sp.Symbol(f"s{len(found)}", real=True)
        one = next((v for k, v in found.items() if k == 1 / (1 + sp.exp(-z))), None)
        s = s if one is None else one
        for n in range(1, 5):
            found[(1 + sp.exp(-z)) ** -n] = s**n
            found[(1 + sp.exp(z)) ** -n] = (1 - s) ** n
        found[sp.exp(-z)] = (1 - s) / s
        found[sp.exp(z)] = s / (1 - s)
    return found


def _signs(expr: sp.Expr) -> sp.Expr:
    """Write ``-s (s - 1)`` as ``s (1 - s)``."""
    sign, factors = sp.Integer(1), []
    for factor in sp.Mul.make_args(expr):
        base, exponent = factor.as_base_exp()
        if isinstance(base, sp.Add) and base.subs(dict.fromkeys(base.atoms(sp.Symbol, Access), 0)) == -1:
            if exponent.is_Integer:
                sign, factor = sign * (-1) ** exponent, (-base) ** exponent
        factors.append(factor)
    if sp.Mul(sign, *factors).as_coeff_Mul()[0].is_negative:  # -(b - a) is a - b
        mixed = [f for f in factors if isinstance(f, sp.Add) and not f.as_coeff_Add()[0]]
        if mixed:
            factors[factors.index(mixed[0])] = sp.Add(*(-term for term in mixed[0].args))
            sign = -sign
    return sp.Mul(sign, *factors)
