"""Copies that matrix products do not need.

Enters: equations. Leaves: the same without those that only move elements, where a matrix product can read
them where they are, or write them where they go: the heads of attention are blocks of columns. A transposed
axis, a slice or a split axis is read in place; an axis that joins two others is written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from symdl.lower.equations.contractions import as_contraction
from symdl.lower.ir.integers import ONE, ZERO, Floor, Mod, Poly, linear, of, substitute
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, TensorInfo
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import Load, Node, map_body
from symdl.lower.ir.visitors import reads_of


def without_copies(
    program: FrozenProgram, equations: Sequence[FrozenEquation], left: Container[int] = ()
) -> list[FrozenEquation]:
    """Return the equations without copies that every reader, or the maker, can do without.

    Those `left` become no matrix products, even if they could.
    """
    worker = _Copies(program, equations, left)
    for equation in reversed(equations):  # of several copies in a row the last one first
        worker.consider(equation, worker.read_in_place)
    for equation in equations:
        worker.consider(equation, worker.written_in_place)
    return [worker.equations[e.number] for e in equations if e.number in worker.equations]


class _Copies:
    def __init__(
        self, program: FrozenProgram, equations: Sequence[FrozenEquation], left: Container[int]
    ) -> None:
        self.tensors: Sequence[TensorInfo] = program.tensors
        self.left = left
        self.equations = {e.number: e for e in equations}
        self.fixed = {n for r in program.recurrences for n in r.members}
        self.kept = {*program.inputs, *program.outputs, *(new for _, new in program.updates)}
        self.makers = {e.lhs: e.number for e in equations}
        self.readers: dict[TensorId, set[int]] = {}
        for equation in equations:
            for read in reads_of(equation):
                self.readers.setdefault(read.tensor, set()).add(equation.number)

    def consider(
        self,
        original: FrozenEquation,
        attempt: Callable[[FrozenEquation, Load], list[FrozenEquation] | None],
    ) -> None:
        """Remove an equation if it is a copy that nobody needs."""
        copy = self.equations.get(original.number)
        source = self.source(copy) if copy else None
        if copy is None or source is None or copy.number in self.fixed or copy.lhs in self.kept:
            return
        changed = attempt(copy, source)
        if changed is None:
            return
        del self.equations[copy.number]
        for equation in changed:
            self.equations[equation.number] = equation
            self.makers[equation.lhs] = equation.number
            for read in reads_of(equation):
                self.readers.setdefault(read.tensor, set()).add(equation.number)

    def source(self, equation: FrozenEquation) -> Load | None:
        """Return what a copy reads; None if the equation is none."""
        if equation.op or equation.guards or len(equation.body.nodes) != 1:
            return None
        value = equation.body.result.value
        plain = equation.where == tuple(of(v) for v in equation.free)
        return value if plain and isinstance(value, Load) else None

    def read_in_place(self, copy: FrozenEquation, source: Load) -> list[FrozenEquation] | None:
        """Return the readers of a copy reading its source, if that does not cost them anything."""
        if any(linear(where) is None for where in source.where):
            return None
        changed = []
        for number in self.readers.get(copy.lhs, ()):
            reader = self.equations.get(number)
            if reader is None:
                continue
            if number in self.fixed:
                return None
            new = replace(reader, body=map_body(reader.body, lambda p: p, _through(copy, source)))
            if not self.product(reader) or not self.product(new):
                return None
            changed.append(new)
        return changed

    def written_in_place(self, copy: FrozenEquation, source: Load) -> list[FrozenEquation] | None:
        """Return the maker of a copy's source writing the copy, if nobody else reads the source."""
        tensor = source.tensor
        maker = self.equations.get(self.makers.get(tensor, -1))
        if maker is None or maker.number in self.fixed or tensor in self.kept:
            return None
        readers = {n for n in self.readers[tensor] if n in self.equations}
        places = _inverse(copy, source, self.tensors[tensor].shape, maker.where)
        if readers != {copy.number} or places is None or not self.product(maker):
            return None
        new = replace(maker, lhs=copy.lhs, where=places)
        return [new] if self.product(new) else None

    def product(self, equation: FrozenEquation) -> bool:
        """Say whether an equation becomes a matrix product."""
        return equation.number not in self.left and as_contraction(equation, self.tensors) is not None


def _through(copy: FrozenEquation, source: Load) -> Callable[[Load], Node]:
    """Return how a read of a copy becomes one of its source."""

    def element(load: Load) -> Node:
        if load.tensor == copy.lhs:
            values: dict[Variable, Poly] = dict(zip(copy.free, load.where, strict=True))
            load = Load(source.tensor, tuple(substitute(p, values) for p in source.where))
        return Node("load", (), load)

    return element


def _inverse(
    copy: FrozenEquation, source: Load, shape: Sequence[Poly], where: Sequence[Poly]
) -> tuple[Poly, ...] | None:
    """Return where in a copy the element `where` of its source comes to lie."""
    sizes = copy.sizes
    whole: dict[Index, Poly] = {}
    high: dict[Index, tuple[Poly, Poly, Poly]] = {}
    low: dict[Index, tuple[Poly, Poly]] = {}
    for place, size, value in zip(source.where, shape, where, strict=True):
        atom = place.atom
        inner = atom.value.atom if isinstance(atom, Floor | Mod) else atom
        if size == ONE and place == ZERO:
            continue
        if not isinstance(inner, Index):
            return None
        if isinstance(atom, Floor):
            high[inner] = value, atom.by, size
        elif isinstance(atom, Mod):
            low[inner] = value, atom.by
            if size != atom.by:
                return None
        elif sizes[inner] == size:
            whole[inner] = value
    result = []
    for variable in copy.free:
        if variable in whole:
            result.append(whole[variable])
        elif variable in high and variable in low:
            (first, by, count), (second, other) = high[variable], low[variable]
            if by != other or count * by != sizes[variable]:
                return None
            result.append(first * by + second)
        elif sizes[variable] == ONE:
            result.append(ZERO)
        else:
            return None
    used = len(whole) + len(high) + len(low)
    return tuple(result) if used == sum(s != ONE for s in shape) else None
