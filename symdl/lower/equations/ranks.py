"""Ranks by sorting.

Enters: equations. Leaves: the same, in which a sum that counts for each element how many come before it, in
the order of values and of places among equal ones, is two equations without a reduction: one lays out the
elements as rows of keys, the other sorts each row. n elements cost n log n operations or less, not n². Where
the element of a given rank is looked for, which a search finds in n steps, it is put there by its rank.

What is found is the order itself: ``before or (equal and further ahead)``, with NaN above all numbers if a
tensor beside the elements says which are missing. How the parts of a condition are put together, and in which
order they stand, does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias

from symdl.lower.equations.matrix_functions import Made, filled, function
from symdl.lower.ir.integers import ZERO, Pick, Poly, of, substitute, variables
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Same
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.scalars import Body, Load, load, whole
from symdl.lower.ir.visitors import reads_of

_Form: TypeAlias = Any
"""An element that is read, or an operation and its operands: a set where their order does not matter."""
_ONE_OR_NONE = ("number", 1), ("number", 0)


@dataclass(frozen=True, slots=True)
class _Order:
    """Elements of a row in order: the tensor, where an element of the row lies, the row's variable."""

    keys: TensorId
    where: tuple[Poly, ...]
    along: Index
    falling: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """Where ranks are each once: along which axis of a tensor, of which size."""

    axis: int
    size: Poly

    def holds(self, ranks: Pick, variable: Index, equation: FrozenEquation) -> bool:
        """Say whether an equation reads all ranks of a row, one for each value of a variable."""
        moving = [at for at, place in enumerate(ranks.where) if variable in variables(place)]
        whole = ranks.where[self.axis] == of(variable) and equation.sizes[variable] == self.size
        return moving == [self.axis] and whole


def with_sorting(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with ranks that are found by sorting."""
    made = Made.of(program)
    defined = {e.lhs: e for e in equations}
    ranks: dict[TensorId, _Row] = {}
    found: list[FrozenEquation] = []
    for equation in equations:
        order = None if equation.fixed else _order(equation, defined)
        if order is not None:
            found += _sorted(made, equation, order)
            ranks[equation.lhs] = _Row(equation.free.index(order.along), equation.sizes[order.along])
        else:
            found.append(_placed(equation, ranks) or equation)
    return made.into(program), _needed(program, found) if ranks else found


def _needed(program: FrozenProgram, equations: Sequence[FrozenEquation]) -> list[FrozenEquation]:
    """Return the equations but those that nobody reads any more, such as what is missing."""
    needed = {*program.outputs, *(new for _, new in program.updates)}
    repeated = {number for recurrence in program.recurrences for number in recurrence.members}
    kept: list[FrozenEquation] = []
    for equation in reversed(equations):
        if equation.lhs in needed or equation.number in repeated:
            needed.update(read.tensor for read in reads_of(equation))
            kept.append(equation)
    return kept[::-1]


def _sorted(made: Made, equation: FrozenEquation, order: _Order) -> list[FrozenEquation]:
    """Return the equations of rows of keys, of ranks in these rows, and of ranks where they belong."""
    name, text = made.tensors[equation.lhs].name, made.stated[equation.number].text
    batch = tuple(v for v in equation.free if v != order.along)
    rows = (*batch, order.along)
    shape, here = tuple(equation.sizes[v] for v in rows), tuple(map(of, rows))
    keys = made.tensor(f"{name} (keys)", shape, integer=order.whole)
    read = whole(of(Pick(order.keys, order.where))) if order.whole else load(order.keys, order.where)
    layout = FrozenEquation(made.number(f"the keys of {text}"), keys, rows, (), shape, None, (), read, here)
    op = f"{'falling_' if order.falling else ''}{'whole_' if order.whole else ''}ranks"
    body = function(op, [Load(keys, (*map(of, batch), ZERO))], [shape[-1]])
    if rows == equation.free:
        return [layout, filled(equation, body, (order.along,))]
    ranks = made.tensor(f"{name} (rows)", shape, integer=True)
    number = made.number(f"the ranks in rows of {text}")
    placed = replace(layout, number=number, lhs=ranks)
    extents = tuple(equation.sizes[v] for v in equation.free)
    back = replace(equation, bound=(), extents=extents, op=None, body=whole(of(Pick(ranks, here))))
    return [layout, filled(placed, body, (order.along,)), back]


def _placed(equation: FrozenEquation, ranks: Mapping[TensorId, _Row]) -> FrozenEquation | None:
    """Return the search for the element of a rank as a sum over the one that has it."""
    if equation.op != "argmax" or equation.guards or len(equation.bound) != 1:
        return None
    (k,) = equation.bound
    form = _form(equation.body)
    for node in equation.body.nodes:
        if node.op != "ieq" or not isinstance(node.value, tuple):
            continue
        for rank, wanted in (node.value, node.value[::-1]):
            read, target = rank.atom, wanted.atom
            if not isinstance(read, Pick) or not isinstance(target, Index) or target not in equation.free:
                continue
            row = ranks.get(read.tensor)
            if row is None or not row.holds(read, k, equation) or target in variables(rank):
                continue
            if form == ("select", ("ieq", frozenset((rank, wanted))), *_ONE_OR_NONE):
                return replace(equation, op="sum", guards=(Same(rank, wanted),), body=whole(of(k)))
    return None


def _order(equation: FrozenEquation, defined: Mapping[TensorId, FrozenEquation]) -> _Order | None:
    """Return the order whose ranks an equation counts, if it does nothing else."""
    if equation.op != "sum" or equation.guards or len(equation.bound) != 1 or not equation.body.whole:
        return None
    (k,) = equation.bound
    form = _form(equation.body)
    for element in dict.fromkeys(_elements(equation.body)):
        ahead = element.where
        for along in equation.free:
            own = tuple(substitute(p, {k: of(along)}) for p in ahead)
            if own == ahead or equation.sizes[along] != equation.sizes[k]:
                continue
            if any(along in variables(p) for p in ahead):
                continue
            for falling in (False, True):
                if form in _expected(element, own, of(k), of(along), falling, equation, defined):
                    return _Order(element.tensor, own, along, falling, isinstance(element, Pick))
    return None


def _elements(body: Body) -> list[Load | Pick]:
    """Return the elements that a body reads, reals or int64."""
    pairs = (node.value for node in body.nodes if node.op == "ilt" and isinstance(node.value, tuple))
    atoms = (side.atom for pair in pairs for side in pair)
    return [*body.loads, *(atom for atom in atoms if isinstance(atom, Pick))]


def _expected(
    element: Load | Pick,
    own: tuple[Poly, ...],
    k: Poly,
    along: Poly,
    falling: bool,
    equation: FrozenEquation,
    defined: Mapping[TensorId, FrozenEquation],
) -> Iterator[_Form]:
    """Yield the forms that the count of elements before one has; one for each tensor of what is missing."""
    further: _Form = ("ilt", k, along)

    def counted(before: set[_Form], same: _Form) -> _Form:
        return ("select", ("or", frozenset({*before, ("and", frozenset({further, same}))})), *_ONE_OR_NONE)

    if isinstance(element, Pick):
        one, other = of(element), of(Pick(element.tensor, own))
        less = ("ilt", *((other, one) if falling else (one, other)))
        yield counted({less}, ("ieq", frozenset({one, other})))
        return
    ahead, here = element, Load(element.tensor, own)
    for tensor in {found.tensor for found in equation.body.loads} - {element.tensor}:
        if not _missing(tensor, element, defined):
            continue
        marks = Load(tensor, element.where), Load(tensor, own)
        pairs = [(ahead, here), marks]
        before = {("lt", *(pair[::-1] if falling else pair)) for pair in pairs}
        both: _Form = ("lt", ("number", 1), ("add", frozenset(marks)))
        yield counted(before, ("or", frozenset({("eq", frozenset((ahead, here))), both})))


def _missing(tensor: TensorId, element: Load, defined: Mapping[TensorId, FrozenEquation]) -> bool:
    """Say whether a tensor is 1 where the one of `element` is NaN, and else 0, place by place."""
    maker = defined.get(tensor)
    if maker is None or maker.op or maker.guards or maker.where != tuple(map(of, maker.free)):
        return False
    read, zero = Load(element.tensor, maker.where), ("number", 0)
    is_number = ("or", frozenset({("eq", frozenset((read, zero))), ("lt", zero, read), ("lt", read, zero)}))
    return bool(_form(maker.body) == ("select", is_number, zero, ("number", 1)))


def _form(body: Body) -> _Form:
    """Return a body as an expression in which the order of what commutes does not matter."""
    made: list[_Form] = []
    for node in body.nodes:
        args = [made[at] for at in node.args]
        value = node.value
        if node.op in ("or", "and"):
            parts = (a[1] if a[0] == node.op else (a,) for a in args)
            made.append((node.op, frozenset(chain.from_iterable(parts))))
        elif node.op in ("eq", "add"):
            made.append((node.op, frozenset(args)))
        elif node.op == "load":
            made.append(value)
        elif node.op == "ieq" and isinstance(value, tuple):
            made.append(("ieq", frozenset(value)))
        elif node.op == "ilt" and isinstance(value, tuple):
            made.append(("ilt", *value))
        elif node.op in ("const", "whole"):
            number = value.number if isinstance(value, Poly) else value
            made.append(("number", value if number is None else number))
        else:
            made.append((node.op, value, *args) if value is not None else (node.op, *args))
    return made[-1]
