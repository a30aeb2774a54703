"""A model as equations.

Enters: a model of the ONNX format. Leaves: a `Network`: its inputs and outputs as tensors by name, its arrays
of real numbers as parameters, with their values. What has no counterpart is named in one error, all at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from symdl.errors import DataError, ExpressionError, SymdlError
from symdl.express.build import parameter
from symdl.express.constants import constant
from symdl.express.dims import Dim, Extent
from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.folding import folded, settled, shape_of
from symdl.onnx.loading import loaded
from symdl.onnx.nodes import Array, Node, Unsupported, Value, already, refusal
from symdl.onnx.operators.table import ADAPTERS, WITHOUT

REFUSED = "the model asks for what has no counterpart"
REALS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, slots=True)
class Network:
    """What a model computes, as tensors.

    Attributes:
        inputs: the tensors to be given, by the file's names.
        outputs: the tensors that are computed, by the file's names.
        values: the array of each parameter by name, as it stands in the file.
    """

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    values: Mapping[str, Array]

    @property
    def output(self) -> Tensor:
        """The output of a model that has one.

        Raises:
            ExpressionError: it has several.
        """
        if len(self.outputs) != 1:
            names = ", ".join(self.outputs)
            raise ExpressionError(f"this model has several outputs: {names}", cure="take outputs[name]")
        (found,) = self.outputs.values()
        return found


def from_onnx(source: Any, *, known: Mapping[str, Any] | None = None) -> Network:
    """Read a model of the ONNX format: ``net = sd.from_onnx("model.onnx")``.

    Its nodes become equations, from which gradients are derived, printed and compiled as from any others, and
    a `Model` that is built on them starts with the weights of the file:
    ``sd.Model(sd.nn.cross_entropy(net.output, t), output=net.output)``.

    Arrays of real numbers become parameters of the same names; those without axes, and the running statistics
    of batch norm, are constants. Axes of variable size become `Dim`. Truth values are zeros and ones.

    Args:
        source: a path, bytes, or a ``ModelProto``.
        known: values of inputs that a shape depends on, by name; they are constants then.

    Raises:
        DataError: the file is damaged, or refers to files outside of its folder.
        ExpressionError: operators without a counterpart, or what a node asks for; all of them are named.
        MissingExtraError: the package ``onnx`` is not installed.
    """
    model = loaded(source)
    given = {
        name: Value(partial(constant, array), array=np.asarray(array), fixed=True)
        for name, array in (known or {}).items()
    }
    return network(model, given)


def network(model: Any, given: Mapping[str, Value]) -> Network:
    """Return the network of a loaded model, some of whose inputs have values already."""
    reader = Reader({entry.domain: entry.version for entry in model.opset_import})
    graph = model.graph
    reader.initialize(graph)
    inputs = {}
    for entry in graph.input:
        if entry.name in given:
            reader.values[entry.name] = given[entry.name]
        elif entry.name not in reader.values:
            tensor = inputs[entry.name] = _declared(entry)
            reader.values[entry.name] = already(tensor)
    reader.run(graph)
    reader.refuse()
    outputs = {}
    for entry in graph.output:
        if entry.name not in reader.values:
            raise DataError(f"the output {entry.name!r} is not computed")
        outputs[entry.name] = reader.values[entry.name].tensor
    return Network(inputs, outputs, reader.parameters)


def _declared(entry: Any) -> Tensor:
    """Return the tensor of an input."""
    import onnx

    kind = entry.type.tensor_type
    if not entry.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise ExpressionError(f"the input {entry.name!r} is no array whose number of axes is known")
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    except KeyError as error:
        raise DataError(f"the input {entry.name!r} has no type") from error
    if dtype.kind not in "biu" and dtype.name not in REALS:
        raise ExpressionError(
            f"the input {entry.name!r} holds {dtype.name}, and here are real numbers and int64"
        )
    shape = [_extent(axis, f"{entry.name}_{k}") for k, axis in enumerate(kind.shape.dim)]
    return Tensor(entry.name, shape, dtype="int64" if dtype.kind in "biu" else "real", role="input")


def _extent(axis: Any, otherwise: str) -> Extent:
    """Return a size: a number, or a `Dim` of the file's name, or of the input's."""
    if axis.WhichOneof("value") == "dim_value":
        return int(axis.dim_value)
    name = re.sub(r"\W", "_", axis.dim_param or otherwise)
    return Dim(name if name.isidentifier() else f"d_{name}")


@dataclass(slots=True)
class Reader:
    """The values of a graph as far as it is read.

    Attributes:
        versions: of each domain's operators.
        values: by name.
        parameters: the arrays of those that learn.
        wrong: what has no counterpart, with the nodes that ask for it.
        missing: names of values that could not be made.
    """

    versions: Mapping[str, int]
    values: dict[str, Value] = field(default_factory=dict)
    parameters: dict[str, Array] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def initialize(self, graph: Any) -> None:
        """Take the arrays that stand in a graph."""
        from onnx import numpy_helper

        if graph.sparse_initializer:
            self.note("sparse arrays", "the graph")
        for proto in graph.initializer:
            try:
                array = np.asarray(numpy_helper.to_array(proto))
            except Exception as error:
                raise DataError(f"the array {proto.name!r} is damaged: {error}") from error
            self.values[proto.name] = self.initial(proto.name, array)

    def initial(self, name: str, array: Array) -> Value:
        """Return the value of an array of the file: a parameter, or a constant."""
        if array.dtype.name not in REALS or not array.ndim:
            return known(array)
        array = array.astype("float64" if array.dtype == "float64" else "float32")

        def make() -> Tensor:
            self.parameters[name] = array
            return parameter(name, array.shape, init=array)

        return Value(make, array=array)

    def note(self, what: str, where: str) -> None:
        """Note something without a counterpart."""
        self.wrong.setdefault(what, []).append(where)

    def refuse(self) -> None:
        """Raise what was noted.

        Raises:
            ExpressionError: something was.
        """
        if self.wrong:
            cure = "export it without these, or cut it before them (onnx.utils.extract_model)"
            raise refusal(REFUSED, self.wrong, cure)

    def run(self, graph: Any) -> None:
        """Take every node of a graph; they stand in the order of computation."""
        for number, proto in enumerate(graph.node):
            name = proto.name or f"{proto.op_type}_{number}"
            if proto.domain in ("", "ai.onnx") and proto.op_type == "If" and self.branch(proto, name):
                continue
            if any(n in self.missing for n in proto.input):
                self.missing.update(proto.output)
                if proto.op_type not in ADAPTERS and proto.op_type not in KNOWN:
                    self.note(_unknown(proto), name)
                continue
            try:
                self.take(proto, name)
            except Unsupported as error:
                self.note(f"{proto.op_type} with {error}", name)
                self.missing.update(proto.output)
            except (SymdlError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
                text = error.message if isinstance(error, SymdlError) else f"{type(error).__name__}: {error}"
                self.note(f"{proto.op_type}, where {text}", name)
                self.missing.update(proto.output)

    def take(self, proto: Any, name: str) -> None:
        """Give the outputs of one node their values."""
        if proto.op_type not in ADAPTERS and proto.op_type not in KNOWN:
            self.note(_unknown(proto), name)
            self.missing.update(proto.output)
            return
        node = self.node(proto, name)
        if proto.op_type in KNOWN:
            self.values[proto.output[0]] = known(KNOWN[proto.op_type](node))
            return
        array = folded(node)
        if array is not None:
            self.values[proto.output[0]] = known(array)
            return
        result = ADAPTERS[proto.op_type](node)
        tensors = [result] if isinstance(result, Tensor) else list(result)
        left = node.passed_over()
        if left:
            raise Unsupported(" and ".join(left))
        for k, (output, asked) in enumerate(zip(proto.output, node.asked, strict=True)):
            if not asked:
                continue
            if k >= len(tensors):
                raise Unsupported(f"output {k}")
            tensor = tensors[k]
            if tensor.name is None and tensor.equation is not None:
                tensor.name = output  # made for this node, and seen by nobody yet
            self.values[output] = already(tensor)

    def branch(self, proto: Any, name: str) -> bool:
        """Take the branch of a condition that is known; say whether it is."""
        value = self.values.get(proto.input[0]) if proto.input else None
        if value is None or not value.fixed or value.array is None or value.array.size != 1:
            return False
        chosen = "then_branch" if bool(value.array.reshape(-1)[0]) else "else_branch"
        graph = next(a.g for a in proto.attribute if a.name == chosen)
        self.initialize(graph)
        self.run(graph)
        for inner, outer in zip(graph.output, proto.output, strict=False):
            if inner.name in self.values:
                self.values[outer] = self.values[inner.name]
            else:
                self.missing.add(outer)
        return True

    def node(self, proto: Any, name: str) -> Node:
        """Return what an operator sees of a node."""
        version = self.versions.get(proto.domain, self.versions.get("ai.onnx" if not proto.domain else "", 0))
        attributes, said = _attributes(proto, version)
        inputs = tuple(self.values[n] if n else None for n in proto.input)
        return Node(proto.op_type, name, attributes, said, inputs, tuple(map(bool, proto.output)), version)


def known(array: Any) -> Value:
    """Return a value that is known for good."""
    array = np.asarray(array)

    def make() -> Tensor:
        if array.dtype == object:
            parts = [sd.full((), size) for size in array.ravel()]
            return (sd.stack(parts) if parts else sd.full((0,), 0)).reshape(*array.shape)
        return constant(array.astype("float64") if array.dtype.name in REALS else array)

    return Value(make, array=array, fixed=True)


def _constant(node: Node) -> Any:
    for name in ("value_int", "value_ints", "value_float", "value_floats"):
        if node.get(name) is not None:
            return np.asarray(node.get(name), "int64" if "int" in name else "float32")
    if node.get("value") is None:
        raise Unsupported("text or a sparse array")
    from onnx import numpy_helper

    return numpy_helper.to_array(node.get("value"))


def _size(node: Node) -> Any:
    return settled(np.asarray(np.prod(shape_of(node))))


KNOWN: dict[str, Callable[[Node], Any]] = {"Constant": _constant, "Shape": shape_of, "Size": _size}
"""Operators that compute nothing."""


def _unknown(proto: Any) -> str:
    reason = WITHOUT.get(proto.op_type, "not known") if proto.domain in ("", "ai.onnx") else proto.domain
    return f"the operator {proto.op_type} ({reason})"


def _attributes(proto: Any, version: int) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the attributes with the defaults of the operator's version, and which of them the file sets."""
    from onnx import defs, helper

    def plain(attribute: Any) -> Any:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode()
        return (
            [v.decode() if isinstance(v, bytes) else v for v in value] if isinstance(value, list) else value
        )

    schema = defs.get_schema(proto.op_type, version, proto.domain)
    usual = {n: plain(a.default_value) for n, a in schema.attributes.items() if a.default_value.name}
    own = {a.name: plain(a) for a in proto.attribute}
    said = frozenset(n for n, v in own.items() if n not in usual or usual[n] != v)
    return usual | own, said
