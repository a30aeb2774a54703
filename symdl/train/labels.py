"""Which input holds classes, which output their logits, and which samples count.

Enters: a model's losses and outputs. Leaves: its accuracy, as a tensor, where that is clear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.relational import Relational

from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard, InRange
from symdl.express.labels import LabelRange
from symdl.express.ordering import order
from symdl.express.program import Program, collect
from symdl.express.surface import define
from symdl.express.tensors import Access, Tensor, substitute
from symdl.nn.metrics import accuracy

_SAMPLE = Index("i")


def accuracy_of(
    losses: Sequence[Tensor], outputs: Sequence[Tensor], ranges: Sequence[LabelRange]
) -> Tensor | None:
    """Return the share of samples put into their class, of those that count in the losses, if it is clear.

    A sample counts unless a condition on the data, a mask or an ignored label, keeps its loss out.
    """
    label, logits = label_of(outputs, ranges)
    if label is None or logits is None:
        return None
    mask = _Counting(collect(losses), label).mask()
    return accuracy(logits, label, mask=None if mask is None else mask > 0)


def label_of(outputs: Sequence[Tensor], ranges: Sequence[LabelRange]) -> tuple[Tensor | None, Tensor | None]:
    """Return the input that holds classes and the output that holds their logits, if that is clear.

    The output is the only one of rank 2 for which there is one input that fits: of rank 1, integer, its
    values choosing among as many classes as the output has columns.
    """
    found = []
    for output in outputs:
        fitting = [r.tensor for r in ranges if output.rank == 2 and r.size == output.shape[1]]
        labels = [t for t in dict.fromkeys(fitting) if t.role == "input" and t.rank == 1]
        if len(labels) == 1:
            found.append((labels[0], output))
    return found[0] if len(found) == 1 else (None, None)


@dataclass(frozen=True, slots=True, eq=False)
class _Counting:
    """Follows what is computed for a label's class to where samples are added up."""

    program: Program
    label: Tensor

    def mask(self) -> Tensor | None:
        """Return 1 for the samples that count and 0 for the others, or None: all of them count."""
        readers: dict[Tensor, list[Equation]] = {}
        for equation in self.program.equations:
            for tensor in equation.reads():
                readers.setdefault(tensor, []).append(equation)
        counts = [
            sp.And(self._under(equation, access, i), self._beyond(equation.lhs, readers))
            for equation in readers.get(self.label, ())
            for access in equation.accesses()
            if access.tensor.equation is not None and (i := self._chosen(access, equation)) is not None
        ]
        condition = sp.Or(*counts) if counts else sp.true
        if condition in (sp.true, sp.false):
            return None
        body = sp.Piecewise((1, condition), (0, True))
        return define(None, (_SAMPLE,), body, shape=self.label.shape)

    def _chosen(self, access: Access, equation: Equation) -> Index | None:
        """Return the index of the sample where an access reads at the class of its label."""
        found = [e.indices[0] for e in access.indices if isinstance(e, Access) and e.tensor is self.label]
        return found[0] if len(found) == 1 and found[0] in equation.extents else None

    def _beyond(self, tensor: Tensor, readers: Mapping[Tensor, list[Equation]]) -> sp.Basic:
        """Return where a value for each sample counts in what reads it."""
        ways: list[sp.Basic] = []
        for equation in readers.get(tensor, ()) if tensor.rank == 1 else ():
            for access in equation.accesses():
                if access.tensor is not tensor:
                    continue
                (i,) = access.indices
                if not isinstance(i, Index):
                    return sp.true
                further = sp.true if i in equation.bound else self._beyond(equation.lhs, readers)
                ways.append(sp.And(self._under(equation, access, i), further))
        return sp.Or(*ways) if ways else sp.true

    def _under(self, equation: Equation, access: Access, i: Index) -> sp.Basic:
        """Return the condition on the data under which an equation reads an element of sample `i`."""
        parts = [_evaluated(equation.body, access), *map(_holds, equation.guards)]
        condition = sp.And(*(self._of_data(part, i) for part in parts))
        return substitute(condition, {i: _SAMPLE}) if condition not in (sp.true, sp.false) else condition

    def _of_data(self, condition: sp.Basic, i: Index) -> sp.Basic:
        """Return what a condition asks of the data of sample `i`; all else holds."""
        if isinstance(condition, sp.And | sp.Or):
            return condition.func(*(self._of_data(part, i) for part in condition.args))
        tensors = {a.tensor for a in condition.atoms(Access)}
        read = {s for s in condition.free_symbols if isinstance(s, Index)}
        given = order(tensors, lambda tensor: tensor.equation).inputs
        plain = isinstance(condition, Relational) and tensors and read <= {i}
        return condition if plain and all(t.role in ("input", "constant") for t in given) else sp.true


def _evaluated(expr: sp.Basic, access: Access) -> sp.Basic:
    """Return where `access` in `expr` is evaluated."""
    if not expr.has(access):
        return sp.false
    if expr == access:
        return sp.true
    if not isinstance(expr, sp.Piecewise):
        return sp.Or(*(_evaluated(part, access) for part in expr.args))
    ways, before = [], sp.true
    for value, condition in expr.args:
        if condition.has(access):
            return sp.true
        ways.append(sp.And(before, condition, _evaluated(value, access)))
        before = sp.And(before, sp.Not(condition))
    return sp.Or(*ways)


def _holds(guard: Guard) -> sp.Basic:
    if isinstance(guard, Equal):
        return sp.Eq(guard.left, guard.right)
    if isinstance(guard, InRange) and guard.expr.has(Access):
        return sp.And(guard.expr >= 0, guard.expr < guard.extent)
    return sp.true
