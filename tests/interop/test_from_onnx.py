"""Models of the ONNX format become networks: names, sizes, weights, training, errors, hostile files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DataError, ExpressionError

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.onnx
RNG = np.random.default_rng(0)


def weights(**arrays: Any) -> list[Any]:
    return [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]


def model(nodes: list[Any], inputs: dict[str, list[Any]], outputs: list[str], **arrays: Any) -> Any:
    def info(name: str, shape: Any) -> Any:
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [info(name, shape) for name, shape in inputs.items()],
        [info(name, None) for name in outputs],
        weights(**arrays),
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)


def node(op: str, inputs: str, output: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(op, inputs.split(), output.split(), **attributes)


def perceptron() -> Any:
    return model(
        [
            node("Gemm", "x first.weight first.bias", "z", transB=1),
            node("Relu", "z", "h"),
            node("Gemm", "h second.weight second.bias", "logits"),
        ],
        {"x": ["batch", 4]},
        ["logits"],
        **{
            "first.weight": RNG.normal(size=(5, 4)).astype("float32"),
            "first.bias": RNG.normal(size=5).astype("float32"),
            "second.weight": RNG.normal(size=(5, 3)).astype("float32"),
            "second.bias": np.zeros(3, "float32"),
        },
    )


def reference(proto: Any, **inputs: Any) -> Any:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(proto).run(None, inputs)


def test_a_network_keeps_names_sizes_and_weights() -> None:
    proto = perceptron()
    net = sd.from_onnx(proto.SerializeToString())
    assert list(net.inputs) == ["x"]
    assert net.inputs["x"].shape == (sd.Dim("batch"), 4)
    assert net.output.name == "logits"
    assert list(net.values) == [p.name for p in sd.parameters(net.output)]
    assert set(net.values) == {"first.weight", "first.bias", "second.weight", "second.bias"}
    x = RNG.normal(size=(7, 4)).astype("float32")
    found = sd.compile(net.output, dtype="float32", target="python")(x=x, **net.values)
    np.testing.assert_allclose(found, reference(proto, x=x)[0], rtol=1e-5, atol=1e-6)


def test_its_gradients_are_derived_and_printed() -> None:
    net = sd.from_onnx(perceptron())
    t = sd.tensor("t", (sd.Dim("batch"),), dtype="int64")
    text = str(sd.derive(sd.nn.cross_entropy(net.output, t), "first.weight"))
    assert "first.weight" in text and "chain rule through relu" in text


def test_a_model_starts_with_the_weights_of_the_file_and_learns() -> None:
    net = sd.from_onnx(perceptron())
    t = sd.tensor("t", (sd.Dim("batch"),), dtype="int64")
    trained = sd.Model(sd.nn.cross_entropy(net.output, t), output=net.output, target="python")
    for name, array in net.values.items():
        np.testing.assert_array_equal(trained.parameters[name], array)
    data = {"x": RNG.normal(size=(30, 4)), "t": RNG.integers(0, 3, 30)}
    before = trained.evaluate(data)["loss"]
    trained.fit(data, optimizer=sd.nn.Adam(0.05), epochs=10, progress=False)
    assert trained.evaluate(data)["loss"] < before


def test_shapes_that_are_computed_keep_their_symbols() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n"),
        node("Unsqueeze", "n zeros", "first"),
        node("Concat", "first rest", "shape", axis=0),
        node("Reshape", "x shape", "y"),
    ]
    proto = model(nodes, {"x": ["n", 6]}, ["y"], zero=np.int64(0), zeros=np.array([0]), rest=np.array([2, 3]))
    assert sd.from_onnx(proto).output.shape == (sd.Dim("n"), 2, 3)


def test_a_branch_that_is_known_is_taken() -> None:
    def branch(op: str) -> Any:
        info = onnx.helper.make_tensor_value_info("inner", 1, None)
        return onnx.helper.make_graph([node(op, "x", "inner")], op, [], [info])

    nodes = [node("If", "yes", "y", then_branch=branch("Exp"), else_branch=branch("NonZero"))]
    net = sd.from_onnx(model(nodes, {"x": [2]}, ["y"], yes=np.bool_(True)))
    found = sd.compile(net.output, target="python")(x=np.array([0.0, 1.0]))
    np.testing.assert_allclose(found, [1, np.e])


def test_what_has_no_counterpart_is_named_all_at_once() -> None:
    nodes = [
        node("NonZero", "x", "a"),
        node("IsNaN", "x", "b"),
        node("Cast", "b", "c", to=1),
        node("GRU", "x w r", "d", hidden_size=2, clip=3.0),
        node("LpPool", "c", "e", kernel_shape=[1], auto_pad="VALID"),
        node("Bernoulli", "c", "f"),
    ]
    proto = model(
        nodes,
        {"x": [2, 3, 4]},
        ["a", "e", "f"],
        w=np.ones((1, 6, 4), "float32"),
        r=np.ones((1, 6, 2), "float32"),
    )
    with pytest.raises(ExpressionError, match="no counterpart") as caught:
        sd.from_onnx(proto)
    for text in ("NonZero", "IsNaN", "Bernoulli", "attribute clip"):
        assert text in str(caught.value)


def test_what_a_file_says_is_never_passed_over() -> None:
    proto = model([node("Relu", "x", "y")], {"x": [2]}, ["y"])
    assert sd.from_onnx(proto).output.shape == (2,)
    other = model([node("Cast", "x", "y", to=1, saturate=0)], {"x": [2]}, ["y"])
    with pytest.raises(ExpressionError, match="attribute saturate"):
        sd.from_onnx(other)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\xff" * 40, b"\x08\x0a\x3a\x7f"])
def test_bytes_that_are_no_model(content: bytes) -> None:
    with pytest.raises(DataError):
        sd.from_onnx(content)


def test_damaged_files_raise_errors_of_their_own() -> None:
    whole = perceptron().SerializeToString()
    rng = np.random.default_rng(1)
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(0, 256)
        try:
            sd.from_onnx(bytes(content))
        except sd.SymdlError:
            continue


@pytest.mark.parametrize("kind", ["nothing", "list"])
def test_what_is_no_file(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        sd.from_onnx(tmp_path / "nothing" if kind == "nothing" else [1])


def beside(folder: Path, where: str, length: int | None = None) -> Path:
    """A model whose weights are said to lie in another file."""
    proto = perceptron()
    array = proto.graph.initializer[0]
    said = {"location": where, "length": str(len(array.raw_data) if length is None else length)}
    for key, value in said.items():
        entry = array.external_data.add()
        entry.key, entry.value = key, value
    (folder / "weights").write_bytes(array.raw_data)
    array.ClearField("raw_data")
    array.data_location = onnx.TensorProto.EXTERNAL
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_arrays_in_a_file_beside_the_model(tmp_path: Path) -> None:
    net = sd.from_onnx(beside(tmp_path, "weights"))
    assert net.values["first.weight"].shape == (5, 4)
    with pytest.raises(DataError, match="pass the model's path"):
        sd.from_onnx((tmp_path / "model.onnx").read_bytes())


@pytest.mark.parametrize("where", ["../secret", "/etc/passwd", "link", "", "sub/../../secret"])
def test_nothing_outside_of_the_folder_is_read(where: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(80))
    os.symlink(tmp_path / "secret", folder / "link")
    with pytest.raises(DataError, match="outside the folder"):
        sd.from_onnx(beside(folder, where))


@pytest.mark.parametrize("length", [0, 79, 10**15, -1])
def test_lengths_that_do_not_fit(length: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        sd.from_onnx(beside(tmp_path, "weights", length))


def test_huge_shapes_cost_nothing() -> None:
    nodes = [node("ConstantOfShape", "s", "y"), node("Add", "x y", "z")]
    proto = model(nodes, {"x": [1]}, ["z"], s=np.array([10**12]))
    assert sd.from_onnx(proto).output.shape == (10**12,)
