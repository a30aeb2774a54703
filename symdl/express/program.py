"""Programs: equations in the order they are computed.

Enters: the tensors somebody wants. Leaves: `Program`, every equation they depend on in topological order,
the tensors whose values must be given, and a unique name for each tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from symdl.errors import ExpressionError
from symdl.express.dims import Dim, dims_of
from symdl.express.equations import Equation
from symdl.express.ordering import Recurrence, order
from symdl.express.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Fact:
    """Declared knowledge about a tensor: ``sums_to_one`` along an axis, or an ``equation``.

    Attributes:
        tensor: what is known: a tensor whose entries sum to one, or the left side of an equation.
        axis: along which entries sum to one.
        kind: which of these it is.
        right: the right side of an equation.
    """

    tensor: Tensor
    axis: int
    kind: Literal["sums_to_one", "equation"]
    right: Tensor | None = None


@dataclass(frozen=True)
class Program:
    """Equations in topological order, single assignment.

    Attributes:
        inputs: tensors that are read and not defined, in the order of their creation.
        equations: the definitions, each before its first use.
        outputs: the tensors asked for.
        facts: declared knowledge that algebraic rewrites may use.
        updates: pairs of a state or parameter and the tensor that replaces it after a run.
        recurrences: runs of `equations` that are computed together, step by step along an axis.
    """

    inputs: tuple[Tensor, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Tensor, ...]
    facts: tuple[Fact, ...] = ()
    updates: tuple[tuple[Tensor, Tensor], ...] = ()
    recurrences: tuple[Recurrence, ...] = ()

    @cached_property
    def names(self) -> dict[Tensor, str]:
        """A unique name for each tensor: the user's where there is one."""
        return name_tensors((*self.inputs, *(e.lhs for e in self.equations)))

    @cached_property
    def definitions(self) -> dict[Tensor, Equation]:
        """The equation of each defined tensor."""
        return {equation.lhs: equation for equation in self.equations}

    @cached_property
    def groups(self) -> tuple[tuple[Equation, ...], ...]:
        """The equations in order, those of one recurrence together."""
        together = {e.lhs: r.equations for r in self.recurrences for e in r.equations}
        groups = (together.get(e.lhs, (e,)) for e in self.equations)
        return tuple(dict.fromkeys(groups))

    @cached_property
    def dims(self) -> tuple[Dim, ...]:
        """The symbolic sizes, sorted by name."""
        tensors = (*self.inputs, *(e.lhs for e in self.equations))
        return tuple(sorted({d for t in tensors for s in t.shape for d in dims_of(s)}, key=str))

    @cached_property
    def parameters(self) -> tuple[Tensor, ...]:
        """The inputs that are learned."""
        return tuple(t for t in self.inputs if t.role == "parameter")

    def with_equations(self, equations: Iterable[Equation]) -> Program:
        """Return the program with other equations for the same outputs, sorted, unused ones dropped.

        Inputs stay: whoever calls it need not know what a simplification no longer reads.
        """
        table = {e.lhs: e for e in equations}
        wanted = (*self.outputs, *(new for _, new in self.updates))
        found = order(wanted, table.get)
        inputs = tuple(sorted({*self.inputs, *found.inputs}, key=lambda t: t.serial))
        return replace(self, inputs=inputs, equations=found.equations, recurrences=found.recurrences)

    def __deepcopy__(self, memo: object) -> Program:
        """Return the program itself, which never changes."""
        return self

    def __str__(self) -> str:
        return "\n".join(map(str, self.equations))

    def __repr__(self) -> str:
        given, wanted = (", ".join(map(repr, some)) for some in (self.inputs, self.outputs))
        return f"<Program {given} -> {wanted}, {len(self.equations)} equations>"


def collect(
    outputs: Sequence[Tensor],
    *,
    facts: Sequence[Fact] = (),
    updates: Sequence[tuple[Tensor, Tensor]] = (),
) -> Program:
    """Return the program that computes `outputs` (and the updated values), following definitions.

    Raises:
        ExpressionError: two given tensors share a name.
    """
    wanted = (*outputs, *(new for _, new in updates))
    found = order(wanted, lambda tensor: tensor.equation)
    extra = {old for old, _ in updates} | sized(found.equations, found.inputs)
    inputs = tuple(sorted({*found.inputs, *extra}, key=lambda t: t.serial))
    seen: dict[str, Tensor] = {}
    for tensor in inputs:
        if tensor.value is not None:
            continue  # nobody passes it by name
        if tensor.name is None:
            raise ExpressionError(f"{tensor} has neither a name nor a definition")
        if tensor.name in seen:
            raise ExpressionError(
                f"two tensors are called {tensor.name!r}",
                shapes={"first": seen[tensor.name].shape, "second": tensor.shape},
                cure="give each tensor its own name; to share a layer's weights build it once and"
                " apply it to more inputs by sd.replace(output, {x: y})",
            )
        seen[tensor.name] = tensor
    return Program(inputs, found.equations, tuple(outputs), tuple(facts), tuple(updates), found.recurrences)


def dropped(program: Program) -> frozenset[str]:
    """Return the names of inputs that what a program computes was derived from and does not read."""
    names = {t.name for t in program.inputs}
    found: set[str] = set()
    seen: set[Tensor] = set()
    todo = [s for e in program.equations for s in e.lhs.sources]
    while todo:
        new = [t for t in dict.fromkeys(todo) if t not in seen]
        seen.update(new)
        more = order(new, lambda tensor: tensor.equation)
        found.update(t.name for t in more.inputs if t.name and t.value is None)
        todo = [s for e in more.equations for s in e.lhs.sources if s not in seen]
    return frozenset(found - names)


def sized(
    equations: Iterable[Equation], inputs: Iterable[Tensor], spare: Iterable[Tensor] = ()
) -> set[Tensor]:
    """Return inputs that show a size which no other does: a derivative ``x_bar[i] = 1`` reads no x.

    `spare` are inputs that may do so where no equation tells what it is a derivative by.
    """
    known = {d for tensor in inputs for size in tensor.shape for d in dims_of(size)}
    added: set[Tensor] = set()
    for equation in equations:
        subject: Tensor | None = equation.lhs
        used = {d for size in equation.extents.values() for d in dims_of(size)}
        if not (used := (used | equation.body.atoms(Dim) if spare else used) - known):
            continue
        while subject is not None and subject.equation is not None:
            subject = subject.of
        if subject is None:
            givers = spare or order(equation.lhs.sources, lambda tensor: tensor.equation).inputs
            shows = (t for t in sorted(givers, key=lambda t: t.serial) if used.intersection(t.shape))
            subject = next(shows, None)
        if subject is not None:
            added.add(subject)
            known |= {d for size in subject.shape for d in dims_of(size)}
    return added


def name_tensors(tensors: Iterable[Tensor]) -> dict[Tensor, str]:
    """Give each tensor a unique name: its own, ``X_bar`` for a cotangent of X, else ``t1``, ``t2``, …"""
    names: dict[Tensor, str] = {}
    taken: set[str] = set()
    last: dict[str, int] = {}  # the number that each base name reached, so that naming stays linear
    ordered = list(tensors)
    for tensor in sorted(ordered, key=lambda t: (not t.name) + (t.role == "constant")):
        if tensor in names:
            continue
        base = tensor.name or _derived(tensor, names)
        stem = f"{base}_" if base else "t"
        count = last.get(stem, 1)
        name = (base or "t1") if count == 1 else f"{stem}{count}"
        while name in taken:
            count += 1
            name = f"{stem}{count}"
        last[stem] = count
        names[tensor] = name
        taken.add(name)
    return names


def _derived(tensor: Tensor, names: dict[Tensor, str]) -> str | None:
    if tensor.role == "constant":
        return "constant"
    suffix = {"cotangent": "bar", "tangent": "dot", "index": "argmax"}.get(tensor.role)
    if suffix is None or tensor.of is None:
        return None
    inner = names.get(tensor.of) or tensor.of.name or _derived(tensor.of, names) or "t"
    return f"{inner}_{suffix}"
