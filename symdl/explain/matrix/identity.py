"""Whether two tensors are the same for all values: by the normal form of their difference.

Enters: a tensor, and another one with the equations that define it. Leaves: True where the closed form of the
difference is zero; False where it is not, or where there is no closed form. What is True is proved, for real
numbers; what is False may still be equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from symdl.explain.matrix.algebra import NoMatrixForm
from symdl.explain.matrix.closed_form import ClosedReader, known
from symdl.explain.matrix.facts import expanded, with_facts
from symdl.explain.notation.letters import letters_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.sizes import written_sizes
from symdl.explain.notation.tree import Node, number
from symdl.express.equations import Equation
from symdl.express.operators import axis_indices
from symdl.express.ordering import order
from symdl.express.program import Fact, collect
from symdl.express.tensors import Tensor

_LARGEST = 600  # operations and names of a difference that is still read
_LONGEST = 300  # operations of a difference of scalar functions


def are_identical(
    left: Tensor, right: Tensor, definitions: Mapping[Tensor, Equation], facts: Sequence[Fact] = ()
) -> bool:
    """Say whether two tensors of one shape are shown to be equal.

    Args:
        left: over inputs of `right`.
        right: a tensor.
        definitions: the equations of `right`, of a gradient for example.
        facts: declared equations that may be used.
    """
    if left.shape != right.shape or left.rank > 2:
        return False
    names = axis_indices(left.rank)
    difference = Tensor(None, left.shape)
    table = {**collect([left]).definitions, **definitions}
    table[difference] = Equation(difference, names, left.at(*names) - right.at(*names))
    ordered = order([difference], table.get)
    if ordered.recurrences or written_sizes(ordered.equations)[difference] > _LARGEST:
        return False
    letters = letters_of(collect([left]))
    notation = Notation(letters.labels, letters=letters)
    try:
        reader = ClosedReader.of({e.lhs: e for e in ordered.equations}, (), notation, None)
        node = reader.tidied(reader.inline[difference])
        sides = [side for fact in facts if (side := known(fact, notation)) is not None]
        node, _ = with_facts(node, sides, reader.tidy)
        return _is_zero(node) or _is_zero(reader.tidy(expanded(node)))
    except NoMatrixForm:
        return False


def _is_zero(node: Node) -> bool:
    return node == number(0)


def is_zero(difference: sp.Expr) -> bool:
    """Say whether a scalar expression is shown to be zero: multiplied out, or over one denominator.

    Hyperbolic and trigonometric functions are written by exponentials, which the normal form knows.
    """
    if difference == 0:
        return True
    if sp.count_ops(difference) > _LONGEST or difference.has(sp.Piecewise, sp.Max, sp.Min, sp.Abs, sp.Float):
        return False
    return bool(sp.cancel(sp.together(difference.rewrite(sp.exp))) == 0)


__all__ = ["are_identical", "is_zero"]
