"""A sum of blocks along one axis, such as the gates of an LSTM, told gate by gate.

Enters: an equation whose terms are each for a block of places, with none left out. Leaves: its cases.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdl.explain.notation.tree import Cases, Compare, Label, Node
from symdl.explain.stories.blocks import GATE
from symdl.explain.stories.equations import Page
from symdl.express.dims import Index
from symdl.express.equations import Equation, InRange
from symdl.express.tensors import Access, Tensor, substitute


def by_gates(page: Page, equation: Equation) -> tuple[Node, tuple[Equation, ...]] | None:
    """Return the cases of a sum of terms each of which is for a block of places along one axis.

    Each block is a tensor of its own: the equations of these are returned beside the cases.
    """
    terms = sp.Add.make_args(equation.body)
    if equation.reduction is not None or equation.guards or len(terms) < 2:
        return None
    found: list[tuple[sp.Expr, sp.Expr, Index, Equation]] = []
    for term in terms:
        source = page.program.definitions.get(term.tensor) if isinstance(term, Access) else None
        if source is None or source.lhs.role == "cotangent" or len(source.guards) != 1 or source.reduction:
            return None
        guard = source.guards[0]
        names = guard.expr.free_symbols if isinstance(guard, InRange) else set()
        if not isinstance(guard, InRange) or len(names) != 1:
            return None
        (index,) = names
        low = sp.sympify(index - guard.expr, strict=True)
        if not low.is_Integer or not isinstance(index, Index):
            return None
        found.append((low, low + guard.extent, index, source))
    found.sort(key=lambda block: int(block[0]))
    place = found[0][2]
    ends = [0, *(high for _, high, _, _ in found)]
    whole = equation.extents.get(place)
    if any(low != end for (low, *_), end in zip(found, ends, strict=False)) or ends[-1] != whole:
        return None
    rows, gates = [], []
    for count, (low, high, index, source) in enumerate(found):
        plain = replace(source, guards=())
        plain = plain.rename(dict(zip(plain.indices, equation.indices, strict=True)))
        axis = source.indices.index(index)
        gate = _gate(page, equation, plain, axis, (low, high))
        letter = page.notation.symbol(equation.indices[axis])
        last = count == len(found) - 1
        places = [i - low if k == axis else i for k, i in enumerate(equation.indices)]
        value = page.notation.read(gate.lhs.at(*places))
        rows.append((value, None if last else Compare("<", letter, page.notation.read(high))))
        gates.append(gate)
        page.inlined[source.lhs] = source
    return Cases(tuple(rows)), tuple(gates)


def _gate(page: Page, whole: Equation, block: Equation, axis: int, ends: tuple[sp.Expr, sp.Expr]) -> Equation:
    """Return one block as a tensor of its own, called as the whole and by the gate that it belongs to."""
    low, high = ends
    sizes = [high - low if k == axis else size for k, size in enumerate(whole.lhs.shape)]
    index = whole.indices[axis]
    tensor = Tensor(None, sizes)
    body = substitute(block.body, {index: index + low})
    page.labels[tensor] = page.letters.free(_label(page, whole, block, low))
    equation = replace(block, lhs=tensor, body=body)
    tensor.attach(equation)
    return equation


def _label(page: Page, whole: Equation, block: Equation, low: sp.Expr) -> Label:
    """Return the name of a block of columns with a bar, else that of the whole, marked by its gate."""
    for gate in page.forward if whole.lhs.of is not None else ():
        read = gate.body if gate.origin.rule == GATE else None
        if isinstance(read, Access) and read.tensor is whole.lhs.of:
            if low in [place - index for place, index in zip(read.indices, gate.indices, strict=True)]:
                label = page.labels[gate.lhs]
                return replace(label, accents=(*label.accents, "bar"))
    of = [t.of for t in block.reads() if t.role == "cotangent" and t.of in page.labels]
    label = page.labels[whole.lhs]
    letter = page.labels[of[0]].base if of and of[0] is not None else str(low)
    return replace(label, marks=(*label.marks, letter))
