"""The mean of a function of normal tensors, in closed form or over samples.

Enters: a tensor or an expression, and the distributions of what is random in it. Leaves: its mean as an
ordinary tensor or expression: no trace of the random numbers is left in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.differentiate.expectations.forms import between, mean_of, with_form
from symdl.differentiate.expectations.moments import Moments, collapsed, merged, summed
from symdl.differentiate.expectations.normals import Normal, Source, source
from symdl.differentiate.expectations.pairings import pairings
from symdl.differentiate.expectations.sampling import sampled
from symdl.differentiate.expectations.terms import Term, refuse
from symdl.errors import ExpressionError
from symdl.express.dims import Extent
from symdl.express.equations import Origin
from symdl.express.program import collect
from symdl.express.relations import rebuilt
from symdl.express.surface import define
from symdl.express.tensors import Access, Tensor, accesses_in, as_expression


@dataclass(frozen=True, slots=True)
class Expected:
    """A mean, and how it was found.

    Attributes:
        result: the mean, a tensor or an expression.
        moments: what is random, and the moments that the mean is made of.
        parts: the terms of the function, each with its mean.
        function: the tensor; None for an expression.
    """

    result: Any
    moments: Moments
    parts: tuple[tuple[Term, sp.Expr], ...]
    function: Tensor | None


def expectation(f: Any, laws: Mapping[Any, Normal], *, samples: int | None = None, seed: int = 0) -> Any:
    """The mean of `f` over normal random tensors: ``sd.expectation(x @ B @ x, {x: sd.Normal(m, S)})``.

    Sums and products are expanded; affine maps of normal tensors are normal; products of them have the
    means that Isserlis' theorem gives; an exponential of an affine form moves the means of its factors
    (Stein). Known are, of affine forms: ``exp``, ``sinh``, ``cosh``, ``sin``, ``cos`` and their products with
    polynomials; and alone ``erf``, ``sign``, ``abs``, ``max`` and ``min`` with something certain, as `relu`.

    Args:
        f: a tensor of any rank, or an expression over elements of rank 0 or over symbols.
        laws: the distributions of inputs or symbols; those of different ones are independent.
        samples: take the mean over so many samples instead, ``mean + L e`` with normal `e`: it can be
            differentiated with respect to mean and covariance. It is the same numbers at each call.
        seed: of samples; another one gives others.

    Returns:
        A tensor of the shape of `f`, or an expression. It is compiled and differentiated as any other.

    Raises:
        DerivativeError: the mean has no closed form that is known here.
        ExpressionError: `f` does not depend on what is random, or that is no given tensor or symbol.
        ShapeError: a mean or a covariance does not fit.

    Example:
        >>> x, s = sp.symbols("x s")
        >>> sd.expectation(x**4, {x: sd.Normal(0, s**2)})
        3*s**4
        >>> z, B, S = sd.tensor("z", (3,)), sd.tensor("B", (3, 3)), sd.tensor("S", (3, 3), symmetric=True)
        >>> print(sd.formula(sd.expectation(z @ B @ z, {z: sd.Normal(0, S)})))
        tr(B S)
    """
    if samples is not None:
        return sampled(f, _sources(f, laws)[1], samples, seed)
    return expected(f, laws).result


def expected(f: Any, laws: Mapping[Any, Normal]) -> Expected:
    """Return the mean of `f` with how it was found; see `expectation`."""
    body, sources = _sources(f, laws)
    moments = Moments({s.tensor: s for s in sources})
    if not isinstance(f, Tensor):
        parts = tuple((term, _mean(term, moments)) for term in _terms(body, moments))
        return Expected(sp.Add(*(mean for _, mean in parts)), moments, parts, None)
    for equation in collect([f]).equations:
        moments.add(equation)
    if f in moments.sources:
        where = tuple(moments.fresh() for _ in f.shape)
        terms = [Term(factors=(f.at(*where),))]
    elif f in moments.terms:
        terms, where = moments.terms[f], moments.equation(f).indices
    else:
        raise ExpressionError(f"{f} does not depend on what is random", cure="it is its own mean")
    parts = tuple((term, _mean(term, moments)) for term in terms)
    whole = sp.Add(*(mean for _, mean in parts))
    result = define(None, where, whole, shape=f.shape, origin=Origin("expectation"))
    return Expected(result.derived(f), moments, parts, f)


def _terms(body: sp.Expr, moments: Moments) -> list[Term]:
    tensors = list(dict.fromkeys(a.tensor for a in accesses_in(body)))
    if tensors:
        for equation in collect(tensors).equations:
            moments.add(equation)
    if not moments.is_random(body):
        raise ExpressionError(f"{body} does not depend on what is random", cure="it is its own mean")
    return moments.reader.read(body)


def _sources(f: Any, laws: Mapping[Any, Normal]) -> tuple[sp.Expr, list[Source]]:
    """Return the expression with elements in place of random symbols, and what is random."""
    replaced: dict[sp.Basic, sp.Expr] = {}
    found = []
    for random, law in laws.items():
        if not isinstance(law, Normal):
            raise ExpressionError(
                f"the distribution of {random} is {law!r}", cure="pass sd.Normal(mean, covariance)"
            )
        tensor = random
        if isinstance(random, sp.Symbol):
            if random.is_nonnegative or random.is_nonpositive or random.is_integer or random.is_real is False:
                raise ExpressionError(
                    f"{random} is declared to have a sign or to be whole, and a normal number has any value",
                    cure=f'make it by sp.Symbol("{random}")',
                )
            tensor = Tensor(random.name, (), role="input")
            replaced[random] = tensor.at()
        if not isinstance(tensor, Tensor):
            raise ExpressionError(f"{random!r} cannot be random", cure="pass a tensor or a symbol")
        found.append(source(tensor, law))
    if not found:
        raise ExpressionError("nothing is random", cure="pass {x: sd.Normal(mean, covariance)}")
    if isinstance(f, Tensor):
        return sp.Integer(0), found
    return rebuilt(as_expression(f), replaced), found


def _mean(term: Term, moments: Moments) -> sp.Expr:
    """Return the mean of a term."""
    if term.special is not None:
        return summed(term.axes, term.coefficient * _of_special(term.special, moments))
    growth, means = _tilted(term, moments)
    parts = []
    for (alone, pairs), count in pairings(term.factors).items():
        value: sp.Expr = sp.Integer(count)
        equal: list[tuple[sp.Expr, sp.Expr, Extent]] = []
        for left, right in pairs:
            found = moments.covariance(left, right)
            value, equal = value * found.value, [*equal, *found.equal]
        if value == 0:
            continue
        factor = sp.Mul(growth, *(means[a] for a in alone))
        if term.wave is not None:
            real, imaginary = _real_and_imaginary(factor)
            factor = _of_wave(term, real, imaginary, moments)
        if factor != 0:
            parts.append(merged(moments, collapsed(term.axes, term.coefficient * value * factor, equal)))
    return sp.Add(*parts)


def _tilted(term: Term, moments: Moments) -> tuple[sp.Expr, dict[Access, sp.Expr]]:
    """Return the mean of the exponential, and the means of the factors under it, complex under a wave."""
    growth: sp.Expr = sp.Integer(1)
    if term.exponent != 0:
        half = between(moments, term.exponent, term.exponent) / 2
        growth = sp.exp(mean_of(moments, term.exponent) + half)
    means = {}
    for access in dict.fromkeys(term.factors):
        shift = with_form(moments, access, term.exponent) if term.exponent != 0 else 0
        turn = sp.I * with_form(moments, access, term.phase) if term.wave is not None else 0
        means[access] = moments.mean(access) + shift + turn
    return growth, means


def _of_wave(term: Term, real: sp.Expr, imaginary: sp.Expr, moments: Moments) -> sp.Expr:
    """Return the real (cosine) or imaginary (sine) part of ``(real + i imaginary) E[exp(i phase)]``."""
    angle = mean_of(moments, term.phase) + between(moments, term.exponent, term.phase)
    fall = sp.exp(-between(moments, term.phase, term.phase) / 2)
    if term.wave == sp.cos:
        return fall * (real * sp.cos(angle) - imaginary * sp.sin(angle))
    return fall * (real * sp.sin(angle) + imaginary * sp.cos(angle))


def _real_and_imaginary(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Split a polynomial in i over real numbers."""
    whole = sp.expand(expr, power_exp=False)
    turned = [t for t in sp.Add.make_args(whole) if t.has(sp.I)]
    imaginary = sp.Add(*(t / sp.I for t in turned))
    return sp.Add(*(t for t in sp.Add.make_args(whole) if not t.has(sp.I))), imaginary


def _of_special(special: sp.Expr, moments: Moments) -> sp.Expr:
    """Return the mean of a function of one normal number of mean m and variance v."""
    form = next(a for a in special.args if moments.is_random(a))
    m, v = mean_of(moments, form), between(moments, form, form)
    if isinstance(special, sp.erf):
        return sp.erf(m / sp.sqrt(1 + 2 * v))
    if v == 0:
        raise refuse(special, "its variance is 0")
    middle = sp.erf(m / sp.sqrt(2 * v))
    if isinstance(special, sp.sign):
        return middle
    size = m * middle + sp.sqrt(2 * v / sp.pi) * sp.exp(-(m**2) / (2 * v))
    return size if isinstance(special, sp.Abs) else (m + size) / 2
