"""Tensors in the ONNX format compute what symdl computes, by the format's reference and by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DataError, ExpressionError
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs as interpreted

from ..totality.case import Case
from ..totality.table import CASES

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.onnx
n = sd.Dim("n")
RNG = np.random.default_rng(0)

WITHOUT = ("the function", "of a matrix", "the size")
"""What the format has no counterpart of; errors say so."""


def reference(proto: Any, feeds: Mapping[str, Any]) -> list[Any]:
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        return list(ReferenceEvaluator(proto).run(None, dict(feeds)))


def runtime(proto: Any, feeds: Mapping[str, Any]) -> list[Any]:
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(feeds)))


def operators(proto: Any) -> list[str]:
    return [node.op_type for node in proto.graph.node]


def agree(tensors: Sequence[sd.Tensor], values: Mapping[str, Any], *, both: bool = True) -> Any:
    """Write tensors, compute them by others, and compare."""
    program = collect(sd.inference(*tensors))
    inputs = [str(t.name) for t in program.inputs if t.value is None and t.role != "state"]
    states = {str(t.name): np.ones(t.shape) for t in program.inputs if t.role == "state"}
    own = {name: values[name] for name in inputs} | states
    dtype = "float32" if both else "float64"
    right = interpreted(program, own, dtype=dtype)
    proto = sd.to_onnx(tensors, values=own, dtype=dtype)
    feeds = {
        str(t.name): np.asarray(own[str(t.name)], "int64" if t.dtype == "int64" else dtype)
        for t in program.inputs
        if t.role == "input"
    }
    coarse = both or "Erf" in operators(proto)  # the reference computes it in float32
    rtol, atol = (1e-4, 1e-5) if coarse else (1e-9, 1e-9)
    runs = [reference, runtime] if both else [reference]
    for run in runs:
        for found, expected in zip(run(proto, feeds), right, strict=True):
            assert np.shape(found) == np.shape(expected)
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    return proto


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_operation(case: Case) -> None:
    size = case.sizes[0]
    built = case.build(size)
    try:
        agree(built.outputs, built.values(size), both=False)
    except ExpressionError as error:
        if "no counterpart" not in str(error) or not any(word in str(error) for word in WITHOUT):
            raise


def images() -> tuple[sd.Tensor, sd.Tensor, sd.Tensor]:
    """A small convolutional network: its input, labels, logits."""
    x, t = sd.tensor("x", (n, 2, 8, 8)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.conv2d(x, 4, kernel_size=3, padding=1, activation=sd.relu, name="conv")
    h = sd.nn.max_pool2d(h, 2)
    h = sd.nn.avg_pool2d(h, 2)
    return x, t, sd.nn.dense(h.flatten(1), 5, name="out")


def drawn(*tensors: sd.Tensor, size: int = 3) -> dict[str, Any]:
    """Values of everything that is given."""
    values = {}
    for tensor in collect(tensors).inputs:
        shape = [size if s == n else s for s in tensor.shape]
        whole = tensor.dtype == "int64"
        values[str(tensor.name)] = (
            RNG.integers(0, 3, shape) if whole else RNG.normal(size=shape).astype("float32")
        )
    return values


def test_what_the_format_has_is_recognised() -> None:
    _, _, logits = images()
    y = sd.softmax(logits)
    proto = agree([y], drawn(y))
    expected = "Conv Unsqueeze Add Relu MaxPool AveragePool Reshape MatMul Add Softmax"
    assert operators(proto) == expected.split()


def test_strides_dilations_and_paddings_of_windows() -> None:
    x, w = sd.tensor("x", (n, 3, 9, 10)), sd.tensor("w", (4, 3, 3, 2))
    y = sd.nn.convolution(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 3))
    assert operators(agree([y], drawn(y))) == ["Conv"]
    z = sd.nn.max_pool(x, (3, 2), stride=2, padding=1)
    assert operators(agree([z], drawn(z))) == ["MaxPool"]
    grouped = sd.nn.convolution(x, sd.tensor("v", (6, 1, 3, 3)), groups=3)
    agree([grouped], drawn(grouped))
    transposed = sd.nn.convolution(x, sd.tensor("u", (3, 2, 3, 3)), stride=2, transposed=True)
    agree([transposed], drawn(transposed))


def test_other_contractions_are_one_einsum() -> None:
    a, b, c = sd.tensor("a", (n, 3, 4)), sd.tensor("b", (4, 5, 3)), sd.tensor("c", (5, n))
    y = sd.einsum("nij,jki,km->nm", a, b, c)
    assert set(operators(agree([y], drawn(y)))) <= {"Einsum", "MatMul", "Transpose"}


def test_a_training_step_is_a_model_as_any_other() -> None:
    _, t, logits = images()
    loss = sd.nn.cross_entropy(logits, t)
    gradients = [sd.grad(loss, p) for p in sd.parameters(loss)]
    agree([loss, *gradients], drawn(loss))


def recurrent(kind: str, x: sd.Tensor) -> sd.Tensor:
    """A recurrence over the second axis of x."""
    if kind == "lstm":
        forward, cell = sd.nn.lstm(x, 3, name="a")
        return sd.concatenate([forward, cell, sd.nn.lstm(x, 3, name="b", reverse=True)[0]], 2)
    if kind == "gru":
        return sd.nn.gru(sd.nn.rnn(x, 4, name="a"), 3, name="b", reverse=True)
    i, j, k = sd.indices("i j k")
    if kind == "earlier steps":  # of the state two and three steps ago, and of what is given

        def step(before: sd.Tensor) -> sd.Tensor:
            older = sd.define(None, (i, j, k), sd.where(j >= 2, before[i, j - 2, k], 0), shape=x.shape)
            return sd.tanh(older - before * x + sd.flip(x, 1) * sd.arange(5)[:, None])

        return sd.recurrence(["h"], [x.shape], step, axis=1)[0]
    start = sd.parameter("start", (4,))
    step = lambda before: sd.tanh(before @ sd.parameter("U", (4, 4)) + x)  # noqa: E731
    return sd.recurrence(["h"], [x.shape], step, axis=1, initial=[start], truncate=2)[0]


@pytest.mark.parametrize("kind", ["lstm", "gru", "earlier steps", "truncated"])
def test_recurrences_and_their_gradients_are_scans(kind: str) -> None:
    x = sd.tensor("x", (n, 5, 4))
    y = recurrent(kind, x)
    loss = sd.mean(y**2)
    gradients = sd.grad(loss, [x, *sd.parameters(loss)])
    proto = agree([y, *gradients], drawn(loss))
    assert operators(proto).count("Scan") == (4 if kind in ("lstm", "gru") else 2)
    assert len(proto.graph.node) < 150  # no step is written twice


def test_the_number_of_steps_may_vary() -> None:
    x = sd.tensor("x", (sd.Dim("steps"), n, 4))
    h, _ = sd.nn.lstm(x, 3, name="l", time_first=True)
    y = sd.nn.dense(h[-1], 2, name="out")
    values = drawn(*sd.parameters(y))
    proto = sd.to_onnx(y, values=values)
    for steps in (1, 4):
        values["x"] = RNG.normal(size=(steps, 2, 4)).astype("float32")
        (right,) = interpreted(collect([y]), values, dtype="float32")
        for run in (reference, runtime):
            np.testing.assert_allclose(run(proto, {"x": values["x"]})[0], right, rtol=1e-4, atol=1e-5)


def test_there_and_back() -> None:
    x, _, logits = images()
    values = drawn(logits)
    proto = sd.to_onnx({"logits": logits}, values=values)
    net = sd.from_onnx(proto)
    assert list(net.inputs) == ["x"] and list(net.outputs) == ["logits"]
    assert net.inputs["x"].shape == x.shape and net.output.shape == logits.shape
    for name, array in net.values.items():
        np.testing.assert_array_equal(array, values[name])
    (found,) = interpreted(collect([net.output]), {"x": values["x"], **net.values}, dtype="float32")
    (right,) = interpreted(collect([logits]), values, dtype="float32")
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)


def test_a_model_goes_into_a_file_with_its_weights(tmp_path: Path) -> None:
    x, t = sd.tensor("x", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dropout(
        sd.nn.batch_norm(sd.nn.dense(x, 6, activation=sd.tanh, name="a"), name="bn"), 0.5, name="d"
    )
    logits = sd.nn.dense(h, 3, name="b")
    model = sd.Model(sd.nn.cross_entropy(logits, t), output=logits, target="python")
    model.to_onnx(tmp_path / "model.onnx")
    assert sd.to_onnx(model) == onnx.load(tmp_path / "model.onnx")
    data = RNG.normal(size=(5, 4)).astype("float32")
    (found,) = reference(onnx.load(tmp_path / "model.onnx"), {"x": data})
    np.testing.assert_allclose(found, model.predict(x=data), rtol=1e-4, atol=1e-5)
    with pytest.raises(DataError, match="cannot be written"):
        model.to_onnx(tmp_path / "no folder" / "model.onnx")


def test_what_the_format_has_not_is_named_all_at_once() -> None:
    x, m = sd.tensor("x", (n, 5, 4)), sd.tensor("m", (3, 3))
    y = sd.tensor("y", (n, 3, 3))
    (h,) = sd.recurrence(["h"], [y.shape], lambda before: sd.inv(m + y + before))
    found = {"s": sd.cumsum(sd.gamma(x)), "h": h, "sum": h + 1, "inverse": sd.inv(m, name="inverse")}
    with pytest.raises(
        ExpressionError, match=r"the function gamma \(t\d*\); the inverse of a matrix \(.*inv"
    ):
        sd.to_onnx(found, values=drawn(h))
    with pytest.raises(ExpressionError, match=r"the parameter a\.W has no value"):
        sd.to_onnx(sd.nn.dense(x, 3, name="a"))
