"""A whole program as one function: its calls one after another, in the language of the kernels.

Enters: `Lowered`, a `Syntax`, values of some inputs. Leaves: `Driver`: what is passed, where intermediate
tensors lie, and the body as a printed tree. Where symdl runs a program, the launch list says all this in
numbers; here it is code, for files that stand alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from symdl.emit import printed
from symdl.emit.identifiers import free, identifier
from symdl.emit.integers import Integers
from symdl.emit.names import Names, reserved
from symdl.emit.printed import Printed
from symdl.emit.statements import Told, Writer, comments, declared
from symdl.emit.syntax import Syntax
from symdl.errors import EmitError
from symdl.lower.ir.integers import ONE, ZERO, Atom, Poly, Size, rebuild, text
from symdl.lower.ir.loops import KernelItem, Start, statements
from symdl.lower.ir.names import Param, SizeName, StepNumber, StepsDone, TensorId
from symdl.lower.ir.scalars import MATRIX, ORDERS, Body, Node
from symdl.lower.kernels import (
    Call,
    CheckCall,
    KernelCall,
    Matrix,
    ProductCall,
    RepeatCall,
    SortCall,
)
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import Buffer

_ONE = Node("const", (), Fraction(1))
"""A factor that changes nothing."""


@dataclass(frozen=True, slots=True)
class Passed:
    """An array of a call: its identifier, its name in the program, its shape, whether it is written.

    Attributes:
        sizes: the axes by their identifiers; `shape` has their names.
        count: the product of them.
        role: of the tensor.
    """

    name: str
    title: str
    shape: str
    sizes: tuple[str, ...]
    count: str
    integer: bool
    written: bool
    role: str


@dataclass(frozen=True, slots=True)
class Inner:
    """An intermediate tensor: the stretch of memory that it shares with others at other times."""

    name: str
    count: str
    integer: bool
    stretch: int


@dataclass(frozen=True, slots=True)
class Driver:
    """What a template prints of a program.

    Attributes:
        name: of the function.
        dims: the identifiers of the sizes that are passed, and what they are called in the program.
        inputs, constants, outputs: arrays.
        inner: intermediate tensors; `stretches` has the numbers of elements of all that share one.
        scratch: for each call of a function of matrices how many numbers it needs room for.
        body: the calls.
    """

    name: str
    dims: tuple[tuple[str, str], ...]
    inputs: tuple[Passed, ...]
    constants: tuple[Passed, ...]
    outputs: tuple[Passed, ...]
    inner: tuple[Inner, ...]
    stretches: tuple[tuple[bool, tuple[str, ...]], ...]
    scratch: tuple[str, ...]
    body: tuple[Printed, ...]

    @property
    def passed(self) -> tuple[Passed, ...]:
        """The arrays of the caller, those that are written last."""
        return (*self.inputs, *self.outputs)


class _Sizes(Integers):
    """Prints integer expressions in the sizes of a program."""

    def __init__(self, syntax: Syntax, name: Callable[[SizeName], str]) -> None:
        super().__init__(Names(), syntax.spelling)
        self.name = name

    def atom(self, value: Atom) -> str:
        """Return a size by its name."""
        return self.name(value.name) if isinstance(value, Size) else super().atom(value)


@dataclass(slots=True)
class _Namer:
    """Identifiers of what is in a program."""

    taken: set[str]
    known: dict[object, str] = field(default_factory=dict)

    def give(self, key: object, stem: str) -> str:
        """Name something that has no name yet."""
        if key not in self.known:
            self.known[key] = free(stem, self.taken)
            self.taken.add(self.known[key])
        return self.known[key]

    def size(self, name: SizeName) -> str:
        """Return the identifier of a size, or of what counts steps."""
        match name:
            case str():
                return self.give(name, identifier(name, "size"))
            case StepNumber(number):
                return self.give(name, f"step_{number}")
            case StepsDone(number):
                return self.give(name, f"done_{number}")
            case _:
                raise EmitError(f"the size {name} is of a call that is cut")


def driver(lowered: Lowered, name: str, *, syntax: Syntax, constants: Collection[int] = ()) -> Driver:
    """Return the calls of a program as one function.

    Args:
        name: what the function is called, as far as that is an identifier.
        constants: the places of inputs whose values stand in the file.
    """
    made = _Driver(lowered, name, syntax)
    return made.driver(frozenset(constants))


class _Driver:
    def __init__(self, lowered: Lowered, name: str, syntax: Syntax) -> None:
        self.lowered, self.program, self.syntax = lowered, lowered.program, syntax
        kernels = {kernel.name for kernel in lowered.kernels}
        self.names = _Namer({*reserved(syntax.imports, syntax.own), *kernels})
        self.name = self.names.give("function", identifier(name, "f"))
        self.sizes = _Sizes(syntax, self.names.size)
        self.writer = Writer(syntax, Names(), Told((), {}))
        self.writer.printer.integers = self.sizes
        self.text = self.sizes.text
        for name in self.program.sizes:
            self.names.size(name)
        self.arrays = [
            self.names.give(at, identifier(self.program.tensors[buffer.tensor].name))
            for at, buffer in enumerate(lowered.plan.buffers)
        ]

    def driver(self, constants: frozenset[int]) -> Driver:
        """Return everything."""
        places, tensors = self.lowered.plan.places, self.program.tensors
        inputs = [self.passed(t, self.arrays[places[t]]) for t in self.program.inputs]
        updated = {old for old, _ in self.program.updates}
        inputs = [replace(p, written=t in updated) for p, t in zip(inputs, self.program.inputs, strict=True)]
        outputs, copies = [], []
        for at, t in enumerate(self.program.outputs):
            own = t not in self.program.inputs and t not in self.program.outputs[:at]
            stem = identifier(tensors[t].name)
            name = self.arrays[places[t]] if own else self.names.give(("copy", at), stem)
            outputs.append(self.passed(t, name, written=True))
            copies += [] if own else [(name, self.arrays[places[t]], tensors[t].count)]
        self.calls(self.lowered.calls)
        for target, source, count in copies:
            self.writer.add(printed.Copy, target, source, self.text(count))
        inner, stretches = _memory(self.lowered.plan.buffers, self.arrays, self.text)
        return Driver(
            self.name,
            tuple((self.names.size(name), name) for name in self.program.sizes),
            tuple(p for at, p in enumerate(inputs) if at not in constants),
            tuple(inputs[at] for at in sorted(constants)),
            tuple(outputs),
            inner,
            stretches,
            tuple(dict.fromkeys(self.matrices())),
            (*declared(self.writer), *self.writer.open),
        )

    def passed(self, tensor: TensorId, name: str, *, written: bool = False) -> Passed:
        """Return an array of the caller."""
        info = self.program.tensors[tensor]
        shape = ", ".join(map(text, info.shape))
        sizes = tuple(map(self.text, info.shape))
        count = self.text(info.count)
        return Passed(name, info.name, f"({shape})", sizes, count, info.integer, written, info.role)

    def calls(self, calls: Sequence[Call]) -> None:
        """Write calls; those that a recurrence repeats stand in its loop."""
        ends = {at: call for at, call in enumerate(calls) if isinstance(call, RepeatCall)}
        self.block(calls, 0, len(calls), ends)

    def block(self, calls: Sequence[Call], at: int, end: int, ends: dict[int, RepeatCall]) -> None:
        """Write the calls from `at` to before `end`."""
        while at < end:
            last = max((e for e, r in ends.items() if r.begin == at and e < end), default=None)
            if last is None:
                self.call(calls[at])
                at += 1
                continue
            repeat = ends[last]
            done, step = self.names.size(StepsDone(repeat.name.recurrence)), self.names.size(repeat.name)
            with self.writer.deeper() as body:
                way = "+" if repeat.direction > 0 else "-"
                self.writer.let(step, f"{self.text(repeat.start)} {way} {done}", "whole")
                self.block(calls, at, last, {e: r for e, r in ends.items() if e < last})
            self.writer.add(printed.Loop, done, self.text(repeat.extent), tuple(body))
            at = last + 1

    def call(self, call: Call) -> None:
        """Write one call."""
        match call:
            case CheckCall():
                checked = self.arrays[call.buffer], self.text(call.count), self.text(call.below)
                self.writer.add(printed.Check, *checked)
            case KernelCall():
                arguments = *(self.arrays[b] for b in call.buffers), *map(self.text, call.sizes)
                scratch = filter(None, [self.syntax.scratch])
                name = self.lowered.kernels[call.kernel].name
                self.writer.add(printed.Call, f"{name}({', '.join((*arguments, *scratch))})")
            case ProductCall():
                self.product(call)
            case SortCall():
                raise EmitError(f"the target {self.syntax.name} does not sort positions")
            case RepeatCall():
                raise EmitError("the end of a recurrence stands at the end of its loop")
            case _:
                raise EmitError("a step of training on batches of a data set does not stand alone")

    def product(self, call: ProductCall) -> None:
        """Write a matrix product, or one for each of a batch."""
        for equation in call.equations:
            for line in comments(self.program.stated[equation].text):
                self.writer.add(printed.Comment, line)
        counters = [self.names.give(("counter", c), c) for c in "pq"[: len(call.batch)]]
        batch = tuple(zip(counters, map(self.text, call.batch), strict=True))
        sides = (call.left, call.m, call.k), (call.right, call.k, call.n), (call.result, call.m, call.n)
        matrices = (self.matrix(*side, batch) for side in sides)
        numbers = (*map(self.text, (call.m, call.n, call.k)), self.writer.printer.body(call.alpha))
        self.writer.add(printed.Product, *numbers, call.alpha.result != _ONE, *matrices, batch)

    def matrix(
        self, matrix: Matrix, rows: Poly, columns: Poly, batch: Sequence[tuple[str, str]]
    ) -> printed.Matrix:
        """Return an operand: where it begins, and how far rows, columns and matrices lie apart."""
        operand, text = matrix.operand, self.text
        row, step = (ONE, operand.lead) if operand.transposed else (operand.lead, ONE)
        stored = (columns, rows) if operand.transposed else (rows, columns)
        alone = not batch and operand.offset == ZERO and operand.lead == stored[1]
        whole = alone and self.lowered.plan.buffers[matrix.buffer].count == rows * columns
        steps = tuple(map(text, operand.steps[: len(batch)]))
        return printed.Matrix(
            self.arrays[matrix.buffer],
            text(operand.offset),
            text(row),
            text(step),
            tuple(zip((counter for counter, _ in batch), steps, strict=True)),
            ", ".join([*(length for _, length in batch), text(rows), text(columns)]),
            ", ".join([*steps, text(row), text(step)]),
            ", ".join(map(text, stored)) if whole else "",
            operand.transposed,
        )

    def matrices(self) -> list[str]:
        """Return how many numbers the functions of matrices have to be given room for."""
        found = []
        for call in self.lowered.calls:
            if isinstance(call, KernelCall):
                kernel = self.lowered.kernels[call.kernel]
                values = dict(zip(kernel.sizes, call.sizes, strict=True))
                found += [self.text(_with_sizes(room, values)) for room in _rooms(kernel.items)]
        return found


def _memory(
    buffers: Sequence[Buffer], names: Sequence[str], text_of: Callable[[Poly], str]
) -> tuple[tuple[Inner, ...], tuple[tuple[bool, tuple[str, ...]], ...]]:
    """Place intermediate tensors: one in use from then on takes a stretch that is free again."""
    inner: list[Inner] = []
    stretches: list[tuple[bool, list[str]]] = []
    until: list[int] = []
    arena = [(at, b) for at, b in enumerate(buffers) if b.kind == "arena"]
    for at, buffer in sorted(arena, key=lambda pair: pair[1].first):
        count = text_of(buffer.count)
        free_ = [s for s, last in enumerate(until) if last < buffer.first]
        usable = [s for s in free_ if stretches[s][0] == buffer.integer]
        chosen = next((s for s in usable if count in stretches[s][1]), usable[0] if usable else len(until))
        if chosen == len(until):
            stretches.append((buffer.integer, []))
            until.append(0)
        counts = stretches[chosen][1]
        counts += [] if count in counts else [count]
        until[chosen] = buffer.last
        inner.append(Inner(names[at], count, buffer.integer, chosen))
    return tuple(inner), tuple((integer, tuple(counts)) for integer, counts in stretches)


def _rooms(items: Sequence[KernelItem]) -> list[Poly]:
    """Return how many numbers each function of matrices in a kernel needs room for."""
    bodies = (s.body for s in statements(items) if not isinstance(s, Start))
    return [_room(body) for body in bodies if body.result.op in MATRIX]


def _room(body: Body) -> Poly:
    """Return the elements of a matrix, and of a square one below it; or two numbers for each key of a row."""
    values = (body.nodes[at].value for at in body.result.args)
    first, *rest = (value for value in values if isinstance(value, Poly))
    if body.result.op in ORDERS:
        return first * 2
    last = rest[-1] if rest else first
    return (first + last) * last


def _with_sizes(poly: Poly, values: dict[Param, Poly]) -> Poly:
    return rebuild(poly, lambda atom: values[atom] if isinstance(atom, Param) else None)
