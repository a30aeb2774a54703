"""A number over a data set that was put together from numbers over chunks.

Losses, metrics and outputs were computed 2048 samples at a time, and the chunks' values averaged by their
lengths: right for plain means over samples, wrong for all else. Now a program is cut at its reductions over
the samples; these are merged over chunks, and what follows is computed once (`symdl.train.splitting`). Right
values come from NumPy on what `predict` returns, and from closed forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import TrainingError
from symdl.express.program import collect
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import outputs
from symdl.train import forward
from symdl.train.arrays import Arrays
from symdl.train.forward import Forward
from symdl.train.merging import Merged
from symdl.train.samples import MERGED, where_samples_mix
from symdl.train.splitting import split

n, i = sd.Dim("n"), sd.indices("i")[0]
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
    "number": (p.mean() * p.sum() / sd.exp(0 * p).sum(), lambda p, r, d: p.mean() ** 2),
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


def test_too_many_passes_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    value = y
    for _ in range(8):
        value = value - sd.tanh(value).mean()
    chain, pairs = (value**2).mean(), ((p[:, None] - p[None, :]) ** 2).mean()
    assert split(collect([chain]), n) is None and where_samples_mix(collect([chain]), n) is None
    model = sd.Model((r**2).mean(), metrics={"chain": chain}, dtype="float64")
    given = data(2100, "x", "y")
    expected = given["y"]
    for _ in range(8):
        expected = expected - np.tanh(expected).mean()
    assert model.evaluate(given)["chain"] == pytest.approx((expected**2).mean(), rel=1e-11)

    def full(*_: Any, **__: Any) -> None:
        raise MemoryError

    model = sd.Model((r**2).mean(), metrics={"pairs": pairs})
    model.evaluate(given)
    monkeypatch.setattr(Compiled, "__call__", full)
    with pytest.raises(TrainingError, match="2100 samples that are needed at once(.|\n)*expression"):
        model.evaluate(given)


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


def any_program(rng: np.random.Generator) -> list[sd.Tensor]:
    """Values for each sample, reductions over samples that may read other ones, and numbers made of them."""
    words = sd.tensor("words", (n, 2, 2))
    matrix, number = sd.parameter("W", (3, 2)), sd.parameter("b", ())

    def pick(options: Sequence[Any]) -> Any:
        return options[int(rng.integers(len(options)))]

    def reduced(value: sd.Tensor) -> sd.Tensor:
        op = pick(["sum", "mean", "max", "min", "logsumexp", "prod", "var", "std"])
        masks = [sd.equal(k, 1), y > 0, x[:, 2] < 0.5, sd.equal(k, 1) | (y > 0)]
        options = {"where": pick([None, None, *masks])}
        function = getattr(sd, op) if op in ("var", "std", "logsumexp") else getattr(sd.Tensor, op)
        return cast(sd.Tensor, function(value, **options))

    rows = [y, x[:, 1], (x @ matrix)[:, 0], sd.tanh(y) * x[:, 0], words.reshape(n, 4).max(axis=1)]
    rows += [(words.reshape(n * 2, 2) @ matrix[:2]).reshape(n, 4).sum(axis=1), sd.softmax(x @ matrix)[:, 0]]
    numbers = [number, reduced(pick(rows))]
    for _ in range(rng.integers(1, 5)):
        deviation = x - x.mean(axis=0)
        groups = sd.where(sd.equal(k[:, None], np.arange(3)), pick(rows)[:, None], 0.0).sum(axis=0)
        rows += [pick([pick(rows) - pick(numbers), (deviation * groups).sum(axis=1), groups[k] * y])]
        own = [reduced(rows[-1]), pick(numbers) * 0.5 + sd.sin(pick(numbers)), groups.max()]
        numbers += [pick([*own, ((deviation**2).sum(axis=0) / (1 + sd.absolute(x.mean(axis=0)))).sum()])]
    return [pick(numbers), numbers[-1], rows[-1], sd.where(rows[-1] > numbers[-1], 1.0, 0.0).mean()]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14))
def test_any_program_in_chunks(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = any_program(rng)
    program = collect(wanted)
    every = {**data(count, "x", "y", "k", seed=seed), "words": rng.normal(size=(count, 2, 2))}
    every |= {"W": rng.normal(size=(3, 2)), "b": np.array(0.5)}
    values = {str(tensor.name): every[str(tensor.name)] for tensor in program.inputs if tensor.name in every}
    given = {name: array for name, array in values.items() if name not in ("W", "b")}
    if not given:
        return
    model = Forward(wanted, n, dtype="float64", target="python")
    assert model.split is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forward, "BATCH", 4)
        found = model(Arrays(given, count), {name: values[name] for name in values if name not in given})
    for one, other in zip(found, outputs(program, values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


def test_what_belongs_to_a_sample_and_where_samples_meet() -> None:
    steps, image = sd.tensor("steps", (n, 5, 3)), sd.tensor("image", (n, 2, 6, 6))
    u = sd.nn.dense(sd.nn.dense(x, 4, activation=sd.tanh, name="a"), 1, name="b")[:, 0]
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / n
    apart = {
        "a derivative": (sd.grad(u.sum(), x)[:, 0] ** 2).mean() + (u**2).mean(),
        "a derivative of a mean": (sd.grad((u**2).mean(), x) ** 2).sum(),
        "recurrent": (sd.nn.gru(steps, 4, name="g") ** 2).mean(),
        "attention": sd.nn.attention(steps, steps, steps).max(),
        "convolution": sd.logsumexp(sd.nn.conv2d(image, 3, kernel_size=3, name="c").mean(axis=(2, 3))),
        "sorted within": (sd.sort(x, axis=1)[:, 0] * y).sum(),
        "cumulated within": (sd.cumsum(x, axis=1) ** 2).mean(),
        "samples along the second axis": x.T - x.mean(axis=0)[:, None],
        "rows joined": x.reshape(n * 3).max(),
        "covariance": covariance,
        "whitened": ((centred @ sd.inv(covariance)) * centred).sum(axis=1),
        "batch norm": sd.nn.batch_norm(x, name="norm").max(),
        "an unbiased share": sd.where(y > 0, 1.0, 0.0).sum() / (n - 1),
        "integers": k.sum() * 1.0 + k.max(),
    }
    where_samples_mix = {
        "sorted": (sd.sort(y) * y).sum(),
        "cumulated": (sd.cumsum(y) ** 2).mean(),
        "chosen": y[0] * 2 + x[k].sum(),
        "the best": y.argmax(),
        "pairs": (y[:, None] - y[None, :]).max(),
        "numbered": (y * sd.define("place", (i,), i * sp.Integer(1), shape=(n,))).sum(),
    }
    rng = np.random.default_rng(0)
    for name, value in (apart | where_samples_mix).items():
        program = collect([value])
        inputs = {str(t.name): t for t in program.inputs}
        given = data(9, "x", "y", "k") | {"steps": rng.normal(size=(9, 5, 3))}
        given |= {"image": rng.normal(size=(9, 2, 6, 6))}
        given = {key: array for key, array in given.items() if key in inputs}
        weights = {key: rng.normal(size=t.shape) for key, t in inputs.items() if key not in given}
        model = Forward([value], n, dtype="float64", target="python")
        assert (model.split is not None) == (name in apart), name
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(forward, "BATCH", 4)
            (found,) = model(Arrays(given, 9), weights)
        (expected,) = outputs(program, given | weights)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9, err_msg=name)


@given(st.sampled_from(MERGED), st.lists(st.floats(-30, 30), min_size=1, max_size=12), st.integers(1, 5))
def test_parts_merge_in_any_order(op: str, values: list[float], size: int) -> None:
    reduce: Any = {"sum": np.sum, "prod": np.prod, "max": np.max, "logsumexp": np.logaddexp.reduce}[op]
    expected = reduce(values)
    for order in (values, values[::-1]):
        merged = Merged(op)
        for start in range(0, len(order), size):
            merged.add(reduce(order[start : start + size]))
        scale = sum(map(abs, values)) if op == "sum" else 0
        few_bits = 1e-307 if op == "prod" else 0  # NumPy's own product has lost digits down there
        assert merged.value == pytest.approx(expected, rel=1e-12, abs=max(1e-15 * scale, few_bits))


def test_parts_may_be_infinite_or_large() -> None:
    cases: list[tuple[str, list[float], float]] = [
        ("sum", [1e16, 1.0, -1e16, 1.0], 2.0),
        ("sum", [np.inf, 1.0], np.inf),
        ("sum", [np.inf, -np.inf], np.nan),
        ("prod", [1e300, 1e300, 1e-300, 1e-300], 1.0),
        ("prod", [0.0, 5.0], 0.0),
        ("max", [-np.inf, -np.inf], -np.inf),
        ("max", [1.0, np.nan], np.nan),
        ("logsumexp", [-np.inf, -np.inf], -np.inf),
        ("logsumexp", [1000.0, 1000.0], 1000 + np.log(2)),
        ("logsumexp", [np.inf, 0.0], np.inf),
    ]
    for op, parts, expected in cases:
        merged = Merged(op)
        for part in parts:
            merged.add(part)
        np.testing.assert_allclose(merged.value, expected, rtol=1e-14, err_msg=f"{op} {parts}")
    whole = Merged("sum")
    for part in (2**62, -1, -(2**62)):
        whole.add(np.int64(part))
    assert whole.value == -1


def test_sizes_other_than_the_number_of_samples() -> None:
    length = sd.Dim("T")
    steps, counted = sd.tensor("steps", (n, length, 3)), sd.tensor("counted", (n, length), dtype="int64")
    error = sd.nn.dense(steps, 1, name="o")[:, :, 0] - y[:, None]
    metrics = {
        "variance": sd.var(error),
        "by step": sd.sqrt((error**2).mean(axis=0)).mean(),
        "weighted": (counted * error).sum() / counted.sum(),
        "per element": sd.sqrt((error**2).sum() / (n * length)),
    }
    loss = (error**2).mean(where=sd.equal(counted, 1))
    model = sd.Model(loss, metrics=metrics, dtype="float64")
    rng = np.random.default_rng(0)
    given = {"steps": rng.normal(size=(2500, 4, 3)), "counted": rng.integers(0, 2, (2500, 4))}
    given["y"] = rng.normal(size=2500)
    r = given["steps"] @ model.parameters["o.W"][:, 0] - given["y"][:, None]
    found = model.evaluate(given)
    expected = {
        "loss": (r**2)[given["counted"] == 1].mean(),
        "variance": r.var(),
        "by step": np.sqrt((r**2).mean(axis=0)).mean(),
        "weighted": r[given["counted"] == 1].mean(),
        "per element": np.sqrt((r**2).mean()),
    }
    assert found == pytest.approx(expected, rel=1e-11)
    epoch = model.fit(given, optimizer=sd.nn.SGD(0.0), batch_size=64).epochs[0]
    assert epoch.loss == pytest.approx(expected["loss"], rel=1e-11)
    for name in ("weighted", "per element"):
        assert epoch.values[name] == pytest.approx(expected[name], rel=1e-11)


def test_validation_test_data_and_several_losses() -> None:
    b, c = sd.parameter("b", ()), sd.parameter("c", ())
    losses = {
        "masked": sd.nn.mean_squared_error(y * 0 + b, y, mask=sd.equal(k, 1)),
        "weighted": (w * (y - c) ** 2).sum() / w.sum(),
    }
    model = sd.Model(losses, metrics={"largest": (y - b).max()}, dtype="float64")
    train, other = data(40, "y", "k", "w"), data(4100, "y", "k", "w", seed=1)
    other["k"][:2048] = 0
    rate = {name: sd.nn.SGD(0.1) for name in losses}
    options: dict[str, Any] = {"optimizer": rate, "validation": other, "test": other, "epochs": 3}
    history = model.fit(train, restore_best=False, **options)
    values = model.parameters
    expected = {
        "masked": ((other["y"] - values["b"])[other["k"] == 1] ** 2).mean(),
        "weighted": (other["w"] * (other["y"] - values["c"]) ** 2).sum() / other["w"].sum(),
        "largest": (other["y"] - values["b"]).max(),
    }
    assert dict(history.epochs[-1].validation_values) == pytest.approx(expected, rel=1e-11)
    total = expected["masked"] + expected["weighted"]
    assert history.test_loss == pytest.approx(total, rel=1e-11)
    assert history.epochs[-1].validation_loss == pytest.approx(total, rel=1e-11)
    assert model.evaluate(other) == pytest.approx({"loss": total, **expected}, rel=1e-11)
