"""Scalar bodies of a closed formula.

Enters: the equations between named tensors. Leaves: the same with everything elementwise written out, in its
shorter form: what is rational in ``exp(z)`` by the sigmoid of z, fractions cancelled, δ in a term of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

import sympy as sp
from sympy.core.relational import Relational

from symdl.explain.matrix.algebra import NoMatrixForm
from symdl.explain.matrix.deltas import deltas_apart
from symdl.explain.notation.sigmoids import sigmoid_power
from symdl.express.equations import Equation
from symdl.express.expansion import is_short
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, map_accesses, substitute

_MOST_CASES = 8  # choices of cases in the conditions of a body that is still written out
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

    for tensor, written in table.items():
        if tensor in named:
            continue
        equation = _without_single_places(written)
        inside = [elementwise[a.tensor].body for a in equation.body.atoms(Access) if a.tensor in elementwise]
        if sum(int(sp.count_ops(e)) for e in (equation.body, *inside)) > _LARGEST_BODY:
            raise NoMatrixForm  # not even built: SymPy goes through what is nested by recursion
        if _cases_compared(equation.body, elementwise) > _MOST_CASES:
            raise NoMatrixForm  # SymPy would try every choice of cases
        body = map_accesses(equation.body, change)
        body = _without_switches(_without_corners(body) or body)
        if body is not equation.body:
            body = simplified(body)
        body = deltas_apart(body)
        new = replace(equation, body=body)
        flat[tensor] = new
        if new.reduction is None and not new.guards:
            elementwise[tensor] = new
    return flat


def _cases_compared(body: sp.Expr, elementwise: Mapping[Tensor, Equation]) -> int:
    """In how many ways the cases of what is compared in a body can be chosen together."""
    compared = {a for r in body.atoms(Relational) for a in r.atoms(Access) if a.tensor in elementwise}
    cases = (len(p.args) for a in compared for p in elementwise[a.tensor].body.atoms(sp.Piecewise))
    return math.prod(cases)


def _without_single_places(equation: Equation) -> Equation:
    """Leave out sums over the only place of an axis of size 1."""
    reduction = equation.reduction
    single = [i for i, size in reduction.axes if size == 1] if reduction and reduction.op == "sum" else []
    if reduction is None or not single or equation.guards:
        return equation
    kept = tuple(axis for axis in reduction.axes if axis[0] not in single)
    body = substitute(equation.body, dict.fromkeys(single, sp.Integer(0)))
    return replace(equation, body=body, reduction=replace(reduction, axes=kept) if kept else None)


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
    other = short.atoms(sp.Piecewise) or not short.is_rational_function(
        *{a for n in names for a in n.atoms(sp.Symbol, Access, sp.exp)}
    )
    size = int(sp.count_ops(short))
    if size >= 4 and not other and is_short(short):
        cancelled = _signs(sp.factor(sp.cancel(sp.together(short))))
        short = cancelled if sp.count_ops(cancelled) < size else short
    back = {value: key for key, value in shares.items() if value.is_Symbol}
    return rebuilt(short, back) if back else short


def _without_corners(body: sp.Expr) -> sp.Expr | None:
    """Write ``x sgn(x)`` as ``|x|`` and ``sgn(x)/|x|`` as ``1/x``; None where that does not shorten."""
    corners = body.atoms(sp.Abs, sp.sign)
    if not corners or _count(body) > _LARGEST_BODY:
        return None
    inner = sorted({corner.args[0] for corner in corners}, key=sp.default_sort_key)
    places = {inside: sp.Symbol(f"u{n}", real=True) for n, inside in enumerate(inner)}
    sizes = {inside: sp.Symbol(f"a{n}", positive=True) for n, inside in enumerate(inner)}
    values = {
        c: sizes[c.args[0]] if isinstance(c, sp.Abs) else sizes[c.args[0]] / places[c.args[0]]
        for c in corners
    }
    short = rebuilt(rebuilt(body, values), places)
    if not short.is_rational_function(*places.values(), *sizes.values()) or not is_short(short):
        return None
    short = _signs(sp.factor(sp.cancel(sp.together(short))))
    if any(short.has(places[inside]) and short.has(sizes[inside]) for inside in inner):
        return None  # |x|/x is the sign of x
    back = {name: inside for inside, name in places.items()}
    back |= {name: sp.Abs(inside) for inside, name in sizes.items()}
    return rebuilt(short, back) if _count(short) <= _count(body) - len(corners) else None


def _without_switches(body: sp.Expr) -> sp.Expr:
    """Write ``max(u, 0)`` for itself times what is 1 where u is positive."""
    if not body.has(sp.Max) or not body.has(sp.Piecewise):
        return body

    def change(factor: sp.Expr, positive: list[sp.Expr]) -> sp.Expr:
        if not isinstance(factor, sp.Piecewise) or len(factor.args) != 2 or factor.args[1] != (0, True):
            return factor
        value, where = factor.args[0]
        if not isinstance(where, sp.Gt | sp.Ge | sp.Lt | sp.Le):
            return factor
        side = where.gts - where.lts
        return value if any(sp.expand(side - inside) == 0 for inside in positive) else factor

    values: dict[sp.Basic, sp.Expr] = {}
    for product in body.atoms(sp.Mul):
        bases = [factor.as_base_exp() for factor in product.args]
        largest = [b for b, e in bases if isinstance(b, sp.Max) and e.is_positive and len(b.args) == 2]
        positive = [a for b in largest if 0 in b.args for a in b.args if a != 0]
        new = sp.Mul(*(change(factor, positive) for factor in product.args)) if positive else product
        if new != product:
            values[product] = new
    return rebuilt(body, values) if values else body


def _count(expr: sp.Expr) -> int:
    return int(sp.count_ops(expr))


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
