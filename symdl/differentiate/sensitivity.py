"""The derivative of every intermediate with respect to one tensor.

Enters: a program and a tensor `x` of it. Leaves: `Sensitivities`: for each tensor `T` on a path from `x` the
tensor ``∂T[i]/∂x[j]``, with the axes of `T` and then those of `x`, as equations in the same language.

The tangent rule is applied once, to a direction of `x`, and written for every unit direction. So the lines of
a Jacobian stand in the order in which a reader derives them: each from those of what its tensor is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.differentiate.cleanup import clean
from symdl.differentiate.seeds import for_all_seeds
from symdl.differentiate.tangent import tangents_of
from symdl.express.dims import Index
from symdl.express.equations import Equation, Origin
from symdl.express.operators import axis_indices
from symdl.express.ordering import order
from symdl.express.program import Fact, Program
from symdl.express.tensors import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivities:
    """The derivatives of the tensors of one program with respect to `x`.

    Attributes:
        x: what was differentiated with respect to.
        direction: the direction of `x` that the rule's own equations speak of.
        outer: the index variables of the axes of `x`; no equation of the program has them.
        program: the program, and after it the derivatives, cleaned up.
        rules: for each tensor its tangent as the rule leaves it, by the tangents of what it reads.
        helpers: the terms of tangents that are sums of several.
        tangents: for each tensor its tangent, in which `rules` are written.
        of: for each tensor its derivative.
        lines: the equation of each derivative, cleaned up.
    """

    x: Tensor
    direction: Tensor
    outer: tuple[Index, ...]
    program: Program
    rules: dict[Tensor, Equation]
    helpers: dict[Tensor, Equation]
    tangents: dict[Tensor, Tensor]
    of: dict[Tensor, Tensor]
    lines: dict[Tensor, Equation]


def sensitivities(
    program: Program, outputs: Sequence[Tensor], x: Tensor, *, facts: Sequence[Fact] = ()
) -> Sensitivities:
    """Differentiate all tensors on the way from `x` to `outputs` with respect to `x`.

    Args:
        program: prepared for differentiation; it defines the outputs.
        outputs: real, of any shape; those that do not change with `x` are not in what comes back.
        x: real, of any shape.
        facts: declared knowledge that clean-up may use.
    """
    direction = Tensor(None, x.shape, role="tangent", of=x)
    tangents, equations = tangents_of(program, {x: direction})
    outer = _outer(program, x)
    wanted = [tangents[y] for y in outputs if y in tangents and y is not x]
    known = {e.lhs: e for e in equations}
    equations = [e for e in order(wanted, known.get).equations if e.lhs in known] if wanted else []
    givens = [e for e in equations if e.lhs.role == "index" or e.lhs.of is None]
    moved = _moving(equations, direction)
    new = {e.lhs: _beside(e.lhs, x) for e in equations if e.lhs in moved}
    others = [e for e in equations if e.lhs not in moved]
    written = [for_all_seeds(e, direction, new, outer, behind=True) for e in equations if e.lhs in moved]
    every = [*program.equations, *others, *written]
    results = tuple(new[tangent] for tangent in wanted if tangent in new)
    raw = Program(program.inputs, (), (*outputs, *results), tuple(facts)).with_equations(every)
    forward = frozenset(e.lhs for e in (*program.equations, *givens))
    cleaned, rewrites = clean(raw, forward)
    final = {e.lhs: e for e in written}
    for step in rewrites:
        final[step.before.lhs] = step.after or step.before
    final |= cleaned.definitions
    for equation in cleaned.equations:
        if equation.lhs.equation is None:
            equation.lhs.attach(equation)
    of = {tensor: new[tangent] for tensor, tangent in tangents.items() if tangent in new}
    rules = {e.lhs: e for e in equations}
    return Sensitivities(
        x,
        direction,
        outer,
        cleaned,
        {tensor: rules[tangents[tensor]] for tensor in of},
        {e.lhs: e for e in equations if e.lhs.role == "intermediate"},
        tangents,
        of,
        {tensor: final.get(one, _zero(one)) for tensor, one in of.items()},
    )


def _moving(equations: Sequence[Equation], direction: Tensor) -> set[Tensor]:
    """What depends on the direction; in a recurrence an equation may come before what it reads."""
    found: set[Tensor] = {direction}
    count = 0
    while count < len(found):
        count = len(found)
        for equation in equations:
            if not found.isdisjoint(equation.reads()):
                found.add(equation.lhs)
    return found - {direction}


def _zero(tensor: Tensor) -> Equation:
    return Equation(tensor, axis_indices(tensor.rank), sp.Integer(0), origin=Origin("no change", tensor.of))


def _beside(tangent: Tensor, x: Tensor) -> Tensor:
    """The tensor that has the axes of `x` after its own."""
    return Tensor(None, (*tangent.shape, *x.shape), role=tangent.role, of=tangent.of)


def _outer(program: Program, x: Tensor) -> tuple[Index, ...]:
    """Index variables for the axes of `x` that no equation has, the usual letters first."""
    taken = {index for equation in program.equations for index in equation.extents}
    letters = (Index(letter) for letter in "jklmnpqrsuvw" if Index(letter) not in taken)
    numbered = (Index(f"j{count}") for count in range(1, len(taken) + x.rank + 1))
    free = [*letters, *(index for index in numbered if index not in taken)]
    return tuple(free[: x.rank])


__all__ = ["Sensitivities", "sensitivities"]
