"""Kernels are called by address, however many arguments they have."""

from __future__ import annotations

import numpy as np
import pytest

from symdl.emit.operations import ARGUMENTS
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.run.compiled import Compiled


@pytest.mark.parametrize("count", [1, ARGUMENTS[0], ARGUMENTS[-1] + 3])
def test_all_results_arrive(count: int) -> None:
    X = tensor("X", (Dim("n"), 3))
    compiled = Compiled(
        collect([X + k for k in range(count)]), dtype="float32", target="cpu", schedule="fused"
    )
    given = np.arange(6, dtype="float32").reshape(2, 3)
    for _ in range(2):
        results = compiled(X=given)
        for k, found in enumerate(results if count > 1 else [results]):
            np.testing.assert_array_equal(np.reshape(found, (2, 3)), given + k)
