"""Connectionist temporal classification against PyTorch: values, gradients, hard points."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.check.central import central_gradient
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.gradients import grad
from symdl.errors import ArgumentError, ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.operators import maximum
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.nn import ctc
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate
from tests.lowering import lower

N, T, S = Dim("n"), Dim("T"), Dim("S")
INPUTS, LABELS = tensor("inputs", (N,), dtype="int64"), tensor("counts", (N,), dtype="int64")
LENGTHS: dict[str, Any] = {"input_lengths": INPUTS, "label_lengths": LABELS}
MIXED = {  # repeated labels, one step for one label, no labels, more labels than steps allow, ties
    "labels": np.array([[2, 2, 2], [1, 1, 3], [3, 1, 1], [2, 1, 1], [1, 2, 2], [3, 3, 1]]),
    "inputs": np.array([7, 5, 1, 4, 3, 7]),
    "counts": np.array([3, 2, 1, 0, 3, 2]),
}


def symbols(classes: int, count: Any = S) -> tuple[Tensor, Tensor]:
    return tensor("x", (N, T, classes)), tensor("labels", (N, count), dtype="int64")


def theirs(values: dict[str, Any], *, blank: int = 0, zero_infinity: bool = True) -> tuple[Any, Any]:
    """PyTorch's losses of the samples and the gradient of their sum by the logits."""
    lib = pytest.importorskip("torch")
    x = lib.tensor(values["x"], requires_grad=True)
    losses = lib.nn.functional.ctc_loss(
        x.log_softmax(2).transpose(0, 1),
        *(lib.tensor(np.asarray(values[name])) for name in ("labels", "inputs", "counts")),
        blank=blank,
        reduction="none",
        zero_infinity=zero_infinity,
    )
    losses.sum().backward()
    return losses.detach().numpy(), x.grad.numpy()


def logits(samples: int, steps: int, classes: int, seed: int = 0) -> Any:
    return 3 * np.random.default_rng(seed).normal(size=(samples, steps, classes))


@pytest.mark.torch
def test_values_and_gradients_equal_pytorch() -> None:
    x, labels = symbols(4)
    values = {"x": logits(6, 7, 4), **MIXED}
    values["x"][5] = 0.0  # all alignments are equally likely
    losses = ctc(x, labels, **LENGTHS, zero_infinity=True, reduction="none")
    loss = losses.sum()
    derivative = differentiate(loss, [x])
    found = evaluate(derivative.program, values)
    expected, slope = theirs(values)
    np.testing.assert_allclose(found[losses], expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[derivative.gradient(x)], slope, rtol=1e-9, atol=1e-12)
    assert found[losses][4] == 0 and not slope[4].any()  # 1, 2, 2 needs four steps


@pytest.mark.torch
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_random_labels_and_lengths(data: st.DataObject) -> None:
    steps, count, classes = (data.draw(st.integers(low, 5)) for low in (1, 1, 2))
    blank, samples = data.draw(st.integers(0, classes - 1)), 3
    symbol = st.integers(0, classes - 1).filter(lambda label: label != blank)
    values = {
        "x": logits(samples, steps, classes, data.draw(st.integers(0, 99))),
        "labels": np.array([[data.draw(symbol) for _ in range(count)] for _ in range(samples)]),
        "inputs": np.array([data.draw(st.integers(1, steps)) for _ in range(samples)]),
        "counts": np.array([data.draw(st.integers(0, count)) for _ in range(samples)]),
    }
    x, labels = symbols(classes, data.draw(st.sampled_from([S, count])))
    losses = ctc(x, labels, **LENGTHS, blank=blank, zero_infinity=True, reduction="none")
    derivative = differentiate(losses.sum(), [x])
    found = evaluate(derivative.program, values)
    expected, slope = theirs(values, blank=blank)
    np.testing.assert_allclose(found[losses], expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[derivative.gradient(x)], slope, rtol=1e-9, atol=1e-11)


@pytest.mark.torch
def test_labels_that_do_not_fit_cost_infinity() -> None:
    x, labels = symbols(4)
    values = {"x": logits(6, 7, 4), **MIXED}
    losses = ctc(x, labels, **LENGTHS, reduction="none")
    derivative = differentiate(losses.sum(), [x])
    found = evaluate(derivative.program, values)
    np.testing.assert_allclose(found[losses], theirs(values, zero_infinity=False)[0], rtol=1e-10)
    assert np.isinf(found[losses][4])
    assert np.isfinite(found[derivative.gradient(x)]).all()


def test_a_mean_over_whole_sequences_and_either_layout() -> None:
    x, labels = symbols(4, 2)
    turned = tensor("x", (T, N, 4))
    data, marks = logits(3, 6, 4), np.array([[1, 1], [2, 3], [3, 2]])
    one, two = ctc(x, labels), ctc(turned, labels, time_first=True)
    each = ctc(x, labels, reduction="none")
    first = evaluate(collect([one, each]), {"x": data, "labels": marks})
    second = evaluate(collect([two]), {"x": data.swapaxes(0, 1), "labels": marks})
    np.testing.assert_allclose(second[two], first[one], rtol=1e-13)
    np.testing.assert_allclose(first[each].mean(), first[one], rtol=1e-13)
    assert one.name == "L"


def test_one_label_in_one_step_is_a_cross_entropy() -> None:
    x, labels = symbols(4, 1)
    data, marks = logits(3, 1, 4), np.array([[1], [2], [3]])
    losses = ctc(x, labels, reduction="none")
    found = evaluate(collect([losses]), {"x": data, "labels": marks})[losses]
    rows = data[:, 0]
    expected = np.log(np.exp(rows).sum(1)) - rows[np.arange(3), marks[:, 0]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kernels(dtype: Literal["float64", "float32"]) -> None:
    x, labels = symbols(4)
    values = {"x": logits(6, 7, 4), **MIXED}
    values["x"][0] *= 1000
    loss = ctc(x, labels, **LENGTHS, zero_infinity=True)
    derivative = differentiate(loss, [x])
    reference = evaluate(derivative.program, values)
    value, slopes = compile(loss, wrt=[x], dtype=dtype)(**values)
    rtol = 1e-11 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(value, reference[loss], rtol=rtol)
    np.testing.assert_allclose(slopes["x"], reference[derivative.gradient(x)], rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("name", "wrong"), [("counts", 4), ("labels", 4), ("labels", -1)])
def test_positions_are_checked(name: str, wrong: int) -> None:
    x, labels = symbols(4)
    values = {"x": logits(6, 7, 4), **MIXED, name: np.full_like(MIXED[name], wrong)}
    with pytest.raises(ArgumentError):
        compile(ctc(x, labels, **LENGTHS), target="python")(**values)


def test_second_derivatives() -> None:
    x, labels = symbols(3)
    weight = tensor("weight", x.shape)
    loss = ctc(x, labels, **LENGTHS, zero_infinity=True)
    inner = (grad(loss, x) * weight).sum()
    second = differentiate(inner, [x])
    values: dict[str, Any] = {
        "x": logits(2, 4, 3, 1),
        "weight": logits(2, 4, 3, 2),
        "labels": np.array([[1, 1], [2, 1]]),
        "inputs": np.array([4, 3]),
        "counts": np.array([2, 1]),
    }
    program = collect([inner])
    numeric = central_gradient(lambda at: float(evaluate(program, at)[inner]), values, wrt=["x"])
    found = evaluate(second.program, values)[second.gradient(x)]
    np.testing.assert_allclose(found, numeric["x"], rtol=1e-7, atol=1e-8)


def test_any_length_is_one_program() -> None:
    counts = set()
    for steps in (10, 10_000, T):
        x, labels = tensor("x", (N, steps, 4)), tensor("labels", (N, 3), dtype="int64")
        program = differentiate(ctc(x, labels, **LENGTHS), [x]).program
        lowered = lower(program)
        counts.add((len(program.equations), len(lowered.kernels), len(lowered.calls)))
    assert len(counts) == 1


@pytest.mark.parametrize(
    ("labels", "options", "error", "words"),
    [
        (tensor("l", (N, 3)), {}, ExpressionError, "no integers"),
        (tensor("l", (7, 3), dtype="int64"), {}, ShapeError, "labels do not fit"),
        (tensor("l", (N,), dtype="int64"), {}, ShapeError, "labels do not fit"),
        (tensor("l", (N, 3), dtype="int64"), {"blank": 4}, ExpressionError, "blank"),
        (tensor("l", (N, 3), dtype="int64"), {"input_lengths": tensor("a", (N,))}, ExpressionError, "length"),
        (
            tensor("l", (N, 3), dtype="int64"),
            {"label_lengths": tensor("a", (4,), dtype="int64")},
            ShapeError,
            "label length",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    labels: Tensor, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ctc(tensor("x", (N, T, 4)), labels, **options)


@pytest.mark.torch
def test_the_mean_is_over_samples_and_pytorchs_can_be_had() -> None:
    lib = pytest.importorskip("torch")
    x, labels = symbols(4)
    each = ctc(x, labels, **LENGTHS, zero_infinity=True, reduction="none")
    mean = ctc(x, labels, **LENGTHS, zero_infinity=True)
    at = {"x": logits(6, 7, 4), **MIXED}
    given = lib.tensor(at["x"]).log_softmax(2).transpose(0, 1)
    others = [lib.tensor(at[name]) for name in ("labels", "inputs", "counts")]
    pytorch = lib.nn.functional.ctc_loss(given, *others, zero_infinity=True)
    np.testing.assert_allclose(compile((each / maximum(LABELS, 1)).mean())(**at), pytorch.item())
    np.testing.assert_allclose(compile(mean)(**at), compile(each)(**at).mean())
