"""Positions that are read from data.

Enters: a frozen program. Leaves: the same, in which no wrong position can reach outside a tensor, and a list
of what must be checked before anything is computed. A position that every element of an equation uses is
checked. One that is used under a condition may be anything where the condition fails, and is clamped; it is
checked where the condition holds if that is about given integers of the same element.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from symdl.lower.body import Body, Load, Node
from symdl.lower.ir import FrozenEquation, FrozenProgram, Gather, Mask, Same, TensorInfo, terms
from symdl.lower.poly import Clamp, Mod, Pick, Poly, atoms, of


def checked_positions(program: FrozenProgram) -> FrozenProgram:
    """Return the program with clamped positions and the list of checks."""
    found: dict[Gather, None] = {}
    equations = []
    for equation in program.equations:
        worker = _Positions(program, equation)
        equations.append(worker.equation())
        found.update(dict.fromkeys(worker.gathers))
    whole = {replace(g, masks=()) for g in found if not g.masks}
    kept = tuple(g for g in found if not g.masks or replace(g, masks=()) not in whole)
    return replace(program, equations=tuple(equations), gathers=kept)


class _Positions:
    def __init__(self, program: FrozenProgram, equation: FrozenEquation) -> None:
        self.tensors: tuple[TensorInfo, ...] = program.tensors
        self.given = set(program.inputs)
        self.defined = {e.lhs: e for e in program.equations}
        self.source = equation
        self.data = [g for g in equation.guards if any(map(_picks, terms(g)))]
        self.gathers: list[Gather] = []

    def equation(self) -> FrozenEquation:
        """Return the equation with clamped positions."""
        if not any(_picks(p) for p in self.source.body.polys):
            return self.source
        counts = _conditions(self.source.body)
        nodes = [self.node(n, counts.get(place)) for place, n in enumerate(self.source.body.nodes)]
        return replace(self.source, body=Body(tuple(nodes)))

    def node(self, node: Node, counts: Conditions) -> Node:
        """Return a node with clamped positions; `counts` says when its value counts."""
        if not isinstance(node.value, Load):
            return node
        tensor = int(node.value.tensor)
        shape = self.tensors[tensor].shape
        pairs = zip(node.value.where, shape, strict=True)
        where = tuple(self.position(e, size, counts) for e, size in pairs)
        return replace(node, value=Load(tensor, where))

    def position(self, where: Poly, size: Poly, counts: Conditions) -> Poly:
        """Return a position that cannot be out of range, and note what is to be checked."""
        if not _picks(where):
            return where
        pick, offset = _shifted(where)
        if pick is None:
            wraps = isinstance(where.atom, Mod) and where.atom.by == size
            return where if wraps else of(Clamp(where, size))
        masks = self.masks(pick, counts)
        source, more = self.computed_from(pick)
        if int(source.tensor) in self.given and masks is not None:
            self.gathers.append(Gather(int(source.tensor), size, masks, offset + more))
            if self.gathers[-1].plain:
                return where
        return of(Clamp(where, size))

    def computed_from(self, pick: Pick) -> tuple[Pick, int]:
        """Return the given element and the number that a position is the sum of, such as a length less 1."""
        equation = self.defined.get(int(pick.tensor))
        if equation is None or equation.op or equation.guards or equation.body.result.op != "index":
            return pick, 0
        value = equation.body.result.value
        source, offset = _shifted(value) if isinstance(value, Poly) else (None, 0)
        if source is None or source.where != equation.where:
            return pick, 0
        return Pick(source.tensor, pick.where), offset

    def masks(self, pick: Pick, counts: Conditions) -> tuple[Mask, ...] | None:
        """Return the conditions on data under which a position counts, None if they are not simple."""
        if counts is None:
            return None
        found = [self.mask(g.left, g.right, True, pick) if isinstance(g, Same) else None for g in self.data]
        for place, holds in counts:
            node = self.source.body.nodes[place]
            sides = node.value if node.op in ("ieq", "ine") and isinstance(node.value, tuple) else None
            found.append(self.mask(*sides, (node.op == "ieq") == holds, pick) if sides else None)
        simple = [mask for mask in found if mask is not None]
        return tuple(simple) if len(simple) == len(found) else None

    def mask(self, left: Poly, right: Poly, equal: bool, pick: Pick) -> Mask | None:
        """Return what a comparison asks of a given tensor at the same element, if it asks nothing else."""
        for side, other in ((left, right), (right, left)):
            atom, number = side.atom, other.number
            if isinstance(atom, Pick) and number is not None and int(atom.tensor) in self.given:
                return (int(atom.tensor), number, equal) if atom.where == pick.where else None
        return None


def _picks(poly: Poly) -> bool:
    return any(isinstance(atom, Pick) for atom in atoms(poly))


def _shifted(where: Poly) -> tuple[Pick | None, int]:
    """Return the element of a tensor and the number that a position is the sum of, if it is one."""
    offset = sum(factor for monomial, factor in where.terms if not monomial)
    rest = Poly(tuple(term for term in where.terms if term[0])).atom
    return (rest if isinstance(rest, Pick) else None), offset


Conditions: TypeAlias = frozenset[tuple[int, bool]] | None
"""Under which conditions a value counts: nodes, and whether they hold. None: it is not simple."""


def _conditions(body: Body) -> dict[int, Conditions]:
    """Return for each node of a body when its value counts."""
    found: dict[int, Conditions] = {len(body.nodes) - 1: frozenset()}
    for place in reversed(range(len(body.nodes))):  # users come after what they use
        if place not in found:
            continue
        node, mine = body.nodes[place], found[place]
        uses = [(arg, mine) for arg in node.args]
        if node.op == "select":
            test, yes, no = node.args
            under = [None if mine is None else mine | {(test, holds)} for holds in (True, False)]
            uses = [(test, mine), (yes, under[0]), (no, under[1])]
        for arg, counts in uses:
            before = found.get(arg, counts)
            found[arg] = counts if before == counts else _either(before, counts)
    return found


def _either(first: Conditions, second: Conditions) -> Conditions:
    if first is None or second is None:
        return None
    return first if first <= second else second if second <= first else None
