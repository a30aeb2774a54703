"""Recurrent layers against PyTorch's modules with the same weights: values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ShapeError
from symdl.express.build import parameters, tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.nn.recurrent import gru, lstm, rnn
from symdl.run.reference.interpreter import evaluate

N, T = Dim("n"), Dim("T")
UNITS, FEATURES = 3, 2


def layer(kind: str, x: Tensor, **options: Any) -> Tensor:
    """The outputs of one of the layers."""
    if kind == "lstm":
        return lstm(x, UNITS, name="r", **options)[0]
    return {"rnn": rnn, "gru": gru}[kind](x, UNITS, name="r", **options)


@pytest.mark.torch
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_values_and_gradients_equal_pytorch(kind: str, reverse: bool) -> None:
    torch = pytest.importorskip("torch")
    x = tensor("x", (N, T, FEATURES))
    h = layer(kind, x, reverse=reverse)
    loss = (h * h).sum()
    learned = parameters(loss)
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {str(p.name): rng.normal(size=p.shape) for p in learned}
    values["x"] = rng.normal(size=(4, 5, FEATURES))
    derivative = differentiate(loss, [*learned, x])
    ours = evaluate(derivative.program, values)

    module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](
        FEATURES, UNITS, batch_first=True, dtype=torch.float64
    )
    named = dict(module.named_parameters())
    places = {"r.W": "weight_ih_l0", "r.U": "weight_hh_l0", "r.b": "bias_ih_l0", "r.d": "bias_hh_l0"}
    with torch.no_grad():
        named["bias_hh_l0"].zero_()
        for ours_name, theirs in places.items():
            if ours_name in values:
                named[theirs].copy_(torch.tensor(values[ours_name].T))
    inputs = torch.tensor(values["x"].copy(), requires_grad=True)
    result = module(inputs.flip(1) if reverse else inputs)[0]
    result = result.flip(1) if reverse else result
    (result * result).sum().backward()
    np.testing.assert_allclose(ours[h], result.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours[derivative.gradient(x)], inputs.grad.numpy(), rtol=1e-9, atol=1e-12)
    for p in learned:
        slope = named[places[str(p.name)]].grad.numpy().T
        np.testing.assert_allclose(ours[derivative.gradient(p)], slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_time_first_gives_the_same(kind: str) -> None:
    rng = np.random.default_rng(1)
    data = rng.normal(size=(2, 4, FEATURES))
    a = layer(kind, tensor("x", (N, T, FEATURES)))
    b = layer(kind, tensor("x", (T, N, FEATURES)), time_first=True)
    weights: dict[str, Any] = {str(p.name): rng.normal(size=p.shape) for p in parameters(a)}
    one = evaluate(collect([a]), {**weights, "x": data})[a]
    two = evaluate(collect([b]), {**weights, "x": np.swapaxes(data, 0, 1)})[b]
    np.testing.assert_allclose(one, np.swapaxes(two, 0, 1), rtol=1e-12)


def test_the_number_of_equations_does_not_depend_on_time() -> None:
    counts = set()
    for steps in (2, 10_000, T):
        h = layer("lstm", tensor("x", (N, steps, FEATURES)))
        loss = (h * h).sum()
        counts.add(len(differentiate(loss, parameters(loss)).program.equations))
    assert len(counts) == 1


def test_inputs_without_time_are_refused() -> None:
    with pytest.raises(ShapeError, match="three axes"):
        rnn(tensor("x", (N, FEATURES)), 3, name="r")


@pytest.mark.parametrize("layer", [sd.nn.rnn, sd.nn.gru, sd.nn.lstm])
def test_a_decoder_reads_all_but_the_last_step(layer: Any) -> None:
    # There may be no step before the last: the gradient of the start is then that of nothing.
    n, S = sd.Dim("n"), sd.Dim("S")
    x, start = sd.tensor("x", (n, S, 2)), sd.parameter("start", (3,))
    initial = (start, start) if layer is sd.nn.lstm else start
    states = layer(x[:, :-1], 3, name="r", initial=initial)
    h = states[0] if isinstance(states, tuple) else states
    loss = (h**2).sum()
    at = {"x": np.random.default_rng(0).normal(size=(2, 4, 2))}
    sd.check_gradients(loss, at=at).raise_if_failed()
