"""Arrays in expressions, against NumPy; what they are in every later stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, ExpressionError, ShapeError
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate

RNG = np.random.default_rng(0)
A, FLAGS = RNG.normal(size=(3, 2)), np.array([[True, False], [False, True], [True, True]])
AT = {"X": RNG.normal(size=(4, 3)), "W": RNG.normal(size=(3, 2))}
X, W = sd.tensor("X", (sd.Dim("n"), 3)), sd.parameter("W", (3, 2))
row = A[:, 0]

CASES: dict[str, Any] = {
    "product": lambda o, X, W: X * row,
    "product, left": lambda o, X, W: row * X,
    "difference, left": lambda o, X, W: row - X,
    "power": lambda o, X, W: X ** np.array([1, 2, 3]),
    "quotient": lambda o, X, W: A / (W * W),
    "matrix": lambda o, X, W: X @ A,
    "matrix, left": lambda o, X, W: A.T @ W,
    "comparison": lambda o, X, W: o.where(row < X, X, row),
    "mask": lambda o, X, W: o.where(FLAGS, W, A),
    "mask of a sum": lambda o, X, W: W.sum(where=FLAGS),
    "maximum": lambda o, X, W: o.maximum(W, A),
    "joined": lambda o, X, W: o.concatenate([W, A]),
    "stacked": lambda o, X, W: o.stack([A, W]),
    "einsum": lambda o, X, W: o.einsum("ij,ij->j", W, A),
    "rows": lambda o, X, W: W[[0, 2]],
    "rows from the end": lambda o, X, W: W[np.array([0, -1])],
    "columns": lambda o, X, W: W[:, [1, 0, 1]],
    "entries": lambda o, X, W: W[[0, 2], [1, 0]],
    "no rows": lambda o, X, W: o.concatenate([W, W[[]]]),
    "chosen rows": lambda o, X, W: W[np.array([True, False, True])],
    "taken": lambda o, X, W: o.take(W, np.array([2, 0]), axis=0),
    "two of them": lambda o, X, W: (X @ A) @ A.T + row,
}


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("name", CASES)
def test_arrays_act_as_in_numpy(name: str, target: Any) -> None:
    formula = CASES[name]
    found, wanted = formula(sd, X, W), formula(np, **AT)
    program = collect([found])
    values = {t.name: AT[t.name] for t in program.inputs if t.role != "constant"}
    np.testing.assert_allclose(sd.compile(found, target=target)(**values), wanted)
    np.testing.assert_allclose(evaluate(program, values)[found], wanted)
    by = [t.name for t in program.inputs if t.role != "constant"]
    sd.check_gradients((found**2).sum(), at=values, wrt=by).raise_if_failed()


def test_values_are_copied_and_shown_and_no_kernel_depends_on_them() -> None:
    array = np.array([0.1, 0.5, 0.9])
    first = sd.compile((X * array).sum(), wrt=[X])
    array[:] = 7
    second = sd.compile((X * array).sum(), wrt=[X])
    assert first.source == second.source
    np.testing.assert_allclose(first(X=AT["X"])[1]["X"], np.tile([0.1, 0.5, 0.9], (4, 1)))
    text = str(sd.derive((X * np.array([0.1, 0.5, 0.9])).sum(), "X"))
    assert "C: 3 = (0.1, 0.5, 0.9)" in text and "constants" in text
    with pytest.raises(ArgumentError, match="missing: X") as caught:
        first()
    assert "constant" not in str(caught.value)


def test_models_train_with_constants_of_one_name_and_a_parameter_of_it() -> None:
    named = [sd.constant(row, name="W"), sd.constant(2 * row, name="W")]
    loss = ((X * named[0] + X * named[1]) @ W - A[0]).mean() ** 2
    model = sd.Model(loss, output=X @ W, dtype="float64")
    before = model.evaluate({"X": AT["X"]})["loss"]
    model.fit({"X": AT["X"]}, optimizer=sd.nn.SGD(0.01), epochs=5)
    assert model.evaluate({"X": AT["X"]})["loss"] < before
    assert list(model.parameters) == ["W"]
    derivative = sd.grad((X * 3 * row * X).sum(), X)
    np.testing.assert_allclose(sd.compile(derivative)(X=AT["X"]), 6 * row * AT["X"])


def test_a_thousand_class_weights_are_data() -> None:
    torch = pytest.importorskip("torch")
    n = sd.Dim("n")
    z, t = sd.tensor("z", (n, 1000)), sd.tensor("t", (n,), dtype="int64")
    weights = RNG.uniform(1, 2, 1000)
    loss = sd.nn.cross_entropy(z, t, class_weights=list(weights))
    assert len(str(collect([loss]))) < 1000
    at = {"z": RNG.normal(size=(7, 1000)), "t": RNG.integers(0, 1000, 7)}
    theirs = torch.nn.functional.cross_entropy(*map(torch.tensor, at.values()), weight=torch.tensor(weights))
    np.testing.assert_allclose(sd.compile(loss)(**at), theirs.item())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: W[[0, 3]], ShapeError, "do not fit an axis of size 3"),
        (lambda: W[[0.5]], ExpressionError, "chooses nothing"),
        (lambda: W[[True, False]], ExpressionError, "truth value for each"),
        (lambda: X[[0, -1]], ShapeError, "size n"),
        (lambda: W + np.array(["a", "b"]), ExpressionError, "constant"),
        (lambda: W * [1, 2, 3], ShapeError, "sizes 2 and 3 do not broadcast"),
        (lambda: W + np.ones(3), ShapeError, "broadcast"),
        (lambda: np.ones((2, 5)) @ W, ShapeError, "does not fit"),
        (lambda: sd.constant([[1], [1, 2]]), ExpressionError, "equal length"),
        (lambda: sd.constant(1j), ExpressionError, "complex"),
        (lambda: len(X), ShapeError, "symbol"),
    ],
)
def test_what_is_no_constant_is_refused(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_rows_are_counted() -> None:
    assert (len(W), W.ndim, sd.tensor("s").ndim) == (3, 2, 0)


def test_flags_are_truth_values_or_integers() -> None:
    m = sd.tensor("m", (3, 2), dtype="int64")
    function = sd.compile(sd.mean(W, where=m))
    assert function(W=AT["W"], m=FLAGS) == function(W=AT["W"], m=FLAGS.astype(int))


def test_a_softmax_of_nothing_has_a_gradient_of_zero() -> None:
    at = {"X": np.array([[1.0, -1, 2], [-1, -2, -3], [1, 2, 3]])}
    share = sd.softmax(X, axis=1, where=X > 0)
    np.testing.assert_array_equal(sd.compile(share)(**at)[1], 0)
    _, slopes = sd.compile((share**2).sum(), wrt=[X])(**at)
    np.testing.assert_array_equal(slopes["X"][1], 0)
    sd.check_gradients((share**2).sum(), at=at, wrt=["X"]).raise_if_failed()


def test_cases_do_not_come_into_conditions() -> None:
    at = {"X": np.array([[1.0, -1, 2], [-1, -2, -3]]), "t": np.array([[1], [0]])}
    t = sd.tensor("t", (X.shape[0], 1), dtype="int64")
    hits = sd.equal(X > 0, t)
    np.testing.assert_array_equal(sd.compile(hits)(**at), (at["X"] > 0) == at["t"])
    by_hand = sd.where(sd.relu(X) > 0.5 * sd.absolute(X), X**2, X)
    wanted = np.where(np.maximum(at["X"], 0) > 0.5 * abs(at["X"]), at["X"] ** 2, at["X"])
    np.testing.assert_array_equal(sd.compile(by_hand)(X=at["X"]), wanted)
    sd.check_gradients(by_hand.sum(), at={"X": at["X"]}, wrt=["X"]).raise_if_failed()


def test_a_softmax_with_kept_axes_is_derived() -> None:
    share = sd.exp(X - sd.logsumexp(X, axis=1, keepdims=True))
    assert "X" in str(sd.derive((share**2).sum(), "X"))
