"""What follows for the matrices of a page: that they are symmetric, positive definite, invertible.

Enters: equations, formulas. Leaves: which defined tensors have a property, by the form of what they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from symdl.explain.matrix.algebra import NoMatrixForm, is_symmetric, transposed
from symdl.explain.matrix.closed_form import ClosedReader
from symdl.explain.matrix.monomials import parse
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Array, Call, Diagonal, Multiply, Node, Ones, Terms
from symdl.express.equations import Equation
from symdl.express.ordering import order
from symdl.express.properties import Property
from symdl.express.tensors import Tensor


def known_properties(
    definitions: Mapping[Tensor, Equation], among: Collection[Tensor], notation: Notation
) -> dict[Tensor, frozenset[Property]]:
    """Return what is known of the square matrices `among` defined tensors, in their order.

    Args:
        definitions: the equations of all tensors, in the order computed.
        among: tensors that have names on the page.
        notation: the labels.
    """
    found: dict[Tensor, frozenset[Property]] = {}
    for tensor, equation in definitions.items():
        if tensor not in among or tensor.rank != 2 or tensor.shape[0] != tensor.shape[1]:
            continue

        def inside(other: Tensor, top: Tensor = tensor) -> Equation | None:
            return definitions.get(other) if other is top or other not in among else None

        table = {e.lhs: e for e in order([tensor], inside).equations}
        here = replace(notation, properties=found)
        try:
            node = ClosedReader.of(table, (), here, None).tidied(equation)
        except NoMatrixForm:
            continue
        known: set[Property] = {"symmetric"} if is_symmetric(node) else set()
        known |= {"invertible"} if is_invertible(node) else set()
        known |= {"positive_definite", "symmetric", "invertible"} if is_positive_definite(node) else set()
        if known:
            found[tensor] = frozenset(known)
    return found


def is_invertible(node: Node) -> bool:
    """Say whether a matrix is known to have an inverse."""
    match node:
        case Array():
            return "invertible" in node.properties
        case Call(name="inverse"):
            return True
        case Multiply():
            return all(map(is_invertible, node.args))
    return is_positive_definite(node)


def is_positive_definite(node: Node) -> bool:
    """Say whether a matrix is known to be positive definite: declared so, or ``I + U U'``."""
    match node:
        case Array():
            return "positive_definite" in node.properties
        case Call(name="inverse"):
            return is_positive_definite(node.args[0])
        case Diagonal():
            return isinstance(node.arg, Ones)
        case Terms():
            parts = [parse(term) for term in node.args]
            plain = [p.core for p in parts if p.core and p.coefficient > 0 and not (p.top or p.bottom)]
            good = len(plain) == len(parts) and all(map(_is_semidefinite, plain))
            return good and any(map(is_positive_definite, plain))
    return False


def _is_semidefinite(node: Node) -> bool:
    """Say whether a matrix is ``U U'``, or positive definite."""
    if isinstance(node, Multiply) and len(node.args) % 2 == 0:
        half = len(node.args) // 2
        left, right = Multiply(node.args[:half]), Multiply(node.args[half:])
        return transposed(left) == right
    return is_positive_definite(node)
