"""A broken intermediate form is found before it becomes code."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp

from symdl.errors import InternalError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.lower.freeze.freeze import freeze
from symdl.lower.ir.integers import Element, Pick, Size, constant, of
from symdl.lower.ir.loops import Fold, FrozenProgram, KernelItem, Let, Loop, Start, Store, When, Within
from symdl.lower.ir.names import LANE, Index, Local, LoopVar, Param, Slot, TensorId
from symdl.lower.ir.scalars import Body, Load, Node, number, whole
from symdl.lower.kernels import KernelCall
from symdl.lower.verify import verify_calls, verify_program, verify_steps
from tests.lowering import lower

n = Dim("n")
X = tensor("X", (n, 3))


def frozen() -> FrozenProgram:
    return freeze(collect([elementwise(sp.exp, X) + X.sum(0)]))


def body(*nodes: Node) -> Body:
    return Body(nodes)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (body(Node("load", (), Load(TensorId(9), ()))), "before it is defined"),
        (body(Node("load", (), Load(TensorId(0), (of(Index(0)),)))), "wrong rank"),
        (body(Node("load", (), Load(TensorId(0), (of(Index(0)), of(Index(7)))))), "unknown"),
        (body(Node("const", (), 1.0), Node("frobnicate", (0,))), "unknown"),
        (body(Node("const", (), 1.0), Node("add", (0,))), "operands"),
        (
            body(
                Node("neg", (0,)),
            ),
            "later node",
        ),
        (body(Node("const", (), 1.0), Node("not", (0,))), "truth"),
    ],
)
def test_bodies(wrong: Body, message: str) -> None:
    program = frozen()
    first = replace(program.equations[0], body=wrong)
    broken = replace(program, equations=(first, *program.equations[1:]))
    with pytest.raises(InternalError, match=message):
        verify_program(broken)


def test_steps_out_of_order() -> None:
    lowered = lower(collect([(X / X.sum()).sum(0)]))
    steps = list(lowered.steps)
    assert len(steps) > 1
    with pytest.raises(InternalError, match="before it is written"):
        verify_steps(lowered.program, steps[::-1])
    with pytest.raises(InternalError, match="two steps"):
        verify_steps(lowered.program, [*steps, steps[0]])
    with pytest.raises(InternalError, match="never written"):
        verify_steps(lowered.program, steps[:-1])


def test_locals_are_assigned_once_and_seen_inside_only() -> None:
    lowered = lower(collect([elementwise(sp.exp, X)]))
    (step,) = lowered.steps
    assert isinstance(step.work, tuple)
    (loop,) = step.work
    assert isinstance(loop, Loop)
    let = next(item for item in loop.items if isinstance(item, Let))
    twice = replace(step, work=(replace(loop, items=(let, *loop.items)),))
    with pytest.raises(InternalError, match="assigned twice"):
        verify_steps(lowered.program, [twice])
    outside = replace(step, work=(let, loop))
    with pytest.raises(InternalError, match="not visible"):
        verify_steps(lowered.program, [outside])


def test_calls_that_do_not_fit() -> None:
    lowered = lower(collect([elementwise(sp.exp, X)]))
    (call,) = lowered.calls
    assert isinstance(call, KernelCall)
    with pytest.raises(InternalError, match="lacks"):
        verify_calls(replace(lowered, calls=(replace(call, sizes=()),)))
    with pytest.raises(InternalError, match="two names"):
        verify_calls(replace(lowered, calls=(replace(call, buffers=(0, 0)),)))


def _read(value: Element | Load) -> Body:
    return Body((Node("load", (), value),))


I, N = LoopVar(5), of(Param(0))
STORE = Store(Slot(1), (constant(0),), number(0.0))
UNKNOWN: dict[str, tuple[KernelItem, str]] = {
    "local": (Store(Slot(1), (constant(0),), Body((Node("local", (), Local(99)),))), "x99 is not visible"),
    "position": (Store(Slot(1), (of(Local(0).position),), number(0.0)), "x0_at is not visible"),
    "variable": (Store(Slot(1), (of(I),), number(0.0)), "i5 is not visible"),
    "lane": (Loop(I, N, (Store(Slot(1), (of(LANE),), number(0.0)),)), "lane is not visible"),
    "index": (Store(Slot(1), (of(Index(3)),), number(0.0)), "v3 is not visible"),
    "extent": (Loop(I, of(LoopVar(6)), (STORE,)), "i6 is not visible"),
    "condition": (When((Within(of(I), N),), (STORE,)), "i5 is not visible"),
    "outer": (Loop(I, N, (Loop(I, N, (STORE,)),)), "two loops in each other"),
    "not started": (Fold(Local(9), "sum", number(1.0)), "x9 is not started"),
    "parameter": (Store(Slot(1), (of(Param(9)),), number(0.0)), "n9 is no parameter"),
    "size": (Loop(I, of(Size("n")), (STORE,)), "holds n, which it does not know"),
    "array": (Store(Slot(9), (constant(0),), number(0.0)), "b9 is no array that is written"),
    "read only": (Store(Slot(0), (constant(0),), number(0.0)), "b0 is no array that is written"),
    "integers": (Store(Slot(1), (of(Element(Slot(0), constant(0))),), number(0.0)), "no array of integers"),
    "reals": (Store(Slot(1), (constant(0),), _read(Element(Slot(9), constant(0)))), "no array of reals"),
    "tensor": (Store(Slot(1), (constant(0),), _read(Load(TensorId(0), ()))), "a tensor, not an array"),
    "pick": (Store(Slot(1), (of(Pick(TensorId(0), ())),), number(0.0)), "which it does not know"),
    "flat": (Store(Slot(1), (constant(0), constant(0)), number(0.0)), "is not flat"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_kernels_know_what_they_name(name: str) -> None:
    lowered = lower(collect([elementwise(sp.exp, X)]))
    (kernel,) = lowered.kernels
    item, message = UNKNOWN[name]
    assert verify_calls(lowered) is lowered
    with pytest.raises(InternalError, match=message):
        verify_calls(replace(lowered, kernels=(replace(kernel, items=(*kernel.items, item)),)))


@pytest.mark.parametrize("change", [{"number": 3}, {"arrays": ()}, {"sizes": ()}])
def test_kernels_are_in_order(change: dict[str, Any]) -> None:
    lowered = lower(collect([elementwise(sp.exp, X)]))
    broken = replace(lowered.kernels[0], **change)
    with pytest.raises(InternalError):
        verify_calls(replace(lowered, kernels=(broken,)))


def test_a_running_position_needs_its_start() -> None:
    name, at = Local(0), of(LoopVar(0))
    for op, fine in (("argmax", True), ("max", False)):
        fold = Fold(name, "argmax", whole(at), at=at)
        lowered = lower(collect([elementwise(sp.exp, X)]))
        items: tuple[KernelItem, ...] = (Start(name, op), Loop(LoopVar(0), constant(3), (fold,)))
        changed = replace(lowered.kernels[0], items=(*lowered.kernels[0].items, *items))
        with nullcontext() if fine else pytest.raises(InternalError, match="position of x0"):
            verify_calls(replace(lowered, kernels=(changed,)))
