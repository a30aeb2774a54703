"""Where the first number arises that is not finite.

Enters: the programs of a training step, the values and the batch that it began with. Leaves: `Fault`, the
equation of which an element is NaN or infinite although nothing that it reads is, or the values that were so
before; and `Diverged`, the error that tells of it. The step is computed once more, equation by equation, by
the reference interpreter, and followed back from what is wrong. Only trainings that went wrong pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.errors import SymdlError, TrainingError
from symdl.express.computed import computed
from symdl.express.dims import Dim, Index
from symdl.express.equations import Equation
from symdl.express.ordering import Recurrence
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.binding import bind, bind_dims, extent_value
from symdl.run.reference.interpreter import Grid, evaluate
from symdl.train.arrays import Arrays
from symdl.train.history import Epoch
from symdl.train.weights import Weights

Array = NDArray[Any]

MOST = 1 << 30
"""Terms of a step that the interpreter computes, in some ten seconds."""
LARGEST = 1 << 27
"""Numbers that it keeps meanwhile."""


class Diverged(TrainingError):
    """A loss or a weight is no finite number: of several processes, in all."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Numbers that are not finite, and are the first ones.

    Attributes:
        tensor: which holds them.
        equation: what defines it; None if it was given.
        where: the position of the first of them.
        value: what stands there.
        reads: elements that the equation reads, with their values; of many the largest.
        of: the parameter or state whose next value the tensor is, if it is one.
        sample: which of all samples it belongs to, where that is known.
        data: what these samples are.
    """

    tensor: Tensor
    equation: Equation | None
    where: tuple[int, ...]
    value: float
    reads: tuple[tuple[str, float], ...] = ()
    of: Tensor | None = None
    sample: int | None = None
    data: str = "data"

    @property
    def of_nothing(self) -> bool:
        """Whether it is a mean over nothing: 0 by 0."""
        return len(self.reads) > 1 and not any(value for _, value in self.reads)

    def told(self) -> str:
        """Return what to say about it, after the step."""
        spot = _written(self.tensor, self.where)
        if self.equation is None:
            kind = {"parameter": "the parameter", "state": "the state"}.get(self.tensor.role, "the data")
            return f"{kind} {spot} was {self.value} already before it"
        spot = spot if self.of is None else f"{spot}, the next {_written(self.of, self.where)},"
        known = ", ".join(f"{text} = {value:.6g}" for text, value in self.reads)
        whose = "" if self.sample is None else f" for sample {self.sample} of the {self.data}"
        told = f"{spot} is {self.value}{whose}, the first number that is not finite"
        return f"{told}; it reads {known}" if known else told

    @property
    def cure(self) -> str:
        """What to do about it."""
        if self.equation is None:
            return f"give {self.tensor.name} finite numbers"
        if (math.isinf(self.value) and self.value > 0) or self.of is not None:
            return _SMALLER
        return (
            "keep what it reads where the formula has a value (away from 0 what it divides by, takes a root"
            f" or a logarithm of), or {_SMALLER}"
        )


_SMALLER = "use a smaller learning rate, or scale the data"


def fault_in(
    programs: Iterable[Program],
    values: Mapping[str, Any],
    batch: Mapping[str, Any],
    *,
    dtype: str,
    positions: NDArray[np.int64] | None = None,
    data: str = "data",
) -> Fault | None:
    """Return where the first number arises in a step that is not finite.

    Args:
        programs: the loss as it was written, then the step, as it was derived; the first of them that goes
            wrong is looked at: its updates, or else its outputs.
        values: parameters and states from before it, by name.
        batch: its data, by name.
        dtype: of its real numbers.
        positions: of the samples of the batch among all.
        data: what all are called.

    Returns:
        None if all numbers are finite, as the interpreter computes them, or if there are too many.
    """
    for program in programs:
        given = {str(t.name): t for t in program.inputs if t.value is None}
        known = {n: np.asarray(a) for n, a in {**values, **batch}.items() if n in given}
        try:
            dims = bind_dims(program, bind(program, known, dtype=dtype))
            if _terms(program, dims) > MOST or _numbers(program, dims) > LARGEST:
                return None
            arrays = evaluate(program, known, dtype=dtype)
        except (SymdlError, MemoryError):
            return None
        ends = tuple(new for _, new in program.updates) or program.outputs
        wrong = next((t for t in ends if _wrong(arrays[t]).any()), None)
        if wrong is not None:
            return replace(_described(program, arrays, dims, wrong, positions), data=data)
    return None


def _described(
    program: Program,
    arrays: Mapping[Tensor, Array],
    dims: Mapping[Dim, int],
    wrong: Tensor,
    positions: NDArray[np.int64] | None,
) -> Fault:
    tensor, equation, where = _first(program, arrays, wrong)
    value = float(arrays[tensor][where])
    if equation is None:
        return Fault(tensor, None, where, value)
    here = _term(equation, where, arrays, dims)
    batch = {t.shape[0] for t in program.inputs if t.role == "input" and t.value is None and t.rank}
    counting = [place for index, place in here.items() if equation.extents[index] in batch]
    sample = int(positions[counting[0]]) if positions is not None and counting else None
    after = {new: old for old, new in program.updates}
    return Fault(tensor, equation, where, value, _reads(equation, here, arrays), after.get(tensor), sample)


def finding(
    programs: Callable[[], Iterable[Program]], data: Arrays, dtype: str
) -> Callable[[Weights, NDArray[np.int64]], Fault | None]:
    """Return what finds faults in steps on samples of these data, from the weights before and positions."""

    def fault(weights: Weights, positions: NDArray[np.int64]) -> Fault | None:
        return fault_in(programs(), weights, data.take(positions).by_name, dtype=dtype, positions=positions)

    return fault


def _terms(program: Program, dims: Mapping[Dim, int]) -> int:
    return sum(math.prod(extent_value(n, dims) for n in e.extents.values()) for e in program.equations)


def _numbers(program: Program, dims: Mapping[Dim, int]) -> int:
    return sum(math.prod(extent_value(n, dims) for n in e.lhs.shape) for e in program.equations)


def _wrong(array: Array) -> NDArray[np.bool_]:
    return ~np.isfinite(array)


def _first(
    program: Program, arrays: Mapping[Tensor, Array], wrong: Tensor
) -> tuple[Tensor, Equation | None, tuple[int, ...]]:
    """Follow what is wrong back to what reads nothing wrong; of several ways NaN's, then the earliest.

    Infinity may be meant, such as that of a mask, whereas NaN is not.
    """
    table = {e.lhs: e for e in program.equations}
    order = {t: place for place, t in enumerate((*program.inputs, *table))}
    groups = {e.lhs: r for r in program.recurrences for e in r.equations}
    tensor = wrong
    while True:
        recurrence = groups.get(tensor)
        if recurrence is None:
            equation = table.get(tensor)
            read = equation.reads() if equation is not None else []
            where = _where(arrays[tensor])
        else:
            equation, where = _earliest(recurrence, arrays)
            tensor = equation.lhs
            read = [t for t in equation.reads() if t not in recurrence.axes]
        bad = [t for t in read if _wrong(arrays[t]).any()]
        if not bad:
            return tensor, equation, where
        tensor = min(bad, key=lambda t: (not np.isnan(arrays[t]).any(), order[t]))


def _where(array: Array) -> tuple[int, ...]:
    """Return the position of the first NaN, or else of the first infinity."""
    wrong = np.isnan(array) if np.isnan(array).any() else _wrong(array)
    return tuple(map(int, np.unravel_index(int(np.argmax(wrong)), wrong.shape)))


def _earliest(recurrence: Recurrence, arrays: Mapping[Tensor, Array]) -> tuple[Equation, tuple[int, ...]]:
    """Return the equation of a recurrence that is the first to go wrong, and where it does."""
    found: list[tuple[int, int, Equation, tuple[int, ...]]] = []
    for number, equation in enumerate(recurrence.equations):
        wrong, axis = _wrong(arrays[equation.lhs]), recurrence.axes[equation.lhs]
        steps = np.flatnonzero(wrong.any(axis=tuple(a for a in range(wrong.ndim) if a != axis)))
        if steps.size:
            step = int(steps[0] if recurrence.direction > 0 else steps[-1])
            inside = _where(np.take(arrays[equation.lhs], step, axis))
            late = step * recurrence.direction
            found.append((late, number, equation, (*inside[:axis], step, *inside[axis:])))
    _, _, equation, where = min(found, key=lambda each: each[:2])
    return equation, where


def _term(
    equation: Equation, where: Sequence[int], arrays: Mapping[Tensor, Array], dims: Mapping[Dim, int]
) -> dict[Index, int]:
    """Return the indices of an element, and those of the first of its terms that is not finite, if one is."""
    here = dict(zip(equation.indices, where, strict=True))
    if equation.reduction is None or equation.own:
        return here
    sizes = {index: extent_value(size, dims) for index, size in equation.extents.items()}
    ranges = {i: range(here[i], here[i] + 1) if i in here else range(size) for i, size in sizes.items()}
    grid = Grid(equation, ranges, arrays, dims)
    scope = grid.scope()
    with np.errstate(all="ignore"):
        terms = np.where(scope.mask, scope.value(computed(equation.body)), 0.0)
    terms = np.broadcast_to(terms, grid.shape)
    if not _wrong(terms).any():
        return here
    return here | {i: place for i, place in zip(ranges, _where(terms), strict=True) if i not in here}


def _reads(
    equation: Equation, here: Mapping[Index, int], arrays: Mapping[Tensor, Array]
) -> tuple[tuple[str, float], ...]:
    """Return what an equation reads for a term: values at one place each, or the largest of a tensor."""
    found: dict[str, float] = {}
    for access in equation.accesses():
        array, places = arrays[access.tensor], _places(access, here)
        if places is not None and all(0 <= p < n for p, n in zip(places, array.shape, strict=True)):
            found[_written(access.tensor, places)] = float(array[places])
        elif array.size:
            largest = tuple(map(int, np.unravel_index(int(np.argmax(np.abs(array))), array.shape)))
            found[_written(access.tensor, largest)] = float(array[largest])
    return tuple(found.items())[:_SHOWN]


_SHOWN = 6


def _places(access: Access, here: Mapping[Index, int]) -> tuple[int, ...] | None:
    values = {index: sp.Integer(place) for index, place in here.items()}
    places = [expr.xreplace(values) for expr in access.indices]
    return tuple(map(int, places)) if all(p.is_Integer for p in places) else None


def _written(tensor: Tensor, where: Sequence[int]) -> str:
    return f"{tensor.name or f'#{tensor.serial}'}" + (f"[{', '.join(map(str, where))}]" if where else "")


@dataclass(frozen=True, slots=True)
class FaultyStep:
    """The first step of an epoch that went wrong; `fault` is None where nobody knows why.

    The `number` is None where it is not a step: in a score, or in a search on all samples.
    """

    number: int | None
    fault: Fault | None

    def told(self) -> str:
        """Return what to say about it."""
        step = None if self.number is None else f"it began in step {self.number} of the epoch"
        parts = (step, None if self.fault is None else self.fault.told())
        return "; " + ": ".join(part for part in parts if part)


def diverged(record: Epoch, epoch: int, *, finite: bool, step: FaultyStep | None) -> Diverged:
    """Return the error.

    Args:
        record: of the epoch that went wrong.
        epoch: whose weights the model has now.
        finite: whether all weights were finite after that epoch.
        step: where it began, if that was found.
    """
    if not math.isfinite(record.loss):
        what = f"the loss is {record.loss}"
    elif not math.isfinite(record.monitored):
        what = f"what is watched is {record.monitored}" if record.watched is not None else ""
        kind = "loss after it" if record.validation_loss is None else "validation loss"
        what = what or f"the {kind} is {record.monitored}"
    else:
        what = "a weight is no finite number"
    weights = f"those after epoch {epoch}" if epoch else "those from before this training"
    fault = None if step is None else step.fault
    told = "" if step is None else step.told()
    if finite and math.isnan(record.loss + record.monitored):
        text = (
            f"training stopped in epoch {record.number}: {what}, although its weights were finite;"
            f" they are now {weights}"
        )
        cure = (
            "see that samples count in all data that are scored (a mean over nothing is NaN), and where"
            " the formula has no value"
        )
    else:
        text = f"training diverged in epoch {record.number}: {what}; the weights are now {weights}"
        cure = _SMALLER
    return Diverged(
        text + told,
        expression=None if fault is None else fault.equation,
        cure=cure if fault is None or (finite and fault.of_nothing) else fault.cure,
    )
