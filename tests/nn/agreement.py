"""A formula against PyTorch in float64: value and all gradients to 1e-9."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.record import Derivative
from symdl.express.build import tensor
from symdl.express.operators import reduce
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate


def torch() -> Any:
    """PyTorch, or skip the test."""
    return pytest.importorskip("torch")


def agrees(
    output: Tensor, outside: Callable[..., Any], wrt: Sequence[Tensor], values: Mapping[str, Any]
) -> Derivative:
    """Compare `output`, and the gradient of its randomly weighted sum, with what PyTorch computes.

    `outside` takes one PyTorch tensor for each value, its name's dots written as underscores.
    """
    lib = torch()
    leaves = {name: lib.tensor(np.asarray(v)) for name, v in values.items()}
    for t in wrt:
        leaves[str(t.name)].requires_grad_(True)
    expected = outside(**{name.replace(".", "_"): leaf for name, leaf in leaves.items()})
    shape = tuple(expected.shape)
    weights = np.random.default_rng(7).normal(size=shape)
    expected.mul(lib.tensor(weights)).sum().backward()
    loss = reduce("sum", tensor("_weights", output.shape) * output)
    derivative = differentiate(loss, list(wrt))
    given = {**values, "_weights": weights}
    program = derivative.program
    found = evaluate(program, {str(t.name): given[str(t.name)] for t in program.inputs if t.value is None})
    if output in found:
        assert found[output].shape == shape
        np.testing.assert_allclose(found[output], expected.detach().numpy(), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        found[loss], (expected.detach().numpy() * weights).sum(), rtol=1e-8, atol=1e-10
    )
    for t in wrt:
        slope = leaves[str(t.name)].grad
        slope = np.zeros(leaves[str(t.name)].shape) if slope is None else slope.numpy()
        ours = found[derivative.gradient(t)]
        np.testing.assert_allclose(ours, slope, rtol=1e-9, atol=1e-10, err_msg=str(t.name))
    return derivative
