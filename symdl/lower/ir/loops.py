"""Frozen programs and loop trees: what the passes of this stage work on.

Enters: nothing. Leaves: the types. A `FrozenEquation` is an equation without SymPy; a `Loop` with
statements in it says in which order things are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar, assert_never

from symdl.lower.ir.integers import ZERO, Poly, constant, floor, product
from symdl.lower.ir.names import Index, Local, LoopVar, Slot, StepNumber, TensorId, Variable
from symdl.lower.ir.scalars import Body

if TYPE_CHECKING:
    from symdl.express.equations import Op  # with SymPy, which who loads kernels does without

LAYOUT_BLOCK = 16
"""Samples that lie side by side in sample layout, and that one loop over lanes computes together."""

Target = TypeVar("Target", TensorId, Slot)
"""What is written: tensors before kernels, arrays in them."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor: its number, the name people know, its shape, whether it holds integers, its role.

    In `sample_layout` its first axis, the samples, is innermost in memory, in blocks of `LAYOUT_BLOCK`; the
    others are row-major. Values of an integer one are positions in ``0 .. below - 1`` if `below` says so.
    Elements of a given one may have a narrow type, `storage`: see `symdl.lower.ir.storage`.
    """

    number: TensorId
    name: str
    shape: tuple[Poly, ...]
    integer: bool
    role: str
    sample_layout: bool = False
    below: Poly | None = None
    storage: str = ""

    @property
    def count(self) -> Poly:
        """The number of elements in memory."""
        if not self.sample_layout:
            return product(self.shape)
        return (
            floor(self.shape[0] + (LAYOUT_BLOCK - 1), constant(LAYOUT_BLOCK))
            * LAYOUT_BLOCK
            * product(self.shape[1:])
        )


@dataclass(frozen=True, slots=True)
class Within:
    """Holds where ``0 <= value < extent``."""

    value: Poly
    extent: Poly


@dataclass(frozen=True, slots=True)
class Divides:
    """Holds where ``value`` is a multiple of ``by``."""

    value: Poly
    by: Poly


@dataclass(frozen=True, slots=True)
class Same:
    """Holds where two integers are equal."""

    left: Poly
    right: Poly


Condition = Within | Divides | Same


def terms(condition: Condition) -> tuple[Poly, Poly]:
    """Return the two integer expressions of a condition."""
    match condition:
        case Within():
            return condition.value, condition.extent
        case Divides():
            return condition.value, condition.by
        case Same():
            return condition.left, condition.right
        case _:
            assert_never(condition)


def map_condition(condition: Condition, change: Callable[[Poly], Poly]) -> Condition:
    """Return a condition with its expressions changed."""
    left, right = terms(condition)
    return type(condition)(change(left), change(right))


@dataclass(frozen=True, slots=True)
class FrozenEquation:
    """``lhs[free] = op over bound of body``, where the guards hold, else the identity of `op`.

    Attributes:
        number: position in the program.
        lhs: number of the tensor it defines.
        free: index variables of the left-hand side.
        bound: the reduced ones.
        extents: the size of each, free ones first.
        where: the element that is written; the free variables, unless the equation is a scatter.
        scattered: free variables that a scatter does not loop over.
        fixed: free variables that stand for the present step of a recurrence.
        averages: of variables whose size is read from memory, about what it is.
    """

    number: int
    lhs: TensorId
    free: tuple[Index, ...]
    bound: tuple[Index, ...]
    extents: tuple[Poly, ...]
    op: Op | None
    guards: tuple[Condition, ...]
    body: Body
    where: tuple[Poly, ...]
    scattered: tuple[Index, ...] = ()
    fixed: tuple[Index, ...] = ()
    averages: tuple[tuple[Index, Poly], ...] = ()

    @property
    def sizes(self) -> dict[Variable, Poly]:
        """The size of every index variable."""
        return dict(zip((*self.free, *self.bound), self.extents, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class FrozenRecurrence:
    """Equations that are computed together, step by step.

    Attributes:
        name: the size that counts the steps.
        members: the numbers of the equations in order, each with the axis of steps of what it defines.
        extent: how many steps there are.
        direction: 1 from the first step to the last, -1 from the last to the first.
    """

    name: StepNumber
    members: Mapping[int, int]
    extent: Poly
    direction: int

    @property
    def start(self) -> Poly:
        """The first step that is computed."""
        return ZERO if self.direction > 0 else self.extent - 1


Mask: TypeAlias = tuple[TensorId, int, bool]


Comparison = tuple[Literal["within", "divides", "lt", "le", "eq", "ne"], Poly, Poly, bool]
"""Two integer expressions, what is asked of them, and whether it must hold."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Values of a given integer `tensor` plus `offset` must lie in ``0 .. below - 1``, where all masks hold.

    A mask is a given tensor, a number, and whether elements count where it has that value or another one.
    Of a tensor that is not read as a whole, and of several, `value` is the position, at all places along
    `axes`, variables with their ranges; `tensor` is the first one in it. It counts where for some
    place along `more` all `conditions` hold.
    """

    tensor: TensorId
    below: Poly
    masks: tuple[Mask, ...] = ()
    offset: int = 0
    value: Poly | None = None
    axes: tuple[tuple[Index, Poly], ...] = ()
    more: tuple[tuple[Index, Poly], ...] = ()
    conditions: tuple[Comparison, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether all values must lie there, as they are."""
        return not self.masks and not self.offset and self.value is None


@dataclass(frozen=True, slots=True)
class Stated:
    """An equation as people are told it: a line of text, and how its index variables are named there.

    The names are those of the free variables, then those of the bound ones. An equation that a pass has made
    has a text only.
    """

    text: str
    indices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FrozenProgram:
    """A program without SymPy. Tensors are numbered; `stated` has every equation's text, by its number."""

    tensors: tuple[TensorInfo, ...]
    equations: tuple[FrozenEquation, ...]
    inputs: tuple[TensorId, ...]
    outputs: tuple[TensorId, ...]
    updates: tuple[tuple[TensorId, TensorId], ...]
    sizes: tuple[str, ...]
    gathers: tuple[Gather, ...]
    recurrences: tuple[FrozenRecurrence, ...]
    stated: Mapping[int, Stated]


IDENTITY = {"sum": 0.0, "prod": 1.0, "max": float("-inf"), "argmax": float("-inf")}
"""What a running value starts with."""
WHOLE_IDENTITY = {"sum": 0, "prod": 1, "max": -(2**63), "argmax": -(2**63)}
"""What one of int64 starts with."""


@dataclass(frozen=True, slots=True)
class Let:
    """``name = body`` where the guards hold, else ``name = 0``."""

    name: Local
    body: Body
    guards: tuple[Condition, ...] = ()
    integer: bool = False
    equation: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Start:
    """A running value before its first step; ``argmax`` keeps a position, too, in ``name.position``.

    A `wide` one is a double whatever the reals are: it costs nothing beside an inner loop, and a long sum
    keeps its digits. A `whole` one is an int64.
    """

    name: Local
    op: str
    wide: bool = False
    equation: int = field(default=-1, compare=False)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """One step of a running value, taken where the guards hold.

    ``argmax`` notes the position `at`.
    """

    name: Local
    op: str
    body: Body
    guards: tuple[Condition, ...] = ()
    at: Poly | None = None
    equation: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Store(Generic[Target]):
    """``target[where] = body``."""

    target: Target
    where: tuple[Poly, ...]
    body: Body
    integer: bool = False
    equation: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Update(Generic[Target]):
    """``target[where] += body`` (or times, or the larger of the two), where the guards hold.

    If it is `atomic`, others may add to the same element at the same time.
    """

    target: Target
    where: tuple[Poly, ...]
    op: str
    body: Body
    guards: tuple[Condition, ...] = ()
    equation: int = field(default=-1, compare=False)
    atomic: bool = False


StatementOn: TypeAlias = Let | Start | Fold | Store[Target] | Update[Target]


@dataclass(frozen=True, slots=True)
class Loop(Generic[Target]):
    """``for var in range(extent)``; `kind` is chosen by the schedule.

    A loop over ``lanes`` runs over layout blocks; what differs between samples is computed for all of a
    layout block at once. `indices` are the index variables for which it was made, each with the number of its
    equation: one, or several where loops became one. They are for names only. If the extent is read from
    memory, `average` says about what it is; nothing that is computed depends on it.
    """

    var: LoopVar
    extent: Poly
    items: tuple[ItemOn[Target], ...]
    kind: Literal["serial", "simd", "parallel", "lanes"] = "serial"
    indices: tuple[tuple[int, Index], ...] = field(default=(), compare=False)
    average: Poly | None = None

    @property
    def expected(self) -> Poly:
        """How often it runs, or about how often."""
        return self.extent if self.average is None else self.average


@dataclass(frozen=True, slots=True)
class When(Generic[Target]):
    """``if`` all conditions hold: a block."""

    conditions: tuple[Condition, ...]
    items: tuple[ItemOn[Target], ...]


ItemOn: TypeAlias = Let | Start | Fold | Store[Target] | Update[Target] | Loop[Target] | When[Target]

Statement: TypeAlias = StatementOn[TensorId]
Item: TypeAlias = ItemOn[TensorId]
"""What passes work on: elements of tensors are written."""
KernelStatement: TypeAlias = StatementOn[Slot]
KernelItem: TypeAlias = ItemOn[Slot]
"""What kernels hold: elements of arrays are written, and positions are flat."""


def statements(items: Iterable[ItemOn[Target]]) -> Iterator[StatementOn[Target]]:
    """Yield the statements of a tree in order."""
    for item in items:
        if isinstance(item, Loop | When):
            yield from statements(item.items)
        else:
            yield item


def structure(items: Iterable[ItemOn[Target]]) -> str:
    """Return the shape of a loop tree, such as ``i(j,j)``: an outer loop with two inner ones."""
    loops = [item for item in inside(items) if isinstance(item, Loop)]
    return ",".join(
        f"{loop.var}({inner})" if (inner := structure(loop.items)) else str(loop.var) for loop in loops
    )


def inside(items: Iterable[ItemOn[Target]]) -> Iterator[StatementOn[Target] | Loop[Target]]:
    """Yield the items of a block, those under conditions as if they stood in it."""
    for item in items:
        if isinstance(item, When):
            yield from inside(item.items)
        else:
            yield item


def conditions(items: Iterable[ItemOn[Target]]) -> Iterator[Condition]:
    """Yield the conditions of the blocks in a tree."""
    for item in items:
        if isinstance(item, When):
            yield from item.conditions
        if isinstance(item, Loop | When):
            yield from conditions(item.items)


def loops(items: Iterable[ItemOn[Target]]) -> Iterator[Loop[Target]]:
    """Yield the loops of a tree, outer ones first."""
    for item in items:
        if isinstance(item, Loop):
            yield item
        if isinstance(item, Loop | When):
            yield from loops(item.items)
