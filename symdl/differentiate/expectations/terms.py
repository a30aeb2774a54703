"""Functions of normal numbers as sums of terms whose means are known.

Enters: a scalar expression over elements of tensors. Leaves: `Term`s: a factor that is not random, a product
of random elements, an exponential, a wave or one other function of an affine form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import sympy as sp

from symdl.brief import brief
from symdl.errors import DerivativeError
from symdl.express.dims import Extent, Index
from symdl.express.tensors import Access, substitute

ZERO, ONE = sp.Integer(0), sp.Integer(1)
MOST = 2000
"""Terms of one function; nobody reads more."""
KNOWN = (sp.erf, sp.Abs, sp.sign)
"""Functions of one normal number whose means are known, besides exponentials, waves and ``max(z, 0)``."""


@dataclass(frozen=True, slots=True)
class Term:
    """``sum over axes of coefficient * product(factors) * exp(exponent) * wave(phase) * special``.

    Attributes:
        axes: the summed indices.
        coefficient: not random.
        factors: random elements, in a fixed order, each as often as it occurs.
        exponent, phase: affine in random elements.
        wave: ``cos``, ``sin`` or None.
        special: another function of an affine form, or None; it stands alone.
    """

    axes: tuple[tuple[Index, Extent], ...] = ()
    coefficient: sp.Expr = ONE
    factors: tuple[Access, ...] = ()
    exponent: sp.Expr = ZERO
    phase: sp.Expr = ZERO
    wave: type[sp.Expr] | None = None
    special: sp.Expr | None = None

    @property
    def is_affine(self) -> bool:
        """Whether it is a number, or one random element by a number."""
        return len(self.factors) < 2 and self.is_polynomial

    @property
    def is_polynomial(self) -> bool:
        """Whether there are products of random elements only."""
        return self.exponent == 0 and self.wave is None and self.special is None

    def changed(self, values: dict[Index, sp.Expr]) -> Term:
        """Return the term with indices replaced in all its parts."""

        def new(expr: sp.Expr) -> sp.Expr:
            return substitute(expr, dict(values))

        return replace(
            self,
            coefficient=new(self.coefficient),
            factors=ordered(new(f) for f in self.factors),
            exponent=new(self.exponent),
            phase=new(self.phase),
            special=None if self.special is None else new(self.special),
        )


def ordered(factors: Iterable[Access]) -> tuple[Access, ...]:
    """Return factors in the one order that all terms use."""
    return tuple(sorted(factors, key=lambda a: a.order))


def refuse(expr: sp.Expr, why: str) -> DerivativeError:
    """Return the error for what has no known mean."""
    return DerivativeError(
        f"the mean of {brief(expr)} has no closed form that is known here: {why}",
        expression=expr,
        cure="take the mean over samples: sd.expectation(..., samples=1000)",
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads expressions into terms.

    Attributes:
        random: says whether an expression reads something random.
        element: from a random element to its terms.
    """

    random: Callable[[sp.Expr], bool]
    element: Callable[[Access], Sequence[Term]]

    def read(self, expr: sp.Expr) -> list[Term]:
        """Return the terms of an expression.

        Raises:
            DerivativeError: it is no sum of products of what has a known mean.
        """
        if not self.random(expr):
            return [Term(coefficient=expr)]
        if isinstance(expr, Access):
            return list(self.element(expr))
        if isinstance(expr, sp.Add):
            return collected([t for part in expr.args for t in self.read(part)])
        if isinstance(expr, sp.Mul):
            return reduce(self._product, map(self.read, expr.args))
        if isinstance(expr, sp.Pow):
            return self._power(expr)
        if isinstance(expr, sp.exp):
            return [Term(exponent=self._affine(expr.args[0]))]
        if isinstance(expr, sp.sin | sp.cos):
            return [_wave(Term(), type(expr), self._affine(expr.args[0]))]
        if isinstance(expr, sp.sinh | sp.cosh):
            return self.read(sp.expand(expr.rewrite(sp.exp)))
        if isinstance(expr, KNOWN):
            return [Term(special=expr.func(self._affine(expr.args[0])))]
        if isinstance(expr, sp.Max | sp.Min) and len(expr.args) == 2:
            sign = ONE if isinstance(expr, sp.Max) else -ONE
            first, second = expr.args
            rest, other = (first, second) if not self.random(first) else (second, first)
            gap = self._affine(sign * (other - rest))
            return collected([*self.read(rest), Term(coefficient=sign, special=sp.Max(gap, 0))])
        raise refuse(expr, f"{type(expr).__name__} is not among the functions with known moments")

    def _power(self, expr: sp.Pow) -> list[Term]:
        base, exponent = expr.args
        if not self.random(base) and self.random(exponent):
            return self.read(sp.exp(exponent * sp.log(base)))
        if not (exponent.is_Integer and exponent > 0):
            raise refuse(expr, "only whole positive powers of something random have one")
        found = [Term()]
        for _ in range(int(exponent)):
            found = self._product(found, self.read(base))
        return found

    def _product(self, left: Sequence[Term], right: Sequence[Term]) -> list[Term]:
        if len(left) * len(right) > MOST:
            raise refuse(ZERO, f"it expands into more than {MOST} terms")
        return collected([t for a in left for b in right for t in _times(a, b)])

    def _affine(self, expr: sp.Expr) -> sp.Expr:
        """Return what stands in a function, which must be affine in random elements."""
        terms = self.read(expr)
        if any(not t.is_affine or t.axes for t in terms):
            raise refuse(expr, "inside of a function it must be affine in what is random")
        return sp.Add(*(t.coefficient * sp.Mul(*t.factors) for t in terms))


def collected(terms: Sequence[Term]) -> list[Term]:
    """Add terms that differ by a factor only; those with axes keep them."""
    found: dict[Term, sp.Expr] = {}
    for term in terms:
        key = replace(term, coefficient=ONE)
        found[key] = found.get(key, ZERO) + term.coefficient
    return [replace(key, coefficient=value) for key, value in found.items() if value != 0]


def _times(a: Term, b: Term) -> list[Term]:
    for one, other in ((a, b), (b, a)):
        if one.special is not None and not (other.is_polynomial and not other.factors):
            raise refuse(one.special, "it is multiplied by something else that is random")
    whole = Term(
        (*a.axes, *b.axes),
        a.coefficient * b.coefficient,
        ordered((*a.factors, *b.factors)),
        sp.expand(a.exponent + b.exponent),
        special=a.special if a.special is not None else b.special,
    )
    waves = [t for t in (a, b) if t.wave is not None]
    if len(waves) < 2:
        return [replace(whole, phase=w.phase, wave=w.wave) for w in waves] or [whole]
    half = replace(whole, coefficient=whole.coefficient / 2)
    low, high = sp.expand(a.phase - b.phase), sp.expand(a.phase + b.phase)
    if a.wave is b.wave:
        sign = 1 if a.wave is sp.cos else -1
        return [_wave(half, sp.cos, low), _wave(half, sp.cos, high, sign)]
    return [_wave(half, sp.sin, high), _wave(half, sp.sin, low, 1 if a.wave is sp.sin else -1)]


def _wave(term: Term, wave: type[sp.Expr], phase: sp.Expr, sign: int = 1) -> Term:
    term = replace(term, coefficient=sign * term.coefficient)
    if phase == 0:
        return term if wave is sp.cos else replace(term, coefficient=ZERO)
    return replace(term, wave=wave, phase=phase)
