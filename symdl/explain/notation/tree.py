"""What a formula looks like: a tree that knows the order of its parts.

SymPy sorts the factors of a product and the terms of a sum; a derivation must keep them as they were
written. Enters: nothing but the parts. Leaves: frozen nodes, which the LaTeX and the text printer read, and
which a test evaluates, so that what is checked is what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import sympy as sp

from symdl.express.dims import Extent
from symdl.express.properties import Property
from symdl.express.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Label:
    """A name as it is set: ``first.W`` has base ``W`` and mark ``first``; ``theta_1`` has sub ``1``.

    Attributes:
        base: a letter or word, or the name of a Greek letter.
        sub: words set below, outermost first.
        marks: words set above, in brackets.
        accents: from the innermost outwards.
        verbatim: set the base letter by letter in upright type, without reading anything into it.
        color: an HTML colour such as ``#0B6E4F``, or nothing.
        font: ``mathbf``, ``mathcal`` or ``mathsf``, or nothing.
        key: by what a page in a browser knows the symbol, or nothing.
    """

    base: str
    sub: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    accents: tuple[Literal["bar", "dot", "hat", "tilde", "vec"], ...] = ()
    verbatim: bool = False
    color: str = ""
    font: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """A nonnegative number."""

    value: sp.Number | sp.NumberSymbol


@dataclass(frozen=True, slots=True)
class Symbol:
    """A scalar name and the symbol or rank-0 access that it stands for (None for a mere name)."""

    label: Label
    expr: sp.Expr | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An element of a tensor, ``X_{ik}``; one that may lie `outside`, before the first step, is 0 there."""

    label: Label
    tensor: Tensor
    indices: tuple[Node, ...]
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Ordinal:
    """A position, counted from 1 where it is shown: `place` counts from 0."""

    place: sp.Expr


@dataclass(frozen=True, slots=True)
class Array:
    """A whole tensor in a matrix expression, and what is known of it, such as ``symmetric``."""

    label: Label
    tensor: Tensor
    properties: frozenset[Property] = frozenset()


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus something."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Terms:
    """A sum in this order; a `Negative` term is subtracted."""

    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """A product in this order; with `dots` between the factors or side by side."""

    args: tuple[Node, ...]
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Fraction:
    """A quotient."""

    top: Node
    bottom: Node


@dataclass(frozen=True, slots=True)
class Power:
    """A power, entry by entry if the base is an array."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of scalars, or of an array entry by entry; `name` is SymPy's class name."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A relation: ``=``, ``<``, ``<=``, ``>``, ``>=``, ``!=`` or ``|`` (divides)."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """``and``, ``or`` of conditions, ``not`` of one."""

    op: Literal["and", "or", "not"]
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Indicator:
    """1 where the condition holds, else 0; where it fails, what it multiplies is not evaluated."""

    condition: Node


@dataclass(frozen=True, slots=True)
class Delta:
    """Kronecker's delta."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Cases:
    """Values and conditions; the first condition that holds counts, None is otherwise."""

    rows: tuple[tuple[Node, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Big:
    """A reduction over index variables, each with its extent, where a condition holds."""

    op: Literal["sum", "prod", "max", "argmax", "logsumexp"]
    axes: tuple[tuple[Symbol, Extent], ...]
    body: Node
    condition: Node | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial derivative that is named, not computed; `value` is what it equals.

    With `again`, a second one: with respect to `bottom`, and then to `again`.
    """

    top: Node
    bottom: Node
    value: Node | None = None
    again: Node | None = None


@dataclass(frozen=True, slots=True)
class Brace:
    """A group with words under it."""

    body: Node
    words: str


@dataclass(frozen=True, slots=True)
class Transpose:
    """A matrix turned over its diagonal."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Multiply:
    """A matrix product in this order; vectors are columns."""

    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Hadamard:
    """A product entry by entry."""

    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Diagonal:
    """The square matrix with a vector on its diagonal."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a matrix, as a column vector."""

    arg: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Kronecker:
    """A Kronecker product in this order."""

    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Commutation:
    """The matrix `K` with ``vec(X') = K vec(X)`` for an `X` of these sizes."""

    label: Label
    rows: Extent
    columns: Extent


@dataclass(frozen=True, slots=True)
class Ones:
    """A column of ones."""

    size: Extent


@dataclass(frozen=True, slots=True)
class Entry:
    """An element of a matrix expression, ``(X^-1)_{ij}``."""

    arg: Node
    indices: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Norm:
    """The squared Euclidean (Frobenius) norm."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Grid:
    """A matrix written out; `Dots` may stand for entries."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Cross:
    """Sizes, ``n × 10``."""

    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Dots:
    """Entries left out: ``cdots``, ``vdots`` or ``ddots``."""

    kind: Literal["cdots", "vdots", "ddots"]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A factor that goes away with another one on the same line."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Applied:
    """A named function written with its arguments, ``f(x; a, b)``: inputs, then parameters.

    `value` is what it equals, where that is known.
    """

    label: Label
    inputs: tuple[Node, ...]
    parameters: tuple[Node, ...] = ()
    value: Node | None = None


@dataclass(frozen=True, slots=True)
class Gradient:
    """The nabla of something, by something; `twice` for the matrix of second derivatives."""

    of: Node
    by: Node | None = None
    twice: bool = False


_Names: TypeAlias = Number | Symbol | Item | Ordinal | Array | Ones | Commutation | Dots
_Arithmetic: TypeAlias = Negative | Terms | Product | Fraction | Power | Call | Big | Cancelled
_Conditions: TypeAlias = Compare | Logic | Indicator | Delta | Cases
_Matrices: TypeAlias = (
    Transpose | Multiply | Hadamard | Diagonal | Row | Kronecker | Entry | Norm | Grid | Cross
)
_Derivatives: TypeAlias = Partial | Brace | Applied | Gradient
Node: TypeAlias = _Names | _Arithmetic | _Conditions | _Matrices | _Derivatives


def number(value: int) -> Node:
    """Return an integer as a node."""
    positive = Number(sp.Integer(abs(value)))
    return positive if value >= 0 else Negative(positive)


def product(factors: tuple[Node, ...], *, dots: bool = False) -> Node:
    """Return a product; one factor is itself, none is 1."""
    if not factors:
        return number(1)
    return factors[0] if len(factors) == 1 else Product(factors, dots)


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly inside `node`, as it is shown."""
    for field in fields(node):
        if field.name == "value":  # what a name stands for is not shown
            continue
        yield from _nodes(getattr(node, field.name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)
    elif isinstance(value, Node):
        yield value


def mapped(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """Return the node with every part replaced for which `change` returns something."""
    new = change(node)
    if new is not None:
        return new
    parts = {f.name: _mapped(getattr(node, f.name), change) for f in fields(node)}
    return replace(node, **parts)


def _mapped(value: Any, change: Callable[[Node], Node | None]) -> Any:
    if isinstance(value, tuple):
        return tuple(_mapped(part, change) for part in value)
    return mapped(value, change) if isinstance(value, Node) else value


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and every node inside it, outermost first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(list(children(current))))
