"""Matrices that are factored once, and systems that are solved.

Enters: equations whose reduction is a determinant, its logarithm, an inverse, or Cholesky's factor, and
products with inverses.
Leaves: for each matrix its layout and its factors, ``A = L U`` with exchanged rows; functions of the factors
in place of those of the matrix; and for each product with an inverse the solution of a system. An inverse
that nothing else reads is not computed.

``sum_k A⁻¹[i,k] b[k]`` is the solution x of ``A x = b``: half the arithmetic, and its error grows with the
condition of the matrix only where the data's own does (Higham, *Accuracy and Stability of Numerical
Algorithms*, 2nd ed., 2002, section 14.1). What is multiplied is laid out with one right-hand side after
another, as LAPACK reads them::

    r[j,k] = B[k,j]             the right-hand sides
    s[j,:] = solution of A x = r[j,:]
    X[i,j] = s[j,i]             where sum_k A⁻¹[i,k] B[k,j] stood
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symdl.lower.equations.matrix_functions import Made, batch_of, filled, function, matrix_key, own_of
from symdl.lower.ir.integers import ONE, ZERO, Poly, of, product, variables
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import DETERMINANTS, Body, Builder, Load, Node, load, prune
from symdl.lower.ir.visitors import reads_of

_OPS = (*DETERMINANTS, "inverse")
"""What is computed from factors; Cholesky's factor is, too, where one of these reads its matrix."""


def with_factors(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with matrices factored once, and products with inverses as solutions."""
    if not any(equation.op in _OPS for equation in equations):
        return program, list(equations)
    worker = _Factoring(program, {matrix_key(equation) for equation in equations if equation.op in _OPS})
    found = [new for equation in equations for new in worker.parts(equation)]
    needed = {*program.outputs, *(new for _, new in program.updates)}
    needed.update(read.tensor for equation in found for read in reads_of(equation))
    unread = worker.inverses.keys() - needed
    return worker.made.into(program), [e for e in found if e.lhs not in unread]


@dataclass(frozen=True, slots=True)
class _Factor:
    """A factor of a body: the position of its node, and whether it is divided by."""

    position: int
    below: bool
    names: frozenset[Variable]


@dataclass(frozen=True, slots=True)
class _System:
    """A product with an inverse, as a system of equations.

    Attributes:
        inverse: the tensor of the inverse, and `op` what solves the system.
        batch: what counts matrices.
        inner: what the unknowns and the right-hand sides are multiplied over.
        row: what counts unknowns.
        inside: the factors of right-hand sides; `outside`: those of the solution.
        summed: what is summed in right-hand sides; `columns`: what counts them.
    """

    inverse: TensorId
    op: str
    batch: tuple[Index, ...]
    inner: Index
    row: Index
    inside: tuple[_Factor, ...]
    outside: tuple[_Factor, ...]
    summed: tuple[Index, ...]
    columns: tuple[Index, ...]


class _Factoring:
    """
    Attributes:
        wanted: the matrices that are factored, if only for some of their functions.
        factored: the factors and the layouts of those that are.
        inverses: the tensors of inverses, and where the factors of their matrices are.
    """

    def __init__(self, program: FrozenProgram, wanted: Collection[Any]) -> None:
        self.made, self.wanted = Made.of(program), wanted
        self.repeated = {number for r in program.recurrences for number in r.members}
        self.factored: dict[Any, tuple[TensorId, TensorId]] = {}
        self.inverses: dict[TensorId, TensorId] = {}

    def parts(self, equation: FrozenEquation) -> list[FrozenEquation]:
        """Return what computes an equation; those before it are known."""
        if equation.fixed or equation.number in self.repeated:
            return [equation]
        shared = equation.op == "cholesky" and matrix_key(equation) in self.wanted
        if equation.op in _OPS or shared:
            return self.of_factors(equation) if equation.sizes[equation.bound[0]] != ONE else [equation]
        system = self.system(equation)
        return self.solved(equation, system) if system else [equation]

    def of_factors(self, equation: FrozenEquation) -> list[FrozenEquation]:
        """Return a function of a matrix as one of its factors, and what computes these if nothing did."""
        found: list[FrozenEquation] = []
        key = matrix_key(equation)
        if key not in self.factored:
            found = self.factors(equation)
            layout, factored = found
            self.factored[key] = factored.lhs, layout.lhs
        factors, matrix = self.factored[key]
        own = own_of(equation)
        if equation.op == "inverse":
            self.inverses[equation.lhs] = factors
        start = (*map(of, batch_of(equation)), ZERO, ZERO)
        read = (factors, matrix) if equation.op == "cholesky" else (factors,)
        size = equation.sizes[equation.bound[0]]
        body = function(f"{equation.op}_of_factors", [Load(tensor, start) for tensor in read], [size])
        return [*found, filled(equation, body, own)]

    def factors(self, equation: FrozenEquation) -> list[FrozenEquation]:
        """Return the layout of a matrix, and its factors with a row more: where rows were exchanged."""
        layout = self.made.layout(equation)
        *batch, row, column = layout.free
        size, start = equation.sizes[row], (*map(of, batch), ZERO, ZERO)
        shape = (*(equation.sizes[v] for v in batch), size + 1, size)
        name, text = self.made.tensors[equation.lhs].name, self.made.stated[equation.number].text
        tensor = self.made.tensor(f"{name} (factors)", shape)
        number = self.made.number(f"the factors of the matrix of {text}")
        body = function("factors", [Load(layout.lhs, start)], [size])
        factored = replace(layout, number=number, lhs=tensor, extents=shape)
        return [layout, filled(factored, body, (row, column))]

    def system(self, equation: FrozenEquation) -> _System | None:
        """Return a sum of products with an inverse as a system, or None if it is none."""
        if equation.op != "sum" or equation.guards or equation.scattered:
            return None
        if not any(item.tensor in self.inverses for item in equation.body.loads):
            return None
        factors = list(_factors(equation.body))
        for factor in factors:
            value = equation.body.nodes[factor.position].value
            if factor.below or not isinstance(value, Load) or value.tensor not in self.inverses:
                continue
            rest = [f for f in factors if f is not factor]
            for op, row, inner in (("solution", -2, -1), ("transposed_solution", -1, -2)):
                found = self.with_inner(equation, value, rest, (op, row, inner))
                if found is not None:
                    return found
        return None

    def with_inner(
        self, equation: FrozenEquation, inverse: Load, rest: Sequence[_Factor], way: tuple[str, int, int]
    ) -> _System | None:
        """Return the system whose solution is summed over one axis of the inverse, if there is one."""
        op, at_row, at_inner = way
        atoms = [e.atom for e in inverse.where]
        shape, sizes = self.made.tensors[inverse.tensor].shape, equation.sizes
        if len(set(atoms)) < len(atoms):
            return None
        names = [a for a, size in zip(atoms, shape, strict=True) if isinstance(a, Index) and sizes[a] == size]
        if len(names) < len(atoms) or names[at_inner] not in equation.bound:
            return None
        row, inner, batch = names[at_row], names[at_inner], tuple(names[:-2])
        inside = tuple(f for f in rest if inner in f.names or not f.names)
        outside = tuple(f for f in rest if f not in inside)
        here, there = (frozenset().union(*(f.names for f in part)) for part in (inside, outside))
        if row in here:
            return None
        others = [v for v in (*equation.free, *equation.bound) if v in here and v not in (*batch, inner)]
        summed = tuple(v for v in others if v in equation.bound and v not in there)
        columns = tuple(v for v in others if v not in summed)
        return _System(inverse.tensor, op, batch, inner, row, inside, outside, summed, columns)

    def solved(self, equation: FrozenEquation, system: _System) -> list[FrozenEquation]:
        """Return the right-hand sides, the solution, and what is done with it."""
        sizes, text = equation.sizes, self.made.stated[equation.number].text
        name = self.made.tensors[equation.lhs].name
        order = (*system.batch, *system.columns, system.inner)
        shape = tuple(sizes[v] for v in order)
        given = FrozenEquation(
            self.made.number(f"the right-hand sides of {text}"),
            self.made.tensor(f"{name} (right-hand sides)", shape),
            order,
            system.summed,
            (*shape, *(sizes[v] for v in system.summed)),
            "sum" if system.summed else None,
            (),
            _product(equation.body, system.inside),
            tuple(map(of, order)),
        )
        body = self.solution(given.lhs, system, sizes)
        left = tuple(v for v in equation.bound if v not in (*system.summed, system.inner))
        result = (*system.batch, *system.columns, system.row)
        own = (*system.columns, system.row)
        if not left and not system.outside and equation.where == tuple(map(of, result)):
            return [given, filled(equation, body, own)]
        unknowns = replace(
            given,
            number=self.made.number(f"the solution of {text}"),
            lhs=self.made.tensor(f"{name} (solution)", shape),
            bound=(),
            extents=shape,
        )
        last = replace(
            equation,
            bound=left,
            extents=tuple(sizes[v] for v in (*equation.free, *left)),
            op="sum" if left else None,
            body=_product(equation.body, system.outside, load(unknowns.lhs, tuple(map(of, result)))),
        )
        return [given, filled(unknowns, body, (*system.columns, system.inner)), last]

    def solution(self, given: TensorId, system: _System, sizes: dict[Variable, Poly]) -> Body:
        """Return the function that solves a system with these right-hand sides."""
        outer = tuple(map(of, system.batch))
        factors = Load(self.inverses[system.inverse], (*outer, ZERO, ZERO))
        right = Load(given, (*outer, *(ZERO for _ in system.columns), ZERO))
        columns = product(sizes[v] for v in system.columns)
        return function(system.op, [factors, right], [sizes[system.inner], columns])


def _factors(body: Body) -> Iterator[_Factor]:
    """Yield the factors of a product."""
    todo = [(len(body.nodes) - 1, False)]
    while todo:
        position, below = todo.pop()
        node = body.nodes[position]
        if node.op == "mul" or (node.op == "div" and not below):
            first, second = node.args
            todo += (second, node.op == "div" or below), (first, below)
        elif node.op == "neg":
            todo.append((node.args[0], below))
            yield _Factor(-1, False, frozenset())
        else:
            polys = prune(body.nodes, position).polys
            yield _Factor(position, below, frozenset().union(*map(variables, polys)))


def _product(body: Body, factors: Sequence[_Factor], first: Body | None = None) -> Body:
    """Return the product of some factors of a body, after another one; a position of -1 is a sign."""
    builder = Builder()

    def put(nodes: Sequence[Node]) -> list[int]:
        place: list[int] = []
        for node in nodes:
            place.append(builder.add(node.op, *(place[a] for a in node.args), value=node.value))
        return place

    result = put(first.nodes)[-1] if first else builder.const(1)
    place = put(body.nodes)
    for factor in factors:
        if factor.position < 0:
            result = builder.neg(result)
        elif factor.below:
            result = builder.add("div", result, place[factor.position])
        else:
            result = builder.mul(result, place[factor.position])
    return builder.body(result)
