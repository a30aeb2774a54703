"""Equations as lines of text, for comments in generated code.

Enters: an equation and the names of its tensors. Leaves: one line, such as ``A[i,j] = max(Z[i,j], 0)``, in
the notation in which derivations are printed. The expression is read as it stands: no part of it is replaced
by a symbol, for whose sign SymPy would simplify what surrounds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symdl.express.comparisons import Compared, parts
from symdl.express.corners import is_switch, known_corner, sides_of
from symdl.express.dims import Dim
from symdl.express.equations import Divisible, Equation, Guard, InRange
from symdl.express.quotients import FloorDivide
from symdl.express.tensors import Access, Tensor

SUM, PRODUCT, POWER, ATOM = range(4)
_LONGEST = 4096
"""Characters of an expression that are written."""
_NAMES = {
    "Max": "max",
    "Min": "min",
    "Abs": "abs",
    "sign": "sgn",
    "Mod": "mod",
    "Remainder": "mod",
    "StopGradient": "sg",
    "RandomUniform": "uniform",
}
_RELATIONS = {
    "Equality": "=",
    "Unequality": "!=",
    "StrictLessThan": "<",
    "LessThan": "<=",
    "StrictGreaterThan": ">",
    "GreaterThan": ">=",
}
_NUMBERS = {sp.oo: "inf", -sp.oo: "-inf", sp.nan: "nan", sp.E: "e", sp.pi: "pi"}


def written(equation: Equation, names: Mapping[Tensor, str]) -> str:
    """Return an equation as one line of text, with these names.

    Conditions stand behind the index variables of a reduction, ``sum_{k: k <= i} X[i,k]``; otherwise what
    holds only where they do is multiplied by them in brackets, and 0 elsewhere. An expression that takes more
    than some thousand characters ends with ``…``; the time is that of its distinct parts.
    """
    places = frozenset(map(str, (*equation.extents, *_sizes(equation.body))))
    writer = _Writer(names, places)
    conditions = " and ".join(map(writer.guard, equation.guards))
    if equation.reduction is None:
        right = writer.at(equation.body, PRODUCT if conditions else SUM)
        right += f"*[{conditions}]" if conditions else ""
    else:
        axes = ",".join(map(str, equation.bound)) + (f": {conditions}" if conditions else "")
        right = f"{equation.reduction.op}_{{{axes}}} {writer.at(equation.body, PRODUCT)}"
    return f"{writer.access(equation.target)} = {right}"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes expressions; `places` are the names of index variables and sizes."""

    names: Mapping[Tensor, str]
    places: frozenset[str]
    known: dict[Any, tuple[str, int]] = field(default_factory=dict)

    def at(self, expr: Any, level: int) -> str:
        """Return an expression in brackets where it binds less than `level`."""
        if expr not in self.known:
            text, own = self.expression(expr)
            self.known[expr] = (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"), own
        text, own = self.known[expr]
        return text if own >= level else f"({text})"

    def access(self, access: Access) -> str:
        name = self.names[access.tensor]
        if access.indices or name in self.places:
            name += f"[{','.join(self.at(e, SUM) for e in access.indices)}]"
        return name

    def expression(self, expr: Any) -> tuple[str, int]:
        """Return the text of an expression and how much it binds."""
        if isinstance(expr, Access):
            return self.access(expr), ATOM
        if isinstance(expr, sp.Symbol):
            return expr.name, ATOM
        if isinstance(expr, sp.Number | sp.NumberSymbol):
            return self.number(expr)
        if isinstance(expr, sp.Add):
            return self.sum(expr), SUM
        if isinstance(expr, sp.Mul):
            return self.product(expr)
        if isinstance(expr, sp.Pow):
            return self.power(expr)
        if isinstance(expr, sp.Piecewise):
            return self.cases(expr)
        if isinstance(expr, sp.logic.boolalg.Boolean):
            return f"[{self.condition(expr)}]", ATOM
        if isinstance(expr, FloorDivide):
            above, below = expr.args
            return f"floor({self.at(above, PRODUCT)}/{self.at(below, POWER)})", ATOM
        if isinstance(expr, sp.Max | sp.Min):
            return (
                f"{_NAMES[type(expr).__name__]}({', '.join(self.at(a, SUM) for a in sides_of(expr))})",
                ATOM,
            )
        name = _NAMES.get(type(expr).__name__, type(expr).__name__)
        return f"{name}({', '.join(self.at(a, SUM) for a in expr.args)})", ATOM

    def number(self, expr: sp.Expr) -> tuple[str, int]:
        if expr in _NUMBERS:
            return _NUMBERS[expr], ATOM if expr != -sp.oo else SUM
        if isinstance(expr, sp.Rational):
            return str(expr), SUM if expr < 0 else ATOM if expr.q == 1 else PRODUCT
        if isinstance(expr, sp.NumberSymbol):
            return str(expr), ATOM
        value = float(expr)
        whole = value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else repr(value), SUM if value < 0 else ATOM

    def sum(self, expr: sp.Add) -> str:
        """Return a sum: what is added comes first, a number last unless it leads alone."""
        terms = [(*_sign(term), term) for term in expr.args]
        ordered = sorted(terms, key=lambda t: (t[0], t[2].is_number))
        text = ""
        for negative, factors, _ in ordered:
            piece = self.factors(factors)[0] if factors[1:] else self.at(factors[0], PRODUCT)
            text += (" - " if negative else " + ") + piece if text else f"-{piece}" if negative else piece
        return text

    def product(self, expr: sp.Mul) -> tuple[str, int]:
        negative, factors = _sign(expr)
        text, level = self.factors(factors)
        return (f"-{text}", SUM) if negative else (text, level)

    def factors(self, factors: tuple[sp.Expr, ...]) -> tuple[str, int]:
        """Return a product, negative powers below one fraction bar."""
        top: list[str] = []
        bottom: list[str] = []
        for factor in sorted(factors, key=_rank):
            if factor.is_Rational and factor.q != 1:
                top += [str(factor.p)] if factor.p != 1 else []
                bottom.append(str(factor.q))
            elif isinstance(factor, sp.Pow) and factor.exp.is_Number and factor.exp.is_negative:
                bottom.append(self.raised(factor.base, -factor.exp)[0])
            else:
                top.append(self.at(factor, PRODUCT))
        text = "*".join(top) or "1"
        if bottom:
            text += f"/({'*'.join(bottom)})" if bottom[1:] else f"/{bottom[0]}"
        return text, PRODUCT if bottom or top[1:] else ATOM if len(factors) > 1 else PRODUCT

    def power(self, expr: sp.Pow) -> tuple[str, int]:
        base, exponent = expr.args
        if exponent.is_Number and exponent.is_negative:
            return f"1/{self.raised(base, -exponent)[0]}", PRODUCT
        return self.raised(base, exponent)

    def raised(self, base: sp.Expr, exponent: sp.Expr) -> tuple[str, int]:
        """Return a power; one that stands below a fraction bar is an atom or a power."""
        if exponent == 1:
            return self.at(base, POWER), POWER
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self.at(base, SUM)})", ATOM
        return f"{self.at(base, ATOM)}^{self.at(exponent, ATOM)}", POWER

    def cases(self, expr: sp.Piecewise) -> tuple[str, int]:
        """Return max, an absolute value, what a condition switches, or cases."""
        known = known_corner(expr.args)
        if known is not None:
            name, args = known
            return f"{_NAMES[name]}({', '.join(self.at(a, SUM) for a in args)})", ATOM
        value, condition = expr.args[0]
        if is_switch(expr):
            switch = f"[{self.condition(condition)}]"
            negative, factors = _sign(value)
            if factors == (1,):
                return (f"-{switch}", SUM) if negative else (switch, ATOM)
            front = self.factors(factors)[0] if factors[1:] else self.at(factors[0], PRODUCT)
            return (f"-{front}*{switch}", SUM) if negative else (f"{front}*{switch}", PRODUCT)
        ends = ["otherwise" if c == sp.true else f"if {self.condition(c)}" for _, c in expr.args]
        rows = zip((self.at(v, SUM) for v, _ in expr.args), ends, strict=True)
        return "{" + "; ".join(map(" ".join, rows)) + "}", ATOM

    def condition(self, expr: Any) -> str:
        """Return a condition."""
        if isinstance(expr, Compared):
            kind, left, right = parts(expr)
            return f"{self.at(left, SUM)} {_RELATIONS[kind.__name__]} {self.at(right, SUM)}"
        if isinstance(expr, Relational):
            return f"{self.at(expr.lhs, SUM)} {_RELATIONS[type(expr).__name__]} {self.at(expr.rhs, SUM)}"
        if isinstance(expr, sp.And | sp.Or):
            word = " and " if isinstance(expr, sp.And) else " or "
            return word.join(f"({self.condition(a)})" for a in expr.args)
        if isinstance(expr, sp.Not):
            return f"not({self.condition(expr.args[0])})"
        if isinstance(expr, sp.ITE):
            test, yes, no = map(self.condition, expr.args)
            return f"(({test}) and ({yes})) or (not({test}) and ({no}))"
        return "1 = 1" if expr == sp.true else "1 = 0"

    def guard(self, guard: Guard) -> str:
        if isinstance(guard, InRange):
            extent = sp.sympify(guard.extent, strict=True)
            return f"0 <= {self.at(guard.expr, SUM)} < {self.at(extent, SUM)}"
        if isinstance(guard, Divisible):
            return f"{guard.by} divides {self.at(guard.expr, SUM)}"
        return f"{self.at(guard.left, SUM)} = {self.at(guard.right, SUM)}"


def _sizes(expr: Any) -> set[Any]:
    """Return the symbols of sizes in an expression, of which every distinct part is looked at once."""
    seen: set[Any] = set()
    left = [expr]
    while left:
        part = left.pop()
        if part not in seen:
            seen.add(part)
            left.extend(part.args)
    return {part for part in seen if isinstance(part, Dim)}


def _sign(term: sp.Expr) -> tuple[bool, tuple[sp.Expr, ...]]:
    """Split a term into its sign and its factors; nothing is multiplied out."""
    first, *rest = term.args if isinstance(term, sp.Mul) else (term,)
    if not (first.is_Number and first.is_extended_negative):
        return False, (first, *rest)
    return True, (*(() if first == -1 and rest else (-first,)), *rest)


def _rank(factor: sp.Expr) -> int:
    """Numbers, then sizes and scalars, then elements, brackets, functions, conditions."""
    base = factor.base if isinstance(factor, sp.Pow) else factor
    if base.is_number:
        return 0
    if isinstance(base, Dim) or (isinstance(base, Access) and not base.indices):
        return 1
    return 2 if base.is_Atom else 3 if isinstance(base, sp.Add) else 5 if is_switch(base) else 4
