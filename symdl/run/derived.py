"""Derived programs on disk, so that a later process does not derive them.

Enters: the tensors that a program is derived from, what else it depends on, and what derives it. Leaves: the
program, found or made and kept. It is kept as data (`symdl.express.portable`), in which the tensors that it
is derived from have their numbers only; so it is found again for other tensors of the same equations. What
nobody can tell again, such as a user's own optimizer or function, is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import DataError, ExpressionError
from symdl.express.portable import Graph, ProgramData, read_program, written, written_program
from symdl.express.program import Fact, Program
from symdl.express.tensors import Tensor
from symdl.nn.described import described, is_known
from symdl.nn.described import made as setting_of
from symdl.run import kept

KIND = "derived"
"""What the files end with."""
_LARGEST = 4096
"""Elements up to which a constant of a derivation is written down."""


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A derived program.

    Attributes:
        program: the program.
        groups: more tensors that whoever derives it needs to know again.
    """

    program: Program
    groups: tuple[tuple[Tensor, ...], ...] = ()


def derived(told: Any, asked: Sequence[Tensor], make: Callable[[], Derived]) -> Derived:
    """Return a derived program, found on disk or made and kept there.

    Args:
        told: what it depends on besides `asked`, as JSON holds it; None if nobody can tell.
        asked: the tensors on which it depends, in order.
        make: derives it.
    """
    key, given = _key(told, asked)
    found = None if key is None else _read(kept.content(key, KIND), given)
    if found is None:
        found = make()
        if key is not None:
            _keep(key, found, given)
    return found


def setting(value: Any) -> Any:
    """Return an optimizer as JSON holds it, or None if it, or a setting of it, is not of this package."""
    found = described(value)
    with suppress(DataError):
        if is_known(setting_of(found)):
            return found
    return None


def facts_told(facts: Sequence[Fact]) -> tuple[list[Any], list[Tensor]]:
    """Return facts as what is told of them and the tensors that they are about."""
    told = [[fact.axis, fact.kind, fact.right is not None] for fact in facts]
    return told, [t for fact in facts for t in (fact.tensor, fact.right) if t is not None]


def _key(told: Any, asked: Sequence[Tensor]) -> tuple[str | None, list[Tensor]]:
    """Return the key of a derivation, and all tensors from which it starts, in order."""
    if told is None or not kept.wanted():
        return None, []
    try:
        graph, numbers = written(asked)
    except ExpressionError:
        return None, []
    return kept.digest([told, [numbers[t] for t in asked]], graph), list(numbers)


def _keep(key: str, found: Derived, given: Sequence[Tensor]) -> None:
    others = [tensor for group in found.groups for tensor in group]
    try:
        made, numbers = written_program(found.program, given, others)
    except ExpressionError:
        return
    inits = {number: setting(init) for number, init in made.graph.inits.items()}
    arrays = {number: np.asarray(array) for number, array in made.graph.arrays.items()}
    if None in inits.values() or any(array.size > _LARGEST for array in arrays.values()):
        return
    values = [[n, a.dtype.str, a.shape, a.reshape(-1).tolist()] for n, a in arrays.items()]
    groups = [[numbers[tensor] for tensor in group] for group in found.groups]
    kept.write(key, KIND, [made.graph.data, made.data, list(inits.items()), values, groups])


def _read(content: Any, given: Sequence[Tensor]) -> Derived | None:
    if content is None:
        return None
    data, own, inits, values, groups = content
    arrays = {number: np.array(flat, kind).reshape(shape) for number, kind, shape, flat in values}
    functions = {number: setting_of(told) for number, told in inits}
    try:
        program, tensors = read_program(ProgramData(Graph(data, arrays, functions), own), given)
    except DataError:
        return None
    return Derived(program, tuple(tuple(tensors[at] for at in group) for group in groups))
