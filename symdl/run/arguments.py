"""What a caller passes, checked before anything is computed.

Enters: keyword arguments. Leaves: contiguous arrays of the right dtype in the order of the inputs, and the
values of the symbolic sizes; or `ArgumentError`, which names the tensor, what it is and what it should be.
Arrays are never changed; those of another dtype or memory order are copied.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.program import Program
from symdl.express.values import fitting
from symdl.lower.ir.integers import Atom, Floor, Mod, Pick, Poly, Size, atoms, evaluate, of, text
from symdl.lower.ir.loops import Comparison, FrozenProgram, Gather, TensorInfo
from symdl.lower.ir.names import Index, TensorId
from symdl.run import misfits
from symdl.run.complexes import with_parts
from symdl.run.sizes import Axis, solve
from symdl.run.storage import dtype_of, narrowed

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """One input: its name, dtype and shape; `fixed` is the shape if it holds no symbolic sizes.

    `storage` names its type if that is a narrow one.
    """

    name: str
    dtype: np.dtype[Any]
    integer: bool
    storage: str
    shape: tuple[Poly, ...]
    fixed: tuple[int, ...] | None
    dims: tuple[str | int | None, ...]

    @property
    def text(self) -> str:
        """The shape for people."""
        return misfits.shape_text(list(map(text, self.shape)))


def expected(tensors: Sequence[TensorInfo], dtype: str) -> tuple[Expected, ...]:
    """Return what is expected of each input."""
    return tuple(_expected(info, dtype) for info in tensors)


def _expected(info: TensorInfo, dtype: str) -> Expected:
    sizes = [size.number for size in info.shape]
    known = [n for n in sizes if n is not None]
    fixed = tuple(known) if len(known) == len(sizes) else None
    dims = tuple(
        n if n is not None else str(s.atom.name) if isinstance(s.atom, Size) else None
        for n, s in zip(sizes, info.shape, strict=True)
    )
    kind = dtype_of(info, dtype)
    return Expected(info.name, kind, info.integer, info.storage, info.shape, fixed, dims)


class Arguments:
    """The inputs of a compiled function; `accept` takes those that lie in memory of the target's own."""

    def __init__(
        self,
        inputs: Sequence[Expected],
        constants: Mapping[str, Array] | None = None,
        dropped: frozenset[str] = frozenset(),
        accept: Callable[[Any, str, np.dtype[Any]], Any] | None = None,
    ) -> None:
        self.inputs, self._accept = tuple(inputs), accept
        self.dropped = dropped
        self.names = {e.name for e in inputs} - set(constants or {})
        self.constants = dict(constants or {})
        self._each = tuple((e.name, e.dtype, e.fixed, e) for e in inputs)

    def take(self, given: Mapping[str, Any]) -> tuple[list[Array], dict[str, int]]:
        """Return the arrays and the sizes.

        Raises:
            ArgumentError: a name, shape, dtype or size that does not fit.
        """
        if given.keys() != self.names:
            given = with_parts(given, self.names | self.dropped)
            if not self.names <= given.keys() <= self.names | self.dropped:
                raise self.wrong_names(given)
            given = {name: given[name] for name in self.names}
        if self.constants:
            given = {**given, **self.constants}
        arrays: list[Array] = []
        dims: dict[str, int] = {}
        later: list[tuple[Expected, Array]] = []
        for name, dtype, fixed, want in self._each:
            array = given[name]
            if type(array) is np.ndarray and array.dtype == dtype:
                if array.shape == fixed and array.flags.carray:  # as most are; what follows finds no more
                    arrays.append(array)
                    continue
            else:
                array = self._taken(want, array)
            if type(array) is np.ndarray:
                flags = array.flags
                if not (flags.c_contiguous and flags.aligned):
                    array = np.require(array, requirements=["C", "A"])
            if fixed is not None:
                if array.shape != fixed:
                    raise _wrong_shape(want, array, dims)
            elif not _bind(want, array, dims):
                later.append((want, array))
            arrays.append(array)
        if later:
            solve([axis for want, array in later for axis in _axes(want, array)], dims)
        return arrays, dims

    def _taken(self, want: Expected, value: Any) -> Any:
        """Return a value as an array: where it is if that is the target's memory, or else on the host."""
        there = None if self._accept is None else self._accept(value, want.name, want.dtype)
        return converted(want, value) if there is None else there

    def wrong_names(self, given: Mapping[str, Any]) -> ArgumentError:
        """Return the error for missing or unknown names."""
        wanted = {e.name: e.text for e in self.inputs if e.name in self.names}
        return misfits.wrong_names(given, wanted, self.dropped)


def sizes(wanted: Sequence[Expected], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Return the symbolic sizes that inputs of these shapes have.

    Raises:
        ArgumentError: a shape or size that does not fit.
    """
    dims: dict[str, int] = {}
    # Arrays of one element each, seen as that many: nothing but their shapes is looked at.
    arrays = [(e, np.broadcast_to(np.zeros((), "int8"), shapes[e.name])) for e in wanted]
    later = [(want, array) for want, array in arrays if not _bind(want, array, dims)]
    solve([axis for want, array in later for axis in _axes(want, array)], dims)
    return dims


def constants(program: Program, inputs: Sequence[Expected]) -> dict[str, Array]:
    """Return the arrays of the inputs that are constants, by the names that they have in kernels."""
    pairs = zip(program.inputs, inputs, strict=True)
    return {e.name: np.asarray(t.value, e.dtype, order="C") for t, e in pairs if t.value is not None}


def converted(want: Expected, value: Any) -> Array:
    """Return a value as an array of the wanted dtype, if no value changes its meaning.

    Raises:
        ArgumentError: it holds other things than numbers, or no integers where they are wanted.
    """
    if want.storage:
        return narrowed(value, want.name, want.storage)
    return fitting(value, want.name, integer=want.integer, dtype=want.dtype)


def _bind(want: Expected, array: Array, dims: dict[str, int]) -> bool:
    """Bind the symbolic sizes of a shape; say whether all of it was checked."""
    shape = array.shape
    if len(shape) != len(want.dims):
        raise _wrong_shape(want, array, dims)
    done = True
    for wanted, size in zip(want.dims, shape, strict=True):
        if isinstance(wanted, str):
            if size == 0:
                raise misfits.no_elements(want.name, shape, wanted)
            if dims.setdefault(wanted, size) != size:
                raise _wrong_shape(want, array, dims)
        elif wanted is None:
            done = False
        elif wanted != size:
            raise _wrong_shape(want, array, dims)
    return done


def _axes(want: Expected, array: Array) -> Iterator[Axis]:
    """The axes whose sizes are expressions such as ``4*n`` or ``n - 1``."""
    for size, poly, plain in zip(array.shape, want.shape, want.dims, strict=True):
        if plain is None:
            unknown = frozenset(str(a.name) for a in atoms(poly) if isinstance(a, Size))
            yield Axis(want.name, array.shape, want.text, size, unknown, partial(evaluate, poly))


def _wrong_shape(want: Expected, array: Array, dims: Mapping[str, int]) -> ArgumentError:
    return misfits.wrong_shape(want.name, array.shape, want.text, dims)


def private(array: Any) -> Any:
    """Return positions that nobody can change after they were checked: a copy, unless memory is fixed.

    A position that another thread changed to one out of range would be read outside of the array.
    """
    if not isinstance(array, np.ndarray):  # one in a target's own memory
        return array.copy()
    owner: Any = array
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    try:
        fixed = not isinstance(owner, np.ndarray) and memoryview(owner).readonly
    except TypeError:
        fixed = False
    return array if fixed else array.copy()


class Bounds:
    """The checks of integers in arguments that are used as positions.

    Most are made by generated code, before anything is read there. Those that count under a condition only
    are made here, and all of them before a call in pieces.

    Args:
        program: of which an argument may hold positions.
        inputs: its inputs.
        names: of those that are arguments.

    Attributes:
        checked: whether there are any.
    """

    def __init__(self, program: FrozenProgram, inputs: Sequence[Expected], names: Container[str]) -> None:
        self._program, self.checked = program, bool(program.gathers)
        self._integers = [at for at, e in enumerate(inputs) if e.integer and e.name in names]
        narrow = {t for t in program.inputs if program.tensors[t].storage}
        self._masked = [g for g in program.gathers if not g.plain or g.tensor in narrow]

    def take(self, given: list[Array], dims: Mapping[str, int]) -> None:
        """Put copies in place of integers, which nobody can change any more, and check what kernels do not.

        Raises:
            ArgumentError: one is out of range and counts.
        """
        for at in self._integers:
            given[at] = private(given[at])
        if self._masked:
            check_gathers(self._program, self._masked, given, dims)

    def check_all(self, given: Sequence[Array], dims: Mapping[str, int]) -> None:
        """Check all of them.

        Raises:
            ArgumentError: one is out of range and counts.
        """
        check_gathers(self._program, self._program.gathers, given, dims)


def check_gathers(
    program: FrozenProgram, gathers: Sequence[Gather], arrays: Sequence[Array], dims: Mapping[str, int]
) -> None:
    """Check integers that are used as positions; `arrays` holds the inputs in order.

    Raises:
        ArgumentError: one is out of range and counts.
    """
    given = dict(zip(program.inputs, arrays, strict=True))
    given |= {t: np.asarray(given[t]) for t in given if program.tensors[t].integer}
    if any(not g.plain for g in gathers):  # with these is computed
        given |= {t: given[t].astype("int64", copy=False) for t in given if program.tensors[t].integer}
    for gather in gathers:
        name, below = program.tensors[gather.tensor].name, evaluate(gather.below, dims)
        if gather.value is not None:
            _check_used(gather, name, below, Places(given, dims, (*gather.axes, *gather.more)))
            continue
        values, low = given[gather.tensor], -gather.offset
        for mask, value, equal in gather.masks:
            values = np.where((given[mask] == value) == equal, values, low)
        if values.size and (values.min() < low or values.max() >= low + below):
            raise outside(name, values, low + below, low)


def _check_used(gather: Gather, name: str, below: int, places: Places) -> None:
    """Check positions where they count, which is looked at only if one is out of range."""
    assert gather.value is not None
    values = np.asarray(places.value(gather.value))
    wrong = (values < 0) | (values >= below)
    if not wrong.any():
        return
    for comparison in gather.conditions:
        wrong = wrong & places.holds(comparison)
    wrong = np.any(wrong, axis=tuple(range(len(gather.axes), wrong.ndim)))
    if not wrong.any():
        return
    if isinstance(pick := gather.value.atom, Pick):  # an element of one tensor: say where it stands there
        array = places.given[pick.tensor]
        marked = np.zeros(array.shape, bool)
        where = (np.broadcast_to(places.value(e), values.shape).reshape(wrong.shape) for e in pick.where)
        marked[tuple(e[wrong] for e in where)] = True
        raise outside(name, np.where(marked, array, 0), below)
    kept = values.reshape(values.shape[: len(gather.axes)])
    raise outside(name, np.where(wrong, kept, 0), below, computed=True)


@dataclass(frozen=True, slots=True)
class Places:
    """Integer expressions at all places along `axes`, by the values of given tensors and sizes."""

    given: Mapping[TensorId, Array]
    dims: Mapping[str, int]
    axes: tuple[tuple[Index, Poly], ...]

    def value(self, poly: Poly) -> Any:
        """Return the values of a polynomial, an axis for each variable."""
        total: Any = np.zeros((1,) * len(self.axes), "int64")
        for monomial, factor in poly.terms:
            part: Any = factor
            for atom in monomial:
                part = part * self.element(atom)
            total = total + part
        return total

    def element(self, atom: Atom) -> Any:
        """Return the values of an atom."""
        if isinstance(atom, Index):
            names = [name for name, _ in self.axes]
            axis = names.index(atom)
            count = evaluate(self.axes[axis][1], self.dims)
            return np.arange(count).reshape([-1 if n == axis else 1 for n in range(len(names))])
        if isinstance(atom, Pick):
            array = self.given[atom.tensor]
            if not array.size:
                return 0
            wheres = zip(map(self.value, atom.where), array.shape, strict=True)
            return array[tuple(np.clip(e, 0, size - 1) for e, size in wheres)]
        if isinstance(atom, Floor | Mod):
            top, bottom = self.value(atom.value), self.value(atom.by)
            return top // bottom if isinstance(atom, Floor) else top % bottom
        return evaluate(of(atom), self.dims)

    def holds(self, comparison: Comparison) -> Any:
        """Return where a condition is as it must be."""
        kind, *sides, wanted = comparison
        left, right = map(self.value, sides)
        truth = {
            "within": lambda: (left >= 0) & (left < right),
            "divides": lambda: left % right == 0,
            "lt": lambda: left < right,
            "le": lambda: left <= right,
            "eq": lambda: left == right,
            "ne": lambda: left != right,
        }[kind]()
        return truth == wanted


def outside(name: str, values: Array, below: int, low: int = 0, *, computed: bool = False) -> ArgumentError:
    """Return the error for a label or position out of range; `computed` ones are made from `name`."""
    flat = values.reshape(-1)
    wrong = np.flatnonzero((flat < low) | (flat >= below))
    where = np.unravel_index(int(wrong[0]), values.shape) if len(wrong) else ()
    value = int(flat[wrong[0]]) if len(wrong) else None
    what = f"a position computed from {name} is" if computed else f"{name} holds"
    reads = f"what is read there is {name} {'-' if low > 0 else '+'} {abs(low)}: it must fit its axis"
    return ArgumentError(
        f"{what} {value} at {tuple(map(int, where))}, outside {low}..{below - 1}",
        shapes={"positions" if computed else name: values.shape},
        cure="labels and positions count from 0 and fit their axis, as do lengths" if low == 0 else reads,
    )
