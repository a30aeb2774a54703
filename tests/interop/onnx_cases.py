"""The cases of the ``onnx`` package: one node, its inputs, the outputs that are right.

Enters: the package's own case generator. Leaves: `Case` objects; a case is evaluated through an adapter, a
function from a `Node` to tensors, once by the reference interpreter and on request by a compiled kernel.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import symdl as sd
from symdl.errors import ExpressionError
from symdl.express.program import collect
from symdl.onnx.nodes import Value
from symdl.onnx.reading import network
from symdl.run.compile import compile
from symdl.run.reference.interpreter import outputs

Array: TypeAlias = NDArray[Any]

LEFT_OUT = {"test_reduce_max_empty_set_bool": "the largest of no truth values"}
"""Cases whose values the language does not hold, beside those whose types tell it."""


class Skip(Exception):
    """A case that asks for something without a counterpart; says what."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case: what to compute, what is right, how close it must be."""

    name: str
    op: str
    model: Any
    prefix: str
    arrays: tuple[Any, ...]
    expected: tuple[Any, ...]
    rtol: float
    atol: float
    unfit: str | None
    """Why the language cannot hold its values, or None."""

    def build(self) -> Built:
        """Return what the case computes, as the importer reads it.

        Raises:
            Skip: it asks for something without a counterpart.
        """
        if self.unfit:
            raise Skip(self.unfit)
        values: dict[str, Any] = {}
        given = {
            entry.name: self._given(f"{self.prefix}{entry.name}", array, values)
            for entry, array in zip(self.model.graph.input, self.arrays, strict=True)
        }
        try:
            net = network(self.model, given)
        except ExpressionError as error:
            raise Skip(_reason(error)) from error
        tensors = list(net.outputs.values())
        assert len(tensors) == len(self.expected), "another number of outputs"
        used = {str(t.name): values[str(t.name)] for t in collect(tensors).inputs if t.value is None}
        wide = any(np.asarray(a).dtype == np.float64 for a in (*self.expected, *used.values()))
        return Built(tensors, used, "float64" if wide else "float32")

    def _given(self, name: str, array: Array, values: dict[str, Any]) -> Value:
        """An input whose value an operator may know beforehand, if it has to."""
        kind: Any = "real" if array.dtype.kind == "f" else "int64"

        def make() -> sd.Tensor:
            values[name] = array if kind == "real" else array.astype("int64")
            return sd.tensor(name, array.shape, dtype=kind)

        return Value(make, array=array, given=True)

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
    arrays, right = tuple(map(_array, given)), tuple(map(_array, expected))
    unfit = LEFT_OUT.get(case.name) or next((a for a in (*arrays, *right) if isinstance(a, str)), None)
    return Case(case.name, proto.op_type, case.model, prefix, arrays, right, case.rtol, case.atol, unfit)


def _reason(error: ExpressionError) -> str:
    """What an error of the importer names, without the node."""
    message = error.message.removeprefix("the model asks for what has no counterpart: ").rpartition(" (")[0]
    op, _, rest = message.partition(" with ")
    return rest or op


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
