"""Values that several statements of a block need."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.lower.cpu.shared_values import with_shared_values
from symdl.lower.ir.integers import constant
from symdl.lower.ir.loops import Fold, Item, Let, Start, Store, When, Within, statements
from symdl.lower.ir.names import Local, TensorId
from symdl.lower.ir.scalars import Body, Builder, Load, number
from symdl.lower.pipeline import lower
from symdl.run.compiled import Compiled
from symdl.targets import CPU

A, B = TensorId(0), TensorId(1)
SUM, OTHER = Local(1), Local(2)
HERE = (constant(0),)


def root(factor: int) -> Body:
    """Return ``sqrt(A[0]) * factor``."""
    builder = Builder()
    value = builder.add("sqrt", builder.add("load", value=Load(A, HERE)))
    return builder.body(builder.mul(value, builder.const(factor)))


def chosen(factor: int) -> Body:
    """Return ``sqrt(A[0]) * factor`` if ``B[0] < 0``, else 0: the element may not be there otherwise."""
    builder = Builder()
    test = builder.add("lt", builder.add("load", value=Load(B, HERE)), builder.const(0))
    value = builder.add("sqrt", builder.add("load", value=Load(A, HERE)))
    return builder.body(
        builder.add("select", test, builder.mul(value, builder.const(factor)), builder.const(0))
    )


def operations(items: tuple[Item, ...], op: str) -> int:
    """Return how often an operation stands in statements."""
    return sum(n.op == op for i in items if not isinstance(i, Start | When) for n in i.body.nodes)  # type: ignore[union-attr]


def test_a_part_of_two_statements_is_computed_before_them() -> None:
    first, *rest = made = with_shared_values((Fold(SUM, "sum", root(2)), Fold(OTHER, "sum", root(3))))
    assert isinstance(first, Let) and first.name.is_part and first.body.result.op == "sqrt"
    assert [item.body.locals for item in rest if isinstance(item, Fold)] == [{first.name}] * 2
    assert operations(made, "sqrt") == operations(made, "load") == 1


def test_what_was_written_is_read_again() -> None:
    made = with_shared_values(
        (Fold(SUM, "sum", root(2)), Store(A, HERE, number(1)), Fold(OTHER, "sum", root(3)))
    )
    assert operations(made, "sqrt") == 2


def test_running_values_change() -> None:
    read = Body((root(2).nodes[0], root(2).nodes[1]))
    builder = Builder()
    twice = builder.body(builder.add("sqrt", builder.add("local", value=SUM)))
    items = (Start(SUM, "sum"), Store(A, HERE, twice), Fold(SUM, "sum", read), Store(A, HERE, twice))
    assert with_shared_values(items) == items


def test_what_may_be_left_out_is_not_read_before() -> None:
    items = (Fold(SUM, "sum", chosen(2)), Fold(OTHER, "sum", chosen(3)))
    assert operations(with_shared_values(items), "sqrt") == 2
    sure = with_shared_values((Fold(Local(3), "sum", root(1)), *items))
    assert operations(sure, "sqrt") == 1


def test_conditions_keep_what_stands_under_them() -> None:
    inside = Within(constant(0), constant(1))
    items = (Fold(SUM, "sum", root(2), (inside,)), When((inside,), (Fold(OTHER, "sum", root(3)),)))
    assert with_shared_values(items) == items


def test_equal_locals_become_one() -> None:
    one, two = Local(3), Local(4)
    both = Builder()
    total = both.body(both.add("add", both.add("local", value=one), both.add("local", value=two)))
    made = with_shared_values((Let(one, root(2)), Let(two, root(2)), Fold(SUM, "sum", total)))
    assert [item.name for item in made if isinstance(item, Let)] == [one]
    last = made[-1]
    assert isinstance(last, Fold) and last.body.locals == {one}


def test_the_pass_can_be_switched_off_alone() -> None:
    x = tensor("x", (Dim("n"), 2, 6, 6))
    hidden = nn.relu(nn.batch_norm(nn.conv2d(x, 4, kernel_size=3, bias=False, name="c"), name="b"))
    loss = (hidden * hidden).sum()
    program = differentiate(loss, [t for t in collect([loss]).inputs if t.role == "parameter"]).program
    binding = tuple(step for step in CPU.lowering.binding if step.name != "share_values")
    assert len(binding) == len(CPU.lowering.binding) - 1
    apart = replace(CPU, lowering=replace(CPU.lowering, binding=binding))
    rng = np.random.default_rng(0)
    at = {t.name: rng.normal(size=[19 if isinstance(s, Dim) else s for s in t.shape]) for t in program.inputs}
    found, counts = [], []
    for target in (CPU, apart):
        found.append(Compiled(program, target=target)(**at))
        kernels = lower(program, lowering=target.lowering).kernels
        bodies = [getattr(s, "body", None) for kernel in kernels for s in statements(kernel.items)]
        counts.append(sum(n.op in ("mul", "sqrt", "load") for body in bodies if body for n in body.nodes))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    assert counts[0] < counts[1]
