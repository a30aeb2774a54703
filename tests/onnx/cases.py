"""The cases of the ``onnx`` package: one node, its inputs, the outputs that are right.

Enters: the package's own case generator. Leaves: `Case` objects; a case is evaluated through an adapter, a
function from a `Node` to tensors, once by the reference interpreter and on request by a compiled kernel.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import symdl as sd
from symdl.express.program import collect
from symdl.run.compile import compile
from symdl.run.reference.interpreter import outputs

Array: TypeAlias = NDArray[Any]
Adapter: TypeAlias = "Callable[[Node], sd.Tensor | Sequence[sd.Tensor]]"


class Skip(Exception):
    """A case that asks for something without a counterpart; says what."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a case.

    Attributes:
        attributes: with the defaults of the operator's version.
        arrays: the inputs; None where one is left out.
        asked: for each output whether it is compared.
        version: of the operator set.
        prefix: of all names, so that several cases can be one program.
        tensors: the inputs declared so far, by their place.
        values: the arrays of everything declared, by name.
    """

    attributes: Mapping[str, Any]
    arrays: tuple[Any, ...]
    asked: tuple[bool, ...]
    version: int
    prefix: str
    tensors: dict[int, sd.Tensor] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)

    def __getitem__(self, place: int) -> sd.Tensor:
        """The input at `place` as a tensor. Truth values are zeros and ones."""
        if place not in self.tensors:
            array = self.arrays[place]
            assert array is not None
            kind = "real" if array.dtype.kind == "f" else "int64"
            name = f"{self.prefix}x{place}"
            self.tensors[place] = sd.tensor(name, array.shape, dtype=kind)
            self.values[name] = array if kind == "real" else array.astype("int64")
        return self.tensors[place]

    def all(self) -> list[sd.Tensor]:
        """Every input that is there."""
        return [self[place] for place in range(len(self.arrays)) if self.has(place)]

    def has(self, place: int) -> bool:
        """Say whether there is an input at `place`."""
        return place < len(self.arrays) and self.arrays[place] is not None

    def array(self, place: int, default: Any = None) -> Any:
        """The input at `place` as an array that is known beforehand, such as a shape."""
        return self.arrays[place] if self.has(place) else default

    def ints(self, place: int, default: Any = None) -> Any:
        """The input at `place` as a list of known integers."""
        return [int(n) for n in np.ravel(self.arrays[place])] if self.has(place) else default

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)

    @property
    def layer(self) -> str:
        """A name for a layer."""
        return f"{self.prefix}l"

    def give(self, name: str, array: Array) -> None:
        """Set the value of a parameter."""
        self.values[name] = array


@dataclass(frozen=True, slots=True)
class Case:
    """A case: what to compute, what is right, how close it must be."""

    name: str
    op: str
    node: Node | None
    expected: tuple[Any, ...]
    rtol: float
    atol: float
    unfit: str | None
    """Why the language cannot hold its values, or None."""

    def build(self, adapter: Adapter) -> Built:
        """Return what the case computes.

        Raises:
            Skip: it asks for something without a counterpart.
        """
        if self.unfit or self.node is None:
            raise Skip(self.unfit or "no node")
        result = adapter(self.node)
        tensors = [result] if isinstance(result, sd.Tensor) else list(result)
        tensors = [t for t, asked in zip(tensors, self.node.asked, strict=False) if asked]
        assert len(tensors) == len(self.expected), "another number of outputs"
        values = {str(t.name): self.node.values[str(t.name)] for t in collect(tensors).inputs}
        wide = any(np.asarray(a).dtype == np.float64 for a in (*self.expected, *values.values()))
        return Built(tensors, values, "float64" if wide else "float32")

    def compare(self, found: Sequence[Any]) -> None:
        """Compare what was found with what is right, as closely as the case asks for."""
        for ours, theirs in zip(found, self.expected, strict=True):
            assert np.shape(ours) == theirs.shape, f"{np.shape(ours)} instead of {theirs.shape}"
            right = np.asarray(theirs, "float64")
            np.testing.assert_allclose(ours, right, rtol=self.rtol, atol=self.atol, err_msg=self.name)


@dataclass(frozen=True, slots=True)
class Built:
    """The tensors of a case, the values of their inputs, the type of all real numbers."""

    tensors: list[sd.Tensor]
    values: dict[str, Array]
    dtype: Any

    def interpreted(self) -> Sequence[Any]:
        return outputs(collect(self.tensors), self.values, dtype=self.dtype)

    def run(self, target: Any) -> Sequence[Any]:
        return compile(self.tensors, dtype=self.dtype, target=target)(**self.values)


@functools.cache
def cases() -> Mapping[str, Sequence[Case]]:
    """All single-node cases by operator. Those that repeat one with the operator expanded are left out."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's own, while the right results are computed
        found: list[Any] = collect_testcases(None)
    table: dict[str, list[Case]] = {}
    for case in found:
        nodes = case.model.graph.node
        if len(nodes) == 1 and "_expanded" not in case.name:
            table.setdefault(nodes[0].op_type, []).extend(
                _case(case, f"{len(table)}.{n}.", *data) for n, data in enumerate(case.data_sets)
            )
    return table


def _case(case: Any, prefix: str, given: Sequence[Any], expected: Sequence[Any]) -> Case:
    (proto,) = case.model.graph.node
    arrays, right = [_array(a) for a in given], [_array(a) for a in expected]
    unfit = next((a for a in (*arrays, *right) if isinstance(a, str)), None)
    node = None
    if unfit is None:
        left = iter(arrays)
        places = tuple(next(left) if name else None for name in proto.input)
        version = next(o.version for o in case.model.opset_import if o.domain == proto.domain)
        node = Node(_attributes(proto, version), places, tuple(map(bool, proto.output)), version, prefix)
    return Case(case.name, proto.op_type, node, tuple(right), case.rtol, case.atol, unfit)


def _array(value: Any) -> Any:
    """The value as an array, or the reason why it is none that the language holds."""
    if not hasattr(value, "dtype"):
        if not hasattr(value, "data_type"):
            return "sequences, optional values and text"
        from onnx import numpy_helper

        value = numpy_helper.to_array(value)
    kind = value.dtype.kind
    if kind in "iub" or value.dtype in ("float32", "float64"):
        large = kind == "u" and value.size and int(value.max()) > np.iinfo("int64").max
        return "unsigned integers beyond int64" if large else value
    return "sequences, optional values and text" if kind in "OUS" else f"values of type {value.dtype}"


def _attributes(proto: Any, version: int) -> dict[str, Any]:
    from onnx import defs, helper

    schema = defs.get_schema(proto.op_type, version, proto.domain)
    known = {n: a.default_value for n, a in schema.attributes.items() if a.default_value.name}
    known |= {a.name: a for a in proto.attribute}
    plain = {name: helper.get_attribute_value(a) for name, a in known.items()}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in plain.items()}
