"""What a derivation takes for granted: that matrices have inverses; the convention for symmetric ones.

Enters: the sections of a derivation, the line of a gradient. Leaves: a row of assumptions in the table of
symbols; a line with the gradient in which entries above and below the diagonal are one variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from symdl.errors import ExplainError
from symdl.explain.matrix.algebra import is_symmetric, is_unit, transposed
from symdl.explain.matrix.monomials import build, parse
from symdl.explain.matrix.properties import is_invertible, is_positive_definite
from symdl.explain.notation.tree import (
    Array,
    Call,
    Compare,
    Diagonal,
    Hadamard,
    Negative,
    Node,
    Ones,
    Partial,
    Terms,
    number,
    walk,
)
from symdl.explain.sections import Lines, Section, Step, Table
from symdl.express.tensors import Tensor


def with_assumptions(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Add to the first table what lines assume: that a matrix is invertible, or its determinant positive."""
    first, *rest = sections
    every = list(_formulas(rest))
    positive = [matrix for n in every if (matrix := _in_log_of_det(n)) is not None]
    inverted = [n.args[0] for n in every if isinstance(n, Call) and n.name == "inverse"]
    facts: dict[Node, tuple[str | Node, ...]] = {}
    for matrix in positive:
        if not is_positive_definite(matrix):
            facts[matrix] = (Compare(">", Call("determinant", (matrix,)), number(0)),)
    for matrix in inverted:
        if matrix not in facts and not is_invertible(matrix):
            facts[matrix] = (matrix, " is invertible")
    if not facts or not isinstance(first, Table):
        return tuple(sections)
    words = [part for fact in facts.values() for part in (", ", *fact)][1:]
    return (replace(first, rows=(*first.rows, ("assumed", tuple(words)))), *rest)


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
