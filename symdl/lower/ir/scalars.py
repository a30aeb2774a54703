"""Scalar bodies.

Enters: operations, one after another. Leaves: `Body`, a list of nodes in which every value is computed
once and refers to earlier ones by position; the last node is the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import TypeAlias

from symdl.errors import LoweringError
from symdl.lower.ir.integers import Element, Poly, Sizes, evaluate
from symdl.lower.ir.names import Local, TensorId

UNARY = (
    *("neg", "exp", "log", "log1p", "expm1", "sqrt", "abs", "sin", "cos", "tan", "asin", "acos"),
    *("atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfcx", "lgamma", "floor"),
)
BINARY = ("add", "sub", "mul", "div", "pow", "atan2", "ratio", "floor_divide", "remainder")
DETERMINANTS = ("det", "logdet", "logabsdet", "detsign")
"""Functions of a square matrix that are one number."""
DECOMPOSITIONS = ("eigh", "qr", "svd", "eigenvalues", "singular_values")
"""Functions that write all factors of a matrix (`symdl.lower.equations.decompositions` says where), or values
without vectors."""
WHOLE_ORDERS = ("whole_ranks", "falling_whole_ranks")
"""Functions of a row of int64."""
ORDERS = ("ranks", "falling_ranks", *WHOLE_ORDERS)
"""Functions of a row of keys that write, for each, how many come before it: an int64."""
MATRIX_WRITERS = (
    *("inverse", "cholesky", "factors", "inverse_of_factors", "cholesky_of_factors"),
    *("solution", "transposed_solution"),
    *DECOMPOSITIONS,
    *ORDERS,
)
"""Functions of whole matrices that fill a matrix from the element on that is stored to."""
MATRIX = (*DETERMINANTS, *(f"{op}_of_factors" for op in DETERMINANTS), *MATRIX_WRITERS)
"""Functions of whole matrices: their operands say where each begins (``place``), and sizes (``index``)."""

COMPARE = ("lt", "le", "eq", "ne")
INTEGER_COMPARE = ("ilt", "ile", "ieq", "ine")
LOGIC = ("and", "or", "not")
LEAVES = ("const", "load", "place", "local", "index", "whole", "flag", *INTEGER_COMPARE)
_KEEPING = ("neg", "add", "sub", "mul", "select")
"""What has an int64 as value if its last operand is one."""
BOOLEAN = (*COMPARE, *INTEGER_COMPARE, *LOGIC, "flag")


@dataclass(frozen=True, slots=True)
class Load:
    """An element of a real tensor."""

    tensor: TensorId
    where: tuple[Poly, ...]


@dataclass(frozen=True, slots=True)
class Routine:
    """A function that is in no target's table: its name in generated code, by which the target finds it."""

    name: str


Value: TypeAlias = (
    Routine | Fraction | float | bool | Local | Load | Element | Poly | tuple[Poly, Poly] | None
)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its name, the positions of its operands, and a leaf's value.

    ``call`` has a `Routine` and any number of operands.
    ``uniform`` has seed and step as operands and the position as an integer expression.
    ``const`` holds a number, ``load`` a `Load` or in kernels an `Element`, ``place`` the same for where it
    is, ``local`` a `Local`, ``index`` an integer expression as a real, ``whole`` one as an int64, ``flag`` a
    truth value, ``ilt`` and the like a pair of integer expressions.
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
            return replace(node, value=Element(value.array, poly(value.at), value.stored))
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
