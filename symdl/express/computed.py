"""The form in which a formula is computed.

Enters: a scalar expression. Leaves: an expression of the same value in real numbers that neither loses its
digits nor overflows where its value does not: ``log(1 + exp(u))`` as a softplus, ``2 - erfc(u)`` as
``erfc(-u)``, ``exp(u)/(1 + exp(u))`` as a logistic function. Kernels and the reference interpreter read
bodies in this form; equations and derivations keep the formula as it was written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdl.express.computedsums import exponentials, inverse_sine, logarithm, number_of, split, total
from symdl.express.dims import Dim
from symdl.express.precise import Erfc, Erfcx, Expm1, Logistic, Precise, Sech2
from symdl.express.special.written import written
from symdl.express.tensors import Access
from symdl.express.walks import with_parts

_SENSITIVE = (sp.exp, sp.log, sp.erf, sp.erfc, sp.cos, sp.cosh, sp.sinh, sp.tanh)


@lru_cache(maxsize=4096)
def computed(expr: sp.Expr) -> sp.Expr:
    """Return the form in which `expr` is computed; an expression without sensitive parts as it is."""
    expr = written(expr)
    sensitive = expr.has(*_SENSITIVE) or any(
        abs(p.exp) == sp.S.Half and p.base.is_Add for p in expr.atoms(sp.Pow)
    )
    return Computed().form(expr) if sensitive else expr


class Computed:
    """Finds forms from the leaves up, without recursion, so that depth is not limited."""

    def __init__(self) -> None:
        self.known: dict[sp.Basic, sp.Basic] = {}
        self.growing: set[sp.Basic] = set()
        """Expressions that grow exponentially, so that their derivatives overflow together with them."""
        self.poles: set[sp.Basic] = set()
        """Quotients by what can be 0: the derivative overflows long before the quotient."""

    def form(self, expr: sp.Basic) -> sp.Expr:
        """Return the form of an expression."""
        beside, self.alone = _alone(expr), set[sp.Basic]()
        todo = [expr]
        while todo:
            node = todo[-1]
            if node in self.known:
                todo.pop()
                continue
            if not node.args or isinstance(node, Access | sp.floor | sp.ceiling):
                self.known[node] = node
                continue
            missing = [part for part in node.args if part not in self.known]
            if missing:
                todo += missing
                continue
            self.known[node] = self.node(node)
            if node in beside:
                self.alone.add(self.known[node])
            if self.grows(node):
                self.growing.add(node)
            if _is_quotient(node):
                self.poles.add(node)
        found = self.known[expr]
        assert isinstance(found, sp.Expr)
        return found

    def grows(self, node: sp.Basic) -> bool:
        """Say whether a node grows exponentially, after its parts were asked."""
        form = self.known[node]
        rest = form.as_coeff_Mul()[1] if isinstance(form, sp.Expr) else form
        if isinstance(rest, Precise):
            return isinstance(rest, Expm1)
        if isinstance(node, sp.exp):
            return not node.args[0].is_nonpositive
        if isinstance(node, sp.Pow):
            return node.base in self.growing and not node.exp.could_extract_minus_sign()
        if isinstance(node, sp.cosh | sp.sinh):
            return True
        sums = isinstance(node, sp.Add | sp.Mul | sp.Abs | sp.Max | sp.Min)
        return bool(sums and any(part in self.growing for part in node.args))

    def changes(self, node: sp.Basic) -> bool:
        """Say whether a node has another form than its function of the forms of its parts."""
        if isinstance(node, sp.Piecewise | Boolean | sp.erfc | sp.floor | sp.ceiling) or not node.args:
            return False
        return bool(self.known[node] != node.func(*(self.known[part] for part in node.args)))

    def node(self, node: sp.Basic) -> sp.Basic:
        """Return the form of a node whose parts have theirs."""
        parts = [self.known[part] for part in node.args]
        if isinstance(node, sp.Add):
            return total(parts, self.alone)
        if isinstance(node, sp.Mul):
            return product(parts)
        if isinstance(node, sp.Pow):
            return power(*parts)
        if isinstance(node, sp.log):
            found = inverse_sine(node.args[0]) or logarithm(parts[0])
            return total(found.args, self.alone) if isinstance(found, sp.Add) else found
        if isinstance(node, sp.erfc):
            return Erfc(parts[0])
        if all(a is b for a, b in zip(parts, node.args, strict=True)):
            return node
        if isinstance(node, sp.Piecewise | sp.core.relational.Relational):
            return node.func(*parts, evaluate=False)
        return with_parts(node, parts)


def _is_quotient(node: sp.Basic) -> bool:
    factors = node.args if isinstance(node, sp.Mul) else (node,)
    below = [f.base for f in factors if isinstance(f, sp.Pow) and f.exp.could_extract_minus_sign()]
    return any(not base.is_Add and not all(isinstance(s, Dim) for s in base.free_symbols) for base in below)


def overflows(expr: sp.Expr, parts: Collection[sp.Basic]) -> bool:
    """Say whether one of `parts` stands beside a factor that grows exponentially.

    The product is 0 times infinity, or one infinity over another, where the value of the whole is finite.
    """
    if not parts or not expr.has(sp.exp, sp.cosh, sp.sinh):
        return False
    forms = Computed()
    forms.form(expr)
    return any(
        any(f.has(*parts) for f in node.args) and any(f in forms.growing for f in node.args)
        for node in expr.atoms(sp.Mul)
    )


def loses_form(expr: sp.Expr, values: Mapping[sp.Expr, sp.Expr]) -> bool:
    """Say whether an expression is computed in a form that is not found with names in place of parts."""
    return bool(values) and computed(expr.xreplace(values)) != computed(expr).xreplace(values)


def _alone(expr: sp.Basic) -> frozenset[sp.Expr]:
    """The functions beside 1 whose sum with it stays as it is.

    Hyperbolic tangents that are read by more than ``1 + tanh(u)`` and ``1 - tanh(u)**2`` are computed anyway.
    Where ``1 + erf(u)`` weighs something or is one of several terms, as in a GELU, its tail has no weight.
    """
    found: set[sp.Expr] = set()
    if not expr.has(sp.tanh, sp.erf):
        return frozenset()
    for node in sp.preorder_traversal(expr):
        if not isinstance(node, sp.Expr):
            continue
        held = isinstance(node, sp.Add) and any(a.is_number for a in node.args)
        moving = [part for part in node.args if not part.is_number]
        if isinstance(node, sp.Mul) and len(moving) == 1 and isinstance(moving[0], sp.tanh) and node != expr:
            continue  # a multiple is what its sum makes of it
        for part in node.args:
            inner = part.as_coeff_Mul()[1] if held or isinstance(node, sp.Add) else part
            if isinstance(inner, sp.tanh) and not held and not _is_square(node):
                found.add(inner)
            elif _is_square(inner) and not held and not (node.is_Mul and node.as_coeff_Mul()[1] == inner):
                found.add(inner.base)
            elif isinstance(node, sp.Mul) and isinstance(part, sp.Add) and len(moving) > 1:
                found |= part.atoms(sp.erf)
            elif isinstance(inner, sp.erf) and held and len(moving) > 1:
                found.add(inner)
    return frozenset(found)


def _is_square(node: sp.Basic) -> bool:
    return isinstance(node, sp.Pow) and isinstance(node.base, sp.tanh) and node.exp == 2


def power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """Return the form of a power: reciprocals of ``a + b exp(u)`` as logistic functions."""
    if isinstance(base, sp.Add):
        found = exponentials(base)
        if found is not None and len(found) == 2 and exponent.is_Integer and exponent.is_negative:
            (first, a), (second, b) = sorted(found.items(), key=lambda item: item[0] != 0)
            if first == 0 and number_of(a) > 0 and number_of(b) > 0:
                shift = sp.log(a / b) if number_of(a) != number_of(b) else sp.Integer(0)
                return a**exponent * Logistic(shift - second) ** (-exponent)
            if first == -second and number_of(a) == number_of(b):
                return (2 * a * sp.cosh(second)) ** exponent
        if found is not None and exponent.is_Rational and 0 < exponent < 1:
            return _divided([(found, exponent)], [], sp.Integer(0))
    return sp.Pow(base, exponent)


def product(parts: list[sp.Expr]) -> sp.Expr:
    """Return the form of a product: quotients of exponentials that stay finite where they are."""
    whole = sp.Mul(*parts)
    if not isinstance(whole, sp.Mul):
        return whole
    powers: dict[sp.Expr, sp.Expr] = {}
    for base, times in map(_base, whole.args):  # 2 and sqrt(2) have one base
        _multiply(powers, {base: times})
    changed = _together(powers) | _hyperbolic(powers)
    exps = [base for base in powers if isinstance(base, sp.exp)]
    for above in exps:
        changed = _lowered(powers, above) or changed
    changed = _tangents(powers) or changed
    for base in [b for b in powers if isinstance(b, Sech2)]:  # as the product of two logistic functions
        v, times = 2 * base.args[0], powers[base]
        if any(powers.get(Logistic(w), 0) < 0 for w in (v, -v)):
            _multiply(powers, {base: -times, Logistic(v): times, Logistic(-v): times, sp.Integer(4): times})
            changed = True
    if changed:
        whole = sp.Mul(*(base**times for base, times in powers.items()))
    if not isinstance(whole, sp.Mul):
        return whole
    return _distributed(whole) or _bounded(_damped(whole))


def _distributed(whole: sp.Mul) -> sp.Expr | None:
    """Multiply a sum out whose terms hold the exponentials that the other factors are divided by, or divide.

    ``(x exp(u) + exp(2 u))/erfc(v)`` and ``exp(u) (1/s - exp(u)/s**2)`` are 0/0 as products only.
    """
    for place, factor in enumerate(whole.args):
        if not isinstance(factor, sp.Add):
            continue
        rest = sp.Mul(*whole.args[:place], *whole.args[place + 1 :])
        above = any(isinstance(f, sp.exp) for term in factor.args for f in sp.Mul.make_args(term))
        parted = any(_vanishes(f) for term in factor.args for f in sp.Mul.make_args(term))
        grows = any(isinstance(f, sp.exp) for f in sp.Mul.make_args(rest))
        if (above and any(map(_vanishes, sp.Mul.make_args(rest)))) or (parted and grows):
            return sp.Add(*(product(list(sp.Mul.make_args(rest * term))) for term in factor.args))
    return None


def _vanishes(factor: sp.Expr) -> bool:
    """Say whether a factor divides by a sum of exponentials or a tail that underflows with them."""
    if not isinstance(factor, sp.Pow) or isinstance(factor, sp.exp) or not factor.exp.is_negative:
        return False
    base = factor.base
    return isinstance(base, Erfc) or (isinstance(base, sp.Add) and exponentials(base) is not None)


def _damped(whole: sp.Mul) -> sp.Mul:
    """``(exp(u) - 1) exp(w)``, where one grows and one vanishes, by ``exp(w + max(u, 0))``."""
    factors = list(whole.args)
    growing = [f for f in factors if isinstance(f, Expm1)]
    exps = [f for f in factors if isinstance(f, sp.exp)]
    if not growing or not exps:
        return whole
    u = growing[0].args[0]
    factors.remove(growing[0])
    factors.remove(exps[0])
    grown = sp.exp(exps[0].args[0] + sp.Max(u, 0))
    return sp.Mul(*factors, -sp.sign(u), Expm1(-sp.Abs(u)), grown)


def _base(factor: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    if isinstance(factor, sp.exp):
        return factor, sp.S.One
    base, times = factor.as_base_exp()
    return base, times


def _together(powers: dict[sp.Expr, sp.Expr]) -> bool:
    """``exp(u) exp(v)`` is ``exp(u + v)``; factors of a contraction, at different indices, stay apart."""
    alike: dict[frozenset[sp.Basic], list[sp.exp]] = {}
    for base in powers:
        if isinstance(base, sp.exp):
            where = frozenset(i for a in base.atoms(Access) for i in a.free_symbols)
            alike.setdefault(where, []).append(base)
    changed = False
    for several in alike.values():
        if len(several) > 1:
            exponent = sp.Add(*(base.args[0] * powers.pop(base) for base in several))
            _multiply(powers, {sp.exp(exponent): sp.S.One})
            changed = True
    return changed


def _hyperbolic(powers: dict[sp.Expr, sp.Expr]) -> bool:
    """``sinh(u)/cosh(u)`` is ``tanh(u)``."""
    changed = False
    for above in [base for base in powers if isinstance(base, sp.sinh)]:
        below = sp.cosh(above.args[0])
        times = sp.Min(powers[above], -powers.get(below, sp.S.Zero))
        if times.is_Integer and times > 0:
            _multiply(powers, {above: -times, below: times, sp.tanh(above.args[0]): times})
            changed = True
    return changed


def _lowered(powers: dict[sp.Expr, sp.Expr], above: sp.exp) -> bool:
    """Take ``exp(-w)`` into ``1/(1 + exp(-w))``, ``exp(v)`` into ``1/(exp(v) - 1)`` and into erfc."""
    exponent = above.args[0] * powers[above]
    for base, times in list(powers.items()):
        if not times.is_Integer:
            continue
        w: Any = base.args[0] if base.args else None
        if isinstance(base, Logistic) and times > 0:
            for count in range(int(times), 0, -1):
                rest = sp.expand(exponent + count * w)
                if rest.is_number:
                    _multiply(powers, {base: -count, Logistic(-w): count, above: -powers[above]})
                    _multiply(powers, {sp.exp(rest): sp.S.One})
                    return True
        if isinstance(base, Expm1) and times < 0:
            for count in range(-int(times), 0, -1):
                rest = sp.expand(exponent - count * w)
                if rest.is_number:
                    new = {base: count, Expm1(-w): -count, sp.S.NegativeOne: sp.Integer(count)}
                    _multiply(powers, {**new, above: -powers[above]})
                    _multiply(powers, {sp.exp(rest): sp.S.One})
                    return True
        if isinstance(base, Erfc):
            share = split(exponent, w**2)
            if share is not None and number_of(share) * int(times) > 0:
                _multiply(powers, {base: -times, Erfcx(w): times, above: -powers[above]})
                _multiply(powers, {sp.exp(sp.expand(exponent - times * w**2)): sp.S.One})
                return True
    return False


def _tangents(powers: dict[sp.Expr, sp.Expr]) -> bool:
    """``(exp(v) - 1)/(exp(v) + 1)`` is ``tanh(v/2)``."""
    for base in [b for b in powers if isinstance(b, Expm1)]:
        below = Logistic(-base.args[0])
        times = sp.Min(powers[base], powers.get(below, sp.S.Zero))
        if times.is_Integer and times > 0:
            _multiply(powers, {base: -times, below: -times, sp.tanh(base.args[0] / 2): times})
            return True
    return False


def _multiply(powers: dict[sp.Expr, sp.Expr], factors: Mapping[sp.Expr, sp.Expr]) -> None:
    for base, times in factors.items():
        left = powers.pop(base, sp.S.Zero) + times
        if left != 0:
            powers[base] = left


def _bounded(whole: sp.Mul) -> sp.Expr:
    """Divide both sides of a quotient of sums of exponentials by the largest one."""
    above = sp.Integer(0)
    below: list[tuple[dict[sp.Expr, sp.Expr], sp.Expr]] = []
    rest: list[sp.Expr] = []
    pairs = [_base(factor) for factor in whole.args]
    grows = False
    risen = any(b.is_Add and times.is_positive and exponentials(b) is not None for b, times in pairs)
    for factor, (base, times) in zip(whole.args, pairs, strict=True):
        found = exponentials(base) if isinstance(base, sp.Add) and times.is_number else None
        if risen and isinstance(base, Logistic) and times.is_number:
            found, times = {sp.S.Zero: sp.S.One, -base.args[0]: sp.S.One}, -times
        if isinstance(factor, sp.exp):
            above, grows = above + factor.args[0], True
        elif found is not None:
            below.append((found, times))
            grows = grows or bool(times > 0)
        else:
            rest.append(factor)
    if not grows or not any(times < 0 for _, times in below):
        return whole
    return _divided(below, rest, above)


def _divided(
    sums: list[tuple[dict[sp.Expr, sp.Expr], sp.Expr]], rest: list[sp.Expr], above: sp.Expr
) -> sp.Expr:
    """Take the largest exponential out of each sum."""
    for found, times in sums:
        most = sp.Max(*found)
        rest.append(sp.Add(*(c * sp.exp(u - most) for u, c in found.items())) ** times)
        above += times * most
    return sp.Mul(*rest, sp.exp(above))
