"""Tensors in the ONNX format.

Enters: tensors and the values of their parameters, or a model, which tells them. Leaves: a ``ModelProto``,
in a file if there is a path. Names and variable sizes are kept. What has no counterpart is named,
all at once, in an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from symdl.errors import ExpressionError, require_extra
from symdl.express.dims import Dim
from symdl.express.equations import Equation
from symdl.express.modes import inference
from symdl.express.ordering import Recurrence
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.files import replacing
from symdl.onnx.nodes import Unsupported, refusal
from symdl.onnx.writing.equations import written
from symdl.onnx.writing.layout import Grid
from symdl.onnx.writing.nodes import Graph, Made
from symdl.onnx.writing.scans import Scan
from symdl.onnx.writing.steps import Step

OPSET, FORMAT = 18, 9
"""The operators' version, and that of the files: from 2022 and 2023, so that most tools read them."""


class Writable(Protocol):
    """What writes itself, as a `symdl.Model` does: it knows its outputs and their values."""

    def to_onnx(
        self, path: str | os.PathLike[str] | None, *, values: Mapping[str, Any] | None, dtype: str | None
    ) -> Any:
        """Write it; arguments are those of the function below."""


def to_onnx(
    outputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor] | Writable,
    path: str | os.PathLike[str] | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> Any:
    """Write tensors or a model in the ONNX format: ``sd.to_onnx(model, "model.onnx")``.

    Gradients are tensors, too: ``sd.to_onnx([loss, sd.grad(loss, W)], "step.onnx", values=...)``. Matrix
    products, convolutions, pools and softmax become operators of their own, any other equation what it means:
    gathers, elementwise operators, a reduction; a recurrence is one Scan. Layers stand in their
    inference form.

    Args:
        outputs: a model, for which `symdl.Model.to_onnx` is called, or tensors; by name, if outputs shall be
            called otherwise than the tensors.
        path: the file; None only returns the model.
        values: the array of each parameter and state by name; of a model its own.
        dtype: of real numbers, ``"float32"`` or ``"float64"``; by default that of the model, or float32.

    Returns:
        The ``ModelProto``.

    Raises:
        ExpressionError: functions or matrix decompositions that have no counterpart; parameters
            without values.
        MissingExtraError: the package ``onnx`` is not installed.
        DataError: the file cannot be written.
    """
    if not isinstance(outputs, Tensor | Sequence | Mapping):
        return outputs.to_onnx(path, values=values, dtype=dtype)
    onnx = require_extra("onnx", "onnx")
    if isinstance(outputs, Tensor):
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
        recurrences = {r.equations: r for r in self.program.recurrences}
        for group in self.program.groups:
            reads = {t for e in group for t in e.reads()}
            if missing.isdisjoint(reads):
                found = self.scanned(recurrences[group]) if group in recurrences else self.written(*group)
                self.made |= found or {}
            missing.update(e.lhs for e in group if e.lhs not in self.made)

    def written(self, equation: Equation) -> dict[Tensor, Made] | None:
        """Write one equation; what it defines, or None where it has no counterpart."""
        name = self.program.names[equation.lhs]
        value = self.value(self.graph, equation, self.made.__getitem__, name)
        return {equation.lhs: self.graph.named(value, name)} if value is not None else None

    def scanned(self, recurrence: Recurrence) -> dict[Tensor, Made] | None:
        """Write a recurrence; what is read of it, or None where a step has no counterpart."""
        scan = Scan(self.graph, Step(recurrence), self.made.__getitem__)
        for member, equation in zip(recurrence.equations, scan.step.equations, strict=True):
            if scan.ready(equation):
                name = self.program.names[member.lhs]
                value = self.value(scan.body, equation, scan.value, name)
                if value is not None:
                    scan.made[equation.lhs] = scan.body.named(value, scan.body.fresh(name))
        if not scan.complete:
            return None
        others = (e for e in self.program.equations if e.lhs not in recurrence.axes)
        read = {*self.program.outputs, *(t for e in others for t in e.reads())}
        outside = Grid(self.graph, recurrence.equations[0], self.made.__getitem__, self.size)
        return scan.close(outside, {t: self.program.names[t] for t in recurrence.axes if t in read})

    def value(
        self, graph: Graph, equation: Equation, tensor: Callable[[Tensor], Made], name: str
    ) -> Made | None:
        """Write the right side of an equation; where it has no counterpart, note it under this name."""
        try:
            return written(Grid(graph, equation, tensor, self.size))
        except Unsupported as error:
            self.wrong.setdefault(str(error), []).append(name)
            return None

    def output(self, tensor: Tensor, name: str | None) -> Any:
        """Return the description of an output, under its name or another."""
        made = self.made[tensor]
        if tensor in self.program.inputs and name in (None, made.name):
            name = self.graph.fresh(made.name)  # an output that is given: a value of its own
        if name is not None and name != made.name:
            self.graph.node("Identity", made, to=name)
        return self.graph.described(tensor, name or made.name)

    def given(self, tensor: Tensor) -> None:
        """Declare what has a value: an input, or an array."""
        name = self.program.names[tensor]
        if tensor.role == "input":
            self.inputs.append(self.graph.described(tensor, name))
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

    def size(self, dim: Dim) -> Made:
        """Return a variable size as a number, read off an input that shows it."""
        for tensor in self.program.inputs:
            if tensor.role == "input" and dim in tensor.shape:
                axis = tensor.shape.index(dim)
                shape = self.graph.node("Shape", self.made[tensor], kind="int64", start=axis, end=axis + 1)
                return self.graph.node("Squeeze", shape, self.graph.whole([0]))
        raise Unsupported(f"the size {dim}, which no axis of an input shows alone")
