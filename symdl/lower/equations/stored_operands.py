"""Given tensors of narrow types.

Enters: a program, and the narrow types of given tensors by name. Leaves: the same program, in which those
tensors have them. Loops turn each element into a real, or an int64, where they read it. What reads memory by
itself wants reals: for it there are copies. A matrix product reads one (a narrow matrix times a vector does
not: it takes as long as the matrix takes to be read, and becomes loops along its rows), and an output that is
a given tensor is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdl.lower.equations.contractions import Contraction, as_contraction
from symdl.lower.equations.matrix_functions import Made
from symdl.lower.ir.integers import ONE, Pick, of
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, TensorInfo
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.scalars import Load, Node, load, map_body, whole


def with_storage(program: FrozenProgram, storage: Mapping[str, str]) -> FrozenProgram:
    """Return the program with given tensors of narrow types."""
    given = frozenset(program.inputs)
    tensors = (
        replace(info, storage=storage[info.name]) if info.number in given and info.name in storage else info
        for info in program.tensors
    )
    return replace(program, tensors=tuple(tensors))


def with_wide_operands(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, tuple[FrozenEquation, ...]]:
    """Return the equations with copies of the narrow tensors that matrix products and outputs need."""
    if not any(info.storage for info in program.tensors):
        return program, tuple(equations)
    worker = _Copies(program)
    members = {n for r in program.recurrences for n in r.members}
    made: list[FrozenEquation] = []
    start = 0  # of the recurrence that is open: copies come before it
    for equation in equations:
        if equation.number not in members:
            start = len(made)
        changed, copies = worker.changed(equation)
        made[start:start] = copies
        start += len(copies)
        made.append(changed)
    outputs = []
    for tensor in program.outputs:
        new, copies = worker.output(tensor)
        outputs.append(new)
        made += copies
    return replace(worker.made.into(program), outputs=tuple(outputs)), tuple(made)


class _Copies:
    """Makes copies, one a tensor."""

    def __init__(self, program: FrozenProgram) -> None:
        self.made = Made.of(program)
        self.plain = [replace(info, storage="") for info in program.tensors]
        self.copies: dict[TensorId, TensorId] = {}

    def changed(self, equation: FrozenEquation) -> tuple[FrozenEquation, list[FrozenEquation]]:
        """Return an equation that reads copies where it must, and those that are new."""
        narrow = {item.tensor for item in equation.body.loads if self.made.tensors[item.tensor].storage}
        found = as_contraction(equation, self.plain) if narrow else None
        if found is None or _along_rows(found, self.made.tensors):
            return equation, []
        copies = [self.copy(tensor) for tensor in sorted(narrow - self.copies.keys())]

        def moved(item: Load) -> Node:
            return Node("load", (), Load(self.copies.get(item.tensor, item.tensor), item.where))

        return replace(equation, body=map_body(equation.body, lambda p: p, moved)), copies

    def output(self, tensor: TensorId) -> tuple[TensorId, list[FrozenEquation]]:
        """Return the tensor that is an output, and the copy if it is a new one."""
        if not self.made.tensors[tensor].storage:
            return tensor, []
        new = [] if tensor in self.copies else [self.copy(tensor)]
        return self.copies[tensor], new

    def copy(self, tensor: TensorId) -> FrozenEquation:
        """Return the equation that copies a tensor."""
        info = self.made.tensors[tensor]
        new = self.copies[tensor] = TensorId(len(self.made.tensors))
        self.made.tensors.append(replace(info, number=new, role="intermediate", storage=""))
        free = tuple(map(Index, range(len(info.shape))))
        where = tuple(of(v) for v in free)
        body = whole(of(Pick(tensor, where))) if info.integer else load(tensor, where)
        number = self.made.number(f"{info.name}, from {info.storage}")
        return FrozenEquation(number, new, free, (), info.shape, None, (), body, where)


def _along_rows(product: Contraction, tensors: Sequence[TensorInfo]) -> bool:
    """Say whether a product is one of a narrow matrix and a vector of reals, and sums along its rows."""
    matrix, vector, rows = product.left, product.right, not product.left.transposed
    if product.n != ONE:
        if product.m != ONE:
            return False
        matrix, vector, rows = vector, matrix, product.right.transposed
    return rows and bool(tensors[matrix.tensor].storage) and not tensors[vector.tensor].storage
