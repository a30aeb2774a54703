"""Integers stay integers: every digit of an int64 is kept, as NumPy keeps it.

The kind: sums, products, extremes and choices of int64 tensors were computed as reals, so that from 2**53 on,
in float32 from 2**24 on, digits were lost without a word. What has integer operands, and is no mean, quotient
or function of reals, is int64, and wraps around beyond 64 bits. Right values are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import ArgumentError, DerivativeError, LoweringError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs
from tests.targets import EVERY

N = sd.Dim("n")
K, J, ROW = (
    sd.tensor(name, shape, dtype="int64") for name, shape in (("K", (N, 4)), ("J", (N, 4)), ("ROW", (4,)))
)
X = sd.tensor("X", (N, 4))
SMALLEST, LARGEST = -(2**63), 2**63 - 1

Case = tuple[Tensor, Callable[[Any, Any, Any, Any], Any]]

WHOLE: dict[str, Case] = {
    "sum": (K.sum(), lambda k, j, r, x: k.sum()),
    "sum of columns": (K.sum(0), lambda k, j, r, x: k.sum(0)),
    "sum of rows": (sd.sum(K, 1, keepdims=True), lambda k, j, r, x: k.sum(1, keepdims=True)),
    "masked sum": (sd.sum(K, 1, where=X > 0), lambda k, j, r, x: k.sum(1, where=x > 0)),
    "sum of products": ((K * J).sum(0), lambda k, j, r, x: (k * j).sum(0)),
    "product": (K.prod(1), lambda k, j, r, x: k.prod(1)),
    "product of columns": (K.prod(0), lambda k, j, r, x: k.prod(0)),
    "maximum of all": (K.max(), lambda k, j, r, x: k.max()),
    "maximum of columns": (K.max(0), lambda k, j, r, x: k.max(0)),
    "minimum of rows": (K.min(1), lambda k, j, r, x: k.min(1)),
    "minimum of columns": (sd.min(K, 0), lambda k, j, r, x: k.min(0)),
    "masked maximum": (
        sd.max(K, 1, where=J > 0),
        lambda k, j, r, x: k.max(1, where=j > 0, initial=SMALLEST),
    ),
    "masked minimum": (
        sd.min(K, 1, where=J > 0),
        lambda k, j, r, x: k.min(1, where=j > 0, initial=LARGEST),
    ),
    "maximum, ties split": (K.max(1, ties="split"), lambda k, j, r, x: k.max(1)),
    "cumulative sum": (sd.cumsum(K, 0), lambda k, j, r, x: k.cumsum(0)),
    "cumulative sum of rows": (sd.cumsum(K, 1), lambda k, j, r, x: k.cumsum(1)),
    "cumulative sum backwards": (
        sd.cumsum(K, 1, reverse=True),
        lambda k, j, r, x: k[:, ::-1].cumsum(1)[:, ::-1],
    ),
    "cumulative product": (sd.cumprod(K, 1), lambda k, j, r, x: k.cumprod(1)),
    "choice": (sd.where(X > 0, K, J), lambda k, j, r, x: np.where(x > 0, k, j)),
    "choice with a number": (sd.where(K > J, K, 0), lambda k, j, r, x: np.where(k > j, k, 0)),
    "larger": (sd.maximum(K, J), lambda k, j, r, x: np.maximum(k, j)),
    "smaller, broadcast": (sd.minimum(K, ROW), lambda k, j, r, x: np.minimum(k, r)),
    "larger than a number": (sd.maximum(K, 5), lambda k, j, r, x: np.maximum(k, 5)),
    "absolute value": (abs(K), lambda k, j, r, x: abs(k)),
    "sign": (sd.sign(K), lambda k, j, r, x: np.sign(k)),
    "clip": (sd.clip(K, -5, 7), lambda k, j, r, x: np.clip(k, -5, 7)),
    "clip from below": (sd.clip(K, 3), lambda k, j, r, x: np.clip(k, 3, None)),
    "clip by integers": (sd.clip(K, J, ROW), lambda k, j, r, x: np.clip(k, j, r)),
    "order": (sd.sort(K, 1), lambda k, j, r, x: np.sort(k, 1)),
    "largest two": (sd.top_k(K, 2)[0], lambda k, j, r, x: -np.sort(~k, 1)[:, :2] - 1),
    "position of the maximum": (sd.argmax(K, 1), lambda k, j, r, x: k.argmax(1)),
    "position of the minimum": (sd.argmin(K, 0), lambda k, j, r, x: k.argmin(0)),
    "negation": (-K, lambda k, j, r, x: -k),
    "arithmetic": (3 * K - J + 1, lambda k, j, r, x: 3 * k - j + 1),
    "square": (K**2, lambda k, j, r, x: k**2),
    "squares": (sd.square(K - J), lambda k, j, r, x: (k - j) ** 2),
    "seventh power": (sd.power(K, 7), lambda k, j, r, x: k**7),
    "quotient rounded down": (K // 7, lambda k, j, r, x: k // 7),
    "quotient of integers": (K // ROW, lambda k, j, r, x: k // r),
    "remainder of integers": (K % ROW, lambda k, j, r, x: k % r),
    "remainder": (K % 7, lambda k, j, r, x: k % 7),
    "floor": (sd.floor(K), lambda k, j, r, x: k),
    "matrix product": (K @ J.T, lambda k, j, r, x: k @ j.T),
    "matrix times vector": (K @ ROW, lambda k, j, r, x: k @ r),
    "einsum": (sd.einsum("ij,ij->j", K, J), lambda k, j, r, x: np.einsum("ij,ij->j", k, j)),
    "tensordot": (sd.tensordot(K, J, 2), lambda k, j, r, x: np.tensordot(k, j, 2)),
    "outer product": (sd.outer(ROW, ROW), lambda k, j, r, x: np.outer(r, r)),
    "joined": (sd.concatenate([K, J], 1).sum(1), lambda k, j, r, x: np.concatenate([k, j], 1).sum(1)),
    "part": (K[:, 1:3].T.max(0), lambda k, j, r, x: k[:, 1:3].T.max(0)),
    "count": ((X > 0).sum(), lambda k, j, r, x: (x > 0).sum()),
    "count by rows": (sd.sum(X > 0, 1), lambda k, j, r, x: (x > 0).sum(1)),
    "count of equals": (sd.equal(K, J).sum(0), lambda k, j, r, x: (k == j).sum(0)),
    "product of comparisons": (sd.prod(X > -9, 0), lambda k, j, r, x: (x > -9).prod(0)),
    "where a comparison holds": ((X > 0) * K, lambda k, j, r, x: (x > 0) * k),
    "less a comparison": (K - (K > J), lambda k, j, r, x: k - (k > j)),
    "a comparison or more": (sd.maximum(K > J, ROW), lambda k, j, r, x: np.maximum(k > j, r)),
    "times a size": (K * N - N, lambda k, j, r, x: k * len(k) - len(k)),
    "several steps": (
        sd.maximum(K, J).sum(1) * 2 - abs(K).max(1),
        lambda k, j, r, x: np.maximum(k, j).sum(1) * 2 - abs(k).max(1),
    ),
    "written in indices": (
        sd.define("total", (), sd.Sum(K[sd.indices("a")[0], 0] * 3, sd.indices("a")[0]) + 1, dtype="int64"),
        lambda k, j, r, x: (3 * k[:, 0]).sum() + 1,
    ),
}
REAL: dict[str, Case] = {
    "mean": (K.mean(0), lambda k, j, r, x: k.mean(0)),
    "masked mean": (sd.mean(K, 1, where=X > -9), lambda k, j, r, x: k.mean(1)),
    "variance": (sd.var(K, 1), lambda k, j, r, x: k.astype(float).var(1)),
    "quotient": (K / 3, lambda k, j, r, x: k / 3),
    "quotient by 1": (K / 1, lambda k, j, r, x: k / 1),
    "mixed product": (K * X, lambda k, j, r, x: k * x),
    "mixed choice": (sd.where(X > 0, K, X), lambda k, j, r, x: np.where(x > 0, k, x)),
    "mixed extreme": (sd.maximum(K, 0.5), lambda k, j, r, x: np.maximum(k, 0.5)),
    "mixed matrix product": (X @ K.T, lambda k, j, r, x: x @ k.T),
    "norm": (sd.norm(K), lambda k, j, r, x: np.linalg.norm(k.astype(float))),
    "share": ((X > 0).mean(), lambda k, j, r, x: (x > 0).mean()),
    "mean of a count": (
        X.sum() / sd.maximum((X > 0).sum(), 1),
        lambda k, j, r, x: x.sum() / max((x > 0).sum(), 1),
    ),
}
PROGRAM = collect([t for t, _ in (*WHOLE.values(), *REAL.values())])


def values(low: int, high: int, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"K": (rows, 4), "J": (rows, 4), "ROW": (4,)}
    found: dict[str, np.ndarray] = {
        name: rng.integers(low, high, shape, endpoint=True) for name, shape in shapes.items()
    }
    found["K"][0, :2] = low, high
    found["J"][0, 1] = found["K"][0, 1]
    found["ROW"][:2] = -1, 0
    return found | {"X": rng.normal(size=(rows, 4))}


def agree(found: Any, data: dict[str, np.ndarray], *, rtol: float) -> None:
    with np.errstate(all="ignore"):
        for (name, (_, numpy)), value in zip((*WHOLE.items(), *REAL.items()), found, strict=True):
            right = numpy(data["K"], data["J"], data["ROW"], data["X"])
            if name in WHOLE:
                assert value.dtype == np.int64, name
                np.testing.assert_array_equal(value, right, err_msg=name)
            else:
                assert value.dtype.kind == "f", name
                np.testing.assert_allclose(value, right, rtol=rtol, err_msg=name)


RANGES = [(-3, 3), (-(2**53) - 9, 2**53 + 9), (SMALLEST, LARGEST)]


@pytest.mark.parametrize(("target", "dtype"), [("cpu", "float64"), ("cpu", "float32"), ("python", "float32")])
def test_every_digit_is_that_of_numpy(target: Any, dtype: Any) -> None:
    compiled = sd.compile([*PROGRAM.outputs], target=target, dtype=dtype)
    for low, high in RANGES:
        for rows in (1, 7):
            data = values(low, high, rows)
            agree(compiled(**data), data, rtol=1e-12 if dtype == "float64" else 1e-4)


def test_the_reference_keeps_every_digit() -> None:
    for low, high in RANGES:
        data = values(low, high, 7)
        agree(outputs(PROGRAM, data), data, rtol=1e-12)


def test_kernels_that_are_not_fused() -> None:
    compiled = sd.compile([*PROGRAM.outputs], schedule="naive")
    for low, high in RANGES:
        data = values(low, high, 7)
        agree(compiled(**data), data, rtol=1e-12)


def test_blocks_of_samples_are_counted_and_added_up_as_integers() -> None:
    wide, narrow = sd.constant(np.linspace(-1, 1, 1200).reshape(4, 300)), sd.constant(np.eye(300, 3) - 0.1)
    deep = sd.sigmoid(X @ wide) @ narrow
    wanted = [(deep > 0).sum(), (deep > 0).sum(0), K.sum(), (K * K).sum(0), K.max(0), deep / (deep > 0).sum()]
    data = values(SMALLEST, LARGEST, 20_000)
    for dtype in ("float64", "float32"):
        found = sd.compile(wanted, threads=2, dtype=dtype)(K=data["K"], X=data["X"])
        positive = found[5] > 0
        np.testing.assert_array_equal(found[0], positive.sum())
        np.testing.assert_array_equal(found[1], positive.sum(0))
        np.testing.assert_array_equal(found[2], data["K"].sum())
        np.testing.assert_array_equal(found[3], (data["K"] ** 2).sum(0))
        np.testing.assert_array_equal(found[4], data["K"].max(0))


def test_comparisons_of_computed_integers_are_exact() -> None:
    larger, size = sd.maximum(K, J), abs(J)
    chosen = sd.compile([sd.where(larger > size, 1.0, 0.0), sd.equal(K.sum(1), J.sum(1)).sum()])
    k, j = np.array([[2**53 + 1, 2, 3, 4]]), np.array([[-(2**53), 2, -3, -4]])
    found, same = chosen(K=k, J=j)
    np.testing.assert_array_equal(found, np.maximum(k, j) > abs(j))
    assert same == 0


def test_of_nothing() -> None:
    empty = sd.tensor("empty", (2, 0), dtype="int64")
    wanted = [empty.sum(1), empty.prod(1), empty.max(1), empty.min(1)]
    right = [0, 1, SMALLEST, LARGEST]
    masked = [sd.logsumexp(K, 1, where=X > 9), sd.mean(K, 1, where=X > 9), sd.max(K, 1, where=X > 9)]
    few = sd.compile(masked)(**{name: v for name, v in values(-3, 3, 2).items() if name in "KX"})
    for value, expected in zip(few, [-np.inf, np.nan, SMALLEST], strict=True):
        np.testing.assert_array_equal(value, [expected] * 2)
    nothing = {"empty": np.zeros((2, 0), "int64")}
    ways = [outputs(collect(wanted), nothing)]
    ways += [sd.compile(wanted, target=target)(**nothing) for target in ("cpu", "python")]
    for found in ways:
        for value, expected in zip(found, right, strict=True):
            assert value.dtype == np.int64
            np.testing.assert_array_equal(value, [expected] * 2)


def test_products_of_positions_wrap_around() -> None:
    factorial = (sd.arange(30) + 1).prod()
    right = np.arange(1, 31).prod()
    assert [sd.compile(factorial, target=target)() for target in ("cpu", "python")] == [right, right]


W = sd.parameter("W", (4, 3))


def test_gradients_by_reals_go_past_integers() -> None:
    counts, total = (X > 0).sum(), sd.maximum(K, J).sum(1)
    loss = (total[:, None] * (X @ W) ** 2).mean() / counts
    data = values(-5, 5, 6)
    k, x = np.maximum(data["K"], data["J"]).sum(1)[:, None], data["X"]
    w = np.linspace(-1, 1, 12).reshape(4, 3)
    value, slopes = sd.compile(loss, wrt=[X, W])(**{n: data[n] for n in "KJX"}, W=w)
    share = k / 18 / (x > 0).sum()
    np.testing.assert_allclose(value, (share * (x @ w) ** 2).sum())
    np.testing.assert_allclose(slopes["W"], x.T @ (2 * share * (x @ w)))
    np.testing.assert_allclose(slopes["X"], 2 * share * (x @ w) @ w.T)
    second = sd.compile(sd.hvp(loss, W, W))(**{n: data[n] for n in "KJX"}, W=w)
    np.testing.assert_allclose(second, x.T @ (2 * share * (x @ w)))
    page = str(sd.derive(loss, W))
    assert "(integers)" in page and "max(K[i,j], J[i,j])" in page
    with pytest.raises(DerivativeError, match="only through integers"):
        sd.grad(counts * 1.0, X)
    with pytest.raises(DerivativeError, match="holds integers"):
        sd.grad(K.sum() * W.sum(), K)


def test_computed_positions_are_checked_or_refused() -> None:
    table, ids = sd.tensor("table", (10, 2)), K[:, 0]
    t = np.arange(20.0).reshape(10, 2)
    k = np.array([[12, 0, 0, 0], [-3, 1, 2, 1]])
    read = sd.compile([table[sd.clip(ids, 0, 9)], table[K.sum(1) % 10], table[abs(ids) % 10]])
    for found, rows in zip(read(K=k, table=t), ([9, 0], [2, 1], [2, 3]), strict=True):
        np.testing.assert_array_equal(found, t[rows])
    for positions in (
        K.sum(1),
        K.max(1),
        sd.where(ids < 0, 0, ids),
        sd.maximum(ids, 0),
        sd.cumsum(K, 1)[:, 3],
    ):
        with pytest.raises(LoweringError, match="may be outside"):
            sd.compile(table[positions])
    labels = sd.tensor("labels", (10,), dtype="int64")
    gathered = sd.compile([labels[K].sum(1), labels[labels[K[:, 1:]]]])
    stored = np.arange(10)[::-1] + 2**53
    inside = np.array([[1, 0, 3, 9], [3, 1, 2, 1]])
    with pytest.raises(ArgumentError, match="outside 0..9"):
        gathered(K=inside, labels=stored)
    with pytest.raises(ArgumentError, match="outside 0..9"):
        gathered(K=k, labels=np.arange(10))
    first = sd.compile(labels[K].sum(1))(K=inside, labels=stored)
    np.testing.assert_array_equal(first, stored[inside].sum(1))


def test_counts_in_training() -> None:
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(5000, 4)), "K": rng.integers(-1, 3, (5000, 4))}
    wrong = ((X @ W - 1) ** 2).sum(1)
    counts: Any = K[:, 0] >= 0
    counted = counts.sum()
    loss = sd.sum(wrong, where=counts) / counted
    metrics = {"counted": counted, "labels": K.sum(), "largest": K.max()}
    model = sd.Model(loss, metrics=metrics, dtype="float64", seed=0)
    still = model.fit(data, optimizer=sd.nn.SGD(0.0), batch_size=64, epochs=1)
    ones = data["K"][:, 0] >= 0
    right = ((data["X"] @ model.parameters["W"] - 1) ** 2).sum(1)[ones].mean()
    scores = model.evaluate(data)
    for found in (still.epochs[0].loss, scores["loss"]):
        np.testing.assert_allclose(found, right, rtol=1e-12)
    expected = {"counted": ones.sum(), "labels": data["K"].sum(), "largest": 2}
    for name, value in expected.items():
        assert scores[name] == value and still.epochs[0].values[name] == value, name


Step = tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]
STEPS: list[Step] = [
    (lambda a, b: a + b, lambda a, b: a + b),
    (lambda a, b: a - 3 * b, lambda a, b: a - 3 * b),
    (lambda a, b: a * b, lambda a, b: a * b),
    (lambda a, b: -abs(a), lambda a, b: -abs(a)),
    (lambda a, b: a // 3 + b % 5, lambda a, b: a // 3 + b % 5),
    (sd.maximum, np.maximum),
    (sd.minimum, np.minimum),
    (lambda a, b: sd.where(a > b, a, b + 1), lambda a, b: np.where(a > b, a, b + 1)),
    (lambda a, b: sd.clip(a, -100, 2**60), lambda a, b: np.clip(a, -100, 2**60)),
    (lambda a, b: sd.sign(b) * a, lambda a, b: np.sign(b) * a),
    (lambda a, b: sd.cumsum(a, 1), lambda a, b: a.cumsum(1)),
    (lambda a, b: sd.cumprod(b, 0), lambda a, b: b.cumprod(0)),
    (lambda a, b: a + b.sum(0, keepdims=True), lambda a, b: a + b.sum(0, keepdims=True)),
    (lambda a, b: b - a.max(1, keepdims=True), lambda a, b: b - a.max(1, keepdims=True)),
    (lambda a, b: a * b.min(0, keepdims=True), lambda a, b: a * b.min(0, keepdims=True)),
    (lambda a, b: a.prod(1, keepdims=True) + b, lambda a, b: a.prod(1, keepdims=True) + b),
    (lambda a, b: sd.sort(a, 1), lambda a, b: np.sort(a, 1)),
    (lambda a, b: (a @ b.T) @ b, lambda a, b: (a @ b.T) @ b),
]  # fmt: skip


def random_program(picks: list[int]) -> tuple[Tensor, Callable[[Any, Any], Any]]:
    """A chain of steps on two values, and the same for NumPy."""
    a, b = K, J
    for pick in picks:
        a, b = STEPS[pick % len(STEPS)][0](a, b), a

    def numpy(a: Any, b: Any) -> Any:
        for pick in picks:
            a, b = STEPS[pick % len(STEPS)][1](a, b), a
        return a

    return a, numpy


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=4), st.sampled_from(RANGES))
def test_random_programs_of_integers(picks: list[int], limits: tuple[int, int]) -> None:
    tensor, numpy = random_program(picks)
    data = values(*limits, 3)
    program = collect([tensor])
    used = {str(t.name): data[str(t.name)] for t in program.inputs}
    with np.errstate(all="ignore"):
        right = numpy(data["K"], data["J"])
    (found,) = outputs(program, used)
    assert tensor.dtype == "int64" and found.dtype == np.int64
    np.testing.assert_array_equal(found, right)


@EVERY
def test_random_programs_in_one_kernel(target: Any) -> None:
    rng = np.random.default_rng(1)
    made = [random_program(list(rng.integers(0, len(STEPS), 3))) for _ in range(12)]
    compiled = sd.compile([tensor for tensor, _ in made], target=target, dtype="float32")
    for limits in RANGES:
        data = values(*limits, 3)
        with np.errstate(all="ignore"):
            right = [numpy(data["K"], data["J"]) for _, numpy in made]
        for found, expected in zip(compiled(K=data["K"], J=data["J"]), right, strict=True):
            np.testing.assert_array_equal(found, expected)
