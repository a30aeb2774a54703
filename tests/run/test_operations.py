"""What is compiled besides the kernels of a program: a loop for all programs, the operations that it has."""

from __future__ import annotations

from typing import Any

import pytest

from symdl.differentiate.adjoint import differentiate
from symdl.emit.operations import Operation
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.run.build import Built
from symdl.run.cpu.limits import OPERATIONS
from symdl.run.cpu.runtime import _loops, _operation
from symdl.targets import CPU

X, W = tensor("X", (Dim("n"), 3)), parameter("W", (3, 2))


def built(program: Any, dtype: str) -> Built:
    return Built(program, dtype=dtype, target=CPU, schedule="fused", training=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_program_has_the_operations_of_its_launch_list(dtype: str) -> None:
    """Without a product there is neither its operation nor a micro-kernel; others wait until they are had."""
    alone: Any = built(collect([X + X]), dtype).module
    assert not alone.used and not alone.table.any()
    module: Any = built(collect([X @ W]), dtype).module
    assert set(module.used) == {Operation.PRODUCT}
    assert module.table[0] and list(module.table[OPERATIONS:].nonzero()[0]) == [Operation.PRODUCT]
    module.entries([], {Operation.COMBINE, Operation.PRODUCT})
    assert set(module.used) == {Operation.PRODUCT, Operation.COMBINE}


def test_the_loop_is_one_for_all_types_of_reals_and_so_are_operations_on_integers_and_bytes() -> None:
    lowered = built(differentiate((X @ W).sum(), (W,)).program, "float64").lowered
    assert "float" not in _loops(lowered, training=False).name
    assert "float" not in _loops(lowered, training=True).name
    both = ("float32", "float64")
    for operation in (Operation.GATHER_INTEGERS, Operation.GATHER_SINGLE_BYTES, Operation.GATHER_BYTES):
        assert len({_operation(operation, dtype).name for dtype in both}) == 1
    assert len({_operation(Operation.GATHER_REALS, dtype).name for dtype in both}) == 2
