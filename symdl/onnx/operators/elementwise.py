"""Operators: elementwise operators.

Enters: a node. Leaves: tensors. Truth values are int64 zeros and ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl import nn
from symdl.express.operators import axis_indices
from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node, Unsupported


def unary(function: Callable[..., Any], **names: str) -> Adapter:
    """A function of one tensor; `names` says which attribute each of its options is."""
    return lambda node: function(node[0], **{ours: node.get(theirs) for ours, theirs in names.items()})


def binary(function: Callable[[Any, Any], Any]) -> Adapter:
    """A function of two tensors, or a tensor and a number, that broadcast."""

    def adapter(node: Node) -> Tensor:
        left, right = node.operand(0), node.operand(1)
        if not isinstance(left, Tensor) and not isinstance(right, Tensor):
            left = node[0]
        return function(left, right)

    return adapter


def fold(function: Callable[[Any, Any], Any]) -> Adapter:
    """A function of two tensors, applied to any number of them."""
    return lambda node: functools.reduce(function, node.all()) + 0


def relation(compare: Callable[[Any, Any], Any]) -> Adapter:
    """A comparison, as zeros and ones."""
    return lambda node: sd.where(compare(node[0], node.operand(1)), 1, 0)


def logical(join: Callable[[Any, Any], Any]) -> Adapter:
    """Truth values joined."""

    def adapter(node: Node) -> Tensor:
        return sd.where(join(sd.equal(node[0], 1), sd.equal(node[1], 1)), 1, 0)

    return adapter


def divided(node: Node) -> Tensor:
    if node[0].dtype == "int64":  # towards zero
        return sd.elementwise(lambda a, b: sp.sign(a) * sp.sign(b) * sp.floor(abs(a / b)), node[0], node[1])
    return node[0] / node.operand(1)


def remainder(node: Node) -> Tensor:
    if node.get("fmod"):  # the sign of the dividend
        return sd.elementwise(lambda a, b: sp.sign(a) * sp.Mod(abs(a), abs(b)), node[0], node[1])
    return sd.mod(node[0], node[1])


def powered(node: Node) -> Tensor:
    exponent = node.operand(1)
    whole = isinstance(exponent, float) and exponent.is_integer()
    return sd.power(node[0], int(exponent) if whole else exponent)


def clipped(node: Node) -> Tensor:
    low, high = (node.operand(place) if node.has(place) else None for place in (1, 2))
    if low is None and high is None:
        return node[0] + 0
    above = node[0] if low is None else sd.maximum(node[0], low)
    return above if high is None else sd.minimum(above, high)


def gelu(node: Node) -> Tensor:
    return nn.gelu(node[0], approximate=node.get("approximate") == "tanh")


def prelu(node: Node) -> Tensor:
    return sd.where(node[0] >= 0, node[0], node[0] * node[1])


def converted(node: Node) -> Tensor:
    """Another type: there are real numbers, integers, and truth values, which are zeros and ones."""
    kind = TYPES.get(node.get("to"))
    if kind is None:
        raise Unsupported(f"values of the type number {node.get('to')}")
    return as_kind(node[0], kind)


def converted_alike(node: Node) -> Tensor:
    return as_kind(node[0], node[1].dtype)


def as_kind(x: Tensor, kind: str) -> Tensor:
    if kind == "truth":
        return sd.where(sd.not_equal(x, 0), 1, 0)
    if kind == x.dtype:
        return x + 0
    if kind == "real":
        return x * 1.0
    where = axis_indices(x.rank)
    value = x.at(*where)
    towards_zero = sp.sign(value) * sp.floor(abs(value))
    return sd.define(None, where, towards_zero, shape=x.shape, dtype="int64")


def chosen(node: Node) -> Tensor:
    return sd.where(sd.equal(node[0], 1), node[1], node[2])


def negated(node: Node) -> Tensor:
    return sd.where(sd.equal(node[0], 1), 0, 1)


def mean(node: Node) -> Tensor:
    total = functools.reduce(lambda a, b: a + b, node.all())
    return total / len(node.all())


def same(node: Node) -> Tensor:
    return node[0] + 0


def selu(node: Node) -> Tensor:
    alpha, gamma = node.get("alpha"), node.get("gamma")
    if (round(alpha, 5), round(gamma, 5)) == (1.67326, 1.0507):
        return nn.selu(node[0])
    return gamma * nn.elu(node[0], alpha)


def swiglu(node: Node) -> Tensor:
    return nn.silu(node[0], beta=node.get("alpha", 1.0)) * node[1]


TYPES = {1: "real", 11: "real", 10: "real", 16: "real", 9: "truth"} | dict.fromkeys(
    (2, 3, 4, 5, 6, 7, 12, 13), "int64"
)
"""What the format's numbers of types are here."""

ELEMENTWISE: dict[str, Adapter] = {
    "Abs": unary(abs),
    "Acos": unary(sd.acos),
    "Acosh": unary(sd.acosh),
    "Add": binary(lambda a, b: a + b),
    "And": logical(lambda a, b: a & b),
    "Asin": unary(sd.asin),
    "Asinh": unary(sd.asinh),
    "Atan": unary(sd.atan),
    "Atanh": unary(sd.atanh),
    "Cast": converted,
    "CastLike": converted_alike,
    "Ceil": unary(sd.ceil),
    "Celu": unary(nn.celu, alpha="alpha"),
    "Clip": clipped,
    "Cos": unary(sd.cos),
    "Cosh": unary(sd.cosh),
    "Div": divided,
    "Elu": unary(nn.elu, alpha="alpha"),
    "Equal": relation(sd.equal),
    "Erf": unary(sd.erf),
    "Exp": unary(sd.exp),
    "Floor": unary(sd.floor),
    "Gelu": gelu,
    "Greater": relation(lambda a, b: a > b),
    "GreaterOrEqual": relation(lambda a, b: a >= b),
    "HardSigmoid": unary(nn.hard_sigmoid, slope="alpha", shift="beta"),
    "HardSwish": unary(nn.hard_swish),
    "Identity": same,
    "LeakyRelu": unary(sd.leaky_relu, slope="alpha"),
    "Less": relation(lambda a, b: a < b),
    "LessOrEqual": relation(lambda a, b: a <= b),
    "Log": unary(sd.log),
    "Max": fold(sd.maximum),
    "Mean": mean,
    "Min": fold(sd.minimum),
    "Mish": unary(nn.mish),
    "Mod": remainder,
    "Mul": binary(lambda a, b: a * b),
    "Neg": unary(lambda x: -x),
    "Not": negated,
    "Or": logical(lambda a, b: a | b),
    "PRelu": prelu,
    "Pow": powered,
    "Reciprocal": unary(sd.reciprocal),
    "Relu": unary(sd.relu),
    "Round": unary(sd.rint),
    "Selu": selu,
    "Shrink": unary(nn.shrink, threshold="lambd", shift="bias"),
    "Sigmoid": unary(sd.sigmoid),
    "Sign": unary(sd.sign),
    "Sin": unary(sd.sin),
    "Sinh": unary(sd.sinh),
    "Softplus": unary(sd.softplus),
    "Softsign": unary(nn.softsign),
    "Sqrt": unary(sd.sqrt),
    "Sub": binary(lambda a, b: a - b),
    "Sum": fold(lambda a, b: a + b),
    "SwiGLU": swiglu,
    "Swish": unary(nn.silu, beta="alpha"),
    "Tan": unary(sd.tan),
    "Tanh": unary(sd.tanh),
    "ThresholdedRelu": unary(nn.thresholded_relu, threshold="alpha"),
    "Where": chosen,
    "Xor": logical(lambda a, b: a ^ b),
}
