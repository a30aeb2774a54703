"""A number over a data set that was put together from numbers over chunks.

Losses, metrics and outputs were computed 2048 samples at a time, and the chunks' values averaged by their
lengths: right for plain means over samples, wrong for all else. Now a program is cut at its reductions over
the samples; these are merged over chunks, and what follows is computed once (`symdl.train.splitting`). Right
values come from NumPy on what `predict` returns, and from closed forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.express.program import collect
from symdl.train.splitting import split

n = sd.Dim("n")
x = sd.tensor("x", (n, 3))
y, w = sd.tensor("y", (n,)), sd.tensor("w", (n,))
k = sd.tensor("k", (n,), dtype="int64")
t = sd.tensor("t", (n,), dtype="int64")
Data = dict[str, np.ndarray[Any, Any]]


def data(count: int, *names: str, seed: int = 0) -> Data:
    """Samples for the inputs with these names."""
    rng = np.random.default_rng(seed)
    every = {
        "x": rng.normal(size=(count, 3)),
        "y": rng.normal(size=count),
        "w": rng.random(count),
        "k": rng.integers(0, 3, count),
    }
    return {name: every[name] for name in names}


def shuffled(given: Data, seed: int = 0) -> Data:
    order = np.random.default_rng(seed).permutation(len(given["x"]))
    return {name: array[order] for name, array in given.items()}


def test_a_masked_mean_divides_by_what_counts() -> None:
    p, b = sd.tensor("p", (n,)), sd.parameter("b", ())
    model = sd.Model(sd.nn.mean_squared_error(p + b, y, mask=sd.equal(k, 1)))
    kinds = np.arange(3000) % 3
    errors = np.zeros(3000)
    errors[2998] = 10.0
    given = {"p": errors, "y": np.zeros(3000), "k": kinds}
    assert kinds[2998] == 1
    assert model.evaluate(given)["loss"] == pytest.approx(100 / 1000, rel=1e-6)
    order = np.random.default_rng(1).permutation(3000)
    mixed = {name: array[order] for name, array in given.items()}
    assert model.evaluate(mixed)["loss"] == pytest.approx(100 / 1000, rel=1e-6)


p = sd.nn.dense(x, 1, name="o")[:, 0]
r = p - y
METRICS: dict[str, tuple[sd.Tensor, Callable[[Any, Any, Data], Any]]] = {
    "weighted mean": ((w * r**2).sum() / w.sum(), lambda p, r, d: (d["w"] * r**2).sum() / d["w"].sum()),
    "sum": ((r**2).sum(), lambda p, r, d: (r**2).sum()),
    "root of mean": (sd.sqrt((r**2).mean()), lambda p, r, d: np.sqrt((r**2).mean())),
    "largest": (sd.absolute(r).max(), lambda p, r, d: abs(r).max()),
    "smallest": (r.min(), lambda p, r, d: r.min()),
    "logsumexp": (sd.logsumexp(r), lambda p, r, d: np.log(np.exp(r).sum())),
    "product": ((1 + 0.01 * r).prod(), lambda p, r, d: np.prod(1 + 0.01 * r)),
    "deviation": (sd.std(p), lambda p, r, d: p.std()),
    "variance": (sd.var(p, correction=1), lambda p, r, d: p.var(ddof=1)),
    "determination": (
        1 - (r**2).sum() / ((y - y.mean()) ** 2).sum(),
        lambda p, r, d: 1 - (r**2).sum() / ((d["y"] - d["y"].mean()) ** 2).sum(),
    ),
    "correlation": (
        ((p - p.mean()) * (y - y.mean())).mean() / (sd.std(p) * sd.std(y)),
        lambda p, r, d: np.corrcoef(p, d["y"])[0, 1],
    ),
    "largest, shared": (p.max(ties="split"), lambda p, r, d: p.max()),
    "span": (p.max() - p.min(), lambda p, r, d: np.ptp(p)),
    "by columns": (
        sd.sqrt(((x - x.mean(axis=0)) ** 2).mean(axis=0)).sum(),
        lambda p, r, d: d["x"].std(axis=0).sum(),
    ),
    "by kinds": (
        sd.sqrt((sd.where(sd.equal(k[:, None], np.arange(3)), r[:, None], 0.0)).sum(axis=0) ** 2).sum(),
        lambda p, r, d: sum(abs(r[d["k"] == kind].sum()) for kind in range(3)),
    ),
    "outer": ((x.T @ x).max(), lambda p, r, d: (d["x"].T @ d["x"]).max()),
    "number": (p.mean() * p.sum() / (0 * p + 1).sum(), lambda p, r, d: p.mean() ** 2),
    "small": (
        sd.where(r < 1, r, 0.0).sum() / sd.where(r < 1, 1.0, 0.0).sum(),
        lambda p, r, d: r[r < 1].mean(),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scores_are_those_of_all_samples_at_once(dtype: str) -> None:
    metrics = {name: value for name, (value, _) in METRICS.items()}
    model = sd.Model((r**2).mean(), output=p, metrics=metrics, dtype=dtype)
    given = data(5000, "x", "y", "w", "k")
    found, mixed = model.evaluate(given), model.evaluate(shuffled(given))
    predicted = model.predict(x=given["x"]).astype("float64")
    exact = 1e-12 if dtype == "float64" else 2e-5
    for name, (_, right) in METRICS.items():
        expected = right(predicted, predicted - given["y"], given)
        assert found[name] == pytest.approx(expected, rel=exact, abs=exact), name
        assert mixed[name] == pytest.approx(found[name], rel=exact, abs=exact), name
    few = {name: array[:7] for name, array in given.items()}
    for name, (_, right) in METRICS.items():
        expected = right(predicted[:7], predicted[:7] - few["y"], few)
        assert model.evaluate(few)[name] == pytest.approx(expected, rel=exact, abs=exact), name


def test_accuracy_counts_what_the_loss_counts() -> None:
    logits = sd.nn.dense(x, 4, name="o")
    labels = np.array([0, 1, -1, -1])
    hot = {"x": np.array([[9.0, 0, 0], [0, 9, 0], [9, 0, 0], [9, 0, 0]]), "t": labels}
    model = sd.Model(sd.nn.cross_entropy(logits, t, ignore_label=-1), output=logits)
    model.parameters["o.W"][...] = np.eye(3, 4)
    assert model.evaluate(hot)["accuracy"] == 1.0
    masked = sd.Model(sd.nn.cross_entropy(logits, t, mask=sd.equal(k, 1)), output=logits)
    masked.parameters["o.W"][...] = np.eye(3, 4)
    given = {"x": hot["x"], "t": np.array([0, 0, 0, 1]), "k": np.array([1, 1, 0, 0])}
    assert masked.evaluate(given)["accuracy"] == 0.5
    assert masked.evaluate({**given, "k": np.array([1, 0, 0, 0])})["accuracy"] == 1.0
    weighted = sd.nn.nll(sd.log_softmax(logits), t, class_weights=[1, 2, 3, 4], ignore_label=2, mask=w > 0.5)
    both = sd.Model(weighted, output=logits)
    both.parameters["o.W"][...] = np.eye(3, 4)
    given = {"x": hot["x"], "t": np.array([0, 1, 2, 1]), "w": np.array([1.0, 0, 1, 1])}
    assert both.evaluate(given)["accuracy"] == 0.5
    f = sd.compile(sd.nn.accuracy(logits, t, ignore_label=-1, mask=sd.equal(k, 1)))
    given = {"x": hot["x"], "t": np.array([0, 2, -1, 3]), "k": np.array([1, 1, 1, 0])}
    assert f(**given, **{"o.W": np.eye(3, 4), "o.b": np.zeros(4)}) == 0.5
    assert np.isnan(f(**given | {"k": np.zeros(4, int)}, **{"o.W": np.eye(3, 4), "o.b": np.zeros(4)}))


def test_samples_that_meet_otherwise_pass_at_once() -> None:
    pairs = ((p[:, None] - p[None, :]) ** 2).mean()
    ranks = (sd.sort(p) * sd.sort(y)).mean()
    for value in (pairs, ranks):
        assert split(collect([value]), n) is None
    model = sd.Model((r**2).mean(), output=p, metrics={"pairs": pairs, "ranks": ranks}, dtype="float64")
    given = data(2500, "x", "y")
    found, q = model.evaluate(given), model.predict(x=given["x"])
    assert found["pairs"] == pytest.approx(2 * q.var(), rel=1e-9)
    assert found["ranks"] == pytest.approx((np.sort(q) * np.sort(given["y"])).mean(), rel=1e-9)


def test_an_output_that_reads_all_samples_is_one_over_all() -> None:
    scaled = (p - p.mean()) / sd.std(p)
    model = sd.Model((r**2).mean(), output={"scaled": scaled, "mean": p.mean(), "p": p})
    found = model.predict(**data(5000, "x"))
    q = found["p"].astype("float64")
    assert found["mean"] == pytest.approx(q.mean(), rel=1e-5) and found["mean"].dtype == "float32"
    np.testing.assert_allclose(found["scaled"], (q - q.mean()) / q.std(), rtol=1e-3, atol=1e-4)


def test_rows_of_a_sample_stay_together() -> None:
    words, labels = sd.tensor("words", (n, 4, 3)), sd.tensor("labels", (n, 4), dtype="int64")
    logits = sd.nn.dense(words.reshape(n * 4, 3), 5, name="q")
    loss = sd.nn.cross_entropy(logits, labels.reshape(n * 4), ignore_label=-1)
    model = sd.Model(loss, output=logits.reshape(n, 4, 5), dtype="float64")
    assert split(collect([loss]), n) is not None
    rng = np.random.default_rng(0)
    given = {"words": rng.normal(size=(3000, 4, 3)), "labels": rng.integers(-1, 5, (3000, 4))}
    found = model.predict(words=given["words"])
    rows, chosen = found.reshape(-1, 5), given["labels"].ravel()
    each = np.log(np.exp(rows).sum(axis=1)) - rows[np.arange(len(rows)), chosen]
    assert model.evaluate(given)["loss"] == pytest.approx(each[chosen >= 0].mean(), rel=1e-12)


def test_a_chunk_in_which_nothing_counts() -> None:
    model = sd.Model(sd.nn.mean_squared_error(p, y, mask=sd.equal(k, 1)), output=p)
    given = data(5000, "x", "y") | {"k": (np.arange(5000) >= 4500).astype(int)}
    q = model.predict(x=given["x"])[4500:]
    expected = ((q - given["y"][4500:]) ** 2).mean()
    assert model.evaluate(given)["loss"] == pytest.approx(expected, rel=1e-5)
    assert np.isnan(model.evaluate(given | {"k": np.zeros(5000, int)})["loss"])
