"""Names in generated code.

Enters: a kernel, and what its first call computes. Leaves: a table from the names of the tree (``b0``,
``x3``, ``i4``, ``n1``) to those of the mathematics, and a text with them put in. Kernels are shared by all
calls of one structure, so names come last: nothing depends on them, and no text of a user is pasted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from symdl.emit.identifiers import PYTHON, free, identifier
from symdl.emit.spelling import PYTHON as SPELLING
from symdl.lower.ir.integers import Element, Poly, Size
from symdl.lower.ir.loops import (
    Fold,
    FrozenEquation,
    FrozenProgram,
    KernelItem,
    Let,
    Loop,
    Start,
    Store,
    Update,
    When,
)
from symdl.lower.ir.names import Index, Lane, Local, LoopVar, Param, Slot
from symdl.lower.ir.steps import moves
from symdl.lower.kernels import Kernel
from symdl.lower.loops.building import IN_MEMORY

Named: TypeAlias = Slot | Param | LoopVar | Lane | Local
"""What has a name in a kernel."""

OWN = frozenset("real reals whole integers entries far live row lane np math types".split())
"""What generated modules call by a name of their own."""
_UNNAMED = re.compile(r"[pyr]\d+(_more)?|kernel_\d+(_entry)?")
"""Names of values and places that the printers make themselves."""


@dataclass(slots=True)
class Names:
    """Names for values that have none: numbers behind a letter.

    Attributes:
        marked: whether lines say which equation they compute; see `symdl.emit.lines`.
    """

    counts: dict[str, int] = field(default_factory=dict)
    marked: bool = False

    def of(self, named: Named) -> str:
        """Return the name of an array, a size, an index or a local."""
        return str(named)

    def fresh(self, stem: str) -> str:
        """Return a name that nothing else has."""
        count = self.counts[stem] = self.counts.get(stem, -1) + 1
        return f"{stem}{count}"


def reserved(imports: Mapping[str, frozenset[str]], own: frozenset[str]) -> frozenset[str]:
    """Return what no name may be: what means something in Python or in a module with these imports.

    Its `own` names are those that it makes itself.
    """
    modules = {part for name in imports for part in name.split(".")}
    return frozenset((*PYTHON, *OWN, *own, *modules, *(name for names in imports.values() for name in names)))


def put_in(
    text: str, tables: Mapping[str, Mapping[str, str]], words: re.Pattern[str] = SPELLING.words
) -> str:
    """Return the text of a module with the names of each kernel put in; comments stay as they are.

    Of `words` the first group is the name of a kernel that begins.
    """
    table: Mapping[str, str] = {}

    def word(match: re.Match[str]) -> str:
        nonlocal table
        if match[1] is not None:
            table = tables.get(match[1], {})
        return table.get(match[0], match[0])

    return words.sub(word, text)


def names_of(
    kernel: Kernel,
    sizes: Sequence[Poly],
    program: FrozenProgram,
    equations: Mapping[int, FrozenEquation],
    taken: frozenset[str],
) -> dict[str, str]:
    """Return what a kernel's arrays, loop variables, sizes and locals are called.

    Args:
        sizes: what the kernel is first called with.
        equations: those of the program by their numbers.
        taken: what nothing may be called.
    """
    naming = _Naming(kernel, program, equations, taken)
    for array, tensor in zip(kernel.arrays, kernel.first_arrays, strict=True):
        naming.give(
            array.slot.vector, f"{naming.give(array.slot, identifier(program.tensors[tensor].name))}_vector"
        )
    named = dict(zip(kernel.sizes, sizes, strict=True))
    for name, size in named.items():
        if isinstance(size.atom, Size):
            naming.give(name, identifier(str(size.atom.name), "step"))
    naming.loops(kernel.items, frozenset())
    for name, size in named.items():
        if str(name) not in naming.table:
            naming.give(name, naming.size(name, size))
    naming.locals(kernel.items)
    return naming.table


class _Naming:
    """Names of one kernel, as they are found."""

    def __init__(
        self,
        kernel: Kernel,
        program: FrozenProgram,
        equations: Mapping[int, FrozenEquation],
        taken: frozenset[str],
    ) -> None:
        self.program, self.equations, self.taken = program, equations, set(taken)
        self.table: dict[str, str] = {}
        self.variables: set[str] = set()
        self.extents: dict[Param, str] = {}
        self.averages: dict[Param, str] = {}
        self.running: dict[int, int] = {}
        self.arrays = {
            a.slot: program.tensors[t].name for a, t in zip(kernel.arrays, kernel.first_arrays, strict=True)
        }
        self.stored = dict(self.stores(kernel.items))

    def stores(self, items: Iterable[KernelItem]) -> Iterable[tuple[int, str]]:
        """Yield for equations the tensors they are stored in."""
        for item in items:
            if isinstance(item, Loop | When):
                yield from self.stores(item.items)
            elif isinstance(item, Store | Update):
                yield item.equation, self.arrays[item.target]

    def give(self, named: Named, stem: str) -> str:
        """Name something; nothing else gets that name."""
        chosen = free(f"{stem}_" if _UNNAMED.fullmatch(stem) else stem, self.taken)
        self.table[str(named)] = chosen
        self.taken.add(chosen)
        return chosen

    def loops(self, items: Iterable[KernelItem], around: frozenset[str]) -> None:
        """Name loop variables as the indices that they are; loops side by side may have the same."""
        for item in items:
            if isinstance(item, When):
                self.loops(item.items, around)
            elif isinstance(item, Loop):
                stem = joined(self.index(*place) for place in item.indices) or "i"
                stem = f"{stem}_block" if item.kind == "lanes" else stem
                chosen = free(stem, self.taken | around)
                self.table[str(item.var)] = chosen
                extent = item.extent.atom
                if isinstance(extent, Param):
                    self.extents.setdefault(extent, chosen)
                average = item.average.atom if item.average is not None else None
                if isinstance(average, Param):
                    self.averages.setdefault(average, chosen)
                self.loops(item.items, around | {chosen})
                self.variables.add(chosen)

    def size(self, param: Param, size: Poly) -> str:
        """Return the name of a size that is no `Dim`: by the loop that it ends, or that ends about there."""
        if param in self.extents:
            return f"size_{self.extents[param]}"
        if param in self.averages:
            return f"average_{self.averages[param]}"
        return "offset" if moves(size) else "stride"

    def index(self, equation: int, index: Index) -> str:
        """Return the name of an index variable in its equation."""
        stated = self.program.stated[equation].indices
        return identifier(stated[index.number], "i") if index.number < len(stated) else "i"

    def locals(self, items: Iterable[KernelItem]) -> None:
        """Name locals by what they hold."""
        self.taken |= self.variables
        for item in items:
            if isinstance(item, Loop | When):
                self.locals(item.items)
            elif isinstance(item, Let | Start | Fold) and str(item.name) not in self.table:
                self.give(item.name.position, f"{self.give(item.name, self.held(item))}_at")

    def held(self, item: Let | Start | Fold) -> str:
        """Return a name for what a local holds: an element, or a part of the way to it."""
        equation = self.equations.get(item.equation)
        stem = identifier(self.tensor(item.equation, equation), "value")
        starts = self.running.get(item.equation, 0)
        if isinstance(item, Start):
            self.running[item.equation] = starts + 1
            return f"{stem}_{'max' if item.op == 'argmax' else item.op}"
        if equation is not None and equation.op == "logsumexp" and starts == 1:
            return f"{stem}_shift"
        part = item.name.is_part
        if isinstance(item, Let) and (part or equation is None or equation.op in IN_MEMORY):
            value = item.body.result.value
            if isinstance(value, Element):  # on the way to a sum, say
                return f"{identifier(self.arrays[value.array])}_value"
            if part:
                return f"{stem}_part"
            if equation is not None and item.body.result.op != "local":
                return f"{stem}_term"
        free_ = self.program.stated[item.equation].indices[: len(equation.free)] if equation else ()
        indices = joined(identifier(name, "i") for name in free_)
        return f"{stem}_{indices}" if indices else f"{stem}_value"

    def tensor(self, number: int, equation: FrozenEquation | None) -> str:
        """Return the tensor that an equation defines."""
        if equation is not None:
            return self.program.tensors[equation.lhs].name
        return self.stored.get(number, "value")


def joined(indices: Iterable[str]) -> str:
    """Return indices side by side, such as ``ij``, or ``row_column``."""
    found = list(dict.fromkeys(indices))
    return ("" if all(len(name) == 1 for name in found) else "_").join(found)
