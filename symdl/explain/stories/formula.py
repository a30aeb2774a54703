"""One tensor as one formula in the given symbols.

Enters: a tensor, such as a gradient, a Jacobian or a Hessian. Leaves: its `Formula`: in matrix form where
there is one, else element by element, with Kronecker's δ; everything unnamed is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.prepare import prepare
from symdl.errors import ExplainError
from symdl.explain.matrix.algebra import NoMatrixForm
from symdl.explain.matrix.closed_bodies import flattened
from symdl.explain.matrix.closed_form import closed_form
from symdl.explain.matrix.deltas import with_deltas
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.letters import Letters, letters_of, spelling
from symdl.explain.notation.names import label_latex, label_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.shortening import softmax_of
from symdl.explain.notation.tree import Array, Call, Compare, Entry, Item, Label, Node, Symbol, walk
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text import text
from symdl.explain.stories.equations import Page, inliner, left_side, right_side
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.program import collect
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor

Form = Literal["matrix", "index"]

_LARGEST = 120  # nodes of a formula that is still worth showing


@dataclass(frozen=True, slots=True, repr=False)
class Formula:
    """A formula. Printing it shows its right-hand side; a notebook shows mathematics.

    Attributes:
        node: the right-hand side.
        tensor: the tensor whose value it is.
        left: what stands at its left: the tensor's name, or an element of it; None for a tensor without a
            name in matrix form.
    """

    node: Node
    tensor: Tensor
    left: Node | None = None

    def latex(self) -> str:
        """Return the right-hand side as LaTeX."""
        return latex(self.node)

    def text(self, *, ascii: bool = False) -> str:
        """Return the right-hand side as one line of text."""
        return text(self.node, ascii=ascii)

    @property
    def equation(self) -> Node:
        """The formula with its left-hand side, where it has one."""
        return self.node if self.left is None else Compare("=", self.left, self.node)

    def __str__(self) -> str:
        return text(self.equation) if isinstance(self.left, Item) else self.text()

    def __repr__(self) -> str:
        return str(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex(self.equation)}$"


def formula(tensor: Tensor, *, form: Form | None = None, keep: Collection[Tensor] = ()) -> Formula:
    """Return the value of a tensor as one formula over named tensors and inputs.

    In matrix form vectors are columns, and a number added to an array is added to every entry. In index form
    the value of one element stands at the right: ``J[i,j] = W[i,j]·p[i]``.

    Args:
        tensor: of any rank; there is a matrix form up to rank 2 only.
        form: ``"matrix"`` or ``"index"``; by default the first of them that there is.
        keep: unnamed tensors that are not written out.

    Raises:
        ExplainError: the tensor has no such formula, or too long a one; its equations are still a derivation.

    Example:
        >>> X, W, b = sd.tensor("X", (sd.Dim("n"), 3)), sd.parameter("W", (3, 2)), sd.parameter("b", (2,))
        >>> print(sd.formula(X @ W + b))
        X W + 𝟏 bᵀ
    """
    if form not in (None, "matrix", "index"):
        raise ExplainError(f"{form!r} is no form of a formula", cure="use 'matrix' or 'index'")
    letters = letters_of(collect([tensor]))
    left: Node | None = None
    node = None
    if tensor.equation is None:
        name = Notation(letters.labels, letters=letters)
        return Formula(name.array(tensor) if tensor.rank else name.read(tensor.at()), tensor)
    if form != "index":
        node = closed_form(tensor, keep=keep, notation=Notation(letters.labels, letters=letters))
        label = letters.labels[tensor]
        if tensor.name:
            left = Array(label, tensor) if tensor.rank else Symbol(label, tensor.at())
    if node is None and form != "matrix":
        left, node = element_form(tensor, letters, keep=keep)
    if node is None:
        raise ExplainError(
            f"{tensor} has no formula of matrix products, transposes and elementwise functions",
            expression=tensor.equation,
            cure="read its equations: print(tensor.equation)",
        )
    spell = spelling(letters)
    return Formula(spell(node), tensor, left and spell(left))


def element_form(
    tensor: Tensor, letters: Letters, *, keep: Collection[Tensor] = ()
) -> tuple[Node, Node | None]:
    """Return one element of a tensor, and its value with everything unnamed written out; None if too long."""
    program = prepare(collect([tensor]), keep=keep)[0]
    page = Page(program, tensor, letters=letters)
    page.notation = Notation(page.labels, {}, letters=letters)
    if not tensor.name:
        letters.release(letters.labels[tensor])
        letters.labels[tensor] = letters.free(Label("J" if tensor.rank > 1 else "g"))
    return left_side(page, program.definitions[tensor]), written_out(page, tensor, keep)


def written_out(page: Page, tensor: Tensor, keep: Collection[Tensor] = ()) -> Node | None:
    """Return the right-hand side of a tensor's equation with every unnamed tensor written inside it."""
    found = put_in(page, tensor, keep)
    return None if found is None else shown(*found)


def shown(page: Page, equation: Equation) -> Node | None:
    """Return the right-hand side of an equation, None if it is too long."""
    node = right_side(page, equation)
    return node if sum(1 for _ in walk(node)) <= _LARGEST else None


def put_in(page: Page, tensor: Tensor, keep: Collection[Tensor] = ()) -> tuple[Page, Equation] | None:
    """Put unnamed tensors that are computed entry by entry into a tensor's equation.

    Returns:
        The equation, and a page that writes unnamed sums inside it; None if it is too long.
    """
    table = {t: with_deltas(e) for t, e in page.program.definitions.items()}
    named = {t for t in table if (t.name is not None or t in keep) and t is not tensor}
    if len(table) - len(named) > _LARGEST:
        return None  # each equation that is written out leaves something
    try:
        flat = flattened(table, named)
    except NoMatrixForm:
        return None  # a body that is too long
    shares: dict[Tensor, Equation] = {}
    inlined = {t: with_deltas(_apart(_with_shares(e, table, shares), flat[tensor])) for t, e in flat.items()}
    own = inlined.pop(tensor)
    inner = replace(page, inlined=inlined)
    writers = {t: inliner(inner, e) for t, e in inlined.items()}
    writers |= {e.lhs: _entry(inner, low, e) for low, e in shares.items()}
    inner.notation = replace(page.notation, inline={**page.notation.inline, **writers})
    return inner, own


def _apart(equation: Equation, user: Equation) -> Equation:
    """Give the summed indices of an equation names that its user has not."""
    names: dict[Index, Index] = {}
    taken = {*user.extents, *equation.extents}
    for index in equation.bound if equation is not user and equation.lhs is not user.lhs else ():
        if index in user.extents:
            names[index] = fresh_index(taken)
            taken.add(names[index])
    return equation.rename(names) if names else equation


def _with_shares(
    equation: Equation, table: Mapping[Tensor, Equation], shares: dict[Tensor, Equation]
) -> Equation:
    """Write every ``exp(z - logsumexp(z))`` as an element of a softmax; collect the softmaxes in `shares`."""
    totals = {t: e for t, e in table.items() if e.reduction is not None and e.reduction.op == "logsumexp"}
    found = (
        {n: softmax_of(n, totals, shares, new=True) for n in equation.body.atoms(sp.exp)} if totals else {}
    )
    values: dict[sp.Basic, sp.Expr] = {n: v for n, v in found.items() if v is not None}
    return replace(equation, body=rebuilt(equation.body, values)) if values else equation


def _entry(page: Page, total: Tensor, share: Equation) -> Callable[[tuple[sp.Expr, ...]], Node]:
    """Return what writes an element of a softmax: ``softmax(z)[i]``, or exponentials if `z` is no matrix."""
    (low,) = [a for a in share.body.atoms(Access) if a.tensor is total]
    argument = replace(share, body=sp.expand(share.body.args[0] + low))
    array = matrix_form(argument, page.notation, inline=page.inlined)
    if array is None:
        return inliner(page, share)
    return lambda where: Entry(Call("softmax", (array,)), tuple(map(page.notation.place, where)))


def shown_in_notebooks(tensor: Tensor) -> str | None:
    """Return the LaTeX by which a notebook shows a tensor: its formula; where that is long, its name."""
    try:
        if len(collect([tensor]).equations) <= _LARGEST:
            return formula(tensor)._repr_latex_()
    except ExplainError:
        pass
    return f"$\\displaystyle {label_latex(label_of(tensor.name))}$" if tensor.name else None


__all__ = ["Formula", "element_form", "formula", "put_in", "shown"]
