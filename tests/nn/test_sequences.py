"""Sequences of different lengths, both directions, final states and cut gradients, against PyTorch."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.check.central import central_gradient
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.gradients import grad
from symdl.errors import ArgumentError, ExpressionError, ShapeError
from symdl.express.build import parameter, parameters, tensor
from symdl.express.conditions import Condition
from symdl.express.dims import Dim
from symdl.express.operators import axis_indices
from symdl.express.program import collect
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.nn import bidirectional, gru, last_state, lstm, rnn, sequence_mask
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate
from tests.lowering import lower
from tests.nn.agreement import agrees, torch

N, T = Dim("n"), Dim("T")
UNITS, FEATURES = 3, 2
LAYERS: dict[str, Any] = {"rnn": rnn, "lstm": lstm, "gru": gru}
LENGTHS = np.array([5, 1, 3, 4])


def states(result: Any) -> Tensor:
    """The outputs of a layer: the first trajectory of an LSTM."""
    return result if isinstance(result, Tensor) else result[0]


def arrays(tensors: Any, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {str(t.name): rng.normal(size=t.shape) for t in tensors}


def packed(kind: str, lengths: Any) -> Any:
    """PyTorch's module on a packed sequence, both directions, as a function of inputs and our weights."""
    lib = torch()

    def run(x: Any, **weights: Any) -> Any:
        module = {"rnn": lib.nn.RNN, "lstm": lib.nn.LSTM, "gru": lib.nn.GRU}[kind](
            FEATURES, UNITS, batch_first=True, bidirectional=True, dtype=lib.float64
        )
        places = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": "bias_ih_l0", "d": "bias_hh_l0"}
        values = {name: lib.zeros_like(p) for name, p in module.named_parameters()}
        for name, value in weights.items():
            _, direction, letter = name.split("_")
            values[places[letter] + ("_reverse" if direction == "backward" else "")] = (
                value.T if value.ndim == 2 else value
            )
        sequence = lib.nn.utils.rnn.pack_padded_sequence(
            x, lib.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        found, last = lib.func.functional_call(module, values, (sequence,))
        output, _ = lib.nn.utils.rnn.pad_packed_sequence(found, batch_first=True, total_length=x.shape[1])
        last = last[0] if kind == "lstm" else last
        return output, lib.cat([last[0], last[1]], 1)

    return run


@pytest.mark.torch
@pytest.mark.parametrize("kind", LAYERS)
def test_packed_sequences_have_the_same_states(kind: str) -> None:
    x, lengths = tensor("x", (N, T, FEATURES)), tensor("lengths", (N,), dtype="int64")
    h = states(bidirectional(LAYERS[kind], x, UNITS, name="r", lengths=lengths))
    learned = parameters(h)
    values = {**arrays(learned), "x": np.random.default_rng(1).normal(size=(4, 5, FEATURES))}
    outside = packed(kind, LENGTHS)
    final = last_state(h, bidirectional=True)

    def last(x: Any, lengths: Any, **weights: Any) -> Any:
        return outside(x, **weights)[1]

    def valid(x: Any, lengths: Any, **weights: Any) -> Any:
        return outside(x, **weights)[0]

    agrees(final, last, [x, *learned], {**values, "lengths": LENGTHS})
    counts = sequence_mask(lengths, T)
    agrees(zero_outside(counts, h), valid, [x, *learned], {**values, "lengths": LENGTHS})


def zero_outside(counts: Condition, h: Tensor) -> Tensor:
    n, t, j = axis_indices(3)
    body = sp.Piecewise((h.at(n, t, j), counts.at((n, t))), (0, True))
    return define(None, (n, t, j), body, shape=h.shape)


def differences(loss: Tensor, wrt: list[Tensor], values: dict[str, Any]) -> dict[str, Any]:
    program = collect([loss])
    return central_gradient(
        lambda at: float(evaluate(program, at)[loss]), values, wrt=[str(t.name) for t in wrt]
    )


@pytest.mark.parametrize("kind", LAYERS)
def test_what_is_past_the_end_has_no_influence(kind: str) -> None:
    x, lengths = tensor("x", (N, T, FEATURES)), tensor("lengths", (N,), dtype="int64")
    h = states(LAYERS[kind](x, UNITS, name="r", lengths=lengths))
    loss = (last_state(h) ** 2).sum()
    values = {**arrays(parameters(loss)), "lengths": LENGTHS}
    data = np.random.default_rng(1).normal(size=(4, 5, FEATURES))
    derivative = differentiate(loss, [x])
    spoiled = np.where(np.arange(5)[:, None] < LENGTHS[:, None, None], data, 1e6)
    one = evaluate(derivative.program, {**values, "x": data})
    two = evaluate(derivative.program, {**values, "x": spoiled})
    np.testing.assert_array_equal(one[loss], two[loss])
    slope = two[derivative.gradient(x)]
    np.testing.assert_array_equal(one[derivative.gradient(x)], slope)
    assert all(not slope[n, length:].any() and slope[n, :length].all() for n, length in enumerate(LENGTHS))
    for n, length in enumerate(LENGTHS):  # held, so the last step is the last of each sequence
        found = evaluate(collect([h]), {**values, "x": data})[h][n]
        np.testing.assert_array_equal(found[length:], np.broadcast_to(found[-1], found[length:].shape))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("time_first", [False, True])
def test_a_mask_says_the_same_as_lengths(reverse: bool, time_first: bool) -> None:
    shape = (T, N, FEATURES) if time_first else (N, T, FEATURES)
    x, lengths = tensor("x", shape), tensor("lengths", (N,), dtype="int64")
    mask = tensor("mask", shape[:2], dtype="int64")
    options: dict[str, Any] = {"name": "r", "time_first": time_first, "reverse": reverse}
    one, two = gru(x, UNITS, lengths=lengths, **options), gru(x, UNITS, mask=mask, **options)
    values = arrays(parameters(one))
    values["x"] = np.random.default_rng(1).normal(size=(5, 4, 2) if time_first else (4, 5, 2))
    steps = np.arange(5) < LENGTHS[:, None]
    first = evaluate(collect([one]), {**values, "lengths": LENGTHS})[one]
    second = evaluate(collect([two]), {**values, "mask": steps.T if time_first else steps})[two]
    np.testing.assert_array_equal(first, second)
    ends = last_state(one, reverse=reverse, time_first=time_first)
    np.testing.assert_array_equal(
        evaluate(collect([ends]), {**values, "lengths": LENGTHS})[ends],
        np.moveaxis(first, 0, 1)[:, 0 if reverse else -1] if time_first else first[:, 0 if reverse else -1],
    )


def test_final_states_of_states_that_are_not_held() -> None:
    h, lengths = tensor("h", (N, T, 4)), tensor("lengths", (N,), dtype="int64")
    data = np.random.default_rng(0).normal(size=(4, 5, 4))
    picked = last_state(h, lengths=lengths)
    both = last_state(h, lengths=lengths, bidirectional=True)
    found = evaluate(collect([picked, both]), {"h": data, "lengths": LENGTHS})
    np.testing.assert_array_equal(found[picked], data[np.arange(4), LENGTHS - 1])
    expected = np.concatenate([data[np.arange(4), LENGTHS - 1, :2], data[:, 0, 2:]], 1)
    np.testing.assert_array_equal(found[both], expected)


@pytest.mark.parametrize(
    ("kind", "reverse", "dtype"),
    [("rnn", True, "float64"), ("lstm", False, "float32"), ("gru", False, "float64")],
)
def test_kernels_of_masked_layers(kind: str, reverse: bool, dtype: Literal["float32", "float64"]) -> None:
    x, lengths = tensor("x", (N, T, FEATURES)), tensor("lengths", (N,), dtype="int64")
    h = states(LAYERS[kind](x, UNITS, name="r", lengths=lengths, reverse=reverse, truncate=3))
    loss = (h**3).sum()
    learned = parameters(loss)
    values = {**arrays(learned), "x": np.random.default_rng(1).normal(size=(4, 5, FEATURES))}
    values["lengths"] = LENGTHS
    derivative = differentiate(loss, [*learned, x])
    reference = evaluate(derivative.program, values)
    rtol = 1e-11 if dtype == "float64" else 2e-4
    value, slopes = compile(loss, wrt=[*learned, x], dtype=dtype)(**values)
    np.testing.assert_allclose(value, reference[loss], rtol=rtol)
    for p in (*learned, x):
        expected = reference[derivative.gradient(p)]
        np.testing.assert_allclose(slopes[str(p.name)], expected, rtol=rtol, atol=rtol * 10)


@pytest.mark.torch
@pytest.mark.parametrize("every", [1, 2, 3, 9])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_is_cut_every_so_many_steps(every: int, reverse: bool) -> None:
    lib = torch()
    x, start = tensor("x", (N, T, FEATURES)), tensor("start", (UNITS,))
    h = rnn(x, UNITS, name="r", truncate=every, reverse=reverse, initial=start)

    def outside(x: Any, start: Any, r_W: Any, r_U: Any, r_b: Any) -> Any:
        state, found = start.expand(4, UNITS), {}
        for number, t in enumerate(reversed(range(5)) if reverse else range(5)):
            if number and number % every == 0:
                state = state.detach()
            state = found[t] = lib.tanh(x[:, t] @ r_W + r_b + state @ r_U)
        return lib.stack([found[t] for t in range(5)], 1)

    learned = parameters(h)
    values = {**arrays([*learned, start]), "x": np.random.default_rng(1).normal(size=(4, 5, FEATURES))}
    agrees(h, outside, [x, start, *learned], values)


def test_truncation_at_any_length_is_one_program() -> None:
    counts = set()
    for steps in (10, 10_000, T):
        x, lengths = tensor("x", (N, steps, FEATURES)), tensor("lengths", (N,), dtype="int64")
        h = states(lstm(x, UNITS, name="r", truncate=7, lengths=lengths))
        loss = (h * h).sum()
        program = differentiate(loss, parameters(loss)).program
        lowered = lower(program)
        counts.add((len(program.equations), len(lowered.kernels), len(lowered.calls)))
    assert len(counts) == 1


@pytest.mark.parametrize("shape", [(UNITS,), (4, UNITS)])
def test_an_initial_state_is_learned(shape: tuple[int, ...]) -> None:
    x, lengths = tensor("x", (4, 3, FEATURES)), tensor("lengths", (4,), dtype="int64")
    start = parameter("start", shape)
    h, c = lstm(x, UNITS, name="r", lengths=lengths, initial=(start, start))
    loss = (last_state(h) ** 2 + last_state(c)).sum()
    values = {**arrays([start, x, *parameters(loss)]), "lengths": np.array([3, 1, 2, 0])}
    assert start in parameters(loss)
    derivative = differentiate(loss, [start])
    numeric = differences(loss, [start], values)["start"]
    found = evaluate(derivative.program, values)[derivative.gradient(start)]
    np.testing.assert_allclose(found, numeric, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("reverse", [False, True])
def test_second_derivatives_through_masked_steps(reverse: bool) -> None:
    x, lengths = tensor("x", (2, 3, FEATURES)), tensor("lengths", (2,), dtype="int64")
    h = rnn(x, UNITS, name="r", lengths=lengths, reverse=reverse)
    loss = (h**2).sum()
    (w, u, b) = parameters(loss)
    weight = tensor("weight", u.shape)
    inner = (grad(loss, u) * weight).sum()
    second = differentiate(inner, [u, w, x])
    values = arrays([w, u, b, x, weight], 3)
    values["lengths"] = np.array([3, 1])
    found = evaluate(second.program, values)
    numeric = differences(inner, [u, w, x], values)
    for t in (u, w, x):
        np.testing.assert_allclose(found[second.gradient(t)], numeric[str(t.name)], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"lengths": tensor("l", (N,))}, ExpressionError, "no lengths"),
        ({"lengths": tensor("l", (7,), dtype="int64")}, ShapeError, "lengths do not fit"),
        ({"mask": tensor("m", (N, 3), dtype="int64")}, ShapeError, "mask do not fit"),
        (
            {"mask": tensor("m", (N, T), dtype="int64"), "lengths": tensor("l", (N,), dtype="int64")},
            ExpressionError,
            "two ways",
        ),
        ({"truncate": 0}, ExpressionError, "truncate=0"),
        ({"initial": tensor("s", (N, 2))}, ShapeError, "initial value"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        rnn(tensor("x", (N, T, FEATURES)), 3, name="r", **options)


def test_final_states_need_states() -> None:
    with pytest.raises(ShapeError, match="three axes"):
        last_state(tensor("h", (N, 4)))
    with pytest.raises(ShapeError, match="halves"):
        last_state(tensor("h", (N, T, 5)), bidirectional=True)


@pytest.mark.parametrize("layer", [rnn, gru, lstm])
@pytest.mark.parametrize("wrong", [-1, 7])
def test_lengths_outside_the_axis_are_refused_by_calls_training_and_prediction(
    layer: Any, wrong: int
) -> None:
    n, T = Dim("n"), Dim("T")
    x, lengths, y = tensor("x", (n, T, 2)), tensor("lengths", (n,), dtype="int64"), tensor("y", (n,))
    h = layer(x, 3, name="r", lengths=lengths)
    last = last_state(states(h))
    model = sd.Model(((last.sum(1) - y) ** 2).mean(), output=last)
    data = {"x": np.ones((3, 6, 2)), "lengths": [0, 6, 3], "y": np.ones(3)}
    model.fit(data, optimizer=sd.nn.SGD(0.1))
    bad = data | {"lengths": [0, 6, wrong]}
    with pytest.raises(ArgumentError, match=rf"lengths holds {wrong} at \(2,\), outside 0..6"):
        model.fit(bad, optimizer=sd.nn.SGD(0.1))
    with pytest.raises(ArgumentError, match=f"lengths holds {wrong}"):
        model.predict(x=bad["x"], lengths=bad["lengths"])
    with pytest.raises(ArgumentError, match=f"lengths holds {wrong}"):
        sd.compile(last)(x=bad["x"], lengths=bad["lengths"], **model.parameters)
    assert "lengths[i] > t" in str(sd.derive(model.loss, "r.U"))
