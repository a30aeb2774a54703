"""Layers that learn one way and predict another: running statistics move, and are used and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import symdl as sd


def model() -> sd.Model:
    """A classifier with batch norm."""
    n = sd.Dim("n")
    X, t = sd.tensor("X", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    h = sd.relu(sd.nn.batch_norm(sd.nn.dense(X, 8, name="a"), name="bn"))
    logits = sd.nn.dense(h, 3, name="c")
    return sd.Model(sd.nn.cross_entropy(logits, t), output=logits)


def test_running_statistics(tmp_path: Path) -> None:
    data = sd.train.datasets.iris(seed=0)
    one = model()
    start = {name: array.copy() for name, array in one.running.items()}
    assert sorted(start) == ["bn.running_mean", "bn.running_variance"]
    history = one.fit(data.train, optimizer=sd.nn.Adam(0.02), epochs=40, test=data.test)
    assert history.test_accuracy is not None and history.test_accuracy > 0.85
    assert all(not np.allclose(one.running[name], start[name]) for name in start)

    x = np.asarray(data.test["X"])
    alone = np.concatenate([one.predict(X=x[k : k + 1]) for k in range(4)])
    np.testing.assert_allclose(alone, one.predict(X=x[:4]), rtol=1e-5, atol=1e-6)

    one.save(tmp_path / "weights")
    other = model()
    other.load(tmp_path / "weights")
    np.testing.assert_array_equal(other.predict(X=x), one.predict(X=x))
