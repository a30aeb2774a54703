"""A tensor as one matrix formula in the user's symbols.

Enters: a tensor, such as a gradient, a Jacobian or a Hessian. Leaves: its value over the named tensors alone:
every unnamed equation between them is written out; or None where there is no such form.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.prepare import prepare
from symdl.explain.matrix.algebra import NoMatrixForm, Part, moved, squared, turned_once
from symdl.explain.matrix.closed_algebra import tidy
from symdl.explain.matrix.closed_bodies import flattened
from symdl.explain.matrix.facts import Known, with_facts
from symdl.explain.matrix.matrix import Reader
from symdl.explain.matrix.ones import beside_units, with_sizes, without_ones
from symdl.explain.matrix.powers import gathered, powered
from symdl.explain.matrix.quotients import divided
from symdl.explain.matrix.shortest import shortest, with_one_bar
from symdl.explain.matrix.signs import Facing, faced, facing, is_mixed
from symdl.explain.notation.letters import letters_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.sizes import written_sizes
from symdl.explain.notation.tree import Node, walk
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equal, Equation, Guard
from symdl.express.program import Fact, collect
from symdl.express.tensors import Access, Tensor, map_accesses

_LARGEST_FORMULA = 120  # nodes of a formula that is still worth showing
_MOST_READ = 4  # times as many elements and operations are read, of which like terms are collected


@dataclass(frozen=True, slots=True)
class Closed:
    """A formula, and the declared equations that it needs."""

    node: Node
    used: tuple[Known, ...] = ()


def closed_form(
    tensor: Tensor,
    *,
    notation: Notation | None = None,
    keep: Collection[Tensor] = (),
    definitions: Mapping[Tensor, Equation] | None = None,
    one_hot: Callable[[Access, Extent], Node | None] | None = None,
    largest: int = _LARGEST_FORMULA,
) -> Node | None:
    """Return a tensor's value over named tensors and inputs, or None; see `closed`."""
    found = closed(
        tensor, notation=notation, keep=keep, definitions=definitions, one_hot=one_hot, largest=largest
    )
    return None if found is None else found.node


def closed(
    tensor: Tensor,
    *,
    notation: Notation | None = None,
    keep: Collection[Tensor] = (),
    definitions: Mapping[Tensor, Equation] | None = None,
    one_hot: Callable[[Access, Extent], Node | None] | None = None,
    largest: int = _LARGEST_FORMULA,
    facts: Sequence[Fact] = (),
) -> Closed | None:
    """Return a tensor's value over named tensors and inputs, or None.

    Args:
        tensor: what to write.
        notation: labels of the named tensors.
        keep: unnamed tensors that are not written out.
        definitions: equations of tensors that have none attached.
        one_hot: returns the array that is 1 where a label equals the column number.
        largest: of how many nodes a formula may consist.
        facts: declared equations.
    """
    if definitions is None:
        table = {e.lhs: e for e in prepare(collect([tensor]), keep=keep)[0].equations}
    else:
        table = dict(definitions)
    if tensor not in table:
        return None
    if notation is None:
        letters = letters_of(collect([tensor]))
        notation = Notation(letters.labels, letters=letters)
    named = {t for t in table if (t.name is not None or t in keep) and t is not tensor}
    if len(table) - len(named) > largest:
        return None  # each equation that is written out leaves something
    try:
        reader = ClosedReader.of(table, named, notation, one_hot)
        if written_sizes(reader.inline.values())[tensor] > _MOST_READ * largest:
            return None  # what is shared would be read once for each way that leads to it
        equal = [k for fact in facts if (k := known(fact, notation)) is not None]
        found = reader.whole(table[tensor], equal)
    except NoMatrixForm:
        return None
    return found if sum(1 for _ in walk(found.node)) <= largest else None


def known(fact: Fact, notation: Notation) -> Known | None:
    """Return both sides of a declared equation as formulas; None where one has no such form."""
    sides: list[Node] = []
    for side in (fact.tensor, fact.right):
        if side is None or fact.kind != "equation":
            return None
        if side.equation is None:
            sides.append(notation.array(side) if side.rank else notation.read(side.at()))
            continue
        table = {e.lhs: e for e in collect([side]).equations}
        named = {t for t in table if t.name is not None and t is not side}
        try:
            reader = ClosedReader.of(table, named, notation, None)
            sides.append(reader.tidied(table[side]))
        except NoMatrixForm:
            return None
    return Known(*sides)


class ClosedReader(Reader):
    """Reads an equation with everything unnamed written out."""

    __slots__ = ()

    @classmethod
    def of(
        cls,
        table: Mapping[Tensor, Equation],
        named: Collection[Tensor],
        notation: Notation,
        one_hot: Callable[[Access, Extent], Node | None] | None,
    ) -> ClosedReader:
        flat = flattened(table, named)
        reader = cls(notation, flat, one_hot, {}, flat)
        scalars = {t: lambda where, t=t: reader.scalar(t) for t in flat if not t.rank}
        reader.notation = replace(notation, inline={**notation.inline, **scalars})
        return reader

    def whole(self, equation: Equation, facts: Sequence[Known]) -> Closed:
        """Return the right-hand side of an equation, as it is shown."""
        node, used = with_facts(shortest(self.tidied(equation), self.tidy), facts, self.tidy)
        faces = self.facing() if any(map(is_mixed, walk(node))) else {}
        shown = divided(powered(gathered(turned_once(faced(node, faces)))))
        return Closed(squared(with_one_bar(beside_units(without_ones(shown)))), used)

    def tidied(self, equation: Equation) -> Node:
        """Return the right-hand side of an equation, tidy."""
        own = self.inline[equation.lhs]
        if own.lhs.rank > 2:
            raise NoMatrixForm
        self.extents.update(own.extents)
        return self.tidy(self.full(self.written_out(own, own.target), own.indices).node)

    def tidy(self, node: Node) -> Node:
        """Tidy a formula; the trace of a unit matrix is its size, and so is ``1' 1``."""
        first = tidy(node)
        second = with_sizes(first, lambda size: self.notation.read(sp.sympify(size, strict=True)))
        return first if second == first else tidy(second)

    def facing(self) -> Facing:
        """The differences of the function, which way round they stand."""
        found: list[Node] = []
        for equation in self.inline.values():
            signs = {term.could_extract_minus_sign() for term in sp.Add.make_args(equation.body)}
            plain = equation.reduction is None and not equation.guards and equation.lhs.rank in (1, 2)
            if equation.lhs.role != "intermediate" or len(signs) < 2 or not plain:
                continue
            self.extents.update(equation.extents)
            with contextlib.suppress(NoMatrixForm):
                found.append(tidy(self.written_out(equation, equation.target).node))
        return facing(found)

    def scalar(self, tensor: Tensor) -> Node:
        """Return a rank-0 tensor written out."""
        return self.tidy(self.written_out(self.inline[tensor], tensor.at()).node)

    def is_sum(self, factor: sp.Expr) -> bool:
        return False  # the notation writes them out

    def access(self, access: Access, wish: Sequence[Index]) -> Part:
        labels = [i for i in access.indices if isinstance(i, Access)]
        if len(labels) == 1 and self.one_hot is not None:
            return self.picked(access, labels[0], wish)
        return super().access(access, wish)

    def picked(self, access: Access, label: Access, wish: Sequence[Index]) -> Part:
        """Read ``Z[i, t[i]]`` as the sum of ``Z[i, j]`` over j, each times what is 1 where j is the label."""
        place = access.indices.index(label)
        column = Index(f"j_{len(self.extents)}")
        self.extents[column] = access.tensor.shape[place]
        every = access.tensor.at(*(column if i is label else i for i in access.indices))
        return self.total(every * _delta(label, column), (column,), wish)

    def diagonal(self, equation: Equation, access: Access) -> Part:
        """Read the elements ``A[i, i]`` of a matrix that is written out."""
        index = access.indices[0]
        if not isinstance(index, Index) or access.indices != (index, index):
            raise NoMatrixForm
        column = Index(f"{index}_{len(self.extents)}")
        self.extents[column] = self.extents[index]
        matrix = self.written_out(equation, access.tensor.at(index, column))
        if set(matrix.axes) != {index, column}:
            raise NoMatrixForm
        return moved(matrix, column, index)

    def written_out(self, equation: Equation, access: Access) -> Part:
        if len(set(access.indices)) < len(access.indices):
            return self.diagonal(equation, access)
        if equation.reduction is not None and equation.reduction.op != "sum":
            return super().written_out(equation, access)
        guards = equation.guards
        if guards:
            equation = replace(equation, body=_with_deltas(equation.body, guards), guards=())
        return super().written_out(equation, access)


def _with_deltas(body: sp.Expr, guards: Sequence[Guard]) -> sp.Expr:
    """Write guards that compare indices, or a label and an index, as factors δ."""
    for guard in guards:
        if not isinstance(guard, Equal):
            raise NoMatrixForm
        left, right = guard.left, guard.right
        if isinstance(left, Access) and isinstance(right, Index):
            body *= _delta(left, right)
            continue
        if not isinstance(left, Index) or not isinstance(right, Index):
            raise NoMatrixForm

        def off_diagonal(access: Access, left: sp.Expr = left, right: sp.Expr = right) -> sp.Expr:
            if access.indices in ((left, left), (right, right)):  # the same where δ is not zero
                return access.tensor.at(left, right)
            return access

        body = map_accesses(body, off_diagonal) * _delta(left, right)
    return body


def _delta(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """Return what is 1 where two places are the same."""
    return sp.Piecewise((1, sp.Eq(left, right)), (0, True))


__all__ = ["ClosedReader", "closed", "closed_form", "known"]
