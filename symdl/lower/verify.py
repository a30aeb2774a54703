"""What every pass must leave intact.

Enters: the result of a pass. Leaves: the same, or an error that says which pass broke what. Each
level has a function. They are on where a level ends: that costs little, and a wrong kernel costs much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain
from typing import assert_never

from symdl.errors import InternalError, SymdlError
from symdl.express.equations import check
from symdl.express.program import Program
from symdl.lower.ir.integers import Clamp, Element, Floor, Mod, Pick, Poly, Size, atoms, of, text
from symdl.lower.ir.loops import (
    Fold,
    FrozenEquation,
    FrozenProgram,
    ItemOn,
    Let,
    Loop,
    Start,
    StatementOn,
    Store,
    Target,
    Update,
    When,
    conditions,
    inside,
    statements,
    terms,
)
from symdl.lower.ir.names import LANE, ROW, Index, Lane, Local, LoopVar, Param, Slot, Var, Variable
from symdl.lower.ir.scalars import (
    BINARY,
    BOOLEAN,
    COMPARE,
    LEAVES,
    LOGIC,
    MATRIX,
    UNARY,
    WHOLE_ORDERS,
    Body,
    Routine,
)
from symdl.lower.ir.visitors import polys
from symdl.lower.kernels import Kernel, KernelCall
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import Plan, Step
from symdl.lower.state import Pass, State

_ARITY = {
    **dict.fromkeys(LEAVES, 0),
    **dict.fromkeys((*UNARY, "not"), 1),
    **dict.fromkeys((*BINARY, *COMPARE, *MATRIX, "and", "or", "uniform"), 2),
    **dict.fromkeys(("qr", "svd", "singular_values", "cholesky_of_factors"), 3),
    **dict.fromkeys(("solution", "transposed_solution"), 4),
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
            _known(load.tensor in defined, f"tensor {load.tensor} is read before it is defined")
            rank = len(program.tensors[load.tensor].shape)
            _known(len(load.where) == rank, f"a read of tensor {load.tensor} has the wrong rank")
        for poly in equation.body.polys:
            for atom in atoms(poly):
                if isinstance(atom, Var):
                    _known(atom in variables, f"the index {atom} is unknown")
                elif isinstance(atom, Size):
                    _known(atom.name in sizes, f"the size {atom.name} is unknown")
                elif isinstance(atom, Pick):
                    _known(atom.tensor in defined, f"tensor {atom.tensor} is read too early")
        _known(equation.lhs not in written, f"tensor {equation.lhs} is defined twice")
        defined.add(equation.lhs)
        written.add(equation.lhs)
    for tensor in program.outputs:
        _known(tensor in defined, f"output {tensor} is not defined")
    return program


def _body(body: Body) -> None:
    for at, node in enumerate(body.nodes):
        called = isinstance(node.value, Routine) and node.op == "call"
        _known(called or node.op in _ARITY, f"the operation {node.op} is unknown")
        _known(called or len(node.args) == _ARITY[node.op], f"{node.op} has {len(node.args)} operands")
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
            _Scopes().block(step.work)
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
            _Scopes(once=False).block(step.work)


class _Scopes:
    """Follows loop variables and locals through a tree; locals are assigned `once`, or also in copies."""

    def __init__(self, *, once: bool = True) -> None:
        self.once = once
        self.assigned: set[Local] = set()

    def block(self, items: Iterable[ItemOn[Target]], outer: Set[Variable] = frozenset()) -> None:
        """Check a block; `outer` holds what is visible in it."""
        known: set[Variable] = set(outer)
        for item in items:
            match item:
                case Loop():
                    _known(item.var not in known, f"{item.var} is the variable of two loops in each other")
                    self.sees([item.extent], known)
                    lanes: tuple[Variable, ...] = (LANE, ROW) if item.kind == "lanes" else ()
                    self.block(item.items, {*known, *lanes, item.var})
                case When():
                    self.sees([p for c in item.conditions for p in terms(c)], known)
                    self.block(item.items, known)
                case _:
                    self.statement(item, known)

    def statement(self, item: StatementOn[Target], known: set[Variable]) -> None:
        """Check a statement, and add what is visible after it."""
        match item:
            case Start():
                self.assign(item.name, known)
                known |= {item.name.position} if item.op == "argmax" else set()
            case Let():
                self.uses(item, known)
                self.assign(item.name, known)
            case Fold():
                self.uses(item, known)
                _known(item.name in known, f"{item.name} is not started")
                place = item.name.position in known
                _known(place or item.op != "argmax", f"the position of {item.name} is not started")
            case Store() | Update():
                self.uses(item, known)
            case _:
                assert_never(item)

    def assign(self, name: Local, known: set[Variable]) -> None:
        """Note a new local."""
        _known(not (self.once and name in self.assigned), f"{name} is assigned twice")
        self.assigned.add(name)
        known.add(name)

    def uses(self, item: Let | Fold | Store[Target] | Update[Target], known: Set[Variable]) -> None:
        """Check that all that a statement names is visible."""
        hidden = item.body.locals - known
        _known(not hidden, f"{min(map(str, hidden), default='')} is not visible where it is used")
        self.sees(polys(item), known)

    def sees(self, found: Iterable[Poly], known: Set[Variable]) -> None:
        """Check that the variables of integer expressions are visible."""
        hidden = {a for a in chain.from_iterable(map(atoms, found)) if isinstance(a, Var)} - known
        _known(not hidden, f"{min(map(str, hidden), default='')} is not visible where it is used")


def verify_calls(lowered: Lowered) -> Lowered:
    """Check that kernels know what they name, calls fit, and no kernel gets one buffer under two names."""
    for number, kernel in enumerate(lowered.kernels):
        _known(kernel.number == number, f"{kernel.name} is in place {number}")
        _kernel(kernel)
    for call in lowered.calls:
        if isinstance(call, KernelCall):
            kernel = lowered.kernels[call.kernel]
            _known(len(call.buffers) == len(kernel.arrays), f"a call of {kernel.name} lacks arrays")
            _known(len(call.sizes) == len(kernel.sizes), f"a call of {kernel.name} lacks sizes")
            _known(len(set(call.buffers)) == len(call.buffers), "a buffer has two names")
    return lowered


def _kernel(kernel: Kernel) -> None:
    """Check a kernel by itself."""
    slots = [array.slot for array in kernel.arrays]
    _known(slots == list(map(Slot, range(len(slots)))), f"arrays of {kernel.name} are out of order")
    params = list(map(Param, range(len(kernel.sizes))))
    _known([*kernel.sizes] == params, f"sizes of {kernel.name} are out of order")
    _Scopes(once=False).block(kernel.items)
    written = {array.slot for array in kernel.arrays if array.written}
    integers = {array.slot for array in kernel.arrays if array.integer}
    _sized((item.extent for item in _loops(kernel.items)), kernel, integers)
    _sized((p for c in conditions(kernel.items) for p in terms(c)), kernel, integers)
    for statement in statements(kernel.items):
        _sized(polys(statement), kernel, integers)
        if isinstance(statement, Store | Update):
            _known(statement.target in written, f"{statement.target} is no array that is written")
            _known(len(statement.where) == 1, f"a position in {statement.target} is not flat")
        if not isinstance(statement, Start):
            _known(not statement.body.loads, "a kernel reads a tensor, not an array")
            read = {element.array for element in statement.body.elements}
            whole = statement.body.result.op in WHOLE_ORDERS
            kind, known = ("int64", integers) if whole else ("reals", set(slots) - integers)
            _known(read <= known, f"a load is from no array of {kind}")


def _sized(found: Iterable[Poly], kernel: Kernel, integers: Set[Slot]) -> None:
    """Check what integer expressions of a kernel are made of."""
    for atom in chain.from_iterable(map(atoms, found)):
        match atom:
            case Size() | Index() | Pick():
                _known(False, f"a kernel holds {text(of(atom))}, which it does not know")
            case Param():
                _known(atom.number < len(kernel.sizes), f"{atom} is no parameter")
            case Element():
                _known(atom.array in integers, f"{atom.array} is no array of integers")
            case LoopVar() | Lane() | Local() | Floor() | Mod() | Clamp():
                pass
            case _:
                assert_never(atom)


def _loops(items: Iterable[ItemOn[Target]]) -> Iterator[Loop[Target]]:
    for item in inside(items):
        if isinstance(item, Loop):
            yield item
            yield from _loops(item.items)


def _known(holds: bool, message: str) -> None:
    if not holds:
        raise InternalError(message)
