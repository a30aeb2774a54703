"""Scalar functions as programs whose operations are safe to differentiate one by one.

Enters: an expression over ordinary symbols. Leaves: a program as from `scalar_graph`, in which a formula that
has a form of its own when it is `computed`, such as ``log(1 + exp(x))``, is one operation: its parts would
overflow, or lose digits, one by one. So is what is not linear in an exponential.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from symdl.express.computed import Computed, computed
from symdl.express.program import Program
from symdl.express.quotients import real_quotients
from symdl.express.relations import rebuilt
from symdl.express.scalar import Builder, cut_for, expression, scalar_graphs, whole, widest
from symdl.express.tensors import Access, Tensor
from symdl.express.walks import any_of, symbols_of


def stable_graph(f: Any, symbols: Sequence[sp.Symbol] | None = None) -> Program:
    """Return the program that computes a scalar function; `scalar_graph` says what is refused."""
    return stable_graphs([f], symbols)


def stable_graphs(fs: Sequence[Any], symbols: Sequence[sp.Symbol] | None = None) -> Program:
    """Return the program that computes several scalar functions; see `scalar_graphs`."""
    # before SymPy sees other symbols in its own remainders, which it rewrites
    together = real_quotients(sp.Tuple(*map(expression, fs)))
    free = symbols_of(together)
    real = {s: sp.Symbol(s.name, real=True) for s in free if s.is_extended_real is None}
    real = {} if free & set(real.values()) else real
    named = None if symbols is None else [real.get(s, s) for s in symbols]
    return scalar_graphs(rebuilt(together, real).args, named, builder=_Stable)


def functions_of(output: Any) -> tuple[list[Any], tuple[int, ...] | None]:
    """Return the expressions in ordinary symbols that an output is, none if it is of tensors.

    Args:
        output: one expression, or a list or matrix of them.

    Returns:
        The expressions in rows, and the shape of what holds them; None for one alone.
    """
    if isinstance(output, sp.MatrixBase):
        several, shape = list(output), output.shape
    elif isinstance(output, list | tuple):
        several, shape = list(output), (len(output),)
    else:
        several, shape = [output], None
    of_tensors = any(isinstance(o, Tensor) or any_of(o, Access) for o in several)
    plain = shape is None or any(isinstance(o, sp.Expr) for o in several)
    return (several if plain and not of_tensors else []), shape


class _Stable(Builder):
    """Cuts an expression where nothing is lost."""

    def __init__(self, inputs: dict[sp.Symbol, Tensor]) -> None:
        super().__init__(inputs)
        self.forms = Computed()
        self.operands: dict[sp.Expr, list[sp.Expr] | None] = {}

    def value(self, expr: sp.Expr) -> sp.Expr:
        """Return a piece as a number or as an access to the tensor that holds it."""
        self.forms.form(expr)
        return super().value(expr)

    def parts(self, node: sp.Expr) -> list[sp.Expr]:
        """Return the operands that must be there first."""
        found = self.kept(node)
        return super().parts(node) if found is None else found

    def body(self, node: sp.Expr) -> sp.Expr:
        """Return the node over what holds its operands."""
        found = self.kept(node)
        return super().body(node) if found is None else rebuilt(node, {p: self.done[p] for p in found})

    def kept(self, node: sp.Expr) -> list[sp.Expr] | None:
        """Return the operands of a node that is not cut as usual, else None."""
        if node not in self.operands:
            self.operands[node] = self.find(node)
        return self.operands[node]

    def find(self, node: sp.Expr) -> list[sp.Expr] | None:
        if whole(node) or widest(node):
            return None
        if node not in self.forms.known:  # what a coefficient or an exponent was taken from
            self.forms.form(node)
        if self.forms.changes(node):
            inside = set(sp.preorder_traversal(self.forms.known[node]))
            found = list(dict.fromkeys(self.leaves(node, inside)))
            return found if self.same(node, found) else list(node.free_symbols)
        if isinstance(node, sp.Add):
            return None
        if isinstance(node, sp.Mul):
            below = [1 / arg for arg in node.args if cut_for(node)(arg)[0] == -1]
            if not any(base in self.forms.growing for base in below):
                return None
            return [arg for arg in node.args if not arg.is_number]
        if isinstance(node, sp.log) and node.args[0] in self.forms.poles:
            factors = [f.base if f.is_Pow else f for f in sp.Mul.make_args(node.args[0])]
            return [f for f in factors if not f.is_number]
        if not any(arg in self.forms.growing for arg in node.args):
            return None
        return list(dict.fromkeys(self.inner(node)))

    def leaves(self, node: sp.Expr, inside: set[sp.Basic]) -> Iterator[sp.Expr]:
        """Yield the largest parts that the form of a node holds as they are."""
        for arg in node.args:
            if arg.is_number:
                continue
            if not arg.args or (self.forms.known[arg] in inside and arg not in self.forms.growing):
                yield arg
            else:
                yield from self.leaves(arg, inside)

    def inner(self, node: sp.Expr) -> Iterator[sp.Expr]:
        """Yield the parts of a node that do not grow exponentially."""
        for arg in node.args:
            if arg in self.forms.growing and not whole(arg):
                yield from self.inner(arg)
            elif not arg.is_number:
                yield arg

    def same(self, node: sp.Expr, operands: Sequence[sp.Expr]) -> bool:
        """Say whether a node keeps its form when its operands have names."""
        names = {operand: sp.Dummy(real=True) for operand in operands}
        forms = {self.forms.known[operand]: name for operand, name in names.items()}
        found: bool = computed(rebuilt(node, names)) == self.forms.known[node].xreplace(forms)
        return found
