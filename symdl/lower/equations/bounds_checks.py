"""Positions that are read from data.

Enters: a frozen program. Leaves: the same, in which no wrong position can reach outside a tensor, and a list
of what must be checked before anything is computed. A position that an equation uses is checked, no other:
of a table of edges the column that is read, under a condition on places or given integers the elements where
that holds. It may be a sum or a multiple of given integers and of the element's place. What stands behind
another condition may be anything where that fails, and is clamped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from symdl.errors import LoweringError
from symdl.lower.ir.integers import (
    ONE,
    ZERO,
    Atom,
    Clamp,
    Mod,
    Pick,
    Poly,
    atoms,
    of,
    rebuild,
    substitute,
    variables,
)
from symdl.lower.ir.loops import (
    Comparison,
    FrozenEquation,
    FrozenProgram,
    Gather,
    Mask,
    Same,
    TensorInfo,
    Within,
    terms,
)
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import INTEGER_COMPARE, Body, Load, Node


def checked_positions(program: FrozenProgram) -> FrozenProgram:
    """Return the program with clamped positions and the list of checks."""
    found: dict[Gather, None] = {}
    equations = []
    defined = {e.lhs: e for e in program.equations}
    for equation in program.equations:
        worker = _Positions(program, equation, defined)
        equations.append(worker.equation())
        worker.declared()
        found.update(dict.fromkeys(worker.gathers))
    whole = {replace(g, masks=()) for g in found if not g.masks}
    kept = tuple(g for g in found if not g.masks or replace(g, masks=()) not in whole)
    return replace(program, equations=tuple(equations), gathers=kept)


Definitions: TypeAlias = Mapping[TensorId, FrozenEquation]


class _Positions:
    def __init__(self, program: FrozenProgram, equation: FrozenEquation, defined: Definitions) -> None:
        self.tensors: tuple[TensorInfo, ...] = program.tensors
        self.given, self.defined = frozenset(program.inputs), defined
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

    def declared(self) -> None:
        """Note values that are declared to be positions, such as lengths of sequences, if they are given."""
        below, result = self.tensors[self.source.lhs].below, self.source.body.result
        if below is not None and self.source.op is None and isinstance(result.value, Poly):
            self.position(result.value, below, frozenset())

    def node(self, node: Node, counts: Conditions) -> Node:
        """Return a node with clamped positions; `counts` says when its value counts."""
        value = node.value
        if isinstance(value, Load):
            return replace(node, value=Load(value.tensor, self.inside(value.tensor, value.where, counts)))
        if isinstance(value, Poly):
            return replace(node, value=self.read(value, counts))
        if isinstance(value, tuple):
            return replace(node, value=(self.read(value[0], counts), self.read(value[1], counts)))
        return node

    def inside(self, tensor: TensorId, where: Sequence[Poly], counts: Conditions) -> tuple[Poly, ...]:
        """Return where an element of a tensor is read, clamped."""
        pairs = zip(where, self.tensors[tensor].shape, strict=True)
        return tuple(self.read(self.position(e, size, counts), counts) for e, size in pairs)

    def read(self, poly: Poly, counts: Conditions) -> Poly:
        """Return an integer expression with the positions of the elements in it clamped."""

        def atom(found: Atom) -> Poly | None:
            if not isinstance(found, Pick) or not any(map(_picks, found.where)):
                return None
            return of(Pick(found.tensor, self.inside(found.tensor, found.where, counts)))

        return rebuild(poly, atom)

    def position(self, where: Poly, size: Poly, counts: Conditions) -> Poly:
        """Return a position that cannot be out of range, and note what is to be checked."""
        if not _picks(where) or (isinstance(where.atom, Mod) and where.atom.by == size):
            return where
        source = rebuild(where, self.definition)
        pick, offset = _shifted(source)
        whole = pick is not None and self.covers(pick) and len(self.data) == len(self.source.guards)
        masks = self.masks(pick, counts) if pick is not None and whole else None
        if pick is None or masks is None:
            found = self.used(source, size, counts)
        else:
            found = Gather(pick.tensor, size, masks, offset) if pick.tensor in self.given else None
        if found is None:
            _refuse_unlimited(self, source, where, size)
            return of(Clamp(where, size))
        self.gathers.append(found)
        always = pick is not None and not (offset or found.masks or found.conditions)
        return where if always and source == where else of(Clamp(where, size))

    def covers(self, pick: Pick) -> bool:
        """Say whether every element of a tensor is read."""
        found = [e.atom for e in pick.where if isinstance(e.atom, Index)]
        if len(set(found)) < len(pick.where):
            return False
        shape = self.tensors[pick.tensor].shape
        return all(self.source.sizes.get(v) == size for v, size in zip(found, shape, strict=True))

    def used(self, where: Poly, size: Poly, counts: Conditions) -> Gather | None:
        """Return the check of a position at the places where it counts, None where that is not known."""
        conditions = self.comparisons(counts)
        if conditions is None:
            return None
        exprs = [where, *(side for _, left, right, _ in conditions for side in (left, right))]
        tensors = [atom.tensor for e in exprs for atom in atoms(e) if isinstance(atom, Pick)]
        sizes, mine = self.source.sizes, _in_order(variables(where))
        names = [*mine, *_in_order({name for e in exprs for name in variables(e)} - set(mine))]
        if not self.given.issuperset(tensors) or any(name not in sizes for name in names):
            return None
        renamed: dict[Variable, Poly] = {name: of(Index(n)) for n, name in enumerate(names)}
        axes = tuple((Index(n), sizes[name]) for n, name in enumerate(names))
        tests = tuple(
            (kind, substitute(left, renamed), substitute(right, renamed), holds)
            for kind, left, right, holds in conditions
        )
        value, cut = substitute(where, renamed), len(mine)
        return Gather(tensors[0], size, value=value, axes=axes[:cut], more=axes[cut:], conditions=tests)

    def comparisons(self, counts: Conditions) -> tuple[Comparison, ...] | None:
        """Return guards and conditions of integers, None if there are others."""
        found: list[Comparison] = []
        for guard in self.source.guards:
            kind = "within" if isinstance(guard, Within) else "eq" if isinstance(guard, Same) else "divides"
            found.append((kind, *terms(guard), True))  # type: ignore[arg-type]
        if counts is None:
            return None
        todo = sorted(counts)
        while todo:
            place, holds = todo.pop()
            node = self.source.body.nodes[place]
            if node.op == "not":
                todo.append((node.args[0], not holds))
            elif node.op == ("and" if holds else "or"):
                todo += [(arg, holds) for arg in node.args]
            elif node.op in INTEGER_COMPARE and isinstance(node.value, tuple):
                found.append((node.op[1:], *node.value, holds))  # type: ignore[arg-type]
            elif node.op == "flag":
                found.append(("eq", ZERO, ZERO if node.value else ONE, holds))
            else:
                return None
        made = self.definition
        return tuple((kind, rebuild(a, made), rebuild(b, made), holds) for kind, a, b, holds in found)

    def definition(self, atom: Atom) -> Poly | None:
        """Return what an element of a computed tensor is made of, such as a length less 1."""
        equation = self.defined.get(atom.tensor) if isinstance(atom, Pick) else None
        if equation is None or equation.op or equation.guards or equation.body.result.op != "whole":
            return None
        value = equation.body.result.value
        if not isinstance(atom, Pick) or not isinstance(value, Poly):
            return None
        places: dict[Variable, Poly] = dict(zip(equation.free, atom.where, strict=True))
        return substitute(rebuild(value, self.definition), places)

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
            if isinstance(atom, Pick) and number is not None and atom.tensor in self.given:
                return (atom.tensor, number, equal) if atom.where == pick.where else None
        return None


def _in_order(found: Iterable[Variable]) -> list[Index]:
    """Return index variables in their order."""
    return sorted((v for v in found if isinstance(v, Index)), key=lambda v: v.number)


def _refuse_unlimited(worker: _Positions, source: Poly, where: Poly, size: Poly) -> None:
    """Refuse a sum, a choice and the like as a position, since nothing says that it fits the axis.

    Raises:
        LoweringError: it is one, and has no limits.
    """
    held = any(isinstance(g, Within) and (g.value, g.extent) == (where, size) for g in worker.source.guards)
    if held or (isinstance(source.atom, Mod) and source.atom.by == size):
        return
    for atom in atoms(source):
        equation = worker.defined.get(atom.tensor) if isinstance(atom, Pick) else None
        if equation is None or equation.op == "argmax":
            continue
        below = worker.tensors[equation.lhs].below
        limits = (below.number, size.number) if below is not None else (None, None)
        fits = below == size or (None not in limits and limits[0] <= limits[1])  # type: ignore[operator]
        if not fits and (equation.op is not None or len(equation.body.nodes) > 1):
            raise LoweringError(
                f"the positions {worker.tensors[equation.lhs].name} are computed, and may be outside of the"
                " axis where they are read",
                cure="keep them inside: positions % size, or sd.clip(positions, 0, size - 1)",
            )


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
