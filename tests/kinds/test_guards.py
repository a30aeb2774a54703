"""What is not chosen, or masked, is not evaluated, in gradients too.

Kind: the condition under which something counts is lost as soon as an intermediate has a name, is used twice
or goes through a matrix product; 0 times NaN or infinity is then NaN. Cause: a cotangent did not know where
it is 0. Cure: `symdl.differentiate.support` finds for every tensor where it is used, `limits` asks that where
a weight may not be finite, `masking` keeps matrix products. Right values: closed forms; the same mathematics
with harmless numbers in the places that do not count, to which values and gradients must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.masking import with_masks
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate, outputs
from tests.lowering import lower
from tests.targets import PARAMETERS

Arrays = Mapping[str, Any]
INF, NAN = float("inf"), float("nan")


def slope(loss: sd.Tensor, x: sd.Tensor, at: Arrays, *, target: Any = "reference") -> np.ndarray:
    gradient = sd.grad(loss, x)
    if target != "reference":
        return np.asarray(sd.compile(gradient, target=target)(**at))
    program = collect([gradient])
    return outputs(program, {t.name: at[t.name] for t in program.inputs})[0]


@pytest.mark.parametrize("target", ["reference", *PARAMETERS])
@pytest.mark.parametrize("name", ["y", None])
def test_a_root_that_is_used_twice(target: str, name: str | None) -> None:
    v = sd.tensor("v", (2,))
    y = sd.elementwise(sp.sqrt, v, name=name)
    loss = sd.where(v > 0, y, 0).sum() + sd.where(v > 0, y * y * y, 0).sum()
    np.testing.assert_allclose(slope(loss, v, {"v": np.array([4.0, 0.0])}, target=target), [3.25, 0])


@pytest.mark.parametrize("target", ["reference", "cpu"])
def test_a_logarithm_that_is_used_twice(target: str) -> None:
    z = sd.tensor("z", (3,))
    q = sd.log(z)
    found = slope(sd.where(z > 0, q * sd.sin(q), 0).sum(), z, {"z": np.array([-1.0, 0, 4])}, target=target)
    log = np.log(4.0)
    np.testing.assert_allclose(found, [0, 0, (np.sin(log) + log * np.cos(log)) / 4], rtol=1e-14)


V = sd.tensor("v", (4,))
HARD = np.array([-1.0, 0.0, 4.0, 800.0])


def _at(values: list[float]) -> np.ndarray:
    return np.array(values)


ROOT = 0.5 / 800**0.5
ELEMENTWISE: list[tuple[str, Callable[[], sd.Tensor], np.ndarray]] = [
    ("else branch", lambda: sd.where(V <= 0, 0, _twice(sd.sqrt(V))).sum(), _at([0, 0, 5 / 4, 1 + ROOT])),
    (
        "quotient",
        lambda: sd.where(V > 0, _twice(1 / V), 0).sum(),
        _at([0, 0, -1 / 16 - 2 / 64, -(800.0**-2) - 2 * 800.0**-3]),
    ),
    (
        "overflow",
        lambda: sd.where(V < 700, _twice(sd.exp(V)), 0).sum(),
        _at([*(np.exp(t) + 2 * np.exp(2 * t) for t in (-1.0, 0.0, 4.0)), 0]),
    ),
    ("a slice", lambda: sd.sqrt(V)[2:].sum(), _at([0, 0, 1 / 4, ROOT])),
    ("chosen by its own value", lambda: sd.relu(sd.sqrt(V) - 1).sum(), _at([0, 0, 1 / 4, ROOT])),
    ("its own logarithm", lambda: sd.relu(_named(sd.log(V))).sum(), _at([0, 0, 1 / 4, 1 / 800])),
    ("a condition on an index", lambda: _by_index(), _at([0, 0, 1 / 4 + 1, ROOT + 1])),
    ("two conditions", lambda: _two_uses(), _at([0, 0, 1 / 4 + 1 / 4, 1 / 800])),
]


def _named(x: sd.Tensor) -> sd.Tensor:
    return sd.elementwise(lambda a: a, x, name="named")


def _twice(y: sd.Tensor) -> sd.Tensor:
    named = sd.elementwise(lambda a: a, y, name="y")
    return named + named * named


def _by_index() -> sd.Tensor:
    (i,) = sd.indices("i")
    y = sd.elementwise(sp.sqrt, V, name="y")
    return sd.define(None, (), sd.Sum(sd.where(i >= 2, y[i] + y[i] ** 2, 0), i))


def _two_uses() -> sd.Tensor:
    """The logarithm counts where one of two conditions holds, and the root under one of them."""
    q, y = sd.log(V), sd.sqrt(V)
    return sd.where((V > 0) & (V < 5), q * sd.cos(0 * q) + y, 0).sum() + sd.where(V > 100, q, 0).sum()


@pytest.mark.parametrize("make, right", [e[1:] for e in ELEMENTWISE], ids=[e[0] for e in ELEMENTWISE])
def test_elementwise(make: Callable[[], sd.Tensor], right: np.ndarray) -> None:
    loss = make()
    np.testing.assert_allclose(slope(loss, V, {"v": HARD}), right, rtol=1e-13)
    w = sd.tensor("w", (4,))
    along = sd.jvp(loss, {V: w})
    ones = {"v": HARD, "w": np.ones(4)}
    program = collect([along])
    used = {t.name: ones[t.name] for t in program.inputs}
    np.testing.assert_allclose(outputs(program, used)[0], right.sum(), rtol=1e-13)


@pytest.mark.parametrize("whole", [True, False])
def test_pairs_of_elements_that_both_count(whole: bool) -> None:
    """Of ``m[i] and m[j]`` each element knows its own part, whatever the other is."""
    v = sd.tensor("v", (4,))
    m = sd.tensor("m", (4,), dtype="int64" if whole else "real")
    counts = sd.equal(m, 1) if whole else m > 0
    y = sd.log(v)
    both = counts[:, None] & counts[None, :]
    loss = sd.where(both, (y[:, None] - y[None, :]) ** 2 * v[:, None], 0).sum()
    at = {"v": np.array([1.0, NAN, 3.0, 0.0]), "m": np.array([1, 0, 1, 0], "int64" if whole else "float64")}
    harmless = at | {"v": np.array([1.0, 2.0, 3.0, 4.0])}
    np.testing.assert_allclose(slope(loss, v, at), slope(loss, v, harmless), rtol=1e-13)
    assert slope(loss, v, at)[0] == pytest.approx(-2 * np.log(3) * 4 + np.log(3) ** 2)


def test_second_derivatives() -> None:
    v, w = sd.tensor("v", (3,)), sd.tensor("w", (3,))
    y = sd.sqrt(v)
    loss = sd.where(v > 0, y, 0).sum() + sd.where(v > 0, y * y * y, 0).sum()
    at = {"v": np.array([4.0, 0, -1]), "w": np.ones(3)}
    bent = -0.25 * 4**-1.5 + 0.75 * 4**-0.5
    for product in (sd.hvp(loss, v, w), sd.grad((sd.grad(loss, v) * w).sum(), v)):
        program = collect([product])
        np.testing.assert_allclose(outputs(program, at)[0], [bent, 0, 0], rtol=1e-13)
    program = collect([sd.hessian(loss, v)])
    np.testing.assert_allclose(outputs(program, {"v": at["v"]})[0], np.diag([bent, 0, 0]), rtol=1e-13)


def test_scalar_functions() -> None:
    x, z = sp.symbols("x z")
    root = sp.sqrt(x)
    f = sd.compile(sp.Piecewise((root * sp.sin(root), x > 0), (0, True)), wrt=[x])
    assert f(x=0.0) == (0, {"x": 0})
    f = sd.compile(sp.Max(0, root - 1) + 2 * sp.Max(0, root - 2), wrt=[x])
    assert f(x=0.0) == (0, {"x": 0})
    assert f(x=9.0)[1]["x"] == pytest.approx(0.5)
    f = sd.compile(sp.sqrt(sp.Max(0, x**2 - z**2)), wrt=[x])
    assert f(x=1.0, z=2.0) == (0, {"x": 0})


SHAPE = (2, 5, 3)


@pytest.mark.parametrize(
    "options", [{"causal": True}, {"mask": "m"}, {"causal": True, "mask": "m"}, {"mask": "keys"}]
)
def test_attention_does_not_see_what_is_masked(options: dict[str, Any]) -> None:
    """Rows that cannot see a key do not depend on it or on its value, and no gradient of theirs does."""
    rng = np.random.default_rng(0)
    q, k, v = (sd.tensor(s, SHAPE) for s in "qkv")
    m, keys = sd.tensor("m", (5, 5), dtype="int64"), sd.tensor("keys", (2, 5), dtype="int64")
    seen = np.tril(np.ones((5, 5), int)) if "causal" in options else np.ones((5, 5), int)
    given: dict[str, Any] = {}
    if options.get("mask") == "m":
        given["m"] = np.array(
            [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 1]]
        )
        options, seen = {**options, "mask": m}, seen * given["m"]
    if options.get("mask") == "keys":
        given["keys"] = np.array([[1, 1, 1, 1, 0]] * 2)
        options, seen = {**options, "mask": keys[:, None, :]}, seen * given["keys"][:1]
    y = sd.nn.attention(q, k, v, **options)
    at = {s: rng.normal(size=SHAPE) for s in "qkv"}
    fine = ~seen[:, 4].astype(bool)
    spoiled = {s: a.copy() for s, a in at.items()}
    spoiled["v"][0, 4] = NAN
    spoiled["v"][1, 4] = INF
    spoiled["k"][1, 4] = NAN
    rows = 3 if fine[:3].all() else 0
    wanted = [y, *(sd.grad((y[:, :rows] ** 2).sum(), [q, k, v]) if rows else ())]
    kernels = sd.compile(wanted)
    for compute in (kernels, lambda **a: [_reference(tensor, a) for tensor in wanted]):
        (good, *slopes), (found, *others) = compute(**at, **given), compute(**spoiled, **given)
        np.testing.assert_allclose(found[:, fine], good[:, fine], rtol=1e-12)
        for right, other in zip(slopes, others, strict=True):
            np.testing.assert_allclose(other, right, rtol=1e-9, atol=1e-14)


def _reference(tensor: sd.Tensor, at: Arrays) -> np.ndarray:
    program = collect([tensor])
    return outputs(program, {t.name: at[t.name] for t in program.inputs})[0]


def test_causal_attention_stays_a_matrix_product() -> None:
    q, k, v = (sd.tensor(s, (2, 8, 4)) for s in "qkv")
    for causal in (False, True):
        loss = (sd.nn.attention(q, k, v, causal=causal) ** 2).sum()
        assert lower(differentiate(loss, [q, k, v]).program).structures.count("gemm") == 6


CELLS: dict[str, Callable[..., Any]] = {
    "rnn": sd.nn.rnn,
    "gru": sd.nn.gru,
    "lstm": lambda *a, **o: sd.nn.lstm(*a, **o)[0],
}


@pytest.mark.parametrize("how", ["lengths", "last", "mask", "reverse"])
@pytest.mark.parametrize("cell", CELLS)
def test_padding_of_a_recurrent_layer(cell: str, how: str) -> None:
    n, steps = 3, 4
    x, lengths = sd.tensor("x", (n, steps, 2)), sd.tensor("lengths", (n,), dtype="int64")
    mask = sd.nn.sequence_mask(lengths, steps)
    options = {"mask": mask} if how == "mask" else {"lengths": lengths, "reverse": how == "reverse"}
    h = CELLS[cell](x, 2, name="r", **options)
    loss = (sd.nn.last_state(h, reverse=how == "reverse") ** 2).mean() + (h**2).mean()
    if how == "last":  # states after the last one are not read at all
        loss = (sd.nn.last_state(h, lengths=lengths) ** 2).mean()
    rng = np.random.default_rng(2)
    weights = sd.parameters(loss)
    at = {t.name: rng.normal(size=t.shape) for t in (x, *weights)} | {"lengths": np.array([4, 2, 1])}
    padded = np.arange(steps) >= at["lengths"][:, None]
    bad = {**at, "x": np.where(padded[..., None], [NAN, INF], at["x"])}
    derivative = differentiate(loss, [x, *weights])
    good, found = (evaluate(derivative.program, values) for values in (at, bad))
    for tensor in (x, *weights):
        bar = derivative.gradient(tensor)
        np.testing.assert_allclose(found[bar], good[bar], rtol=1e-12, atol=1e-15, err_msg=str(tensor.name))
    if how in ("lengths", "last") and cell == "gru":
        f = sd.compile(loss, wrt=[x, *weights])
        (one, slopes), (two, others) = f(**at), f(**bad)
        assert one == two
        for name in slopes:
            np.testing.assert_allclose(others[name], slopes[name], rtol=1e-12, atol=1e-15, err_msg=name)


N = sd.Dim("n")


def test_masked_losses() -> None:
    """Neither a target nor an input that is masked has a part in any gradient, through several layers."""
    x, y, t = sd.tensor("x", (N, 3)), sd.tensor("y", (N, 2)), sd.tensor("t", (N,), dtype="int64")
    h = sd.nn.dense(sd.nn.dense(x, 4, activation=sd.tanh, name="a"), 2, activation=sd.relu, name="b")
    counts = sd.equal(t, 1)
    losses = [
        sd.nn.mean_squared_error(h, y, mask=counts[:, None]),
        sd.nn.mean_absolute_error(h, y, mask=counts[:, None]),
        ((h - y) ** 2).mean(where=counts[:, None]),
        sd.max(h - y, where=counts[:, None]),
        sd.nn.cross_entropy(h, t, ignore_label=0),
        (sd.softmax(h, 0, where=counts[:, None]) ** 2).sum(),
    ]
    rng = np.random.default_rng(4)
    labels = np.array([1, 0, 1, 1, 0])
    for loss in losses:
        weights = sd.parameters(loss)
        derivative = differentiate(loss, weights)
        at = {p.name: rng.normal(size=p.shape) for p in weights}
        at |= {"x": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 2)), "t": labels}
        bad = {**at, "x": at["x"].copy(), "y": at["y"].copy()}
        bad["x"][1], bad["x"][4], bad["y"][1], bad["y"][4] = NAN, INF, INF, NAN
        used = {t.name for t in derivative.program.inputs}
        good, found = (evaluate(derivative.program, {k: v[k] for k in used}) for v in (at, bad))
        assert found[loss] == good[loss]
        for p in weights:
            bar = derivative.gradient(p)
            np.testing.assert_allclose(
                found[bar], good[bar], rtol=1e-12, atol=1e-15, err_msg=str(loss.equation)
            )
    f = sd.compile(losses[-2], wrt="parameters")
    used = {"x", "t", *(p.name for p in sd.parameters(losses[-2]))}
    slopes, others = (f(**{k: v[k] for k in used})[1] for v in (at, bad))
    for name in slopes:
        np.testing.assert_allclose(others[name], slopes[name], rtol=1e-10, atol=1e-15)


def test_data_may_be_anything_where_they_do_not_count() -> None:
    rng = np.random.default_rng(0)
    steps = 4
    x, lengths = sd.tensor("x", (N, steps, 2)), sd.tensor("lengths", (N,), dtype="int64")
    y, k = sd.tensor("y", (N,)), sd.tensor("k", (N,), dtype="int64")
    h = sd.nn.gru(x, 3, name="r", lengths=lengths)
    output = sd.nn.dense(sd.nn.last_state(h), 1, name="out")[:, 0]
    loss = sd.nn.mean_squared_error(output, y, mask=sd.equal(k, 1))
    data = {
        "x": rng.normal(size=(12, steps, 2)),
        "lengths": rng.integers(1, steps + 1, 12),
        "y": rng.normal(size=12),
        "k": np.arange(12) % 2,
    }
    bad = {**data, "x": data["x"].copy(), "y": np.where(data["k"] == 1, data["y"], NAN)}
    bad["x"][np.arange(steps) >= data["lengths"][:, None]] = NAN
    found = []
    for each in (data, bad):
        model = sd.Model(loss, output=output)
        history = model.fit(each, optimizer=sd.nn.Adam(1e-2), batch_size=4, epochs=3, validation=0.25)
        found.append((history, model.predict(x=each["x"], lengths=each["lengths"]), model.evaluate(each)))
        assert all(np.isfinite(p).all() for p in model.parameters.values())
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2] == found[1][2]
    worse = {**bad, "x": bad["x"].copy()}
    worse["x"][3, 0, 1] = NAN  # a step that counts, of a sample that counts
    with pytest.raises(sd.SymdlError, match="x holds nan at position"):
        sd.Model(loss, output=output).fit(worse, optimizer=sd.nn.SGD(0.1))


SAFE = [
    lambda u: sp.sqrt(u),
    lambda u: sp.log(u),
    lambda u: 1 / u,
    lambda u: u ** sp.Rational(1, 3),
    lambda u: sp.exp(u * 300),
    lambda u: u * sp.log(u),
]
JOIN = [lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a * sp.sin(b), lambda a, b: a / (1 + b * b)]


@settings(max_examples=25, deadline=None)
@given(
    first=st.sampled_from(range(len(SAFE))),
    second=st.sampled_from(range(len(SAFE))),
    joins=st.lists(st.sampled_from(range(len(JOIN))), min_size=1, max_size=3),
    names=st.lists(st.booleans(), min_size=6, max_size=6),
    mode=st.sampled_from(["where", "otherwise", "mask", "guard", "product"]),
)
def test_what_is_not_chosen_does_not_count(
    first: int, second: int, joins: list[int], names: list[bool], mode: str
) -> None:
    """Random formulas with names and several uses: values where nothing is chosen change no gradient."""
    labels = iter([f"n{n}" if name else None for n, name in enumerate(names)])
    v, m, w = sd.tensor("v", (4,)), sd.tensor("m", (4,), dtype="int64"), sd.parameter("w", (4, 2))
    a = sd.elementwise(SAFE[first], v, name=next(labels))
    b = sd.elementwise(SAFE[second], v, name=next(labels))
    for join in joins:
        a, b = sd.elementwise(JOIN[join], a, b, name=next(labels)), a
    if mode == "where":
        loss = sd.where(sd.equal(m, 1), a, 0).sum() + (sd.where(sd.equal(m, 1), a * b, 0) ** 2).sum()
    elif mode == "otherwise":
        loss = sd.where(sd.equal(m, 0), 1, a + b).sum()
    elif mode == "mask":
        loss = a.sum(where=sd.equal(m, 1)) + b.mean(where=sd.equal(m, 1))
    elif mode == "guard":
        (i,) = sd.indices("i")
        loss = sd.define(None, (), sd.Sum(sd.where(sp.Eq(m[i], 1), a[i] * b[i], 0), i))
    else:
        i, j = sd.indices("i j")
        y = sd.define(None, (j,), sd.Sum(sd.where(sp.Eq(m[i], 1), a[i] * w[i, j], 0), i))
        loss = (y**2).sum()
    derivative = differentiate(loss, [v, *sd.parameters(loss)])
    at = {"v": np.array([0.7, 0.4, 0.9, 0.3]), "m": np.array([1, 0, 1, 0])}
    at["w"] = np.array([[0.3, -1.0], [0.5, 0.2], [1.1, 0.4], [-0.6, 0.8]])
    for hard in ([0.7, 0, 0.9, -2], [0.7, NAN, 0.9, INF], [0.7, 1e300, 0.9, -INF]):
        bad = {**at, "v": np.array(hard)}
        used = {t.name for t in derivative.program.inputs}
        good, found = (evaluate(derivative.program, {k: x[k] for k in used}) for x in (at, bad))
        np.testing.assert_array_equal(found[loss], good[loss])
        for tensor in derivative.wrt:
            bar = derivative.gradient(tensor)
            np.testing.assert_array_equal(found[bar], good[bar], err_msg=str(derivative.program))
        parts = with_masks(derivative.program)
        again = evaluate(parts, {k: bad[k] for k in used})
        for tensor in derivative.wrt:
            bar = derivative.gradient(tensor)
            np.testing.assert_allclose(again[bar], good[bar], rtol=1e-12, atol=1e-300)
