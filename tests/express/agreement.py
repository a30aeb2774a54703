"""An operation against NumPy, its gradient against an outside autodiff library, to 1e-9."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import autograd
import numpy as np

from symdl.differentiate.adjoint import differentiate
from symdl.express.build import tensor
from symdl.express.operators import reduce
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate, outputs


def inputs(values: Mapping[str, Any]) -> dict[str, Tensor]:
    """A tensor for each array: integers become int64."""
    kinds = {"i": "int64", "f": "real"}
    return {k: tensor(k, v.shape, dtype=kinds[np.asarray(v).dtype.kind]) for k, v in values.items()}


def agrees(
    ours: Callable[..., Tensor], outside: Callable[..., Any], slopes: bool = True, **values: Any
) -> Tensor:
    """Check value and shape, and the gradient of a randomly weighted sum by every real input."""
    tensors = inputs(values)
    result = ours(**tensors)
    program = collect([result])
    used = {str(t.name): values[str(t.name)] for t in program.inputs}
    expected = np.asarray(outside(**values))
    (found,) = outputs(program, used)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    if slopes:
        _gradients(result, outside, tensors, values, expected.shape)
    return result


def _gradients(
    result: Tensor,
    outside: Callable[..., Any],
    tensors: Mapping[str, Tensor],
    values: Mapping[str, Any],
    shape: tuple[int, ...],
) -> None:
    weights = np.random.default_rng(7).normal(size=shape)
    weighted = tensor("_weights", shape)
    loss = reduce("sum", weighted * result)
    wrt = [t for t in tensors.values() if t.dtype == "real"]
    derivative = differentiate(loss, wrt)
    given = {**values, "_weights": weights}
    found = evaluate(derivative.program, {str(t.name): given[str(t.name)] for t in derivative.program.inputs})
    for t in wrt:
        name = str(t.name)

        def along(v: Any, name: str = name) -> Any:
            return autograd.numpy.sum(weights * outside(**{**values, name: v}))

        expected = autograd.grad(along)(values[name])
        np.testing.assert_allclose(found[derivative.gradient(t)], expected, rtol=1e-9, atol=1e-11)
