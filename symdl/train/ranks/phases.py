"""A training step cut where processes must meet.

Enters: the program of a training step over the samples of a batch. Leaves: `Phases`: programs over some of
the samples, after each of which reductions are merged over all processes, and one that takes the step.

The cut is that of `symdl.train.splitting`: at reductions over samples. So gradients are merged, and so are a
loss, the sums of weights by which it divides, and the mean and variance of batch norm: a step is the step on
the whole batch, whatever its formulas. A network without such formulas has one phase: forward and backward
pass. What belongs to single samples stays in its process, from one phase to the next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.errors import TrainingError
from symdl.express.dims import Dim, dims_of
from symdl.express.equations import Equation
from symdl.express.ordering import order
from symdl.express.program import Program
from symdl.express.random import RandomUniform
from symdl.express.replacing import replaced
from symdl.express.tensors import Tensor
from symdl.train.samples import where_samples_mix
from symdl.train.splitting import Pass, Statistic, free_name, split

_MOST = 1000
"""Phases of a step: as many as there are reductions that wait for each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """What a process computes for its samples before it meets the others.

    Attributes:
        program: its outputs are the parts of `statistics`, then what is kept.
        statistics: to be merged over all processes.
        kept: what later phases, or the end, call the other outputs.
    """

    program: Program
    statistics: tuple[Statistic, ...]
    kept: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Phases:
    """A training step for several processes.

    Attributes:
        phases: in order.
        end: from merged reductions to totals and new values; some of its inputs only show sizes.
        sizes: these, by the size that they show.
        ends: its outputs, as the step calls them.
        count: the input that holds the number of samples in the whole batch.
        rows: the input that holds where in the batch each sample is, for what is random.
    """

    phases: tuple[Phase, ...]
    end: Program
    sizes: Mapping[Dim, Tensor]
    ends: tuple[Tensor, ...]
    count: Tensor
    rows: Tensor


def phases(step: Program, samples: Dim) -> Phases:
    """Return a training step in phases.

    Raises:
        TrainingError: samples meet in another way than in a sum, a product, a maximum or a log-sum-exp.
    """
    wanted = tuple(dict.fromkeys((*step.outputs, *(new for _, new in step.updates))))
    taken = set(step.names.values())
    rows = Tensor(free_name("row_of_the_batch", taken), (samples,), dtype="int64", role="input")
    found = order(wanted, {e.lhs: _at_rows(e, rows, samples) for e in step.equations}.get)
    inputs = tuple(sorted({*step.inputs, *found.inputs}, key=lambda t: t.serial))
    whole = Program(inputs, found.equations, wanted, recurrences=found.recurrences)
    cut = split(whole, samples, most=_MOST)
    if cut is None:
        raise TrainingError(
            "a step of this model cannot be shared by several processes: its samples meet in another way than"
            " in sums, products and maxima",
            expression=where_samples_mix(whole, samples),
            cure="train in one process, without communicator=",
        )
    early = {t: _input(t, f"early_{t.serial}", taken) for t in cut.passes[0].kept}
    end = cut.finish.program
    table = {e.lhs: replaced(e, early) for e in end.equations}
    outputs = tuple(early.get(t, t) for t in end.outputs)
    late = order(outputs, table.get)
    given = tuple(sorted({*late.inputs, *cut.finish.sizes.values()}, key=lambda t: t.serial))
    last = Program(given, late.equations, outputs, recurrences=late.recurrences)
    parts = _phases(cut.passes, samples, early, taken)
    return Phases(parts, last, cut.finish.sizes, cut.ends, cut.count, rows)


def _input(tensor: Tensor, name: str, taken: Collection[str]) -> Tensor:
    """Return what stands for a tensor where it is given."""
    free = free_name(name, taken)
    return Tensor(free, tensor.shape, dtype=tensor.dtype, role="input", below=tensor.below)


def _at_rows(equation: Equation, rows: Tensor, samples: Dim) -> Equation:
    """Return an equation whose random numbers are those of the sample's row in the whole batch."""
    drawn = equation.body.atoms(RandomUniform)
    over = [index for index, size in equation.extents.items() if size == samples]
    if not drawn or len(over) != 1:
        return equation
    there: dict[sp.Basic, sp.Basic] = {d: d.xreplace({over[0]: rows.at(over[0])}) for d in drawn}
    return replace(equation, body=equation.body.xreplace(there))


def _phases(
    passes: Sequence[Pass], samples: Dim, early: Mapping[Tensor, Tensor], taken: Collection[str]
) -> tuple[Phase, ...]:
    """Return passes of which each reads what earlier ones have computed for its samples."""
    later: dict[Tensor, Tensor] = {}  # what a phase has computed, as the later ones read it
    programs: list[Program] = []
    for each in passes:
        table = {e.lhs: replaced(e, later) for e in each.program.equations if e.lhs not in later}
        outputs = each.program.outputs
        found = order(outputs, table.get)
        inputs = tuple(sorted({*found.inputs, *each.program.inputs}, key=lambda t: t.serial))
        programs.append(Program(inputs, found.equations, outputs, recurrences=found.recurrences))
        own = [e.lhs for e in found.equations if any(samples in dims_of(size) for size in e.lhs.shape)]
        later |= {t: _input(t, f"kept_{t.serial}", taken) for t in own}
    read = {t for program in programs for t in program.inputs}
    made = []
    for program, each in zip(programs, passes, strict=True):
        carried = {t: later[t] for e in program.equations if (t := e.lhs) in later and later[t] in read}
        kept = (*(early[t] for t in each.kept), *carried.values())
        made.append(Phase(replace(program, outputs=(*program.outputs, *carried)), each.statistics, kept))
    return tuple(made)
