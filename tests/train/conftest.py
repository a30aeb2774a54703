"""A small classifier and data that it can learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.tensors import Tensor
from symdl.train.model import Model

FEATURES, CLASSES = 5, 3
Network = tuple[Tensor, Tensor]
Data = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="session")
def network() -> Network:
    """The loss and the logits of a classifier with one hidden layer."""
    n = Dim("n")
    X = tensor("X", (n, FEATURES))
    t = tensor("t", (n,), dtype="int64")
    h = nn.dense(X, 8, activation=nn.tanh, name="first")
    logits = nn.dense(h, CLASSES, name="second")
    return nn.cross_entropy(logits, t), logits


@pytest.fixture
def model(network: Network) -> Model:
    loss, logits = network
    return Model(loss, output=logits)


@pytest.fixture
def data() -> Data:
    """150 points around three centres."""
    return blobs(150, seed=0)


@pytest.fixture
def test_data() -> Data:
    return blobs(60, seed=1)


def blobs(count: int, *, seed: int) -> Data:
    centres = np.random.default_rng(7).normal(scale=3.0, size=(CLASSES, FEATURES))
    rng = np.random.default_rng(seed)
    t = rng.integers(0, CLASSES, count)
    X = centres[t] + rng.normal(size=(count, FEATURES))
    return {"X": X.astype(np.float32), "t": t}
