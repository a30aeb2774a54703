"""Tensors and models in the ONNX format.

Enters: tensors or a model, and the values of their parameters. Leaves: a ``ModelProto``, in a file if there
is a path. Names and variable sizes are kept. What has no counterpart is named in one error, all at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.errors import ExpressionError, require_extra
from symdl.express.dims import Dim, Extent
from symdl.express.modes import inference
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.files import replacing
from symdl.interop.onnx.nodes import Unsupported
from symdl.interop.onnx.reading import refusal
from symdl.interop.onnx.writing.equations import written
from symdl.interop.onnx.writing.layout import Grid
from symdl.interop.onnx.writing.nodes import Graph, Made
from symdl.train.model import Model

OPSET, FORMAT = 18, 9
"""The operators' version, and that of the files: from 2022 and 2023, so that most tools read them."""


def to_onnx(
    outputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor] | Model,
    path: str | os.PathLike[str] | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> Any:
    """Write tensors or a model in the ONNX format: ``sd.to_onnx(model, "model.onnx")``.

    Gradients are tensors, too: ``sd.to_onnx([loss, sd.grad(loss, W)], "step.onnx", values=...)``. Matrix
    products, convolutions, pools and softmax become operators of their own, any other equation what it means:
    gathers, elementwise operators, a reduction. Layers stand in their inference form.

    Args:
        outputs: a model, whose outputs and weights are written, or tensors; by name, if outputs shall be
            called otherwise than the tensors.
        path: the file; None only returns the model.
        values: the array of each parameter and state by name; of a model its own.
        dtype: of real numbers, ``"float32"`` or ``"float64"``; by default that of the model, or float32.

    Returns:
        The ``ModelProto``.

    Raises:
        ExpressionError: recurrences, functions or matrix decompositions that have no counterpart; parameters
            without values.
        MissingExtraError: the package ``onnx`` is not installed.
        DataError: the file cannot be written.
    """
    onnx = require_extra("onnx", "onnx")
    if isinstance(outputs, Model):
        values = {**outputs.parameters, **outputs.running, **(values or {})}
        dtype = dtype or outputs.dtype
        outputs = {name or str(t.name or "output"): t for name, t in outputs.outputs.items()}
        if not outputs:
            raise ExpressionError("this model has no output", cure="build it with Model(loss, output=...)")
    elif isinstance(outputs, Tensor):
        outputs = [outputs]
    names = list(outputs) if isinstance(outputs, Mapping) else None
    tensors = list(outputs.values() if isinstance(outputs, Mapping) else outputs)
    program = collect(inference(*tensors))
    if dtype not in (None, "float32", "float64"):
        raise ExpressionError(f"dtype={dtype!r}", cure="use 'float32' or 'float64'")
    writer = Writer(program, Graph(dtype or "float32"), values or {})
    proto = writer.model(names)
    onnx.checker.check_model(proto)
    if path is not None:
        with replacing(path) as file:
            file.write(proto.SerializeToString())
    return proto


@dataclass(slots=True)
class Writer:
    """A program that is being written."""

    program: Program
    graph: Graph
    values: Mapping[str, Any]
    made: dict[Tensor, Made] = field(default_factory=dict)
    inputs: list[Any] = field(default_factory=list)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def model(self, names: Sequence[str] | None) -> Any:
        """Return the model, whose outputs have these names."""
        from onnx import helper

        self.graph.taken |= {*self.program.names.values(), *(names or ())}
        for tensor in self.program.inputs:
            self.given(tensor)
        self.compute()
        if self.wrong:
            raise refusal("the ONNX format has no counterpart of", self.wrong, "leave these parts to symdl")
        outputs = [
            self.output(tensor, names[place] if names else None)
            for place, tensor in enumerate(self.program.outputs)
        ]
        nodes, arrays = self.graph.needed([entry.name for entry in outputs])
        graph = helper.make_graph(nodes, "symdl", self.inputs, outputs, arrays)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT, producer_name="symdl"
        )

    def compute(self) -> None:
        """Write the equations, and note those that have no counterpart."""
        missing = set[Tensor]()
        recurrent = {e.lhs for r in self.program.recurrences for e in r.equations}
        for equation in self.program.equations:
            name = self.program.names[equation.lhs]
            if equation.lhs in recurrent:
                self.wrong.setdefault("a recurrence", []).append(name)
            elif not missing.intersection(equation.reads()):
                try:
                    grid = Grid(self.graph, equation, self.made.__getitem__, self.size)
                    self.made[equation.lhs] = self.named(written(grid), name)
                    continue
                except Unsupported as error:
                    self.wrong.setdefault(str(error), []).append(name)
            missing.add(equation.lhs)

    def output(self, tensor: Tensor, name: str | None) -> Any:
        """Return the description of an output, under its name or another."""
        made = self.made[tensor]
        if tensor in self.program.inputs and name in (None, made.name):
            name = self.graph.fresh(made.name)  # an output that is given: a value of its own
        if name is not None and name != made.name:
            self.graph.node("Identity", made, to=name)
        return self.info(tensor, name or made.name)

    def named(self, value: Made, name: str) -> Made:
        """Return a value under the name of its tensor: that of the node that made it, if it has one only."""
        last = self.graph.nodes[-1] if self.graph.nodes else None
        if last is not None and list(last.output) == [value.name] and value.name in self.graph.taken:
            last.output[0] = name
            last.name = f"{last.op_type}:{name}"
            return Made(name, value.kind)
        return self.graph.node("Identity", value, to=name)

    def given(self, tensor: Tensor) -> None:
        """Declare what has a value: an input, or an array."""
        name = self.program.names[tensor]
        if tensor.role == "input":
            self.inputs.append(self.info(tensor, name))
            self.made[tensor] = Made(name, tensor.dtype)
            return
        array = tensor.value if tensor.value is not None else self.values.get(name)
        if array is None:
            cure = "pass values={...}, such as net.values or model.parameters"
            raise ExpressionError(f"the {tensor.role} {name} has no value", cure=cure)
        array = np.asarray(array)
        if array.shape != tuple(tensor.shape):
            raise ExpressionError(
                f"the value of {name} does not fit", shapes={"declared": tensor.shape, "value": array.shape}
            )
        made = self.graph.array(array.astype("float64" if tensor.dtype == "real" else "int64"), name)
        self.made[tensor] = Made(made.name, made.kind)

    def info(self, tensor: Tensor, name: str) -> Any:
        """Return the description of an input or output."""
        from onnx import TensorProto, helper

        real = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[self.graph.dtype]
        kind = real if tensor.dtype == "real" else TensorProto.INT64
        return helper.make_tensor_value_info(name, kind, [_axis(size) for size in tensor.shape])

    def size(self, dim: Dim) -> Made:
        """Return a variable size as a number, read off an input that shows it."""
        for tensor in self.program.inputs:
            if tensor.role == "input" and dim in tensor.shape:
                axis = tensor.shape.index(dim)
                shape = self.graph.node("Shape", self.made[tensor], kind="int64", start=axis, end=axis + 1)
                return self.graph.node("Squeeze", shape, self.graph.whole([0]))
        raise Unsupported(f"the size {dim}, which no axis of an input shows alone")


def _axis(size: Extent) -> int | str:
    return size if isinstance(size, int) else str(size)
