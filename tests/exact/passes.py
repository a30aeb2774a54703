"""The passes over equations, as functions from programs to programs, and what they must keep.

Enters: a loss. Leaves: each pass that changed a program on its way to kernels, with the program before and
after. They come from the lists that the compiler itself goes through: a new pass is in them by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from symdl.differentiate import adjoint
from symdl.differentiate.cleanup import clean
from symdl.differentiate.compact import compact
from symdl.differentiate.prepare import prepare
from symdl.express.dims import Dim
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.lower import passes
from symdl.lower.pipeline import lower
from symdl.lower.state import Pass, State
from symdl.lower.target import Lowering
from symdl.run.reference import interpreter
from symdl.run.reference.binding import extent_value

from . import field, frozen
from .programs import NotApplicable, drawn, evaluate

HARD = (0.0, 1.0, -1.0, 40.0)
"""Ties of everything, and where exponentials differ by more than floating point can tell."""


ROUNDED = ("split_transforms",)
"""Passes that use identities of cosines of fractions of π, which the values of the field do not have.

They are compared in floating point: here at hard points, in tests/lower/test_transforms.py at random ones.
"""


@dataclass(frozen=True)
class Change:
    """What a pass made of a program."""

    name: str
    before: Program
    after: Program


def changes(loss: Tensor, wrt: Sequence[Tensor]) -> Iterator[Change]:
    """Yield what every pass changes, from what was written to what is frozen."""
    written = collect([loss])
    yield Change("prepare", written, prepare(written)[0])
    program = written
    if wrt:
        cleaned: list[Change] = []

        def watched(raw: Program, *options: Any) -> Any:
            made = clean(raw, *options)
            cleaned.append(Change("clean", raw, made[0]))
            return made

        with mock.patch.object(adjoint, "clean", watched):
            derivative = adjoint.differentiate(loss, wrt)
        yield from cleaned
        short = compact(derivative)
        program = short.program
        if short is not derivative:
            yield Change("compact", derivative.program, program)
    for step in passes.PROGRAM:
        after = step.apply(State(program)).source
        if after is not program:
            yield Change(step.name, program, after)
        program = after


@dataclass(frozen=True)
class Compared:
    """How many elements of a change were compared, of how many, and those that differ."""

    known: int
    total: int
    wrong: tuple[str, ...]


def compared(change: Change, sizes: Mapping[str, int], given: Mapping[str, Any]) -> Compared:
    """Compare every tensor that is there before and after a change, exactly.

    Raises:
        NotApplicable: what exact arithmetic has no meaning for.
    """
    inputs = drawn(change.before, sizes, given)
    before = evaluate(change.before, inputs)
    after = evaluate(change.after, {t: inputs[t] for t in change.after.inputs})
    known, total, wrong = 0, 0, []
    for t in before:
        if t in after and t.dtype == "real":
            same, different = field.same(before[t], after[t])
            known, total = known + same, total + before[t].size
            wrong += [f"{change.name}: {different} elements of {t}"] if different else []
    return Compared(known, total, tuple(wrong))


def lost(change: Change, sizes: Mapping[str, int], given: Mapping[str, Any], value: float) -> list[str]:
    """Return the outputs that a change takes digits or finite values from, in floating point.

    All real inputs have the same value everywhere.
    """
    dims = {Dim(name): size for name, size in sizes.items()}
    inputs = {
        t: np.full([extent_value(e, dims) for e in t.shape], value)
        if t.dtype == "real"
        else given[str(t.name)]
        for t in change.before.inputs
        if t.value is None
    }
    before = interpreter.evaluate(change.before, inputs)
    after = interpreter.evaluate(change.after, {t: inputs[t] for t in change.after.inputs if t in inputs})
    wrong = []
    scale = max(1.0, *(float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in before.values()))
    for t in change.before.outputs:
        old, new = before[t], after[t]
        finite = np.isfinite(old)
        if not np.allclose(new[finite], old[finite], rtol=1e-9, atol=1e-9 * scale):
            wrong.append(f"{change.name}: {t} was {old}, is {new}")
    return wrong


def checked(
    loss: Tensor, wrt: Sequence[Tensor], sizes: Mapping[str, int], given: Mapping[str, Any]
) -> Counter[str]:
    """Check all changes of a loss; return which passes changed it, and how many are not applicable."""
    found: Counter[str] = Counter()
    for change in changes(loss, wrt):
        if change.name not in ROUNDED:
            try:
                result = compared(change, sizes, given)
            except NotApplicable:
                found["not applicable"] += 1
                continue
            assert not result.wrong, f"{result.wrong}\n{change.before}\n-->\n{change.after}"
            assert result.known > result.total / 2, change
        for value in HARD:
            assert not lost(change, sizes, given, value)
        found[change.name] += 1
    return found


def frozen_changes(program: Program, lowering: Lowering) -> Iterator[tuple[str, State]]:
    """Yield the frozen equations as each pass of a target leaves them, where that is not as they were.

    Those of recurrences begin where a single step is taken.
    """
    seen: list[tuple[Pass, State]] = []
    lower(program, lowering=lowering, observer=lambda step, state, _: seen.append((step, state)))
    begun, last = False, None
    for step, state in seen:
        if step.level != "equations" or state.calls is not None:
            continue
        begun |= not state.program.recurrences or step.name == "take_single_steps"
        now = state.program.tensors, state.equations or state.program.equations
        if begun and now != last:
            yield step.name, state
            last = now


def frozen_checked(
    program: Program, lowering: Lowering, sizes: Mapping[str, int], given: Mapping[str, Any]
) -> Counter[str]:
    """Check that every pass over frozen equations keeps what a program computes, exactly.

    Returns which passes changed something, and how many changes are not applicable.
    """
    found: Counter[str] = Counter()
    before: list[Any] | None = None
    for name, state in frozen_changes(program, lowering):
        inputs = drawn(state.source, sizes, given)
        try:
            after = frozen.evaluate(state, [inputs[t] for t in state.source.inputs], sizes)
        except NotApplicable:
            found["not applicable"] += 1
            continue
        if before is not None:
            counts = [
                field.same(*pair) for pair in zip(before, after, strict=True) if pair[0].dtype == object
            ]
            assert not any(wrong for _, wrong in counts), f"{name} changes {program}"
            found[name] += 1
        before = after
    return found
