"""Affine forms of normal numbers: their means and covariances.

Enters: expressions that are affine in elements of random tensors. Leaves: expressions over given tensors and
those of `Moments`.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdl.differentiate.expectations.moments import Moments, collapsed
from symdl.express.tensors import Access, accesses_in, substitute


def with_form(moments: Moments, access: Access, form: sp.Expr) -> sp.Expr:
    """Return the covariance of an element with an affine form."""
    parts = []
    for other, factor in coefficients(form, moments.is_random).items():
        found = moments.covariance(access, other)
        parts.append(collapsed((), factor * found.value, found.equal))
    return sp.Add(*parts)


def mean_of(moments: Moments, form: sp.Expr) -> sp.Expr:
    """Return the mean of an affine form."""
    parts = coefficients(form, moments.is_random)
    rest = substitute(form, dict.fromkeys(parts, sp.Integer(0)))
    return sp.Add(rest, *(c * moments.mean(a) for a, c in parts.items()))


def between(moments: Moments, left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """Return the covariance of two affine forms."""
    parts = coefficients(left, moments.is_random)
    return sp.expand(sp.Add(*(c * with_form(moments, a, right) for a, c in parts.items())))


def coefficients(form: sp.Expr, random: Callable[[sp.Expr], bool]) -> dict[Access, sp.Expr]:
    """Return what multiplies each random element in an affine form."""
    whole = sp.expand(form)
    return {a: whole.coeff(a) for a in accesses_in(whole) if random(a)}
