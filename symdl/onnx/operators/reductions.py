"""Operators: reductions, cumulative sums, softmax and matrix products.

Enters: a node. Leaves: tensors.
"""

from __future__ import annotations

from collections.abc import Callable

from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node


def reducing(
    op: str,
    before: Callable[[Tensor], Tensor] = lambda x: x,
    after: Callable[[Tensor], Tensor] = lambda x: x,
) -> Adapter:
    """A reduction, with something done to the elements before it and to the result after it."""

    def adapter(node: Node) -> Tensor:
        axes = node.get("axes") or node.ints(1) or None
        if axes is None and node.get("noop_with_empty_axes"):
            return after(before(node[0])) + 0
        return after(sd.reduction(op, before(node[0]), axes, keepdims=bool(node.get("keepdims", 1))))

    return adapter


def position(op: str) -> Adapter:
    """Where the extreme is; of the last one by looking from the other end."""

    def adapter(node: Node) -> Tensor:
        axis, keepdims = node.get("axis", 0), bool(node.get("keepdims", 1))
        if not node.get("select_last_index"):
            return getattr(node[0], op)(axis, keepdims=keepdims)
        return node[0].shape[axis] - 1 - getattr(sd.flip(node[0], axis), op)(axis, keepdims=keepdims)

    return adapter


def cumulative(function: Callable[..., Tensor]) -> Adapter:
    def adapter(node: Node) -> Tensor:
        reverse, exclusive = bool(node.get("reverse")), bool(node.get("exclusive"))
        return function(node[0], node.ints(1)[0], reverse=reverse, exclusive=exclusive)

    return adapter


def hardmax(node: Node) -> Tensor:
    axis = node.get("axis", -1)
    return sd.moveaxis(sd.one_hot(node[0].argmax(axis), node[0].shape[axis]), -1, axis)


def gemm(node: Node) -> Tensor:
    a, b = (
        node[place].T if node.get(flag) else node[place] for place, flag in ((0, "transA"), (1, "transB"))
    )
    product, alpha, beta = a @ b, node.get("alpha"), node.get("beta")
    product = product if alpha == 1 else alpha * product
    if not node.has(2):
        return product
    return product + (node[2] if beta == 1 else beta * node[2])


def power_norm(node: Node) -> Tensor:
    axis = node.get("axis")
    if node.get("p") == 1:
        total = abs(node[0]).sum(axis, keepdims=True)
    else:
        total = sd.sqrt(sd.square(node[0]).sum(axis, keepdims=True))
    return sd.where(sd.equal(total, 0), 0, node[0] / total)


def einsum(node: Node) -> Tensor:
    return sd.einsum(node.get("equation"), *node.all())


REDUCTIONS: dict[str, Adapter] = {
    "ArgMax": position("argmax"),
    "ArgMin": position("argmin"),
    "CumProd": cumulative(sd.cumprod),
    "CumSum": cumulative(sd.cumsum),
    "Det": lambda node: sd.det(node[0]),
    "Einsum": einsum,
    "Gemm": gemm,
    "Hardmax": hardmax,
    "LogSoftmax": lambda node: sd.log_softmax(node[0], node.get("axis", -1)),
    "LpNormalization": power_norm,
    "MatMul": lambda node: node[0] @ node[1],
    "ReduceL1": reducing("sum", before=abs),
    "ReduceL2": reducing("sum", before=sd.square, after=sd.sqrt),
    "ReduceLogSum": reducing("sum", after=sd.log),
    "ReduceLogSumExp": reducing("logsumexp"),
    "ReduceMax": reducing("max"),
    "ReduceMean": reducing("mean"),
    "ReduceMin": reducing("min"),
    "ReduceProd": reducing("prod"),
    "ReduceSum": reducing("sum"),
    "ReduceSumSquare": reducing("sum", before=sd.square),
    "Softmax": lambda node: sd.softmax(node[0], node.get("axis", -1)),
}
