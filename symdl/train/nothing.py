"""A batch in which nothing counts.

Enters: a loss. Leaves: the same loss for training: where it divides by a sum over the samples that is 0, as a
masked or weighted mean over nothing does, it has the same value, NaN, and slope 0, so that nothing is learned
from nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import sympy as sp

from symdl.express.dims import Dim
from symdl.express.equations import Equation
from symdl.express.program import Program, collect
from symdl.express.replacing import renew
from symdl.express.stopping import StopGradient
from symdl.express.tensors import Access, Tensor
from symdl.train.samples import Place, places


def learnable(loss: Tensor, samples: Dim) -> Tensor:
    """Return a loss with slope 0 where it divides by a sum over the samples that is 0."""
    program = collect([loss])
    known = places(program, samples)
    finish = _finish(program, known, loss)
    new: dict[Tensor, Tensor] = {}
    below: dict[Tensor, frozenset[Tensor]] = {}
    for equation in program.equations:
        if equation.lhs not in finish:
            continue
        found = _divisors(equation, known).union(*(below.get(t, ()) for t in equation.reads()))
        below[equation.lhs] = found
        if found:
            renew((replace(equation, body=_stopped(equation.body, found)),), new)
    return new.get(loss, loss)


def _finish(program: Program, known: Mapping[Tensor, Place | None], loss: Tensor) -> set[Tensor]:
    """Return the numbers that are computed from reductions over samples on the way to the loss."""
    found: set[Tensor] = set()
    todo = [loss]
    while todo:
        tensor = todo.pop()
        place, equation = known[tensor], program.definitions.get(tensor)
        late = place is not None and place.axis is None and place.level and not place.reduces
        if late and not tensor.rank and equation is not None and tensor not in found:
            found.add(tensor)
            todo += equation.reads()
    return found


def _divisors(equation: Equation, known: Mapping[Tensor, Place | None]) -> frozenset[Tensor]:
    """Return the reductions over samples by which an equation divides."""
    powers = (power for power in equation.body.atoms(sp.Pow) if power.exp.is_negative)
    tensors = {power.base.tensor for power in powers if isinstance(power.base, Access)}
    return frozenset(t for t in tensors if not t.rank and (place := known[t]) is not None and place.reduces)


def _stopped(body: sp.Expr, below: Collection[Tensor]) -> sp.Expr:
    holds = sp.And(*(sp.Ne(t.at(), 0) for t in sorted(below, key=lambda t: t.serial)))
    return sp.Piecewise((body, holds), (StopGradient(body), True))
