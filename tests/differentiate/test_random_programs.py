"""Random programs, differentiated once and twice, against the tape, which shares nothing with the rules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings

from symdl.check.strategies import Sample, losses
from symdl.check.tape import tape_gradient
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.tangent import hvp
from symdl.express.build import tensor
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

from .oracles import assert_close
from .oracles import given as given_values


def assert_gradients(loss: Tensor, values: dict[str, Any]) -> dict[Tensor, Tensor]:
    program = collect([loss])
    wrt = [t for t in program.inputs if t.dtype == "real"]
    derivative = differentiate(loss, wrt)
    found = evaluate(derivative.program, given_values(derivative.program.inputs, values))
    expected = tape_gradient(program, loss, wrt, given_values(program.inputs, values))
    for t in wrt:
        assert_close(found[derivative.gradient(t)], expected[t], what=t)
    return {t: derivative.gradient(t) for t in wrt}


@given(losses())
@settings(max_examples=60)
def test_first_derivatives(sample: Sample) -> None:
    assert_gradients(sample.loss, dict(sample.values))


@given(losses())
@settings(max_examples=40)
def test_second_derivatives(sample: Sample) -> None:
    loss, values = sample.loss, dict(sample.values)
    gradients = assert_gradients(loss, values)
    directions = {t: tensor(f"v.{t.name}", t.shape) for t in gradients}
    for t, v in directions.items():
        shape = values[str(t.name)].shape
        values[str(v.name)] = np.cos(np.arange(math.prod(shape), dtype=float)).reshape(shape)
    inner = sum((gradient * directions[t]).sum() for t, gradient in gradients.items())
    assert isinstance(inner, Tensor)
    products = hvp(loss, list(gradients), directions)
    program = collect([inner])
    again = [t for t in gradients if t in program.inputs]
    expected = tape_gradient(program, inner, again, given_values(program.inputs, values)) if again else {}
    if again:
        assert_gradients(inner, values)
    forward = collect(products)
    found = evaluate(forward, given_values(forward.inputs, values))
    for t, product in zip(gradients, products, strict=True):
        zero = np.zeros(values[str(t.name)].shape)
        assert_close(found[product], expected.get(t, zero), what=t)
