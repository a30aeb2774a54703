"""What is known before anything is computed: constants, shapes, and what is computed from them.

Enters: a node whose inputs are known. Leaves: the arrays of its outputs. Sizes may be `Dim` expressions; such
arrays are of objects. Models of other frameworks write the shapes of their views this way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symdl.onnx.nodes import Array, Node, Unsupported

LARGEST = 1 << 20
"""No known array is larger than this many elements; shapes are short."""

Fold = Callable[[Node], Any]


def of(function: Callable[..., Any]) -> Fold:
    """A function of all inputs."""
    return lambda node: function(*(node.array(k) for k in range(len(node.values))))


def quotient(left: Array, right: Array) -> Any:
    if left.dtype.kind == "f":
        return left / right
    if left.dtype == object or right.dtype == object:
        return np.frompyfunc(
            lambda a, b: sp.floor(sp.sympify(a, strict=True) / sp.sympify(b, strict=True)), 2, 1
        )(left, right)
    return np.trunc(left / right).astype(left.dtype)


def converted(node: Node) -> Any:
    x, kind = node.array(0), node.get("to")
    real, truth = kind in (1, 10, 11, 16), kind == 9
    if x.dtype == object:
        if truth:
            raise Unsupported("the truth value of a size")
        return x
    return x.astype("float64" if real else "bool" if truth else "int64")


def read(node: Node) -> Any:
    x, axis = node.array(0), node.get("axis", 0)
    return np.take(x, node.array(1), axis=axis)


def axes_of(node: Node) -> tuple[int, ...]:
    found = node.get("axes") or node.ints(1)
    return tuple(found) if found is not None else ()


def squeezed(node: Node) -> Any:
    return np.squeeze(node.array(0), axes_of(node) or None)


def sliced(node: Node) -> Any:
    x = node.array(0)
    starts, ends = node.ints(1, node.get("starts")), node.ints(2, node.get("ends"))
    axes = node.ints(3, node.get("axes") or range(len(starts)))
    steps = node.ints(4, [1] * len(starts))
    key = [slice(None)] * x.ndim
    for axis, *ends_and_step in zip(axes, starts, ends, steps, strict=True):
        key[axis] = slice(*ends_and_step)
    return x[tuple(key)]


def filled(node: Node) -> Any:
    shape, value = node.ints(0), node.get("value")
    if not all(isinstance(n, int) for n in shape) or np.prod(shape, dtype=object) > LARGEST:
        return None
    from onnx import numpy_helper

    number = np.float32(0) if value is None else numpy_helper.to_array(value).reshape(-1)[0]
    return np.full(shape, number)


def counted(node: Node) -> Any:
    ends = [node.array(k).item() for k in range(3)]
    if any(isinstance(end, sp.Expr) for end in ends) or abs((ends[1] - ends[0]) / ends[2]) > LARGEST:
        return None
    return np.arange(*ends)


def equal(left: Array, right: Array) -> Any:
    """Sizes are positive, so that one differs from -1 and 0 whatever it is."""

    def same(a: Any, b: Any) -> bool:
        gap = sp.sympify(a, strict=True) - sp.sympify(b, strict=True)
        if gap.is_zero or gap.is_nonzero:
            return bool(gap.is_zero)
        sign = [v for v in (a, b) if not isinstance(v, sp.Expr)]
        if sign and int(sign[0]) <= 0:
            return False
        raise Unsupported(f"whether {a} is {b}")

    if object not in (left.dtype, right.dtype):
        return left == right
    return np.frompyfunc(same, 2, 1)(left, right).astype(bool)


def reshaped(node: Node) -> Any:
    return node.array(0).reshape(node.ints(1))


def expanded(node: Node) -> Any:
    shape = np.broadcast_shapes(node.array(0).shape, tuple(node.ints(1)))
    return None if np.prod(shape, dtype=object) > LARGEST else np.broadcast_to(node.array(0), shape)


def total(function: Any) -> Fold:
    def fold(node: Node) -> Any:
        axes = node.get("axes") or node.ints(1)
        return function(node.array(0), axis=axes and tuple(axes), keepdims=bool(node.get("keepdims", 1)))

    return fold


FOLDS: dict[str, Fold] = {
    "Add": of(lambda a, b: a + b),
    "Cast": converted,
    "Ceil": of(np.ceil),
    "Concat": lambda node: np.concatenate(
        [node.array(k) for k in range(len(node.values))], axis=node.get("axis")
    ),
    "ConstantOfShape": filled,
    "Div": of(quotient),
    "Equal": of(equal),
    "Expand": expanded,
    "Floor": of(np.floor),
    "Gather": read,
    "Identity": of(lambda x: x),
    "Mul": of(lambda a, b: a * b),
    "Neg": of(lambda x: -x),
    "Not": of(np.logical_not),
    "Pow": of(lambda a, b: a**b),
    "Range": counted,
    "Reciprocal": of(lambda x: 1 / x),
    "ReduceProd": total(np.prod),
    "ReduceSum": total(np.sum),
    "Reshape": reshaped,
    "Slice": sliced,
    "Sqrt": of(np.sqrt),
    "Squeeze": squeezed,
    "Sub": of(lambda a, b: a - b),
    "Unsqueeze": lambda node: np.expand_dims(node.array(0), axes_of(node)),
    "Where": of(np.where),
}
"""What is computed with known arrays; another operator takes them as constants."""


def folded(node: Node) -> Array | None:
    """Return the output of a node whose inputs are known for good, or None where it has to be computed."""
    if node.op not in FOLDS or not node.values:
        return None
    if not all(v is not None and v.fixed and v.array is not None for v in node.values):
        return None
    with np.errstate(all="ignore"):
        found = FOLDS[node.op](node)
    return None if found is None else settled(np.asarray(found))


def settled(array: Array) -> Array:
    """Return an array of objects as one of numbers, if it holds only these."""
    if array.dtype != object:
        return array
    numbers = [n for n in array.ravel() if not isinstance(n, sp.Expr) or n.is_number]
    if len(numbers) < array.size:
        return array
    whole = all(sp.sympify(n, strict=True).is_integer for n in numbers)
    return array.astype("int64" if whole else "float64")


def shape_of(node: Node) -> Array:
    """The sizes of a tensor, from one axis to another."""
    value = node.values[0]
    known = value is not None and value.fixed and value.array is not None
    shape = node.array(0).shape if known else node[0].shape
    node.read.add(0)
    chosen = shape[slice(node.get("start", 0), node.get("end"))]
    array = np.empty(len(chosen), dtype=object)
    array[:] = chosen
    return settled(array) if len(chosen) else np.zeros(0, "int64")
