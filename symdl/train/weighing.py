"""Samples that count more than others.

Enters: a loss that is computed from sums over samples, a weight for each sample. Leaves: the loss in which a
sample of weight 2 counts as two samples do, and one of weight 0 not at all: of a mean the weighted mean
``sum(w*l)/sum(w)``, of a sum the weighted sum. What a layer computes of a batch, as batch norm does, is left
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy as sp

from symdl.errors import TrainingError
from symdl.express.dims import Dim, Index, dims_of
from symdl.express.equations import Equation, Origin
from symdl.express.ordering import order
from symdl.express.program import Program, collect
from symdl.express.relations import rebuilt
from symdl.express.replacing import renew
from symdl.express.shaping import as_vector
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.train.finish import with_count
from symdl.train.samples import Place, places
from symdl.train.splitting import power_of

_CURE = "end the loss with .mean() or .sum() over its samples, or put the weights into its formula"


def weighted(loss: Tensor, samples: Dim, weights: Tensor) -> Tensor:
    """Return a loss in which each sample has a weight.

    Args:
        loss: a rank-0 tensor.
        samples: the symbolic number of samples.
        weights: shape ``(samples,)``.

    Raises:
        TrainingError: samples meet in it other than in sums, so that a weight has no meaning.
    """
    program = collect([loss])
    known = places(program, samples, numbered=True)
    late = _late(program, known, loss)
    sums = [e for e in program.equations if e.lhs in late and _reduces(known, e.lhs)]
    if not sums:
        raise TrainingError(
            "the loss is no sum or mean over samples that could be weighted", expression=loss, cure=_CURE
        )
    i = Index("i")
    count = define(None, (), Sum(weights.at(i), (i, samples)), origin=Origin("sum of the weights"))
    new: dict[Tensor, Tensor] = {}
    for equation in program.equations:
        if equation.lhs not in late:
            continue
        if _reduces(known, equation.lhs):
            if _held(program, known, equation, samples):
                raise _refused("a sum of terms that hold the number of samples", equation)
            new[equation.lhs] = _weighted_sum(equation, samples, weights, count)
        elif equation.body.has(samples) or any(t in new for t in equation.reads()):
            if equation.lhs.modes is not None:
                raise _refused("a number that training and inference compute in two ways", equation)
            renew((with_count(equation, samples, count),), new)
    return new[loss]


def _reduces(known: Mapping[Tensor, Place | None], tensor: Tensor) -> bool:
    place = known[tensor]
    return place is not None and place.reduces


def _late(program: Program, known: Mapping[Tensor, Place | None], loss: Tensor) -> set[Tensor]:
    """Return the loss, the reductions over samples it is computed from, and what is between them."""
    found: set[Tensor] = set()
    todo = [loss]
    while todo:
        tensor = todo.pop()
        place, equation = known[tensor], program.definitions.get(tensor)
        if place is None or place.axis is not None:
            raise _refused("samples that meet other than in sums", equation or loss)
        if tensor in found or equation is None:
            continue
        found.add(tensor)
        todo += [] if place.reduces else equation.reads()
    return found


def _held(program: Program, known: Mapping[Tensor, Place | None], equation: Equation, samples: Dim) -> bool:
    """Say whether the number of samples is in what is computed for each of them."""

    def definition(tensor: Tensor) -> Equation | None:
        place = known[tensor]
        return None if place is None or place.axis is None else program.definitions.get(tensor)

    return any(e.body.has(samples) for e in order(equation.reads(), definition).equations)


def _weighted_sum(equation: Equation, samples: Dim, weights: Tensor, count: Tensor) -> Tensor:
    """Return a sum over samples with a weight at each term, and `count` for their number."""
    assert equation.reduction is not None
    if equation.reduction.op != "sum":
        raise _refused(f"a {equation.reduction.op} over samples", equation)
    power = power_of(equation.body, samples)
    if not power and equation.body.has(samples):
        raise _refused("a sum of terms that hold the number of samples", equation)
    (index, size), *_ = [(i, n) for i, n in equation.extents.items() if samples in dims_of(n)]
    rows = sp.cancel(size / samples)
    if rows != 1:  # several neighbouring places belong to one sample
        i, j = Index("i"), Index("j")
        weights = as_vector(define(None, (i, j), weights.at(i), shape=(samples, rows)))
    old = equation.lhs
    total = Tensor(None, old.shape, dtype="real", below=old.below)
    body = weights.at(index) * rebuilt(equation.body, {samples: sp.Integer(1)} if power else {})
    total.attach(replace(equation, lhs=total, body=body, origin=Origin("weighted sum")))
    indices = equation.indices
    over = total.at(*indices) * count.at() ** power
    if not power:
        return total
    return define(old.name, indices, over, shape=old.shape, origin=Origin("weighted mean"))


def _refused(what: str, expression: object) -> TrainingError:
    return TrainingError(
        f"samples cannot be weighted: the loss holds {what}", expression=expression, cure=_CURE
    )
