"""What a derivation takes for granted: that matrices have inverses; the convention for symmetric ones.

Enters: the sections of a derivation, the line of a gradient. Leaves: a row of assumptions in the table of
symbols; a line with the gradient in which entries above and below the diagonal are one variable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from symdl.errors import ExplainError
from symdl.explain.matrix.algebra import is_symmetric, is_unit, transposed
from symdl.explain.matrix.closed_algebra import tidy
from symdl.explain.matrix.monomials import build, parse, shape
from symdl.explain.matrix.powers import powered
from symdl.explain.matrix.properties import is_invertible, is_positive_definite
from symdl.explain.matrix.signs import signed
from symdl.explain.notation.tree import (
    Array,
    Call,
    Compare,
    Diagonal,
    Hadamard,
    Multiply,
    Negative,
    Node,
    Ones,
    Partial,
    Terms,
    mapped,
    number,
    walk,
)
from symdl.explain.sections import Lines, Section, Step, Table
from symdl.express.tensors import Tensor

_LONGEST = 40  # nodes of a matrix that is written out


def with_assumptions(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Add to the first table what lines assume: that a matrix is invertible, or its determinant positive."""
    first, *rest = sections
    written = _written_out(rest)
    every = list(_formulas(rest))
    positive = [written(matrix) for n in every if (matrix := _in_log_of_det(n)) is not None]
    inverted = [_base(written(n.args[0])) for n in every if isinstance(n, Call) and n.name == "inverse"]
    facts: dict[Node, tuple[str | Node, ...]] = {}
    for matrix in positive:
        if not is_positive_definite(matrix):
            fact = Compare(">", Call("determinant", (matrix,)), number(0))
            facts.setdefault(_in_any_order(matrix), (fact,))
    for matrix in sorted(inverted, key=lambda m: not isinstance(m, Multiply)):
        known = {factor for one in facts for factor in _factors(one)}
        if _in_any_order(matrix) not in known and not _follows(matrix, known):
            facts[_in_any_order(matrix)] = (matrix, " is invertible")
    if not facts or not isinstance(first, Table):
        return tuple(sections)
    words = [part for fact in facts.values() for part in (", ", *fact)][1:]
    return (replace(first, rows=(*first.rows, ("assumed", tuple(words)))), *rest)


def _written_out(sections: Sequence[Section]) -> Callable[[Node], Node]:
    """Return what writes the unnamed matrices of a page by what they are: so an assumption is stated once."""
    values: dict[Tensor, Node] = {}

    def whole(node: Node) -> Node:
        put = mapped(node, lambda part: values.get(part.tensor) if isinstance(part, Array) else None)
        return tidy(put if sum(1 for _ in walk(put)) <= _LONGEST else node)

    steps = [step for section in sections if isinstance(section, Lines) for step in section.steps]
    for step in steps:
        tensor = step.left.tensor if isinstance(step.left, Array) and step.kind == "matrix" else None
        if tensor is not None and not tensor.name and tensor.role == "intermediate":
            values[tensor] = whole(step.right)
    return lambda node: powered(whole(node))


def _base(matrix: Node) -> Node:
    """Return what a power is a power of: both have an inverse, or none."""
    return matrix.args[0] if isinstance(matrix, Call) and matrix.name == "matrix_power" else matrix


def _in_any_order(matrix: Node) -> Node:
    return signed(matrix)[1]


def _follows(matrix: Node, known: Collection[Node]) -> bool:
    parts = _factors(matrix)[1:] or (matrix,)
    return all(_in_any_order(part) in known or is_invertible(part) for part in parts)


def _factors(matrix: Node) -> tuple[Node, ...]:
    """The matrices that have inverses if, and only if, their product has one, as far as shapes tell."""
    if not isinstance(matrix, Multiply):
        return (matrix,)
    sizes = [shape(factor) for factor in matrix.args]
    square = all(size and size[0] == size[1] for size in sizes)
    return (matrix, *matrix.args) if square else (matrix,)


def _formulas(sections: Sequence[Section]) -> Iterator[Node]:
    for section in sections:
        if isinstance(section, Lines) and section.level != "all":
            for step in section.steps:
                yield from walk(step.right)


def _in_log_of_det(node: Node) -> Node | None:
    match node:
        case Call(name="log", args=(Call(name="determinant", args=(matrix,)),)):
            return matrix
    return None


def symmetric_line(loss: Node, target: Node, tensor: Tensor, last: Step) -> Step:
    """Return the gradient in which entries above and below the diagonal are one variable: ``2 G - I . G``.

    Args:
        loss: what is differentiated.
        target: the symmetric matrix.
        tensor: the same.
        last: the line of the unconstrained gradient G.

    Raises:
        ExplainError: the matrix is not declared symmetric.
    """
    if tensor.rank != 2 or "symmetric" not in tensor.properties:
        raise ExplainError(
            f"{tensor} is not declared symmetric", cure="declare it: sd.tensor(..., symmetric=True)"
        )
    assert last.left is not None
    arrays = any(isinstance(part, Array) for part in walk(last.right))
    whole = last.left if isinstance(last.right, Terms) or not arrays else last.right
    part = parse(whole)
    unit = Diagonal(Ones(tensor.shape[0]))
    if is_unit(last.right):
        value: Node = whole
    elif is_symmetric(last.right):
        twice = build(replace(part, coefficient=2 * part.coefficient))
        value = Terms((twice, Negative(Hadamard((unit, whole)))))
    else:
        value = Terms((whole, transposed(whole), Negative(Hadamard((unit, whole)))))
    rule = "entries above and below the diagonal are one variable"
    return Step(rule, Partial(loss, target, value), value, "result", "result")


__all__ = ["symmetric_line", "with_assumptions"]
