"""Positions that are read from data.

Enters: a frozen program. Leaves: the same, in which no wrong position can reach outside a tensor, and a list
of what must be checked before anything is computed. A position that every element of an equation uses is
checked; one that is used under a condition may be anything where the condition fails, and is clamped.
"""

from __future__ import annotations

from dataclasses import replace

from symdl.lower.body import Body, Load, Node
from symdl.lower.ir import Condition, FrozenEquation, FrozenProgram, Gather, Same, TensorInfo, terms
from symdl.lower.poly import Clamp, Pick, Poly, atoms, of


def checked_positions(program: FrozenProgram) -> FrozenProgram:
    """Return the program with clamped positions and the list of checks."""
    found: dict[Gather, None] = {}
    equations = []
    for equation in program.equations:
        worker = _Positions(program, equation)
        equations.append(worker.equation())
        found.update(dict.fromkeys(worker.gathers))
    whole = {(g.tensor, g.below) for g in found if not g.masks}
    kept = tuple(g for g in found if not g.masks or (g.tensor, g.below) not in whole)
    return replace(program, equations=tuple(equations), gathers=kept)


class _Positions:
    def __init__(self, program: FrozenProgram, equation: FrozenEquation) -> None:
        self.tensors: tuple[TensorInfo, ...] = program.tensors
        self.given = set(program.inputs)
        self.source = equation
        self.data = [g for g in equation.guards if any(map(_picks, terms(g)))]
        self.gathers: list[Gather] = []

    def equation(self) -> FrozenEquation:
        """Return the equation with clamped positions."""
        if not any(_picks(p) for p in self.source.body.polys):
            return self.source
        always = _always(self.source.body)
        nodes = [self.node(n, place in always) for place, n in enumerate(self.source.body.nodes)]
        return replace(self.source, body=Body(tuple(nodes)))

    def node(self, node: Node, always: bool) -> Node:
        """Return a node with clamped positions."""
        if not isinstance(node.value, Load):
            return node
        tensor = int(node.value.tensor)
        shape = self.tensors[tensor].shape
        pairs = zip(node.value.where, shape, strict=True)
        where = tuple(self.position(e, size, always) for e, size in pairs)
        return replace(node, value=Load(tensor, where))

    def position(self, where: Poly, size: Poly, always: bool) -> Poly:
        """Return a position that cannot be out of range, and note what is to be checked."""
        pick = where.atom
        if not isinstance(pick, Pick):
            return where
        masks = self.masks(pick) if always else None
        if int(pick.tensor) in self.given and masks is not None:
            self.gathers.append(Gather(int(pick.tensor), size, masks))
            if not masks:
                return where
        return of(Clamp(where, size))

    def masks(self, pick: Pick) -> tuple[tuple[int, int], ...] | None:
        """Return the conditions on data under which a position counts, None if they are not simple."""
        found = [self.mask(guard, pick) for guard in self.data]
        simple = [mask for mask in found if mask is not None]
        return tuple(simple) if len(simple) == len(found) else None

    def mask(self, guard: Condition, pick: Pick) -> tuple[int, int] | None:
        """Return a mask and its value if the guard asks for that at the same element."""
        if not isinstance(guard, Same):
            return None
        for side, other in ((guard.left, guard.right), (guard.right, guard.left)):
            atom, number = side.atom, other.number
            if isinstance(atom, Pick) and number is not None and int(atom.tensor) in self.given:
                return (int(atom.tensor), number) if atom.where == pick.where else None
        return None


def _picks(poly: Poly) -> bool:
    return any(isinstance(atom, Pick) for atom in atoms(poly))


def _always(body: Body) -> set[int]:
    """Return the nodes whose values count whatever the conditions inside the body are."""
    found: set[int] = set()
    todo = [len(body.nodes) - 1]
    while todo:
        place = todo.pop()
        if place not in found:
            found.add(place)
            node = body.nodes[place]
            todo.extend(node.args[:1] if node.op == "select" else node.args)
    return found
