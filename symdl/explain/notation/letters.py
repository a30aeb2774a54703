"""Who has which letter on a page.

Enters: a program; the names that users give to tensors and sizes. Leaves: `Letters`, the one table of names:
sizes, index variables, tensors, helpers, the loss and functions. Nobody gets a letter that somebody has.

What a user has named comes first, tensors before sizes; then functions and constants (sigma, delta, e), then
index variables, the loss, and last what has no name. A function whose letter a user has taken is spelled
out: `spelled`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import sympy as sp

from symdl.explain.notation.names import label_latex, label_of, label_text
from symdl.explain.notation.tree import Call, Compare, Delta, Diagonal, Indicator, Label, Node, Ones, mapped
from symdl.express.dims import Dim, Index
from symdl.express.equations import Equation, guard_terms
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor

FUNCTIONS = {
    "sigma": "logistic",
    "Phi": "normalcdf",
    "phi": "normalpdf",
    "Gamma": "gammafunction",
    "e": "Exp",
}
"""Letters of functions, and what a function is called on a page on which a user has the letter."""

_OF_CALLS = {"sigmoid": "sigma", "Phi": "Phi", "phi": "phi", "gamma": "Gamma", "exp": "e"}
_OF_CALLS |= {"digamma": "psi", "trigamma": "psi"}
_WORDS = {"digamma": "digammafunction", "trigamma": "trigammafunction"}
"""What functions are called that share a letter."""
_RESERVED = (*FUNCTIONS, "psi", "delta", "I", "pi")
_INDICES = "ijklmnpqrstuvabcdfgho"
_SCALARS, _VECTORS, _MATRICES = "sabcgh", "uvabcgh", "ABCDFGHKMNQUV"


@dataclass(slots=True)
class Letters:
    """The table: labels of tensors, sizes and index variables, no two printed alike."""

    labels: dict[Tensor, Label] = field(default_factory=dict)
    sizes: dict[sp.Symbol, Label] = field(default_factory=dict)
    indices: dict[str, Label] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    spelled: frozenset[str] = frozenset()
    last: dict[Label, int] = field(default_factory=dict)
    turning: Label | None = None

    def take(self, label: Label) -> Label:
        """Mark a label as taken."""
        self.taken |= _printed(label)
        return label

    def release(self, label: Label) -> None:
        """Give a label back."""
        self.taken -= _printed(label)

    def is_free(self, label: Label) -> bool:
        """Say whether nobody has a label."""
        return self.taken.isdisjoint(_printed(label))

    def free(self, *wishes: Label) -> Label:
        """Return the first wish that nobody has, else the first with a number below it, and take it."""
        for wish in wishes:
            if self.is_free(wish):
                return self.take(wish)
        wish = wishes[0]
        count = self.last.get(wish, 1)
        label = wish
        while not self.is_free(label):
            count += 1
            label = replace(wish, sub=(*wish.sub, str(count)))
        self.last[wish] = count - 1
        return self.take(label)

    def index(self, index: Index) -> Label:
        """Return the label of an index variable: its own letter, or a free one."""
        found = self.indices.get(str(index))
        if found is None:
            wishes = (label_of(str(index)), *map(Label, _INDICES))
            found = self.indices[str(index)] = self.free(*wishes)
        return found

    def size(self, size: sp.Symbol) -> Label:
        """Return the label of a size: its own letter, or that letter with a tilde where a tensor has it."""
        found = self.sizes.get(size)
        if found is None:
            own = label_of(size.name)
            found = self.sizes[size] = self.free(own, replace(own, accents=(*own.accents, "tilde")))
        return found

    def of(self, tensor: Tensor, equations: Mapping[Tensor, Equation]) -> Label:
        """Return the label of a tensor; `equations` say what role an unnamed one plays."""
        found = self.labels.get(tensor)
        if found is None:
            found = self.labels[tensor] = self.free(*self._wishes(tensor, equations))
        return found

    def commutation(self) -> Label:
        """Return the label of the commutation matrix, K where nobody has that."""
        if self.turning is None:
            self.turning = self.free(Label("K"))
        return self.turning

    def reserve(self) -> None:
        """Take the letters of functions and constants; remember which of them a user has."""
        wished = {name: Label(name) for name in _RESERVED}
        self.spelled = frozenset(name for name, label in wished.items() if not self.is_free(label))
        for label in wished.values():
            self.take(label)

    def _wishes(self, tensor: Tensor, equations: Mapping[Tensor, Equation]) -> tuple[Label, ...]:
        if tensor.name:
            label, word = label_of(tensor.name), Label(tensor.name, verbatim=True)
            return (label, word) if label_text(label) != label_text(word) else (label,)
        of = tensor.of
        if of is not None and tensor.role in ("cotangent", "tangent"):
            inner = self.labels.get(of) or self._wishes(of, equations)[0]
            accent: Literal["bar", "dot"] = "bar" if tensor.role == "cotangent" else "dot"
            return (replace(inner, accents=(*inner.accents, accent)),)
        return _by_role(tensor, equations.get(tensor))


def _printed(label: Label) -> set[str]:
    """How a label is printed: in text, and in LaTeX without its colour."""
    font = f" in {label.font}" if label.font else ""
    return {label_text(label) + font, label_latex(replace(label, color=""))}


_OF_RULES = {"scores": "S", "biased scores": "S", "attention": "O"}
"""Letters that are usual for results of certain rules, if these have no names."""


def _by_role(tensor: Tensor, equation: Equation | None) -> tuple[Label, ...]:
    """The letters that are usual for what a tensor is: r for a residual, P for a softmax, z for a product."""
    small = tensor.rank < 2
    pool = tuple(map(Label, _SCALARS if not tensor.rank else _VECTORS if small else _MATRICES))
    if tensor.role in ("index", "constant"):
        return (Label("m" if tensor.role == "index" else "C"),)
    if equation is None:
        return pool
    rule, reduction = equation.origin.rule, equation.reduction
    if reduction is not None and reduction.op == "logsumexp":
        return (Label("ell"),)
    if rule in _OF_RULES:
        return (Label(_OF_RULES[rule]),)
    if rule == "softmax":
        return (Label("p" if small else "P"),)
    if rule == "previous step":
        before = [a.tensor for a in equation.body.atoms(Access) if a.tensor.name]
        if len(before) == 1 and equation.body == next(iter(equation.body.atoms(Access))):
            return (replace(label_of(str(before[0].name)), sub=("prev",)),)
    if rule == "matmul" and tensor.rank:
        return (Label("z" if small else "Z"), *pool)
    if reduction is None and _is_difference(equation.body):
        return (Label("r" if small else "R"), *pool)
    return pool


def _is_difference(body: sp.Expr) -> bool:
    """Say whether a body is one thing minus another, of arrays: a residual."""
    if not isinstance(body, sp.Add) or not all(term.atoms(Access) for term in body.args):
        return False
    minus = sum(term.could_extract_minus_sign() for term in body.args)
    return bool(0 < minus < len(body.args))


def letters_of(
    program: Program,
    given: Mapping[Tensor, Label] | None = None,
    named: Mapping[str, Label] | None = None,
    *,
    last: Collection[Tensor] = (),
    losses: Mapping[Tensor, str] | None = None,
) -> Letters:
    """Return the table of names of a program; `named` are the labels that the user wishes for names.

    A cotangent is its tensor with a bar, a tangent with a dot. An unnamed tensor gets a letter of its own,
    those of `last` after all others; the unnamed tensors `losses` get one of the letters given.
    """
    letters = Letters(dict(given or {}))
    for label in letters.labels.values():
        letters.take(label)
    equations = program.definitions
    tensors = [*program.inputs, *equations]
    for tensor in tensors:
        wished = (named or {}).get(str(tensor.name))
        if wished is not None and tensor not in letters.labels:
            letters.labels[tensor] = letters.free(wished)
    for tensor in tensors:
        if tensor.name:
            letters.of(tensor, equations)
    for size in sizes_of(program):
        letters.size(size)
    letters.reserve()
    for equation in program.equations:
        for index in (*equation.indices, *equation.bound):
            letters.index(index)
    for loss, wishes in (losses or {}).items():
        letters.labels[loss] = letters.free(*map(Label, wishes))
    for tensor in sorted(tensors, key=lambda t: t in last):
        letters.of(tensor, equations)
    return letters


def labels_of(program: Program, named: Mapping[str, Label] | None = None) -> dict[Tensor, Label]:
    """Return a label for every tensor of a program, no two alike."""
    return letters_of(program, None, named).labels


def sizes_of(program: Program) -> list[Dim]:
    """Return the symbolic sizes of a program, in the order in which they come up."""
    tensors = [*program.inputs, *program.definitions]
    found: dict[Dim, None] = {}
    extents = [size for t in tensors for size in t.shape]
    for equation in program.equations:
        extents += equation.extents.values()
        found |= dict.fromkeys(_dims(equation.body))
        for guard in equation.guards:
            extents += guard_terms(guard)
    for extent in extents:
        found |= dict.fromkeys(_dims(sp.sympify(extent, strict=True)))
    return list(found)


def _dims(expr: sp.Expr) -> list[Dim]:
    return sorted((s for s in expr.free_symbols if isinstance(s, Dim)), key=str)


def free_label(wish: Label, taken: Iterable[Label]) -> Label:
    """Return `wish`, with a number below it if it is taken."""
    letters = Letters()
    for label in taken:
        letters.take(label)
    return letters.free(wish)


def spelling(letters: Letters) -> Callable[[Node], Node]:
    """Return what spells out, in a formula, the functions whose letters a user has."""
    taken = letters.spelled
    if not taken:
        return lambda node: node

    def change(node: Node) -> Node | None:
        if isinstance(node, Call) and _OF_CALLS.get(node.name) in taken:
            word = _WORDS.get(node.name) or FUNCTIONS[_OF_CALLS[node.name]]
            return Call(word, tuple(mapped(a, change) for a in node.args))
        if isinstance(node, Delta) and "delta" in taken:
            return Indicator(Compare("=", node.left, node.right))
        if isinstance(node, Diagonal) and isinstance(node.arg, Ones) and "I" in taken:
            return Call("unit", (node.arg,))
        return None

    return lambda node: mapped(node, change)
