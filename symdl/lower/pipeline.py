"""The whole stage: its body is the pipeline.

Enters: `Program`. Leaves: `Lowered`, which `emit` prints and `run` executes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdl.differentiate.checkpoint import checkpointed
from symdl.differentiate.masking import with_masks
from symdl.differentiate.norms import with_scaled_norms
from symdl.differentiate.signs import with_signs
from symdl.errors import LoweringError
from symdl.express.program import Program
from symdl.lower.cpu.bind import bind_axes
from symdl.lower.cpu.long_scalars import LONG, Points, as_rows, operations, points
from symdl.lower.cpu.sample_layout import direct, with_tiles
from symdl.lower.cpu.split_ranges import in_segments
from symdl.lower.cpu.splits import split, with_rows
from symdl.lower.cpu.unroll_rows import short_rows
from symdl.lower.equations.bounds_checks import checked_positions
from symdl.lower.equations.contractions import Contraction, as_contraction, as_scatter
from symdl.lower.equations.copy_elision import without_copies
from symdl.lower.equations.im2col import with_windows
from symdl.lower.equations.matrix_functions import with_matrices
from symdl.lower.equations.shared_exponentials import with_logistics
from symdl.lower.equations.single_steps import single_steps
from symdl.lower.freeze.freeze import freeze
from symdl.lower.ir.integers import Var, of, product
from symdl.lower.ir.loops import FrozenProgram, Item, Loop, Store, TensorInfo
from symdl.lower.ir.scalars import load
from symdl.lower.kernels import CheckCall, calls
from symdl.lower.loops.addressing import flatten
from symdl.lower.loops.fusion import Group, fuse, ordered
from symdl.lower.loops.nests import Nest
from symdl.lower.loops.statements import resolve, without_stores
from symdl.lower.lowered import Lowered, Schedule
from symdl.lower.memory.buffers import Plan, Step, plan
from symdl.lower.verify import verify_calls, verify_program, verify_steps


def ready(program: Program) -> Program:
    """Return the program as it is frozen: what a comment in generated code says is one of its equations."""
    return checkpointed(with_masks(with_signs(with_scaled_norms(program))))


def lower(program: Program, *, schedule: Schedule = "fused", target: str = "cpu", batch: str = "") -> Lowered:
    """Return the program as kernels, calls and buffers.

    With the name of the `batch`'s size, loops over samples have an end of their own, `rows_name`, and
    every step is cut as far as that can be.

    Raises:
        LoweringError: an expression without a kernel form.
    """
    frozen = single_steps(verify_program(with_logistics(checked_positions(freeze(ready(program))))))
    size = points(frozen)
    if size and schedule != "naive" and operations(frozen) >= LONG:
        return _long(as_rows(frozen, size), size)
    batch = "" if size else batch
    equations = [as_scatter(equation) for equation in ordered(frozen)]
    frozen, equations = with_matrices(frozen, equations)
    heads: Mapping[int, str] = {}
    tiles: frozenset[int] = frozenset()
    if schedule != "naive":
        windows = direct(equations, frozen.tensors, batch)
        frozen, equations = with_windows(frozen, equations, windows)
        equations = without_copies(frozen, equations, windows)
        tiled = with_tiles(frozen, equations, batch, windows)
        frozen, equations = tiled.program, tiled.equations
        heads, tiles = tiled.heads, tiled.apart
    found = {e.number: as_contraction(e, frozen.tensors) for e in equations if e.number not in heads}
    contractions = {number: c for number, c in found.items() if c is not None}
    groups = fuse(frozen, equations, contractions, heads=heads, tiles=tiles, naive=schedule == "naive")
    steps = verify_steps(frozen, _steps(frozen, groups, batch, naive=schedule == "naive"))
    buffers = plan(frozen, steps, reuse=schedule == "fused")
    frozen, steps, buffers = _with_copies(frozen, steps, buffers)
    bound = [bind_axes(step, frozen.tensors, target=target) for step in steps]
    checks = [
        CheckCall(buffers.places[g.tensor], product(frozen.tensors[g.tensor].shape), g.below)
        for g in frozen.gathers
        if g.plain
    ]
    kernels, made = calls(bound, buffers, frozen.recurrences, checks)
    splits = [split(step, frozen.tensors, buffers.places, batch) for step in bound] if batch else []
    return verify_calls(Lowered(frozen, kernels, made, buffers, tuple(bound), batch, tuple(splits), size))


def _long(made: Points, size: str) -> Lowered:
    """Return a long scalar function in rows."""
    steps = tuple(Step(made.kernels[call.kernel].items, call.equations) for call in made.calls)
    return verify_calls(Lowered(made.program, made.kernels, made.calls, made.plan, steps, points=size))


def _steps(program: FrozenProgram, groups: Sequence[Group], batch: str, *, naive: bool) -> list[Step]:
    """Return loop trees over flat positions; what no other kernel reads stays in locals."""
    steps = []
    for group in groups:
        numbers = tuple(e.number for e in group.equations)
        work: Contraction | tuple[Item, ...]
        if isinstance(group.work, Nest):
            work = resolve(group.work, program.tensors)
            work = work if naive else in_segments(short_rows(work, program.tensors))
        else:
            work = group.work
        steps.append(Step(work, numbers, group.loops))
    needed = {*program.outputs, *(new for _, new in program.updates)}
    for step in steps:
        needed.update(step.read)
    result = []
    for step in steps:
        work = step.work
        if isinstance(work, tuple):
            nested = with_rows(without_stores(work, needed.__contains__), batch)
            step = replace(step, work=flatten(nested, program.tensors), nested=nested)
        result.append(step)
    return result


def _with_copies(
    program: FrozenProgram, steps: list[Step], buffers: Plan
) -> tuple[FrozenProgram, list[Step], Plan]:
    """Append copies of new values that could not be written in place."""
    pairs = [(old, new) for old, new in program.updates if new not in buffers.in_place]
    if not pairs:
        return program, steps, buffers
    given = set(program.inputs)
    tensors = list(program.tensors)
    before: list[Step] = []
    after: list[Step] = []
    for old, new in pairs:
        source = new
        if new in given:  # it may itself be changed: its old value is kept first
            info = tensors[new]
            source = len(tensors)
            tensors.append(TensorInfo(source, info.name, info.shape, info.integer, "intermediate"))
            before.append(_copy(tensors, source, new))
        after.append(_copy(tensors, old, source))
    if any(tensors[old].integer for old, _ in pairs):
        raise LoweringError("an integer tensor cannot be updated")
    program = replace_tensors(program, tensors)
    steps = [*before, *steps, *after]
    return program, steps, plan(program, steps)


def _copy(tensors: Sequence[TensorInfo], target: int, source: int) -> Step:
    at = of(Var("i0"))
    store: Item = Store(target, (at,), load(source, (at,)))
    return Step((Loop("i0", product(tensors[target].shape), (store,)),), ())


def replace_tensors(program: FrozenProgram, tensors: Sequence[TensorInfo]) -> FrozenProgram:
    """Return the program with more tensors."""
    return replace(program, tensors=tuple(tensors))
