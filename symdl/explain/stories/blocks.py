"""Gates that are computed side by side, each by a name of its own: ``a_f[k]`` for ``A[k + 8]``.

Enters: a derivative. Leaves: the same one, in which every block of columns that a gate reads is a tensor,
named as the gate is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import sympy as sp

from symdl.differentiate.record import Contribution, Derivative
from symdl.express.dims import Index
from symdl.express.equations import Equation, Origin
from symdl.express.tensors import Access, Tensor, map_accesses

GATE = "gate"
"""The rule of an equation that is one block of columns."""

_LETTERS = "abcqvw"


@dataclass(frozen=True, slots=True)
class Block:
    """The columns `low` to ``low + size`` of what gates are computed in, along one axis."""

    axis: int
    low: int
    size: int
    tensor: Tensor


def with_blocks(derivative: Derivative) -> Derivative:
    """Return a derivative that reads the blocks of gates by their names."""
    program, record = derivative.program, derivative.record
    taken = {t.name for t in (*program.inputs, *program.definitions)}
    blocks: dict[Tensor, list[Block]] = {}
    for equation in program.equations:
        if equation.lhs.role == "intermediate" and not equation.lhs.name and equation.lhs.rank > 1:
            letter = _LETTERS[len(blocks) % len(_LETTERS)]
            found = _blocks_of(equation, program.equations, letter)
            if found and taken.isdisjoint(b.tensor.name for b in found):
                blocks[equation.lhs] = found
    if not blocks:
        return derivative
    equations = [_reading(e, blocks) for e in program.equations]
    for whole, parts in blocks.items():
        equations += [_equation(program.definitions[whole], block) for block in parts]
    uses = tuple(_in_use(use, blocks) for use in record.contributions)
    return replace(
        derivative, program=program.with_equations(equations), record=replace(record, contributions=uses)
    )


def in_order(equations: Sequence[Equation]) -> tuple[Equation, ...]:
    """Return lines with the blocks of one tensor in the order in which they lie."""

    def whole(equation: Equation) -> Tensor:
        return equation.reads()[0] if equation.origin.rule == GATE else equation.lhs

    return tuple(e for _, group in groupby(equations, whole) for e in sorted(group, key=_place))


def _place(block: Equation) -> int:
    """The first column of a block."""
    if block.origin.rule != GATE or not isinstance(block.body, Access):
        return 0
    moved = [place - index for place, index in zip(block.body.indices, block.indices, strict=True)]
    return int(sp.Add(*moved))


def _blocks_of(whole: Equation, equations: Sequence[Equation], letter: str) -> list[Block]:
    """Return the blocks that named tensors read of `whole`, if they cover it, each its own."""
    found: dict[tuple[int, int, int], str] = {}
    for equation in equations:
        for access in equation.body.atoms(Access):
            if access.tensor is not whole.lhs or equation.lhs.role == "cotangent":
                continue
            own = _block(access, equation)
            owner, _, gate = str(equation.lhs.name or "").rpartition(".")
            if own is None or not gate or found.setdefault(own, f"{owner}.{letter}_{gate}") == "":
                return []
    ordered = sorted(found, key=lambda own: own[1])
    ends = [0, *(low + size for _, low, size in ordered)]
    axes = {axis for axis, _, _ in ordered}
    if len(ordered) < 2 or len(axes) != 1 or ends[-1] != whole.lhs.shape[axes.pop()]:
        return []
    if any(low != end for (_, low, _), end in zip(ordered, ends, strict=False)):
        return []
    blocks = []
    for axis, low, size in ordered:
        shape = [size if k == axis else extent for k, extent in enumerate(whole.lhs.shape)]
        blocks.append(Block(axis, low, size, Tensor(found[axis, low, size].removeprefix("."), shape)))
    return blocks


def _block(access: Access, equation: Equation) -> tuple[int, int, int] | None:
    """Return the axis, the first place and the number of places that an access reads, if it is a block."""
    moved = [k for k, place in enumerate(access.indices) if not isinstance(place, Index)]
    if len(moved) > 1 or equation.guards or equation.reduction is not None:
        return None
    axis = moved[0] if moved else len(access.indices) - 1
    names = [s for s in access.indices[axis].free_symbols if isinstance(s, Index)]
    if len(names) != 1:
        return None
    low, size = access.indices[axis] - names[0], equation.extents.get(names[0])
    return (axis, int(low), size) if low.is_Integer and isinstance(size, int) else None


def _equation(whole: Equation, block: Block) -> Equation:
    places = [i + block.low if k == block.axis else i for k, i in enumerate(whole.indices)]
    equation = Equation(block.tensor, whole.indices, whole.lhs.at(*places), origin=Origin(GATE))
    if block.tensor.equation is None:
        block.tensor.attach(equation)
    return equation


def _reading(equation: Equation, blocks: Mapping[Tensor, Sequence[Block]]) -> Equation:
    return replace(equation, body=_read(equation.body, equation, blocks))


def _in_use(use: Contribution, blocks: Mapping[Tensor, Sequence[Block]]) -> Contribution:
    return replace(use, equation=_reading(use.equation, blocks))


def _read(body: sp.Expr, equation: Equation, blocks: Mapping[Tensor, Sequence[Block]]) -> sp.Expr:
    """Write the elements of blocks by their names."""

    plain = replace(equation, guards=(), reduction=None)

    def change(access: Access) -> sp.Expr:
        own = _block(access, plain) if access.tensor in blocks else None
        for block in blocks.get(access.tensor, ()):
            if own == (block.axis, block.low, block.size):
                places = [p - block.low if k == block.axis else p for k, p in enumerate(access.indices)]
                return block.tensor.at(*places)
        return access

    return map_accesses(body, change)
