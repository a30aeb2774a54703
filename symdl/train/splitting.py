"""A program cut at its reductions over the samples.

Enters: a program over samples. Leaves: `Split`: programs for a few samples at a time, whose results are
merged into reductions over all samples (`Statistic`), and a program that finishes from these. A reduction
that reads the value of another one over all samples, as deviations from a mean do, waits for the next pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sympy as sp

from symdl.express.dims import Dim
from symdl.express.equations import Equation
from symdl.express.ordering import order
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.replacing import replaced
from symdl.express.tensors import Tensor
from symdl.train.finish import Finish, finish, with_count
from symdl.train.samples import Place, places

_MOST_PASSES = 6
"""Passes over the data up to which one with all samples at once is the worse choice."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """A reduction over samples: ``count**power`` times `part`, merged over all samples by `op`.

    Attributes:
        tensor: the reduction in the program that is cut.
        part: the same without the power of the number of samples.
        whole: the input that takes the tensor's place where its value over all samples is known.
    """

    tensor: Tensor
    op: str
    power: int
    part: Equation
    whole: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What is computed for a few samples at a time.

    Attributes:
        program: its outputs are the parts of `statistics`, then what is kept.
        statistics: to be merged.
        kept: tensors to be taken as they are, each with the axis along which its parts are joined; without
            one they are the same for all samples.
    """

    program: Program
    statistics: tuple[Statistic, ...]
    kept: dict[Tensor, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A program in passes.

    Attributes:
        passes: in order; each reads the statistics of those before it.
        finish: from statistics, parameters and what the first pass keeps to the outputs without samples.
        ends: which these are.
        count: the input that holds the number of samples.
    """

    passes: tuple[Pass, ...]
    finish: Finish
    ends: tuple[Tensor, ...]
    count: Tensor


def split(program: Program, samples: Dim, *, most: int = _MOST_PASSES) -> Split | None:
    """Return `program` in passes, or None where it takes all samples at once, or more than `most` passes."""
    known = places(program, samples)
    if any(known[t] is None for t in program.outputs):
        return None
    table = {e.lhs: e for e in order(program.outputs, program.definitions.get).equations}
    found = {t: place for t in (*program.inputs, *table) if (place := known[t]) is not None}
    if len(found) < len(known.keys() & {*program.inputs, *table}):
        return None
    if max((found[t].ready for t in program.outputs), default=0) > most:
        return None
    cut = _Cut(program, samples, table, found)
    levels = range(1 + max((s.level for s in found.values()), default=0))
    passes = [cut.one(level) for level in levels]
    return Split(tuple(p for p in passes if p.program.outputs), cut.finish, cut.ends, cut.count)


class _Cut:
    """The equations with statistics as inputs."""

    def __init__(
        self, program: Program, samples: Dim, table: Mapping[Tensor, Equation], found: Mapping[Tensor, Place]
    ) -> None:
        self.program, self.samples, self.places = program, samples, found
        taken = set(program.names.values())
        self.count = Tensor(free_name("samples", taken), (), role="state")
        self.statistics = {
            e.lhs: _statistic(e, samples, free_name(f"statistic_{number}", taken))
            for number, e in enumerate(table.values(), 1)
            if found[e.lhs].reduces
        }
        wholes = {t: s.whole for t, s in self.statistics.items()}
        self.table: dict[Tensor, Equation] = {}
        for equation in table.values():
            mine = self.statistics.get(equation.lhs)
            new = equation if mine is None else mine.part
            if any(t in wholes for t in new.reads()):
                new = replaced(new, {t: w for t, w in wholes.items() if t is not new.lhs})
            self.table[new.lhs] = with_count(new, samples, self.count)
        self.ends = tuple(dict.fromkeys(t for t in program.outputs if found[t].axis is None))
        ends = [wholes.get(t, t) for t in self.ends]
        late = order(ends, self._late)
        known = {*wholes.values(), self.count}
        self.early = tuple(t for t in late.inputs if t not in known and t in self.table)
        self.finish = finish(late.inputs, late.equations, ends)

    def _late(self, tensor: Tensor) -> Equation | None:
        """Return the equation of what is computed from statistics, and not once for each sample."""
        place = self.places.get(tensor)
        return self.table.get(tensor) if place and place.level and place.axis is None else None

    def one(self, level: int) -> Pass:
        """Return a pass over the data."""
        now = tuple(s for t, s in self.statistics.items() if self.places[t].level == level)
        places_ = {t: self.places[t] for t in self.program.outputs}
        kept: dict[Tensor, int | None] = {
            t: p.axis for t, p in places_.items() if p.axis is not None and p.level == level
        }
        kept.update(dict.fromkeys(() if level else self.early))
        wanted = (*(s.part.lhs for s in now), *kept)
        found = order(wanted, self.table.get)
        # Inputs that nothing reads show sizes.
        inputs = tuple(sorted({*found.inputs, *self.program.inputs}, key=lambda t: t.serial))
        program = Program(inputs, found.equations, wanted, recurrences=found.recurrences)
        return Pass(program, now, kept)


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken."""
    while name in taken:
        name += "_"
    return name


def _statistic(equation: Equation, samples: Dim, name: str) -> Statistic:
    assert equation.reduction is not None
    lhs, op = equation.lhs, equation.reduction.op
    whole = Tensor(name, lhs.shape, dtype=lhs.dtype, role="state", below=lhs.below)
    power = power_of(equation.body, samples) if op == "sum" else 0
    if not power:
        return Statistic(lhs, op, 0, equation, whole)
    part = Tensor(None, lhs.shape, dtype=lhs.dtype)
    body = rebuilt(equation.body, {samples: sp.Integer(1)})
    return Statistic(lhs, op, power, replace(equation, lhs=part, body=body), whole)


def power_of(expr: sp.Expr, symbol: sp.Symbol) -> int:
    """Return `a` where ``expr = symbol**a * rest`` and the rest is `expr` at 1; 0 where there is none."""
    found = _powers(expr, symbol)
    return found.pop() if len(found) == 1 else 0


def _powers(expr: sp.Expr, symbol: sp.Symbol) -> set[int]:
    """Return the powers of `symbol` that are factors of terms; a term that holds it otherwise adds 0."""
    if expr.is_zero:
        return set()
    if isinstance(expr, sp.Add | sp.Piecewise):
        parts = expr.args if isinstance(expr, sp.Add) else [value for value, _ in expr.args]
        held = isinstance(expr, sp.Piecewise) and any(c.has(symbol) for _, c in expr.args)
        found: set[int] = set().union(*(_powers(part, symbol) for part in parts))
        return {0} | found if held else found
    if isinstance(expr, sp.Mul):
        parts = [_powers(factor, symbol) or {0} for factor in expr.args]
        if any(len(part) > 1 for part in parts):
            return {0, 1}
        held = any(part == {0} and factor.has(symbol) for part, factor in zip(parts, expr.args, strict=True))
        return {0, 1} if held else {sum(next(iter(part)) for part in parts)}
    base, exponent = expr.as_base_exp()
    return {int(exponent)} if base == symbol and exponent.is_Integer else {0}
