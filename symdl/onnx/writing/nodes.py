"""Nodes of a graph, one after the other.

Enters: operators and what they read. Leaves: `Graph`, whose nodes stand in the order of computation and whose
names are unique; equal constants are written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from symdl.express.tensors import Tensor

Kind = Literal["real", "int64", "truth"]


@dataclass(frozen=True, slots=True)
class Made:
    """A value of the graph: its name, what it holds, and its number if it is one that is known."""

    name: str
    kind: Kind
    number: Any = None


@dataclass(slots=True)
class Graph:
    """A graph that is being written.

    Attributes:
        dtype: of real numbers.
        nodes, arrays: as the format has them.
        taken: the names that are in use.
    """

    dtype: str
    nodes: list[Any] = field(default_factory=list)
    arrays: list[Any] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    _constants: dict[Any, Made] = field(default_factory=dict)
    _final: set[str] = field(default_factory=set)
    _count: int = 0

    def inner(self) -> Graph:
        """Return the graph of a body inside this one: it sees its values, and shares names and arrays."""
        return Graph(self.dtype, [], self.arrays, self.taken, self._constants, self._final, self._count)

    def fresh(self, word: str) -> str:
        """Return a name that nothing has."""
        while True:
            self._count += 1
            name = f"{word}_{self._count}"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def node(
        self, op: str, *reads: Made, kind: Kind | None = None, to: str | None = None, **attributes: Any
    ) -> Made:
        """Write a node with one output, of the kind of its first input unless told."""
        from onnx import helper

        name = to or self.fresh(op)
        self.nodes.append(
            helper.make_node(op, [r.name for r in reads], [name], name=f"{op}:{name}", **attributes)
        )
        return Made(name, kind or reads[0].kind)

    def named(self, value: Made, name: str) -> Made:
        """Return a value under the name of its tensor: that of the node that has just made it, if one has."""
        last = self.nodes[-1] if self.nodes else None
        self._final.add(name)
        if last is None or list(last.output) != [value.name] or value.name in self._final:
            return self.node("Identity", value, to=name)
        last.output[0] = name
        last.name = f"{last.op_type}:{name}"
        return Made(name, value.kind)

    def array(self, values: Any, name: str | None = None) -> Made:
        """Write an array."""
        from onnx import numpy_helper

        array = np.asarray(values)
        kind: Kind = "real" if array.dtype.kind == "f" else "truth" if array.dtype.kind == "b" else "int64"
        array = array.astype({"real": self.dtype, "truth": "bool", "int64": "int64"}[kind])
        key = (kind, array.shape, array.tobytes())
        if name is None and key in self._constants:
            return self._constants[key]
        made = Made(name or self.fresh("constant"), kind, None if array.ndim else array.item())
        self.arrays.append(
            numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), made.name)
        )
        if name is None:
            self._constants[key] = made
        return made

    def described(self, tensor: Tensor, name: str) -> Any:
        """Return the description of a value that stands for a tensor."""
        from onnx import TensorProto, helper

        kind = self._number if tensor.dtype == "real" else TensorProto.INT64
        shape = [size if isinstance(size, int) else str(size) for size in tensor.shape]
        return helper.make_tensor_value_info(name, kind, shape)

    def whole(self, numbers: Sequence[int]) -> Made:
        """Write a list of whole numbers: axes, sizes."""
        return self.array(np.asarray(numbers, "int64"))

    def needed(self, outputs: Sequence[str]) -> tuple[list[Any], list[Any]]:
        """Return the nodes and arrays that outputs depend on."""
        wanted, nodes = set(outputs), list[Any]()
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                nodes.append(node)
                wanted.update(_seen(node))
        return nodes[::-1], [array for array in self.arrays if array.name in wanted]

    def real(self, value: Made) -> Made:
        """Return a value as real numbers."""
        if value.kind == "real":
            return value
        if value.number is not None:
            return self.array(float(value.number))
        return self._cast(value, "real")

    def integer(self, value: Made) -> Made:
        """Return a value as whole numbers."""
        return value if value.kind == "int64" else self._cast(value, "int64")

    @property
    def _number(self) -> int:
        """The format's number for the type of real numbers."""
        from onnx import TensorProto

        return int({"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[self.dtype])

    def _cast(self, value: Made, kind: Kind) -> Made:
        from onnx import TensorProto, helper

        name = self.fresh("Cast")
        to = self._number if kind == "real" else TensorProto.INT64
        self.nodes.append(helper.make_node("Cast", [value.name], [name], name=f"Cast:{name}", to=to))
        return Made(name, kind)


def _seen(node: Any) -> Iterator[str]:
    """Yield the names that a node reads, or that a graph inside it may read."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from inner.input
