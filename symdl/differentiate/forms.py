"""Equations with definitions of what they read, as plain data.

Enters: an equation, and what defines the elements in it. Leaves: a tuple in which tensors and indices are
numbers in the order of reading: equal ones are equal equations of equal definitions, whatever the names.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.structure import terms
from symdl.express.tensors import Access, Tensor


def written(
    equation: Equation,
    definition: Callable[[Access, Equation], Equation | None],
    known: Callable[[Tensor], object],
) -> tuple[object, ...]:
    """Return an equation, and in turn the definitions of what it reads.

    Args:
        equation: the first one.
        definition: gives the equation of an element that an equation reads, or None where it stays.
        known: what counts of a tensor besides its definition, its shape and what else it is.
    """
    numbers: dict[object, int] = {}
    todo, found = [equation], list[object]()

    def told(tensor: Tensor) -> object:
        what = (tensor.shape, tensor.dtype, tensor.role, tensor.below, tensor.properties)
        return (*what, known(tensor), None if tensor.value is None else tensor)

    def element(access: Access) -> object:
        source = definition(access, each)
        if access.tensor in numbers:
            return numbers[access.tensor], source is None
        numbers[access.tensor] = len(numbers)
        if source is not None:
            todo.append(source)
        return numbers[access.tensor], source is None, told(access.tensor)

    def leaf(node: sp.Basic) -> object:
        return numbers.setdefault(node, len(numbers)) if isinstance(node, Index) else node

    for each in todo:  # which grows meanwhile
        own = (numbers.get(each.lhs), told(each.lhs), tuple(map(leaf, each.indices)))
        found += (own, each.reduction is None, terms([each.body], element, leaf))
    return tuple(found)
