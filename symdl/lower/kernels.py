"""Kernels of one structure each, and the table of calls.

Enters: steps and their buffers. Leaves: `Kernel`s, in which arrays, sizes, locals and loop variables are
numbered in the order of their appearance, so that all layers of one structure share one; and `Call`s,
one a step, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symdl.lower.equations.contractions import Contraction, Operand
from symdl.lower.ir.integers import (
    Atom,
    Clamp,
    Floor,
    Mod,
    Param,
    Pick,
    Poly,
    Var,
    constant,
    of,
    rebuild,
    split,
)
from symdl.lower.ir.loops import (
    LANE,
    ROW,
    FrozenRecurrence,
    Item,
    Loop,
    Start,
    Statement,
    Store,
    Update,
    When,
    map_condition,
    statements,
)
from symdl.lower.ir.scalars import Body, Load, Node
from symdl.lower.ir.visitors import map_statement
from symdl.lower.memory.buffers import Plan, Step

LITERAL = 8
"""Sizes up to this are written into kernels, so that short loops can be unrolled; others are passed.

In kernels with loops over lanes all are: what is unrolled there depends on them anyway.
"""


@dataclass(frozen=True, slots=True)
class Array:
    """A parameter of a kernel: its name, whether it holds integers, whether it is written."""

    name: str
    integer: bool
    written: bool


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function over arrays and sizes. `equations` are those of the first call, for the comments."""

    name: str
    arrays: tuple[Array, ...]
    sizes: tuple[str, ...]
    items: tuple[Item, ...]
    equations: tuple[int, ...]
    first_arrays: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KernelCall:
    """A call of kernel number `kernel` with buffers and sizes."""

    kernel: int
    buffers: tuple[int, ...]
    sizes: tuple[Poly, ...]
    equations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """An operand of a matrix product, in a buffer."""

    buffer: int
    operand: Operand


@dataclass(frozen=True, slots=True)
class ProductCall:
    """``result = alpha * left @ right``, for each matrix of the batch."""

    left: Matrix
    right: Matrix
    result: Matrix
    m: Poly
    n: Poly
    k: Poly
    batch: tuple[Poly, ...]
    alpha: Body
    equations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CheckCall:
    """A test that all `count` integers of a buffer lie in ``0 .. below - 1``."""

    buffer: int
    count: Poly
    below: Poly


@dataclass(frozen=True, slots=True)
class RepeatCall:
    """Goes back to call number `begin` until recurrence `name` has taken all its steps."""

    name: str
    begin: int
    extent: Poly
    start: Poly
    direction: int


@dataclass(frozen=True, slots=True)
class TakeCall:
    """Copies `width` elements of each of `count` samples from data number `source`.

    The first sample is at place `start` of a batch, the first element in `column`; a whole one has `lead`.
    """

    source: int
    target: int
    integer: bool
    start: int
    count: int
    width: int
    lead: int
    column: int = 0


@dataclass(frozen=True, slots=True)
class CombineCall:
    """Adds to a buffer, in order, `count` elements of each of `number` parts, `distance` elements apart."""

    buffer: int
    parts: int
    count: Poly
    number: Poly
    distance: Poly
    integer: bool = False


@dataclass(frozen=True, slots=True)
class TotalCall:
    """Adds a value so many times to number `at` of the totals; if below 0, keeps the larger one instead."""

    buffer: int
    at: int
    samples: Poly


Call = KernelCall | ProductCall | CheckCall | RepeatCall | TakeCall | CombineCall | TotalCall


def without_checks(calls: Sequence[Call]) -> list[Call]:
    """Return the calls but the checks, which come first; recurrences go back to where they did."""
    rest = [c for c in calls if not isinstance(c, CheckCall)]
    return moved(rest, len(rest) - len(calls))


def moved(calls: Sequence[Call], distance: int) -> list[Call]:
    """Return calls that come so many places later: recurrences know where they begin."""
    return [replace(c, begin=c.begin + distance) if isinstance(c, RepeatCall) else c for c in calls]


def calls(
    steps: Sequence[Step], plan: Plan, recurrences: Sequence[FrozenRecurrence], first: Sequence[Call] = ()
) -> tuple[tuple[Kernel, ...], tuple[Call, ...]]:
    """Return the distinct kernels and the calls, those in `first` before all others."""
    kernels: dict[object, Kernel] = {}
    made: list[Call] = list(first)
    loops = {r.name: r for r in recurrences}
    open_: list[tuple[str, int]] = []  # the recurrences around the present step, and where they begin
    for step in [*steps, None]:
        around = step.loops if step is not None else ()
        while tuple(name for name, _ in open_) != around[: len(open_)]:
            name, begin = open_.pop()
            loop = loops[name]
            made.append(RepeatCall(loop.name, begin, loop.extent, loop.start, loop.direction))
        if step is None:
            break
        open_ += [(name, len(made)) for name in around[len(open_) :]]
        if isinstance(step.work, Contraction):
            made.append(_product(step.work, plan, step.equations))
            continue
        lanes = any(isinstance(item, Loop) and item.kind == "lanes" for item in step.work)
        canon = _Canonical(plan, literal=lanes)
        items = canon.block(step.work)
        arrays = canon.arrays(items)
        key = (items, arrays)
        if key not in kernels:
            name = f"kernel_{len(kernels)}"
            firsts = tuple(plan.buffers[b].tensor for b in canon.buffers)
            kernels[key] = Kernel(name, arrays, canon.params, items, step.equations, firsts)
        number = int(kernels[key].name.removeprefix("kernel_"))
        sizes = tuple(canon.sizes)
        made.append(KernelCall(number, tuple(canon.buffers), sizes, step.equations))
    return tuple(kernels.values()), tuple(made)


def _product(work: Contraction, plan: Plan, equations: tuple[int, ...]) -> ProductCall:
    left, right, result = (Matrix(plan.places[o.tensor], o) for o in (work.left, work.right, work.result))
    return ProductCall(left, right, result, work.m, work.n, work.k, work.batch, work.alpha, equations)


class _Canonical:
    """Renames everything in a tree by order of appearance."""

    def __init__(self, plan: Plan, *, literal: bool) -> None:
        self.plan, self.literal = plan, literal
        self.buffers: dict[int, str] = {}
        self.sizes: dict[Poly, str] = {}
        self.names: dict[str, str] = {}

    @property
    def params(self) -> tuple[str, ...]:
        """The names of the sizes."""
        return tuple(self.sizes.values())

    def arrays(self, items: tuple[Item, ...]) -> tuple[Array, ...]:
        """Return the kernel's array parameters."""
        written = {str(s.tensor) for s in statements(items) if isinstance(s, Store | Update)}
        return tuple(
            Array(name, self.plan.buffers[b].integer, name in written) for b, name in self.buffers.items()
        )

    def block(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """Return the renamed items."""
        done: list[Item] = []
        for item in items:
            if isinstance(item, Loop):
                extent = self.size(item.extent)
                var = self.names[item.var] = f"i{sum(n[0] == 'i' for n in self.names.values())}"
                done.append(Loop(var, extent, self.block(item.items), item.kind, item.indices))
            elif isinstance(item, When):
                conditions = tuple(map_condition(c, self.poly) for c in item.conditions)
                done.append(When(conditions, self.block(item.items)))
            else:
                done.append(self.statement(item))
        return tuple(done)

    def statement(self, statement: Statement) -> Statement:
        """Return a renamed statement."""
        changed = map_statement(statement, self.poly, self.element)
        if isinstance(changed, Store | Update):
            return replace(changed, tensor=self.array(int(changed.tensor)), body=self.locals(changed.body))
        if isinstance(changed, Start):
            return replace(changed, name=self.local(changed.name))
        return replace(changed, name=self.local(changed.name), body=self.locals(changed.body))

    def local(self, name: str) -> str:
        """Return the name of a local."""
        base, mark, _ = name.partition("_at")
        if base not in self.names:
            self.names[base] = f"x{sum(n[0] == 'x' for n in self.names.values())}"
        return self.names[base] + mark

    def locals(self, body: Body) -> Body:
        """Return a body with its locals renamed."""
        return Body(
            tuple(
                replace(n, value=self.local(n.value)) if n.op == "local" and isinstance(n.value, str) else n
                for n in body.nodes
            )
        )

    def element(self, load: Load) -> Node:
        """Return a load from a parameter."""
        return Node("load", (), Load(self.array(int(load.tensor)), load.where))

    def array(self, tensor: int) -> str:
        """Return the parameter that stands for a tensor's buffer."""
        buffer = self.plan.places[tensor]
        return self.buffers.setdefault(buffer, f"b{len(self.buffers)}")

    def size(self, poly: Poly) -> Poly:
        """Return a size as a small number or as a parameter."""
        number = poly.number
        if number is not None and (self.literal or abs(number) <= LITERAL):
            return constant(number)
        return of(Param(self.sizes.setdefault(poly, f"n{len(self.sizes)}")))

    def poly(self, poly: Poly) -> Poly:
        """Return an integer expression over variables and parameters."""
        result = constant(0)
        for monomial, coefficient in split(poly).items():
            term = self.size(coefficient)
            for atom in monomial:
                term = term * rebuild(of(atom), self.atom)
            result = result + term
        return result

    def atom(self, atom: Atom) -> Poly | None:
        """Return what an atom becomes."""
        if isinstance(atom, Var) and atom.name in (LANE, ROW):
            return of(atom)
        if isinstance(atom, Var):
            known = self.names.get(atom.name)
            return of(Var(known if known else self.local(atom.name)))
        if isinstance(atom, Pick):
            where = tuple(map(self.poly, atom.where))
            return of(Pick(self.array(int(atom.tensor)), where))
        if isinstance(atom, Floor | Mod):
            return of(type(atom)(self.poly(atom.value), self.poly(atom.by)))
        if isinstance(atom, Clamp):
            return of(Clamp(self.poly(atom.value), self.poly(atom.below)))
        return None
