"""What passes leave, for people.

Enters: a `State`. Leaves: text: equations before loops are made, then loop trees, then also the buffers, then
the launch list. ``SYMDL_SHOW=passes`` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from symdl.lower.equations.contractions import Contraction
from symdl.lower.equations.sorting import Sorting
from symdl.lower.ir.integers import Element, Poly, text
from symdl.lower.ir.loops import (
    Condition,
    Divides,
    Fold,
    FrozenEquation,
    FrozenProgram,
    ItemOn,
    Let,
    Loop,
    Same,
    Start,
    StatementOn,
    Store,
    Target,
    Update,
    When,
    Within,
    terms,
)
from symdl.lower.ir.names import Slot, TensorId
from symdl.lower.ir.scalars import Body, Load, Node, Routine
from symdl.lower.kernels import Call, Kernel, KernelCall
from symdl.lower.memory.buffers import Buffer
from symdl.lower.state import Pass, State

_LONGEST = 160
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "=", "ne": "!="}


def shown(step: Pass, state: State) -> str:
    """Return what a pass has left, at its level."""
    if step.level == "program":
        return str(state.source)
    if state.calls is not None:
        return "\n".join((*_kernels(state.kernels), *map(_call, state.calls)))
    if state.steps:
        buffers = map(_buffer, state.plan.buffers) if step.level == "memory" else ()
        return "\n".join((*_steps(state), *buffers))
    if state.groups:
        names = [" ".join(_name(state.program, e.lhs) for e in group.equations) for group in state.groups]
        return "\n".join(f"kernel of {name}" for name in names)
    return "\n".join(_equation(e, state.program) for e in state.equations or state.program.equations)


def _name(program: FrozenProgram, target: TensorId | Slot) -> str:
    return str(target) if isinstance(target, Slot) else program.tensors[target].name


def _equation(equation: FrozenEquation, program: FrozenProgram) -> str:
    over = f"{equation.op}[{', '.join(map(str, equation.bound))}] " if equation.op else ""
    where = ", ".join(map(text, equation.where))
    guards = _guards(equation.guards)
    layout = " (samples innermost)" if program.tensors[equation.lhs].sample_layout else ""
    name = _name(program, equation.lhs)
    return f"{name}[{where}] = {over}{_body(equation.body, program)}{guards}{layout}"


def _guards(conditions: tuple[Condition, ...]) -> str:
    return " where " + " and ".join(map(_condition, conditions)) if conditions else ""


def _condition(condition: Condition) -> str:
    left, right = map(text, terms(condition))
    match condition:
        case Within():
            return f"0 <= {left} < {right}"
        case Divides():
            return f"{left} % {right} = 0"
        case Same():
            return f"{left} = {right}"
        case _:
            assert_never(condition)


def _body(body: Body, program: FrozenProgram) -> str:
    made: list[str] = []
    for node in body.nodes:
        found = _node(node, [made[a] for a in node.args], program)
        made.append(found if len(found) <= _LONGEST else f"{found[:_LONGEST]}...")
    return made[-1]


def _node(node: Node, operands: list[str], program: FrozenProgram) -> str:
    value = node.value
    if isinstance(value, Load):
        return f"{_name(program, value.tensor)}[{', '.join(map(text, value.where))}]"
    if isinstance(value, Element):
        return f"{value.array}[{text(value.at)}]"
    if isinstance(value, Poly):
        return text(value)
    if isinstance(value, tuple):
        sign = _SIGNS[node.op.removeprefix("i")]
        return f"({text(value[0])} {sign} {text(value[1])})"
    if isinstance(value, Routine):
        return f"{value.name}({', '.join(operands)})"
    if node.op in _SIGNS and len(operands) == 2:
        return f"({operands[0]} {_SIGNS[node.op]} {operands[1]})"
    return f"{node.op}({', '.join(operands)})" if operands else str(value)


def _steps(state: State) -> Iterator[str]:
    for number, step in enumerate(state.steps):
        cut = f", cut along {state.splits[number].kind}" if state.splits else ""
        around = f", repeated by {', '.join(map(str, step.loops))}" if step.loops else ""
        yield f"step {number}{around}{cut}"
        if isinstance(step.work, Contraction):
            operands = (step.work.result, step.work.left, step.work.right)
            result, left, right = (_name(state.program, o.tensor) for o in operands)
            yield f"  {result} = {left} @ {right}"
        elif isinstance(step.work, Sorting):
            sorted_ = (step.work.order, step.work.segments, step.work.keys)
            order, segments, keys = (_name(state.program, t) for t in sorted_)
            yield f"  {order}, {segments} = sort {keys}"
        else:
            yield from _tree(step.work, state.program, 1)


def _tree(items: Iterable[ItemOn[Target]], program: FrozenProgram, depth: int) -> Iterator[str]:
    for item in items:
        if isinstance(item, Loop):
            kind = "" if item.kind == "serial" else f" ({item.kind})"
            yield f"{'  ' * depth}for {item.var} below {text(item.extent)}{kind}"
            yield from _tree(item.items, program, depth + 1)
        elif isinstance(item, When):
            yield f"{'  ' * depth}if {' and '.join(map(_condition, item.conditions))}"
            yield from _tree(item.items, program, depth + 1)
        else:
            yield "  " * depth + _statement(item, program)


def _statement(item: StatementOn[Target], program: FrozenProgram) -> str:
    match item:
        case Start():
            return f"start {item.name}"
        case Let():
            return f"{item.name} = {_body(item.body, program)}{_guards(item.guards)}"
        case Fold():
            return f"{item.name} {item.op}= {_body(item.body, program)}{_guards(item.guards)}"
        case Store():
            return f"{_place(item, program)} = {_body(item.body, program)}"
        case Update():
            right = f"{_body(item.body, program)}{_guards(item.guards)}"
            return f"{_place(item, program)} {item.op}= {right}"
        case _:
            assert_never(item)


def _place(item: Store[Target] | Update[Target], program: FrozenProgram) -> str:
    return f"{_name(program, item.target)}[{', '.join(map(text, item.where))}]"


def _buffer(buffer: Buffer) -> str:
    return f"buffer of tensor {buffer.tensor}: {buffer.kind}, {text(buffer.count)} elements"


_EMPTY = FrozenProgram((), (), (), (), (), (), (), (), {})


def _kernels(kernels: tuple[Kernel, ...]) -> Iterator[str]:
    for kernel in kernels:
        yield f"{kernel.name}({', '.join(map(str, (*(a.slot for a in kernel.arrays), *kernel.sizes)))})"
        yield from _tree(kernel.items, _EMPTY, 1)


def _call(call: Call) -> str:
    if isinstance(call, KernelCall):
        return f"call kernel_{call.kernel} of {', '.join((*map(str, call.buffers), *map(text, call.sizes)))}"
    return f"call {type(call).__name__.removesuffix('Call').lower()}"
