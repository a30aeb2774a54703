"""The passes of all targets.

Enters: a `State`. Leaves: the next one. What a pass does is said where the function it calls lies; here are
their names, and what each takes from the state and puts into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from symdl.differentiate.checkpoint import checkpointed
from symdl.differentiate.contractions.common_factors import with_common_factors
from symdl.differentiate.contractions.ordering import with_contraction_order
from symdl.differentiate.duplicates import with_shared_equations
from symdl.differentiate.masking import with_masks
from symdl.differentiate.norms import with_scaled_norms
from symdl.differentiate.signs import with_signs
from symdl.differentiate.transforms.fast import with_fast_transforms
from symdl.express.program import Program
from symdl.lower.equations.bounds_checks import checked_positions
from symdl.lower.equations.contractions import Contraction, as_contraction, as_scatter
from symdl.lower.equations.copy_elision import without_copies
from symdl.lower.equations.decompositions import with_decompositions, with_values_alone
from symdl.lower.equations.factored_matrices import with_factors
from symdl.lower.equations.im2col import with_windows
from symdl.lower.equations.matrix_functions import with_matrices
from symdl.lower.equations.ranks import with_sorting
from symdl.lower.equations.shared_exponentials import with_logistics
from symdl.lower.equations.single_steps import single_steps
from symdl.lower.equations.stored_operands import with_storage, with_wide_operands
from symdl.lower.freeze.freeze import freeze
from symdl.lower.ir.integers import product
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Item, TensorInfo
from symdl.lower.kernels import CheckCall, calls
from symdl.lower.long_scalars import as_rows, operations, points
from symdl.lower.loops.addressing import flatten
from symdl.lower.loops.fusion import fuse, in_place, ordered
from symdl.lower.loops.nests import Nest
from symdl.lower.loops.statements import resolve, without_stores
from symdl.lower.memory.buffers import Step, plan
from symdl.lower.memory.states import with_copies
from symdl.lower.memory.touched import touching
from symdl.lower.splits import split, with_rows
from symdl.lower.state import Pass, State

Trees = Callable[[tuple[Item, ...], tuple[TensorInfo, ...]], tuple[Item, ...]]
Equations = Sequence[FrozenEquation]


def on_trees(change: Trees) -> Callable[[State], State]:
    """Return a pass that changes every loop tree."""

    def apply(state: State) -> State:
        def one(step: Step) -> Step:
            if not isinstance(step.work, tuple):
                return step
            return replace(step, work=change(step.work, state.program.tensors))

        return replace(state, steps=tuple(map(one, state.steps)))

    return apply


def _on_source(change: Callable[[Program], Program]) -> Callable[[State], State]:
    return lambda state: replace(state, source=change(state.source))


def _on_program(change: Callable[[FrozenProgram], FrozenProgram]) -> Callable[[State], State]:
    return lambda state: replace(state, program=change(state.program))


def _on_equations(
    change: Callable[[FrozenProgram, Equations], tuple[FrozenProgram, Equations]],
) -> Callable[[State], State]:
    def apply(state: State) -> State:
        program, equations = change(state.program, state.equations)
        return replace(state, program=program, equations=tuple(equations))

    return apply


def _count_points(state: State) -> State:
    size = points(state.program)
    return replace(state, points=size, batch="" if size else state.batch)


def _lay_out_windows(state: State) -> State:
    program, equations = with_windows(state.program, state.equations, state.direct)
    return replace(state, program=program, equations=tuple(equations))


def _elide_copies(state: State) -> State:
    return replace(state, equations=tuple(without_copies(state.program, state.equations, state.direct)))


def _find_products(state: State) -> State:
    heads, tensors = state.heads, state.program.tensors
    found = {e.number: as_contraction(e, tensors) for e in state.equations if e.number not in heads}
    return replace(state, contractions={number: c for number, c in found.items() if c is not None})


def _fuse(state: State, *, apart: bool, epilogue: Callable[[Contraction], bool] | None) -> State:
    program, equations, products = state.program, state.equations, state.contractions
    joined = [e.number for e in equations if e.number in products and in_place(e)] if epilogue else []
    groups = fuse(
        program,
        equations,
        {**products, **state.sortings},
        heads=state.heads,
        simd=state.apart,
        naive=state.naive,
        apart=apart,
        epilogues={n for n in joined if epilogue and epilogue(products[n])},
    )
    return replace(state, groups=tuple(groups))


def _write_statements(state: State) -> State:
    steps = []
    for group in state.groups:
        work = resolve(group.work, state.program.tensors) if isinstance(group.work, Nest) else group.work
        steps.append(Step(work, tuple(e.number for e in group.equations), group.loops))
    return replace(state, steps=tuple(steps))


def _keep_locals(state: State) -> State:
    needed = {*state.program.outputs, *(new for _, new in state.program.updates)}
    for step in state.steps:
        needed.update(step.read)
    return on_trees(lambda items, _: without_stores(items, needed.__contains__))(state)


def _bound_samples(state: State) -> State:
    return on_trees(lambda items, _: with_rows(items, state.batch))(state)


def _flatten(state: State) -> State:
    def one(step: Step) -> Step:
        if not isinstance(step.work, tuple):
            return step
        return replace(step, work=flatten(step.work, state.program.tensors), nested=step.work)

    return replace(state, steps=tuple(map(one, state.steps)))


def _plan_buffers(state: State) -> State:
    return replace(state, plan=plan(state.program, state.steps, reuse=state.reuse))


def _copy_states(state: State) -> State:
    program, steps, buffers = with_copies(state.program, state.steps, state.plan)
    return replace(state, program=program, steps=steps, plan=buffers)


def _cut_calls(state: State) -> State:
    tensors, places, batch = state.program.tensors, state.plan.places, state.batch
    if not batch:
        return state
    return replace(state, splits=tuple(split(step, tensors, places, batch) for step in state.steps))


def _share_kernels(state: State) -> State:
    places, tensors = state.plan.places, state.program.tensors
    checks = [
        CheckCall(places[g.tensor], product(tensors[g.tensor].shape), g.below)
        for g in state.program.gathers
        if g.plain and not tensors[g.tensor].storage  # narrow ones are checked where they are passed
    ]
    kernels, made = calls(state.steps, state.plan, state.program.recurrences, checks)
    return replace(state, kernels=kernels, calls=made)


def computed_in_rows(long: int) -> Pass:
    """Return the pass for functions of points with so many operations; all is done then."""

    def apply(state: State) -> State:
        if not long or not state.points or operations(state.program) < long:
            return state
        made = as_rows(state.program, state.points)
        state = replace(state, program=made.program, plan=made.plan)
        return replace(state, kernels=made.kernels, calls=made.calls)

    purpose = "A long function of points becomes calls on rows of points, one operation each."
    return Pass("compute_in_rows", "equations", purpose, apply, naive=False)


PROGRAM = (
    Pass(
        "scale_norms",
        "program",
        "Square roots of sums of squares divide by the largest number first, so that nothing overflows.",
        _on_source(with_scaled_norms),
    ),
    Pass(
        "use_signs",
        "program",
        "Conditions on what would be kept for them alone ask what is kept anyway.",
        _on_source(with_signs),
    ),
    Pass(
        "split_transforms",
        "program",
        "Sums that are discrete Fourier transforms become stages of small matrix products.",
        _on_source(with_fast_transforms),
        naive=False,
    ),
    Pass(
        "lay_out_masks",
        "program",
        "Sums of products under conditions become matrix products.",
        _on_source(with_masks),
    ),
    Pass(
        "collect_factors",
        "program",
        "Sums of products with a common factor become one product.",
        _on_source(with_common_factors),
        naive=False,
    ),
    Pass(
        "order_contractions",
        "program",
        "Sums of products of many factors become matrix products in the cheapest order.",
        _on_source(with_contraction_order),
        naive=False,
    ),
    Pass(
        "share_equations",
        "program",
        "Sums and functions that two equations compute are computed by one.",
        _on_source(with_shared_equations),
        naive=False,
    ),
    Pass(
        "checkpoint_recurrences",
        "program",
        "Recurrences that ask for it keep their states every so many steps only.",
        _on_source(checkpointed),
    ),
)
"""Over SymPy's equations. What they leave is what comments in generated code say."""

FREEZE = (
    Pass(
        "freeze_equations",
        "equations",
        "Equations become data without SymPy.",
        lambda state: replace(state, program=freeze(state.source)),
    ),
    Pass(
        "store_inputs",
        "equations",
        "Given tensors get the narrow types of their elements.",
        lambda state: replace(state, program=with_storage(state.program, state.storage)),
    ),
    Pass(
        "check_positions",
        "equations",
        "Given positions are clamped where they are read, and checked before.",
        _on_program(checked_positions),
    ),
    Pass(
        "share_exponentials",
        "equations",
        "Logistic functions of one value take one exponential.",
        _on_program(with_logistics),
        verified=True,
    ),
    Pass(
        "take_single_steps",
        "equations",
        "Equations of a recurrence become those of its present step.",
        _on_program(single_steps),
    ),
    Pass(
        "count_points",
        "equations",
        "A program whose elements are points of a scalar function is known as one.",
        _count_points,
    ),
)

ORDER = Pass(
    "order_equations",
    "equations",
    "What only updates need comes after all readers.",
    lambda state: replace(state, equations=tuple(ordered(state.program))),
)

COPY_NARROW_OPERANDS = Pass(
    "copy_narrow_operands",
    "equations",
    "Matrix products read copies of tensors with narrow elements, but where they go along rows.",
    _on_equations(with_wide_operands),
)

FACTOR_MATRICES = Pass(
    "factor_matrices",
    "equations",
    "Matrices are factored once; products with inverses are solutions of systems.",
    _on_equations(with_factors),
    naive=False,
)
LEAVE_OUT_VECTORS = Pass(
    "leave_out_vectors",
    "equations",
    "Eigenvalues and singular values are computed alone where nothing reads their vectors.",
    _on_equations(with_values_alone),
    naive=False,
)
LAY_OUT_MATRICES = Pass(
    "lay_out_matrices",
    "equations",
    "Determinants and inverses get their matrices in memory.",
    _on_equations(lambda *given: with_matrices(*with_decompositions(*given))),
)
SORT_ROWS = Pass(
    "sort_rows",
    "equations",
    "Elements are sorted, where they were compared in pairs to count how many come before each.",
    _on_equations(with_sorting),
    naive=False,
)
SCATTER_SUMS = Pass(
    "scatter_sums",
    "equations",
    "Sums over elements at given positions add to those instead.",
    lambda state: replace(state, equations=tuple(map(as_scatter, state.equations))),
)
LAY_OUT_WINDOWS = Pass(
    "lay_out_windows",
    "equations",
    "im2col: operands read at moving positions are laid out where that makes a matrix product.",
    _lay_out_windows,
    naive=False,
)
ELIDE_COPIES = Pass(
    "elide_copies",
    "equations",
    "Matrix products read and write slices and transposed axes where they are.",
    _elide_copies,
    naive=False,
)


def fusing(*, apart: bool, epilogue: Callable[[Contraction], bool] | None) -> tuple[Pass, ...]:
    """Return the passes that make loop trees; `apart` and `epilogue` as in `symdl.lower.target.Lowering`."""
    return (
        Pass(
            "find_products",
            "loops",
            "Equations that are matrix products are found by their structure.",
            _find_products,
        ),
        Pass(
            "fuse_equations",
            "loops",
            "Equations that can share a loop share a kernel.",
            partial(_fuse, apart=apart, epilogue=epilogue),
        ),
        Pass("write_statements", "loops", "Nests become loop trees with statements.", _write_statements),
    )


ADDRESS = (
    Pass("keep_locals", "loops", "What no other kernel reads stays in local variables.", _keep_locals),
    Pass("bound_samples", "loops", "Loops over samples get an end of their own.", _bound_samples),
    Pass(
        "flatten_positions",
        "loops",
        "Positions become places in memory, and loops that are one are one.",
        _flatten,
        verified=True,
    ),
)

MEMORY = (
    Pass("plan_buffers", "memory", "Tensors get buffers, those no longer read give theirs.", _plan_buffers),
    Pass("copy_states", "memory", "New values that have memory of their own are copied back.", _copy_states),
)

TOUCH_ELEMENTS = Pass(
    "touch_elements",
    "memory",
    "Large tables are updated only where a batch adds to their gradients.",
    lambda state: replace(state, steps=touching(state.program, state.steps, state.plan)),
    naive=False,
)
CUT = Pass("cut_calls", "memory", "How each call can be cut into blocks is noted.", _cut_calls)
SHARE = Pass(
    "share_kernels",
    "calls",
    "Steps of one structure become calls of one kernel.",
    _share_kernels,
    verified=True,
)
