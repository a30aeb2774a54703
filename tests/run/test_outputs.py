"""Which results kernels write, and which are copies of arguments or of other results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import symdl as sd
from symdl.emit.source import module_source
from symdl.emit.syntax import Types
from symdl.errors import EmitError
from symdl.express.program import collect
from symdl.run.outputs import Outputs
from symdl.targets import CPU
from tests.lowering import lower

n = sd.Dim("n")


def test_each_tensor_is_written_once_and_copied_where_it_comes_again() -> None:
    X, ids = sd.tensor("X", (n,)), sd.tensor("ids", (n,), dtype="int64")
    Y = X * 2 + ids
    found = Outputs(lower(collect([X, Y, ids, Y])), "float32")
    assert [str(kind) for kind in found.dtypes] == ["float32", "float32", "int64", "float32"]
    assert [at for at, _ in found.written] == [1]
    given = [np.array([1.0, 2.0]), np.array([3, 4])]
    results = [np.zeros(2), np.array([5.0, 8.0]), np.zeros(2, "int64"), np.zeros(2)]
    found.copy(results, given, CPU.runtime.places([], []))
    assert [r.tolist() for r in results] == [[1, 2], [5, 8], [3, 4], [5, 8]]


def test_the_types_of_numbers_are_the_targets() -> None:
    lowered = lower(collect([sd.tensor("X", (n,)) * 2]))
    narrow = replace(CPU.syntax, types=Types(reals=("float32",), positions="uint32"))
    assert "whole = types.uint32" in module_source(lowered, syntax=narrow, dtype="float32")
    assert "whole = types.int64" in module_source(lowered, syntax=CPU.syntax, dtype="float64")
    with pytest.raises(EmitError, match="'float64'"):
        module_source(lowered, syntax=narrow, dtype="float64")
