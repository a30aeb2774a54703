"""One line of a derivation, wrong in every way in which such lines are wrong.

Enters: an equation of a derivative, and the program it is in. Leaves: `Mutation`: the same line with one
mistake: a term or a path dropped, a sign, a factor, a transposition, an index, an activation's derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import sympy as sp

from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, substitute

Kind = Literal[
    "transposition",
    "sign",
    "factor",
    "missing path",
    "dropped term",
    "missing sum",
    "wrong index",
    "activation derivative",
    "chain rule",
    "unknown",
]
"""What can be wrong with a line."""


_FUNCTIONS = (sp.Function, sp.Piecewise, sp.Max, sp.Min)

Said: TypeAlias = tuple[str | sp.Expr, ...]
"""Words, with parts of lines in them."""
Wrong: TypeAlias = tuple[Kind, Said, sp.Expr]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A line with a mistake: its kind, what was done, and the wrong line."""

    kind: Kind
    words: Said
    equation: Equation


def mutations(equation: Equation, program: Program) -> Iterator[Mutation]:
    """Yield a line with one mistake each, the usual ones first."""
    found = (
        *_activations(equation, program),
        *_terms(equation),
        *_transposed(equation),
        *_factors(equation),
        *_indices(equation),
    )
    seen = {equation.body}
    for kind, words, body in found:
        if body not in seen and not body.has(sp.zoo, sp.nan):
            seen.add(body)
            yield Mutation(kind, words, replace(equation, body=body))


def _terms(equation: Equation) -> Iterator[Wrong]:
    """A term dropped, or with the other sign, in any sum of the body."""
    path = equation.origin.rule == "sum over uses"
    for total in _parts(equation.body, sp.Add):
        outer = path and total == _outermost(equation.body)
        for term in total.args:
            less = rebuilt(equation.body, {total: total - term})
            if outer:
                yield "missing path", ("the use that gives the term ", term, " is missing"), less
            else:
                yield "dropped term", ("the term ", term, " is missing"), less
        for term in total.args:
            turned = rebuilt(equation.body, {total: total - 2 * term})
            yield "sign", ("the sign of the term ", term, " is wrong"), turned


def _parts(body: sp.Expr, kind: type[sp.Expr]) -> list[sp.Expr]:
    """The sums or products in a body, outermost first."""
    return sorted(body.atoms(kind), key=lambda part: (-sp.count_ops(part), str(part)))


def _outermost(body: sp.Expr) -> sp.Expr:
    """The sum that a body is, behind factors."""
    parts = [factor for factor in sp.Mul.make_args(body) if isinstance(factor, sp.Add)]
    return parts[0] if len(parts) == 1 else body


def _factors(equation: Equation) -> Iterator[Wrong]:
    """A factor left out of a product; a base in place of its power."""
    for whole in _parts(equation.body, sp.Mul):
        for factor in whole.args:
            if factor == -1:
                yield "sign", ("the sign is wrong",), rebuilt(equation.body, {whole: -whole})
            else:
                less = rebuilt(equation.body, {whole: _without(whole.args, factor)})
                yield "factor", ("the factor ", factor, " is missing"), less
    for power in _parts(equation.body, sp.Pow):
        if power.exp.is_Integer and power.exp > 1:
            less = rebuilt(equation.body, {power: power.base})
            yield "factor", (power.base, " stands where ", power, " belongs"), less


def _without(factors: Sequence[sp.Expr], *left: sp.Expr) -> sp.Expr:
    """A product without some of its factors."""
    return sp.Mul(*(factor for factor in factors if factor not in left))


def _transposed(equation: Equation) -> Iterator[Wrong]:
    for access in sorted(equation.body.atoms(Access), key=str):
        tensor = access.tensor
        if tensor.rank < 2 or tensor.shape[-1] != tensor.shape[-2]:
            continue
        *front, row, column = access.indices
        if row != column:
            other = tensor.at(*front, column, row)
            words = (other, " stands where ", access, " belongs: a transposition")
            yield "transposition", words, rebuilt(equation.body, {access: other})


def _indices(equation: Equation) -> Iterator[Wrong]:
    """An index variable replaced by another one that runs as far."""
    extents = equation.extents
    for access in sorted(equation.body.atoms(Access), key=str):
        for place, index in enumerate(access.indices):
            for other, extent in extents.items():
                if other == index or not isinstance(index, Index) or extent != extents.get(index):
                    continue
                where = (*access.indices[:place], other, *access.indices[place + 1 :])
                wrong = access.tensor.at(*where)
                words = (wrong, " stands where ", access, " belongs")
                yield "wrong index", words, rebuilt(equation.body, {access: wrong})


def _activations(equation: Equation, program: Program) -> Iterator[Wrong]:
    """The derivative of an elementwise function left out, taken at the wrong place, or that of another."""
    factors = sp.Mul.make_args(equation.body)
    for user in program.equations:
        if user.lhs.role == "cotangent" or user.reduction is not None or not _is_curved(user.body):
            continue
        for where in _places(equation, user):
            body = substitute(user.body, dict(zip(user.indices, where, strict=True)))
            value = user.lhs.at(*where)
            around = {*body.atoms(Access), value}
            own = [f for f in factors if f.atoms(Access) and f.atoms(Access) <= around]
            slope = sp.Mul(*own)
            if slope.has(value) or _is_curved(slope):
                rest = _without(factors, *own)
                for words, wrong in _wrong_slopes(slope, _argument(body), value, user.origin.rule):
                    yield "activation derivative", words, rest * wrong

    for factor in factors if len(factors) > 1 else ():  # of a function inside a larger line
        inside = factor.atoms(*_FUNCTIONS)
        left = rebuilt(factor, {f: sp.Dummy() for f in inside})
        if inside and not left.atoms(Access):
            name = type(min(inside, key=str)).__name__
            yield (
                "activation derivative",
                (f"the derivative of {name} is missing",),
                _without(factors, factor),
            )


def _is_curved(body: sp.Expr) -> bool:
    """Say whether a body is a function, rather than a sum or a product of elements."""
    powers = any(not (p.exp.is_Integer and p.exp > 0) and p.base.atoms(Access) for p in body.atoms(sp.Pow))
    return powers or body.has(*_FUNCTIONS)


def _places(equation: Equation, user: Equation) -> list[tuple[sp.Expr, ...]]:
    """The elements of an activation that a line reads, itself or its argument."""
    found: dict[tuple[sp.Expr, ...], None] = {}
    whole = [a for a in user.body.atoms(Access) if a.indices == user.indices]
    for access in sorted(equation.body.atoms(Access), key=str):
        if access.tensor is user.lhs or any(access.tensor is a.tensor for a in whole):
            found[access.indices] = None
    return list(found)


def _argument(body: sp.Expr) -> sp.Expr:
    """What an elementwise function is of: an element, or a sum of elements such as ``z + b``."""
    elements = sorted(body.atoms(Access), key=str)
    for total in _parts(body, sp.Add) if len(elements) > 1 else ():
        terms = total.as_coefficients_dict()
        if set(terms) == set(elements) and all(abs(c) == 1 for c in terms.values()):
            return total if 1 in terms.values() else -total
    return elements[0]


def _wrong_slopes(slope: sp.Expr, z: sp.Expr, a: sp.Expr, rule: str) -> Iterator[tuple[Said, sp.Expr]]:
    """What stands in place of a derivative `slope`, of an activation with argument `z` and value `a`."""
    name = "the function" if rule in ("definition", "elementwise") else rule
    yield (f"the derivative of {name} is missing",), sp.S.One
    yield (
        (f"the derivative of {name} is taken at the value ", a, " in place of ", z),
        rebuilt(slope, {z: a, -z: -a}),
    )
    yield (f"the derivative of {name} is taken at ", z, " as if that were ", a), rebuilt(slope, {a: z})
    yield (f"{name} itself stands where its derivative belongs",), a
    sigmoid = 1 / (1 + sp.exp(-z))
    others = {
        "the sigmoid": (sigmoid * (1 - sigmoid), a * (1 - a)),
        "tanh": (1 - sp.tanh(z) ** 2, 1 - a**2),
        "relu": (sp.Piecewise((1, z > 0), (0, True)),),
        "softplus": (sigmoid,),
        "exp": (sp.exp(z),),
    }
    for other, forms in others.items():
        for form in forms:
            yield (f"the derivative of {other} stands where that of {name} belongs",), form
