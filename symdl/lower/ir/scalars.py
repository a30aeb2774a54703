"""Scalar bodies.

Enters: operations, one after another. Leaves: `Body`, a list of nodes in which every value is computed
once and refers to earlier ones by position; the last node is the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import TypeAlias

from symdl.errors import LoweringError
from symdl.lower.ir.integers import ONE, ZERO, Element, Poly, Sizes, evaluate
from symdl.lower.ir.names import Local, TensorId

UNARY = (
    *("neg", "exp", "log", "log1p", "expm1", "sqrt", "abs", "sin", "cos", "tan", "asin", "acos"),
    *("atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfcx", "lgamma", "floor"),
)
BINARY = ("add", "sub", "mul", "div", "pow", "atan2", "ratio", "floor_divide", "remainder")
MATRIX = ("det", "logdet", "inverse")
"""Functions of a square matrix: a load of its first element, and its size as operand."""

COMPARE = ("lt", "le", "eq", "ne")
INTEGER_COMPARE = ("ilt", "ile", "ieq", "ine")
LOGIC = ("and", "or", "not")
LEAVES = ("const", "load", "local", "index", "whole", "flag", *INTEGER_COMPARE)
_KEEPING = ("neg", "add", "sub", "mul", "select")
"""What has an int64 as value if its last operand is one."""
BOOLEAN = (*COMPARE, *INTEGER_COMPARE, *LOGIC, "flag")


@dataclass(frozen=True, slots=True)
class Load:
    """An element of a real tensor."""

    tensor: TensorId
    where: tuple[Poly, ...]


Value: TypeAlias = Fraction | float | bool | Local | Load | Element | Poly | tuple[Poly, Poly] | None


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its name, the positions of its operands, and a leaf's value.

    ``uniform`` has seed and step as operands and the position as an integer expression.
    ``const`` holds a number, ``load`` a `Load` or in kernels an `Element`, ``local`` a `Local`, ``index`` an
    integer expression as a real, ``whole`` one as an int64, ``flag`` a truth value, ``ilt`` and the like a
    pair of integer expressions.
    """

    op: str
    args: tuple[int, ...] = ()
    value: Value = None


@dataclass(frozen=True, slots=True)
class Body:
    """Nodes in order; the last one is the result."""

    nodes: tuple[Node, ...]

    @property
    def result(self) -> Node:
        """The node whose value the body has."""
        return self.nodes[-1]

    @property
    def whole(self) -> bool:
        """Whether the value is an int64, not a real."""
        return self.wholes[-1]

    @property
    def wholes(self) -> list[bool]:
        """The same for every node."""
        found: list[bool] = []
        for node in self.nodes:
            found.append(node.op == "whole" or (node.op in _KEEPING and found[node.args[-1]]))
        return found

    @property
    def loads(self) -> list[Load]:
        """The elements of real tensors that are read."""
        return [node.value for node in self.nodes if isinstance(node.value, Load)]

    @property
    def elements(self) -> list[Element]:
        """The elements of real arrays that are read, in a kernel."""
        return [node.value for node in self.nodes if isinstance(node.value, Element)]

    @property
    def locals(self) -> set[Local]:
        """The locals that are read as reals."""
        return {node.value for node in self.nodes if isinstance(node.value, Local)}

    @property
    def polys(self) -> list[Poly]:
        """Every integer expression, those that say where elements are read included."""
        found: list[Poly] = []
        for node in self.nodes:
            if isinstance(node.value, Load):
                found.extend(node.value.where)
            elif isinstance(node.value, Element):
                found.append(node.value.at)
            elif isinstance(node.value, Poly):
                found.append(node.value)
            elif isinstance(node.value, tuple):
                found.extend(node.value)
        return found


class Builder:
    """Collects nodes, each distinct one once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[tuple[str, tuple[int, ...], str, Value], int] = {}

    def add(self, op: str, *args: int, value: Value = None) -> int:
        """Return the position of a node, new or known."""
        key = (op, args, type(value).__name__, value)
        if key not in self._known:
            self._known[key] = len(self.nodes)
            self.nodes.append(Node(op, args, value))
        return self._known[key]

    def const(self, value: Fraction | float | int) -> int:
        """Return the position of a number."""
        return self.add("const", value=Fraction(value) if isinstance(value, int) else value)

    def constant_value(self, position: int) -> Fraction | float | None:
        """Return the number at a position, or None."""
        value = self.nodes[position].value
        return value if isinstance(value, Fraction | float) else None

    def mul(self, left: int, right: int) -> int:
        """Return a product; a factor of 1 or -1 costs nothing or a sign."""
        for one, other in ((left, right), (right, left)):
            if self.constant_value(one) == 1:
                return other
            if self.constant_value(one) == -1:
                return self.neg(other)
        return self.add("mul", left, right)

    def neg(self, value: int) -> int:
        """Return ``-value``."""
        node = self.nodes[value]
        if isinstance(node.value, Fraction | float):
            return self.const(-node.value)
        return node.args[0] if node.op == "neg" else self.add("neg", value)

    def plus(self, left: int, right: int) -> int:
        """Return a sum; a negated summand is subtracted."""
        if self.nodes[right].op == "neg":
            return self.add("sub", left, self.nodes[right].args[0])
        if self.nodes[left].op == "neg":
            return self.add("sub", right, self.nodes[left].args[0])
        return self.add("add", left, right)

    def total(self, positions: Sequence[int]) -> int:
        """Return the sum of nodes."""
        return reduce(self.plus, positions)

    def quotient(self, above: Sequence[int], below: Sequence[int]) -> int:
        """Return a product over a product, with one division."""
        one = self.const(1)
        top, bottom = (reduce(self.mul, positions, one) for positions in (above, below))
        return top if bottom == one else self.add("div", top, bottom)

    def repeated(self, value: int, exponent: int) -> int:
        """Return ``value**exponent`` for a positive integer, by squaring."""
        if exponent == 1:
            return value
        half = self.repeated(value, exponent // 2)
        square = self.mul(half, half)
        return self.mul(square, value) if exponent % 2 else square

    def softplus(self, value: int) -> int:
        """Return ``log(1 + exp(value))`` without overflow."""
        node = self.nodes[value]  # both signs share their exponential
        size = self.add("abs", node.args[0] if node.op == "neg" else value)
        zero, small = self.const(0), self.add("exp", self.neg(size))
        positive = self.add("select", self.add("lt", zero, value), value, zero)
        return self.add("add", positive, self.add("log1p", small))

    def sech_squared(self, value: int) -> int:
        """Return ``1/cosh(value)**2`` from one exponential that does not overflow."""
        small = self.add("exp", self.mul(self.const(-2), self.add("abs", value)))
        return self.add(
            "div",
            self.mul(self.const(4), small),
            self.repeated(self.add("add", self.const(1), small), 2),
        )

    def log_cosh(self, value: int) -> int:
        """Return ``log(cosh(value))`` without overflow, with all digits near 0.

        With ``q = exp(-|u|) - 1`` it is ``log(1 + q^2/(2 + 2 q))`` and ``|u| + log(1 + (1 + q)^2) - log 2``.
        """
        one, two, size = self.const(1), self.const(2), self.add("abs", value)
        lost = self.add("expm1", self.neg(size))
        decay = self.add("add", one, lost)
        near = self.add("lt", size, one)
        risen = self.add("div", self.mul(lost, lost), self.mul(two, decay))
        inner = self.add("select", near, risen, self.mul(decay, decay))
        base = self.add("select", near, self.const(0), self.add("sub", size, self.const(math.log(2))))
        return self.add("add", base, self.add("log1p", inner))

    def log_erfc(self, value: int) -> int:
        """Return ``log(erfc(value))``, also where erfc is 0 for floating point."""
        far = self.add("sub", self.add("log", self.add("erfcx", value)), self.mul(value, value))
        near = self.add("log1p", self.neg(self.add("erf", value)))
        return self.add("select", self.add("lt", self.const(Fraction(1, 2)), value), far, near)

    def log_half_erfc(self, value: int) -> int:
        """Return ``log(erfc(value)/2)``, the logarithm of a normal distribution function."""
        far = self.add("sub", self.add("log", self.add("erfcx", value)), self.mul(value, value))
        half = self.mul(self.const(Fraction(-1, 2)), self.add("erfc", self.neg(value)))
        shifted = self.add("sub", far, self.const(math.log(2)))
        positive = self.add("lt", self.const(0), value)
        return self.add("select", positive, shifted, self.add("log1p", half))

    def log_one_minus_exp(self, value: int) -> int:
        """Return ``log(1 - exp(value))`` for a negative value."""
        near = self.add("log", self.neg(self.add("expm1", value)))
        far = self.add("log1p", self.neg(self.add("exp", value)))
        return self.add("select", self.add("lt", self.const(-math.log(2)), value), near, far)

    def log_exp_minus_one(self, value: int) -> int:
        """Return ``log(exp(value) - 1)`` for a positive value, without overflow."""
        small = self.add("lt", value, self.const(1))
        near = self.add("log", self.add("expm1", value))
        return self.add(
            "select", small, near, self.add("add", value, self.log_one_minus_exp(self.neg(value)))
        )

    def sign(self, value: int) -> int:
        """Return -1, 0 or 1; NaN stays."""
        zero = self.const(0)
        below = self.add("select", self.add("lt", value, zero), self.const(-1), value)
        return self.add("select", self.add("lt", zero, value), self.const(1), below)

    def extremum(self, values: Sequence[int], *, largest: bool) -> int:
        """Return the largest or the smallest value; NaN stays.

        A failed comparison chooses the value that may be NaN, so against a number one instruction does.
        """

        def better(number: int, value: int) -> int:
            pair = (value, number) if largest else (number, value)
            return self.add("select", self.add("lt", *pair), number, value)

        def either(one: int, other: int) -> int:
            if self.constant_value(one) is not None:
                return better(one, other)
            if self.constant_value(other) is not None:
                return better(other, one)
            return self.add("select", self.add("eq", other, other), better(other, one), other)

        return reduce(either, values)

    def whole_sign(self, value: int) -> int:
        """Return -1, 0 or 1 for an int64."""
        zero, one = self.add("whole", value=ZERO), self.add("whole", value=ONE)
        below = self.add("select", self.add("lt", value, zero), self.add("whole", value=ONE * -1), zero)
        return self.add("select", self.add("lt", zero, value), one, below)

    def whole_size(self, value: int) -> int:
        """Return the absolute value of an int64; that of the smallest one wraps around to itself."""
        below = self.add("lt", value, self.add("whole", value=ZERO))
        return self.add("select", below, self.add("neg", value), value)

    def whole_extremum(self, values: Sequence[int], *, largest: bool) -> int:
        """Return the largest or the smallest int64."""

        def better(one: int, other: int) -> int:
            pair = (other, one) if largest else (one, other)
            return self.add("select", self.add("lt", *pair), one, other)

        return reduce(better, values)

    def whole(self, above: int, below: int) -> int:
        """Return ``floor(above/below)``, exact for whole numbers.

        A compiler may multiply by the reciprocal, and ``49*(1/49) < 1`` in floating point: the next number is
        taken if it is reached.
        """
        small = self.add("floor", self.quotient([above], [below]))
        divisor = self.constant_value(below)
        if divisor in (1, 2, 4, 8, 16, 32, 64):
            return small  # the reciprocal is exact
        following = self.plus(small, self.const(1))
        product, zero = self.mul(following, below), self.const(0)
        reached, passed = self.add("le", product, above), self.add("le", above, product)
        if divisor is None:
            sides = self.add("lt", zero, below), self.add("lt", below, zero)
            reached = self.add("or", self.add("and", sides[0], reached), self.add("and", sides[1], passed))
        elif divisor < 0:
            reached = passed
        return self.add("select", reached, following, small)

    def modulo(self, left: int, right: int) -> int:
        """Return the remainder of whole numbers, with the sign of `right`."""
        return self.add("sub", left, self.mul(right, self.whole(left, right)))

    def body(self, result: int) -> Body:
        """Return what `result` needs, in order."""
        return prune(self.nodes, result)


def prune(nodes: list[Node] | tuple[Node, ...], result: int) -> Body:
    """Return a body of those nodes that `result` depends on."""
    needed = {result}
    for position in range(result, -1, -1):
        if position in needed:
            needed.update(nodes[position].args)
    place = {old: new for new, old in enumerate(sorted(needed))}
    return Body(tuple(replace(nodes[p], args=tuple(place[a] for a in nodes[p].args)) for p in place))


def number(value: int | Fraction | float) -> Body:
    """Return a body that is a number."""
    return Body((Node("const", (), Fraction(value) if isinstance(value, int) else value),))


def whole(value: Poly) -> Body:
    """Return a body that is an int64."""
    return Body((Node("whole", (), value),))


def load(tensor: TensorId, where: tuple[Poly, ...]) -> Body:
    """Return a body that reads one element."""
    return Body((Node("load", (), Load(tensor, where)),))


def map_body(body: Body, poly: Callable[[Poly], Poly], element: Callable[[Load], Node] | None = None) -> Body:
    """Return a body with its integer expressions changed, then its loads replaced."""

    def change(node: Node) -> Node:
        value = node.value
        if isinstance(value, Load):
            moved = Load(value.tensor, tuple(poly(e) for e in value.where))
            new = element(moved) if element else Node("load", (), moved)
            return new if node.op == "load" else replace(node, value=new.value)
        if isinstance(value, Poly):
            return replace(node, value=poly(value))
        if isinstance(value, Element):
            return replace(node, value=Element(value.array, poly(value.at)))
        if isinstance(value, tuple):
            return replace(node, value=(poly(value[0]), poly(value[1])))
        return node

    builder = Builder()  # equal loads may become equal nodes
    place: list[int] = []
    for node in map(change, body.nodes):
        args = tuple(place[a] for a in node.args)
        place.append(builder.add(node.op, *args, value=node.value))
    return builder.body(place[-1])


def fixed(body: Body) -> bool:
    """Say whether a body depends on sizes only."""
    simple = ("const", "index", "add", "sub", "mul", "div", "neg", "sqrt", "pow")
    return all(node.op in simple for node in body.nodes)


def evaluate_fixed(body: Body, sizes: Sizes) -> float:
    """Return the value of a body that depends on sizes only."""
    values: list[float] = []
    for node in body.nodes:
        args = [values[a] for a in node.args]
        if isinstance(node.value, Poly):
            values.append(float(evaluate(node.value, sizes)))
        elif isinstance(node.value, Fraction | float):
            values.append(float(node.value))
        elif node.op in _HOST:
            values.append(_HOST[node.op](*args))
        else:
            raise LoweringError(f"{node.op} is not known before the call")
    return values[-1]


_HOST: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else float("inf"),
    "neg": lambda a: -a,
    "sqrt": lambda a: a**0.5,
    "pow": lambda a, b: float(a**b),
}
