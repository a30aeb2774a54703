"""What every pass must leave intact.

Enters: the result of a pass. Leaves: the same, or an error that says which pass broke what. Each
level has a function. They are on where a level ends: that costs little, and a wrong kernel costs much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symdl.errors import InternalError, SymdlError
from symdl.express.equations import check
from symdl.express.program import Program
from symdl.lower.ir.integers import Param, Pick, Size, Var, atoms
from symdl.lower.ir.loops import (
    LANE,
    ROW,
    Fold,
    FrozenEquation,
    FrozenProgram,
    Item,
    Let,
    Loop,
    Start,
    Statement,
    Store,
    Update,
    When,
)
from symdl.lower.ir.scalars import BINARY, BOOLEAN, COMPARE, LEAVES, LOGIC, MATRIX, UNARY, Body, Load
from symdl.lower.ir.visitors import polys
from symdl.lower.kernels import KernelCall
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import Plan, Step
from symdl.lower.state import Pass, State

_ARITY = {
    **dict.fromkeys(LEAVES, 0),
    **dict.fromkeys((*UNARY, *MATRIX, "not"), 1),
    **dict.fromkeys((*BINARY, *COMPARE, "and", "or", "uniform"), 2),
    "select": 3,
}


def verify(step: Pass, state: State) -> None:
    """Check what a pass has left, as far as its level goes.

    Raises:
        InternalError: the pass broke something; this is a fault of ours.
    """
    try:
        if state.calls is not None:
            verify_calls(state.lowered)
        elif step.level == "program":
            verify_source(state.source)
        elif step.level == "equations":
            verify_program(state.program, state.equations)
        elif step.level == "loops" and state.steps:
            verify_steps(state.program, state.steps)
        elif step.level == "memory":
            verify_memory(state.steps, state.plan)
    except SymdlError as error:
        raise InternalError(f"{error.message}, after {step.name}") from error


def verify_source(program: Program) -> Program:
    """Check that equations are in normal form, and each tensor is defined once and before it is read."""
    order = {e.lhs: at for at, e in enumerate(program.equations)}
    _known(len(order) == len(program.equations), "a tensor is defined twice")
    together = {e.lhs: at for at, group in enumerate(program.groups) for e in group}
    for equation in program.equations:
        check(equation)
        for access in equation.accesses():
            at = order.get(access.tensor, -1)
            inside = together.get(access.tensor, -1) == together[equation.lhs]
            _known(at < order[equation.lhs] or inside, f"{access.tensor} is read before it is defined")
    return program


def verify_program(program: FrozenProgram, equations: Sequence[FrozenEquation] = ()) -> FrozenProgram:
    """Check a frozen program: definitions before uses, ranks, known variables and sizes.

    The `equations` are in place of the program's own, where passes have rewritten them.
    """
    defined = set(program.inputs)
    written = set(program.inputs)
    together = {n: r for r in reversed(program.recurrences) for n in r.members}  # the outermost
    sizes = {*program.sizes, *(r.name for r in program.recurrences)}
    for equation in equations or program.equations:
        if equation.number in together:
            members = together[equation.number].members
            defined.update(program.equations[n].lhs for n in members if n >= equation.number)
        _body(equation.body)
        variables = set(equation.sizes)
        for load in equation.body.loads:
            _known(int(load.tensor) in defined, f"tensor {load.tensor} is read before it is defined")
            rank = len(program.tensors[int(load.tensor)].shape)
            _known(len(load.where) == rank, f"a read of tensor {load.tensor} has the wrong rank")
        for poly in equation.body.polys:
            for atom in atoms(poly):
                if isinstance(atom, Var):
                    _known(atom.name in variables, f"the index {atom.name} is unknown")
                elif isinstance(atom, Size):
                    _known(atom.name in sizes, f"the size {atom.name} is unknown")
                elif isinstance(atom, Pick):
                    _known(int(atom.tensor) in defined, f"tensor {atom.tensor} is read too early")
        _known(equation.lhs not in written, f"tensor {equation.lhs} is defined twice")
        defined.add(equation.lhs)
        written.add(equation.lhs)
    for tensor in program.outputs:
        _known(tensor in defined, f"output {tensor} is not defined")
    return program


def _body(body: Body) -> None:
    for at, node in enumerate(body.nodes):
        _known(node.op in _ARITY, f"the operation {node.op} is unknown")
        _known(len(node.args) == _ARITY[node.op], f"{node.op} has {len(node.args)} operands")
        _known(all(0 <= a < at for a in node.args), f"{node.op} refers to a later node")
        truths = [body.nodes[a].op in BOOLEAN for a in node.args]
        wanted = {"select": [True, False, False]}.get(node.op, [node.op in LOGIC] * len(truths))
        _known(truths == wanted, f"{node.op} mixes numbers and truth values")


def verify_steps(program: FrozenProgram, steps: Sequence[Step]) -> Sequence[Step]:
    """Check that each tensor is written before it is read, by one step, and locals are assigned once."""
    written = set(program.inputs)
    repeated = {n for r in program.recurrences for n in r.members}
    carried = {e.lhs for e in program.equations if e.number in repeated}
    for step in steps:
        here = step.written
        late = [t for t in step.read if not (t in written or t in carried or t in here)]
        _known(not late, f"tensor {late[:1]} is read before it is written")
        twice = [t for t in here if t in written]
        _known(not twice, f"tensor {twice[:1]} is written by two steps")
        written.update(here)
        if isinstance(step.work, tuple):
            _Scopes().block(step.work, {})
    for tensor in (*program.outputs, *(new for _, new in program.updates)):
        _known(tensor in written, f"tensor {tensor} is never written")
    return steps


def verify_memory(steps: Sequence[Step], plan: Plan) -> None:
    """Check that what steps touch has a buffer in use then, and that locals are seen where they are used."""
    for at, step in enumerate(steps):
        for tensor in (*step.read, *step.written):
            _known(tensor in plan.places, f"tensor {tensor} has no buffer")
            buffer = plan.buffers[plan.places[tensor]]
            _known(buffer.first <= at <= buffer.last, f"tensor {tensor} is used when its buffer is not")
        if isinstance(step.work, tuple):
            _Scopes(once=False).block(step.work, {})


class _Scopes:
    """Follows the locals through a tree; each is assigned `once`, or also in copies of a part."""

    def __init__(self, *, once: bool = True) -> None:
        self.once = once
        self.assigned: set[str] = set()

    def block(self, items: tuple[Item, ...], outer: Mapping[str, bool]) -> None:
        """Check a block; `outer` holds the names that are visible in it."""
        known = dict(outer)
        for item in items:
            if isinstance(item, Loop):
                lanes = {LANE: True, ROW: True} if item.kind == "lanes" else {}
                self.block(item.items, {**known, **lanes, item.var: True})
                continue
            if isinstance(item, When):
                self.block(item.items, known)
                continue
            self.uses(item, known)
            if isinstance(item, Let | Start):
                _known(not (self.once and item.name in self.assigned), f"{item.name} is assigned twice")
                self.assigned.add(item.name)
                known[item.name] = known[f"{item.name}_at"] = True
            elif isinstance(item, Fold):
                _known(item.name in known, f"{item.name} is not started")

    def uses(self, statement: Statement, known: Mapping[str, bool]) -> None:
        """Check that all names in a statement are visible."""
        if isinstance(statement, Start):
            return
        names = [n.value for n in statement.body.nodes if n.op == "local"]
        names += [a.name for p in polys(statement) for a in atoms(p) if isinstance(a, Var)]
        for name in names:
            _known(name in known, f"{name} is not visible where it is used")


def verify_calls(lowered: Lowered) -> Lowered:
    """Check that kernels know what they name, calls fit, and no kernel gets one buffer under two names."""
    for kernel in lowered.kernels:
        names, sizes = {a.name for a in kernel.arrays}, set(kernel.sizes)
        _Scopes(once=False).block(kernel.items, {})
        for statement in _flat(kernel.items):
            for poly in polys(statement):
                for atom in atoms(poly):
                    _known(not isinstance(atom, Size), "a kernel holds a symbolic size")
                    if isinstance(atom, Param):
                        _known(atom.name in sizes, f"{atom.name} is no parameter")
            if isinstance(statement, Store | Update):
                _known(str(statement.tensor) in names, f"{statement.tensor} is no parameter")
            loads: list[Load] = [] if isinstance(statement, Start) else statement.body.loads
            _known(all(load.tensor in names for load in loads), "a load is from no parameter")
    for call in lowered.calls:
        if isinstance(call, KernelCall):
            kernel = lowered.kernels[call.kernel]
            _known(len(call.buffers) == len(kernel.arrays), f"a call of {kernel.name} lacks arrays")
            _known(len(call.sizes) == len(kernel.sizes), f"a call of {kernel.name} lacks sizes")
            _known(len(set(call.buffers)) == len(call.buffers), "a buffer has two names")
    return lowered


def _flat(items: tuple[Item, ...]) -> list[Statement]:
    found: list[Statement] = []
    for item in items:
        found.extend(_flat(item.items) if isinstance(item, Loop | When) else [item])
    return found


def _known(holds: bool, message: str) -> None:
    if not holds:
        raise InternalError(message)
