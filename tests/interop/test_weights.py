"""Weights from PyTorch's modules and back."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, DataError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

N = sd.Dim("n")
IMAGES = sd.tensor("x", (N, 2, 6, 6))
ROWS = sd.tensor("x", (N, 4))
SERIES = sd.tensor("x", (N, 5, 4))
IDS = sd.tensor("x", (N,), dtype="int64")

LAYERS = {
    "Linear": (lambda: torch.nn.Linear(4, 4), lambda: sd.nn.dense(ROWS, 4, name="0"), ROWS),
    "Conv2d": (
        lambda: torch.nn.Conv2d(2, 3, 3),
        lambda: sd.nn.conv2d(IMAGES, 3, kernel_size=3, name="0"),
        IMAGES,
    ),
    "ConvTranspose2d": (
        lambda: torch.nn.ConvTranspose2d(2, 3, 3, stride=2),
        lambda: sd.nn.conv_transpose2d(IMAGES, 3, kernel_size=3, stride=2, name="0"),
        IMAGES,
    ),
    "GroupNorm": (lambda: torch.nn.GroupNorm(2, 4), lambda: sd.nn.group_norm(ROWS, 2, name="0"), ROWS),
    "RMSNorm": (lambda: torch.nn.RMSNorm(4, eps=1e-6), lambda: sd.nn.rms_norm(ROWS, name="0"), ROWS),
    "PReLU": (lambda: torch.nn.PReLU(4), lambda: sd.nn.prelu(ROWS, name="0", axis=1), ROWS),
    "Embedding": (lambda: torch.nn.Embedding(7, 3), lambda: sd.nn.embedding(IDS, 7, 3, name="0"), IDS),
    "LayerNorm": (lambda: torch.nn.LayerNorm(4), lambda: sd.nn.layer_norm(ROWS, name="0"), ROWS),
    "BatchNorm1d": (lambda: torch.nn.BatchNorm1d(4), lambda: sd.nn.batch_norm(ROWS, name="0"), ROWS),
    "GRU": (
        lambda: torch.nn.GRU(4, 3, batch_first=True),
        lambda: sd.nn.gru(SERIES, 3, name="0"),
        SERIES,
    ),
    "LSTM": (
        lambda: torch.nn.LSTM(4, 3, batch_first=True),
        lambda: sd.nn.lstm(SERIES, 3, name="0")[0],
        SERIES,
    ),
    "RNN": (lambda: torch.nn.RNN(4, 3, batch_first=True), lambda: sd.nn.rnn(SERIES, 3, name="0"), SERIES),
}


def model_of(output: sd.Tensor) -> sd.Model:
    return sd.Model((output**2).sum(), output=output, seed=3)


def computed(module, x):
    with torch.no_grad():
        found = module(torch.tensor(x))
    return (found[0] if isinstance(found, tuple) else found).numpy()


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_of_each_kind_there_and_back(kind: str) -> None:
    theirs, ours, declared = LAYERS[kind]
    torch.manual_seed(0)
    module, other = (torch.nn.Sequential(theirs()).eval() for _ in range(2))
    with torch.no_grad():
        for array in module.state_dict().values():
            if array.is_floating_point():
                array.copy_(torch.rand_like(array) + 0.1)
    rng = np.random.default_rng(0)
    shape = (6, *declared.shape[1:])
    x = rng.integers(0, 7, shape) if declared is IDS else rng.normal(size=shape).astype("float32")
    model = model_of(ours())
    assert not model.load_state_dict(module).missing
    np.testing.assert_allclose(model.predict(x=x), computed(module[0], x), rtol=1e-4, atol=1e-5)
    other.load_state_dict(model.state_dict(other))
    np.testing.assert_allclose(computed(other[0], x), computed(module[0], x), rtol=1e-5, atol=1e-6)


def test_names_and_transposed_matrices_are_said() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    h = sd.nn.dense(ROWS, 5, activation=sd.tanh, name="first")
    model = model_of(sd.nn.dense(h, 2, name="out"))
    x = np.ones((3, 4), "float32")
    rename = {"0.": "first.", "2.": "out."}
    model.load_state_dict(module, rename=rename)
    np.testing.assert_allclose(model.predict(x=x), computed(module, x), rtol=1e-5)
    state = {name: value.to(torch.bfloat16) for name, value in module.state_dict().items()}
    rename = {"0.weight": "first.W", "0.bias": "first.b", "2.weight": "out.W", "2.bias": "out.b"}
    with pytest.raises(DataError, match="the other way round"):
        model.load_state_dict(state, rename=rename)
    model.load_state_dict(state, rename=rename, transpose=["0.weight", "2.weight"])
    np.testing.assert_allclose(model.predict(x=x), computed(module, x), rtol=0.05, atol=0.01)


def test_what_does_not_fit_is_refused_and_nothing_is_taken() -> None:
    model = model_of(sd.nn.dense(ROWS, 2, name="0"))
    before = {name: array.copy() for name, array in model.parameters.items()}
    with pytest.raises(DataError, match="no parameter"):
        model.load_state_dict(torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 2)))
    with pytest.raises(ArgumentError, match="no module"):
        model.load_state_dict(3)
    with pytest.raises(ArgumentError, match="not there"):
        model.load_state_dict(torch.nn.Linear(4, 2), transpose=["w"])
    with pytest.raises(ArgumentError, match="no array"):
        model.state_dict(torch.nn.Linear(4, 2))
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])
    some = model.load_state_dict(
        torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 2)), strict=False
    )
    assert some.taken == ("0.W", "0.b") and some.unexpected == ("1.W", "1.b")
