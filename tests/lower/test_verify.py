"""A broken intermediate form is found before it becomes code."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from symdl.errors import InternalError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.lower.freeze.freeze import freeze
from symdl.lower.ir.integers import Var, of
from symdl.lower.ir.loops import FrozenProgram, Let, Loop
from symdl.lower.ir.scalars import Body, Load, Node
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
        (body(Node("load", (), Load(9, ()))), "before it is defined"),
        (body(Node("load", (), Load(0, (of(Var("v0")),)))), "wrong rank"),
        (body(Node("load", (), Load(0, (of(Var("v0")), of(Var("other")))))), "unknown"),
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
