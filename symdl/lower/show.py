"""What passes leave, for people.

Enters: a `State`. Leaves: text: equations before loops are made, then loop trees, then also the buffers, then
the launch list. ``SYMDL_SHOW=passes`` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator

from symdl.lower.equations.contractions import Contraction
from symdl.lower.ir.integers import Poly, text
from symdl.lower.ir.loops import (
    Condition,
    Divides,
    Fold,
    FrozenEquation,
    FrozenProgram,
    Item,
    Let,
    Loop,
    Start,
    Store,
    Update,
    When,
    Within,
    terms,
)
from symdl.lower.ir.scalars import Body, Load, Node
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


def _name(program: FrozenProgram, tensor: int | str) -> str:
    return tensor if isinstance(tensor, str) else program.tensors[tensor].name


def _equation(equation: FrozenEquation, program: FrozenProgram) -> str:
    over = f"{equation.op}[{', '.join(equation.bound)}] " if equation.op else ""
    where = ", ".join(map(text, equation.where))
    guards = _guards(equation.guards)
    tiled = " (samples innermost)" if program.tensors[equation.lhs].tiled else ""
    name = _name(program, equation.lhs)
    return f"{name}[{where}] = {over}{_body(equation.body, program)}{guards}{tiled}"


def _guards(conditions: tuple[Condition, ...]) -> str:
    return " where " + " and ".join(map(_condition, conditions)) if conditions else ""


def _condition(condition: Condition) -> str:
    left, right = map(text, terms(condition))
    if isinstance(condition, Within):
        return f"0 <= {left} < {right}"
    return f"{left} % {right} = 0" if isinstance(condition, Divides) else f"{left} = {right}"


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
    if isinstance(value, Poly):
        return text(value)
    if isinstance(value, tuple):
        sign = _SIGNS[node.op.removeprefix("i")]
        return f"({text(value[0])} {sign} {text(value[1])})"
    if node.op in _SIGNS and len(operands) == 2:
        return f"({operands[0]} {_SIGNS[node.op]} {operands[1]})"
    return f"{node.op}({', '.join(operands)})" if operands else str(value)


def _steps(state: State) -> Iterator[str]:
    for number, step in enumerate(state.steps):
        cut = f", cut along {state.splits[number].kind}" if state.splits else ""
        around = f", repeated by {', '.join(step.loops)}" if step.loops else ""
        yield f"step {number}{around}{cut}"
        if isinstance(step.work, Contraction):
            operands = (step.work.result, step.work.left, step.work.right)
            result, left, right = (_name(state.program, o.tensor) for o in operands)
            yield f"  {result} = {left} @ {right}"
        else:
            yield from _tree(step.work, state.program, 1)


def _tree(items: tuple[Item, ...], program: FrozenProgram, depth: int) -> Iterator[str]:
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


def _statement(item: Let | Start | Fold | Store | Update, program: FrozenProgram) -> str:
    if isinstance(item, Start):
        return f"start {item.name}"
    body = _body(item.body, program)
    if isinstance(item, Let):
        return f"{item.name} = {body}{_guards(item.guards)}"
    if isinstance(item, Fold):
        return f"{item.name} {item.op}= {body}{_guards(item.guards)}"
    place = f"{_name(program, item.tensor)}[{', '.join(map(text, item.where))}]"
    if isinstance(item, Store):
        return f"{place} = {body}"
    return f"{place} {item.op}= {body}{_guards(item.guards)}"


def _buffer(buffer: Buffer) -> str:
    return f"buffer of tensor {buffer.tensor}: {buffer.kind}, {text(buffer.count)} elements"


_EMPTY = FrozenProgram((), (), (), (), (), (), (), (), {})


def _kernels(kernels: tuple[Kernel, ...]) -> Iterator[str]:
    for kernel in kernels:
        yield f"{kernel.name}({', '.join((*(a.name for a in kernel.arrays), *kernel.sizes))})"
        yield from _tree(kernel.items, _EMPTY, 1)


def _call(call: Call) -> str:
    if isinstance(call, KernelCall):
        return f"call kernel_{call.kernel} of {', '.join((*map(str, call.buffers), *map(text, call.sizes)))}"
    return f"call {type(call).__name__.removesuffix('Call').lower()}"
