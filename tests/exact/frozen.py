"""Frozen equations in exact arithmetic.

Enters: a state of lowering, before there are loops, and an array for each input. Leaves: the value of every
tensor. Integer expressions are what they are in generated code; reals are residues (`tests.exact.field`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from symdl.lower.ir.integers import ONE, Clamp, Floor, Mod, Pick, Poly, Size
from symdl.lower.ir.loops import Condition, Divides, FrozenEquation, FrozenRecurrence, Within, terms
from symdl.lower.ir.names import Index
from symdl.lower.ir.scalars import MATRIX, Load, Node, Routine
from symdl.lower.state import State

from . import field
from .field import UNKNOWN, Values, lifted
from .programs import NotApplicable, reduced


def evaluate(state: State, inputs: Sequence[Any], sizes: Mapping[str, int]) -> list[Any]:
    """Return the values of the outputs, and of what is updated.

    Raises:
        NotApplicable: a function of matrices, or a sorting.
    """
    program = state.program
    run = _Run(state, {}, dict(sizes))
    for info in program.tensors:
        shape = [run.number(size) for size in info.shape]
        run.arrays[info.number] = (
            np.zeros(shape, "int64") if info.integer else np.full(shape, UNKNOWN, object)
        )
    for number, array in zip(program.inputs, inputs, strict=True):
        run.arrays[number] = array
    run.all(state.equations or program.equations, program.recurrences)
    return [run.arrays[t] for t in (*program.outputs, *(new for _, new in program.updates))]


@dataclass(frozen=True, slots=True)
class _Run:
    """One evaluation: what is known so far. `sizes` has the present steps of recurrences, too."""

    state: State
    arrays: dict[Any, Any]
    sizes: dict[Any, int]

    def all(self, equations: Sequence[FrozenEquation], loops: Sequence[FrozenRecurrence]) -> None:
        """Compute equations in order, those of recurrences step by step."""
        done: set[int] = set()
        for equation in equations:
            if equation.number in done:
                continue
            around = [r for r in loops if equation.number in r.members]
            if not around:
                self.one(equation)
                continue
            loop = max(around, key=lambda r: len(r.members))
            members = [e for e in equations if e.number in loop.members]
            done.update(e.number for e in members)
            inner = [r for r in loops if r is not loop]
            steps = range(self.number(loop.extent))
            for step in steps if loop.direction > 0 else reversed(steps):
                self.sizes[loop.name] = step
                self.all(members, inner)

    def number(self, size: Poly) -> int:
        """Return the value of a size."""
        return int(Cells({}, self.arrays, self.sizes).value(size))

    def one(self, equation: FrozenEquation) -> None:
        """Compute one equation and write it where it says."""
        if equation.number in self.state.sortings:
            raise NotApplicable("a sorting")
        still = {*equation.scattered, *equation.fixed}
        axes = [v for v in equation.free if v not in still] + list(equation.bound)
        shape = [self.number(equation.sizes[v]) for v in axes]
        places = {
            v: np.arange(size).reshape([-1 if a == at else 1 for a in range(len(axes))])
            for at, (v, size) in enumerate(zip(axes, shape, strict=True))
        }
        free = tuple(shape[: len(axes) - len(equation.bound)])
        info = self.state.program.tensors[equation.lhs]
        cells, target = Cells(places, self.arrays, self.sizes), self.arrays[equation.lhs]
        if info.integer and (equation.scattered or not (equation.body.whole or equation.op == "argmax")):
            raise NotApplicable("integers at given positions, or made of reals")
        if not all(shape):
            target[...] = int(equation.op == "prod")
            return
        mask = np.broadcast_to(cells.where(equation.guards), shape)
        value = np.broadcast_to(self.body(equation, cells), shape)
        where = [
            np.zeros((), int) if size == ONE else cells.value(p)
            for p, size in zip(equation.where, info.shape, strict=True)
        ]
        if equation.scattered:
            target[...] = 0
            spread = [np.broadcast_to(w, shape) for w in where]
            for cell in zip(*(np.nonzero(mask) if shape else ()), strict=True):
                at = tuple(int(w[cell]) for w in spread)
                target[at] = field.add(target[at], value[cell])
            return
        if info.integer and equation.op != "argmax":
            if equation.op not in (None, "sum", "prod"):
                raise NotApplicable("extremes of integers")
            rows = np.where(mask, value, int(equation.op == "prod"))
            result = getattr(rows.reshape((*free, -1)), equation.op)(-1) if equation.op else rows
        else:
            result = reduced(equation.op, value, mask, free)
        spread = [np.broadcast_to(np.asarray(w).reshape(np.shape(w)[: len(free)]), free) for w in where]
        target[tuple(spread)] = result if free else np.asarray(result, target.dtype).item()

    def body(self, equation: FrozenEquation, cells: Cells) -> Values:
        """Return the value of an equation's body on the grid."""
        body = equation.body
        found: list[Any] = []
        for node, whole in zip(body.nodes, body.wholes, strict=True):
            args = [found[a] for a in node.args]
            kinds = [body.wholes[a] for a in node.args]
            if not (whole or (node.op in _COMPARED and all(kinds))):
                args = [lifted(np.asarray(a)) if k else a for a, k in zip(args, kinds, strict=True)]
                found.append(_node(node, args, cells))
            else:
                found.append(_whole(node, args, cells))
        result = found[-1]
        return lifted(np.asarray(result)) if body.whole and not self.whole(equation) else result

    def whole(self, equation: FrozenEquation) -> bool:
        """Say whether an equation makes integers of integers."""
        return self.state.program.tensors[equation.lhs].integer and equation.op != "argmax"


@dataclass(frozen=True, slots=True)
class Cells:
    """The index grid of an equation: values of its variables, arrays, sizes."""

    places: Mapping[Any, Any]
    arrays: Mapping[Any, Any]
    sizes: Mapping[Any, int]

    def value(self, poly: Poly) -> Any:
        """Return the value of an integer expression."""
        total: Any = 0
        for monomial, factor in poly.terms:
            total = total + reduce(lambda a, b: a * b, map(self.atom, monomial), factor)
        return total

    def atom(self, atom: Any) -> Any:
        """Return the value of an atom."""
        match atom:
            case Index():
                return self.places[atom]
            case Size():
                return self.sizes[atom.name]
            case Floor():
                return self.value(atom.value) // self.value(atom.by)
            case Mod():
                return self.value(atom.value) % self.value(atom.by)
            case Clamp():
                return np.clip(self.value(atom.value), 0, self.value(atom.below) - 1)
            case Pick():
                return self.read(atom)
        raise NotApplicable(f"the atom {atom}")

    def read(self, load: Load | Pick) -> Any:
        """Return elements; what lies outside is read at the nearest place, and must not count."""
        array = self.arrays[load.tensor]
        if not array.size:
            return np.zeros((), array.dtype)
        where = zip(map(self.value, load.where), array.shape, strict=True)
        return array[tuple(np.clip(w, 0, size - 1) for w, size in where)]

    def where(self, guards: Sequence[Condition]) -> Any:
        """Return where all conditions hold."""
        holds: Any = np.asarray(True)
        for guard in guards:
            left, right = map(self.value, terms(guard))
            if isinstance(guard, Within):
                here = (left >= 0) & (left < right)
            else:
                here = left % right == 0 if isinstance(guard, Divides) else left == right
            holds = holds & np.asarray(here)
        return holds


_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
_COMPARED = tuple(_ORDER)
_not = np.frompyfunc(lambda a: UNKNOWN if a is UNKNOWN else not a, 1, 1)
_INTEGER: Mapping[str, Callable[..., Any]] = {
    **_ORDER,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "select": np.where,
}
_REAL: Mapping[str, Callable[..., Values]] = {
    "add": field.add,
    "sub": field.subtract,
    "mul": field.multiply,
    "div": field.divide,
    "ratio": field.divide,
    "neg": lambda a: field.subtract(0, a),
    "exp": field.exp,
    "expm1": lambda a: field.subtract(field.exp(a), 1),
    "log": field.log,
    "log1p": lambda a: field.log(field.add(a, 1)),
    "sqrt": field.root,
    "abs": field.absolute,
    "select": field.chosen,
    "lt": field.less,
    "le": field.at_most,
    "eq": field.equal,
    "ne": lambda a, b: _not(field.equal(a, b)),
    "and": np.frompyfunc(lambda a, b: UNKNOWN if UNKNOWN in (a, b) else a and b, 2, 1),
    "or": np.frompyfunc(lambda a, b: UNKNOWN if UNKNOWN in (a, b) else a or b, 2, 1),
    "not": _not,
}


def _whole(node: Node, args: Sequence[Any], cells: Cells) -> Any:
    """Return the value of a node of integers."""
    return cells.value(node.value) if isinstance(node.value, Poly) else _INTEGER[node.op](*args)


def _node(node: Node, args: Sequence[Any], cells: Cells) -> Values:
    """Return the value of a node of reals."""
    value = node.value
    if node.op in (*MATRIX, "place", "local"):
        raise NotApplicable(node.op)
    if node.op == "const":
        return field.number(value)
    if isinstance(value, Load):
        return cells.read(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, tuple):
        return _ORDER[node.op[1:]](*map(cells.value, value))
    if isinstance(value, Poly):
        place = lifted(np.asarray(cells.value(value)))
        return place if node.op == "index" else field.opaque(node.op, *args, place)
    if node.op in _REAL:
        return _REAL[node.op](*args)
    return field.opaque(value.name if isinstance(value, Routine) else node.op, *args)
