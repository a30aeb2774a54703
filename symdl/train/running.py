"""The losses and metrics of an epoch, put together from its batches while the parameters move.

Enters: the program of a training step. Leaves: `Running`: what each batch has to add to totals, and how the
totals become figures. Numerators and denominators are added up by themselves and divided at the end, so that
it does not matter how samples that count fall into batches; a sum that reads another one, such as that of
squared deviations from a mean, reads the one over its batch. Of maxima the largest counts. A figure that is
not computed from such reductions is averaged over batches by their lengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from symdl.express.dims import Dim
from symdl.express.equations import Equation
from symdl.express.ordering import order
from symdl.express.program import Program
from symdl.express.replacing import replaced
from symdl.express.tensors import Tensor
from symdl.run.bound import LARGEST
from symdl.train.finish import Finish, finish, with_count
from symdl.train.samples import Place, places
from symdl.train.splitting import power_of

_AVERAGED = 1
"""How often a batch adds, for each of its samples, what is averaged over them."""


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """What a training step adds up, and what becomes of it.

    Attributes:
        derived: the training step as it was derived; its outputs are losses and metrics.
        program: the same, with numbers to be added up over batches as outputs.
        weights: for each of them the power of its number of samples by which a batch multiplies it; or
            `LARGEST`.
        finish: from the means over all samples, as many powers of their number taken out, to the figures.
        wholes: the inputs of `finish` that stand for the outputs.
        count: its input that holds the number of samples.
    """

    derived: Program
    program: Program
    weights: tuple[int, ...]
    finish: Finish
    wholes: tuple[Tensor, ...]
    count: Tensor

    def join(self, totals: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the totals of both."""
        return np.where(np.array(self.weights) == LARGEST, np.maximum(totals, others), totals + others)

    def figures(self, dims: Mapping[Dim, int], totals: NDArray[np.float64], count: int) -> list[float]:
        """Return losses and metrics from the totals over so many samples of data with these sizes."""
        each = zip(self.wholes, totals.tolist(), self.weights, strict=True)
        values = {whole: total / count ** max(weight, 0) for whole, total, weight in each}
        return [float(value) for value in self.finish({self.count: float(count), **values}, dims)]


def running(program: Program, samples: Dim) -> Running:
    """Return how the outputs of a training step become the figures of an epoch."""
    found = order(program.outputs, program.definitions.get)
    forward = Program(found.inputs, found.equations, program.outputs, recurrences=found.recurrences)
    search = _Search({e.lhs: e for e in found.equations}, places(forward, samples), samples)
    leaves: dict[Tensor, int] = {}
    for output in program.outputs:
        mine = search.leaves(output)
        leaves |= {output: _AVERAGED} if mine is None else mine
    wholes = {t: Tensor(f"total_{number}", ()) for number, t in enumerate(leaves)}
    count = Tensor("samples", ())
    table: dict[Tensor, Equation] = {}
    for equation in found.equations:
        if equation.lhs not in leaves:
            new = with_count(replaced(equation, wholes), samples, count)
            table[new.lhs] = new
    ends = tuple(wholes.get(t, t) for t in program.outputs)
    late = order(ends, table.get)
    end = finish(late.inputs, late.equations, ends)
    step = program
    if tuple(leaves) != program.outputs:
        reals = [_real(t) for t in leaves if t.dtype != "real"]
        copies = {next(iter(e.reads())): e.lhs for e in reals}
        outputs = tuple(copies.get(t, t) for t in leaves)
        step = replace(program, outputs=outputs).with_equations((*program.equations, *reals))
    return Running(program, step, tuple(leaves.values()), end, tuple(wholes.values()), count)


def _real(tensor: Tensor) -> Equation:
    """Return a number of an int64 tensor as a real one: totals are added up in float64."""
    return Equation(Tensor(None, ()), (), tensor.at())


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """Looks for the sums and maxima over samples from which a figure is computed."""

    table: Mapping[Tensor, Equation]
    places: Mapping[Tensor, Place | None]
    samples: Dim

    def leaves(self, figure: Tensor) -> dict[Tensor, int] | None:
        """Return the reductions, and numbers without samples, that a figure is computed from, with weights.

        None where one of them is neither sum nor maximum, or no number.
        """
        found: dict[Tensor, int] = {}
        todo = [figure]
        while todo:
            tensor = todo.pop()
            if tensor.value is not None:
                continue
            place, equation = self.places[tensor], self.table.get(tensor)
            if place is None or place.axis is not None or equation is None:
                return None
            if place.level and not place.reduces:
                todo += [t for t in equation.reads() if t not in found]
                continue
            weight = self._weight(equation) if place.reduces else _AVERAGED
            if weight is None or tensor.rank:
                return None
            found[tensor] = weight
        return found

    def _weight(self, equation: Equation) -> int | None:
        """Return how a batch adds a reduction whose terms, but for a power of its length, do not hold it."""
        assert equation.reduction is not None
        power = power_of(equation.body, self.samples) if equation.reduction.op == "sum" else 0
        held = self._held(equation.reads()) or (not power and equation.body.has(self.samples))
        weight = {"sum": -power, "max": LARGEST}.get(equation.reduction.op)
        return None if held or power > 0 else weight

    def _held(self, tensors: Iterable[Tensor]) -> bool:
        """Say whether the number of samples is in what tensors are computed from, up to other reductions."""

        def definition(tensor: Tensor) -> Equation | None:
            place = self.places[tensor]
            late = place is None or (place.axis is None and place.ready)
            return None if late else self.table.get(tensor)

        return any(e.body.has(self.samples) for e in order(tensors, definition).equations)
