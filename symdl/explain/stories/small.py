"""Small numbers that keep a root or a quotient away from 0: each is called ε and has a line.

Enters: a derivative. Leaves: the same one, in which such a number is a tensor of rank 0 by that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy as sp

from symdl.differentiate.record import Derivative
from symdl.express.equations import Equation, Origin
from symdl.express.relations import rebuilt
from symdl.express.tensors import Tensor

_LARGEST = 10**-5  # of a number that is added for no other reason
_MOST = 4  # times such a number, as a derivative may read it


def with_small_numbers(derivative: Derivative) -> Derivative:
    """Return a derivative in which small numbers that are added to something have a name."""
    program, record = derivative.program, derivative.record
    taken = {t.name for t in (*program.inputs, *program.definitions)}
    found = {
        term
        for equation in program.equations
        for total in equation.body.atoms(sp.Add)
        for term in total.args
        if (term.is_Rational or term.is_Float) and 0 < term <= _LARGEST
    }
    values: dict[sp.Expr, sp.Expr] = {}
    defined: list[Equation] = []
    for number in sorted(found):
        known = [(number / equation.body, equation.lhs) for equation in defined]
        share = next(((c, t) for c, t in known if c.is_Integer and c <= _MOST), None)
        if share is None:
            defined.append(_named(number, taken))
            taken.add(defined[-1].lhs.name)
        values[number] = share[0] * share[1].at() if share else defined[-1].target
    if not values:
        return derivative
    equations = [_with(e, values) for e in program.equations]
    uses = tuple(
        replace(
            use,
            via=_with(use.via, values),
            equation=_with(use.equation, values),
            weight=rebuilt(use.weight, values),
            local=rebuilt(use.local, values),
        )
        for use in record.contributions
    )
    record = replace(record, contributions=uses)
    return replace(derivative, program=program.with_equations([*defined, *equations]), record=record)


def _with(equation: Equation, values: Mapping[sp.Expr, sp.Expr]) -> Equation:
    return replace(equation, body=rebuilt(equation.body, values))


def _named(number: sp.Expr, taken: set[str]) -> Equation:
    wishes = ("epsilon", *(f"epsilon_{count}" for count in range(2, len(taken) + 3)))
    tensor = Tensor(next(name for name in wishes if name not in taken), ())
    equation = Equation(tensor, (), number, origin=Origin("a small number"))
    tensor.attach(equation)
    return equation
