"""The end of a scalar derivation: how large an expression may grow, and the lines that reach the result.

Enters: the program of a derivative; the last line of its chain rule. Leaves: the derivative over the user's
symbols, in which intermediates that would be written out too often keep their names, and the closing lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
from sympy.core.relational import Relational

from symdl.differentiate.singlepoints import as_point, limit, place_of, same
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.numbers import with_whole_numbers
from symdl.explain.notation.sigmoids import sigmoid_power
from symdl.explain.notation.sizes import occurrences, written_size, written_sizes
from symdl.explain.notation.tree import Applied, Compare, Label, Negative, Node, Power, Product, Terms, number
from symdl.explain.sections import Step
from symdl.explain.stories.branches import under_conditions
from symdl.express.expansion import is_short
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor

LARGEST = 160  # operations and names of an expression that is still written out
_SHARED = 12  # a shared intermediate of more nodes than this keeps its name where the whole is too large
_SMALL = 80  # operations of a function whose derivative is tried as a polynomial in the function
_PLACES = tuple(sp.Rational(n, 16) for n in (3, 7, 11, 5, 13))


@dataclass(frozen=True, slots=True)
class Value:
    """A derivative over the user's symbols and, where it would be too large, over named intermediates."""

    expr: sp.Expr
    where: dict[sp.Symbol, sp.Expr]


def written_out(
    program: Program, names: Mapping[Tensor, sp.Symbol], given: Mapping[Tensor, sp.Symbol]
) -> Value:
    """Return the last output of `program` over the symbols `given`; `names` are for what stays named."""
    (target,) = program.outputs[-1:]
    whole = written_sizes(program.equations)[target] <= LARGEST
    uses = Counter(t for e in program.equations for t in occurrences(e.body))
    kept: dict[sp.Symbol, sp.Expr] = {}
    values: dict[Tensor, sp.Expr] = dict(given)
    size: dict[Tensor, int] = {}
    for equation in program.equations:
        found = equation.body.atoms(Access)
        body = with_whole_numbers(rebuilt(equation.body, {a: values[a.tensor] for a in found}))
        size[equation.lhs] = written_size(equation.body, size)
        large = size[equation.lhs] > _SHARED and uses[equation.lhs] > 1
        if not whole and equation.lhs is not target and (large or size[equation.lhs] > LARGEST // 4):
            kept[names[equation.lhs]] = body
            body, size[equation.lhs] = names[equation.lhs], 1
        values[equation.lhs] = body
    return Value(values[target], _needed(values[target], kept))


def _needed(expr: sp.Expr, kept: Mapping[sp.Symbol, sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
    """The definitions that an expression needs, in the order in which they can be computed."""
    used = set(expr.free_symbols)
    for symbol in reversed(kept):
        if symbol in used:
            used |= kept[symbol].free_symbols
    return {symbol: body for symbol, body in kept.items() if symbol in used}


def closing_lines(last: Node, result: sp.Expr, shown: Node, notation: Notation, *, apart: bool) -> list[Step]:
    """Return the lines from the last line of the chain rule to the result in standard order.

    Where sigmoids were taken apart, they come together on a line of their own.
    """
    plain = Notation(notation.labels, notation.symbols, sigmoid=False)
    collected = plain.read(result)
    steps: list[Step] = []
    if apart and shown != collected and has_sigmoid(result) and last != collected:
        steps.append(Step("collected", None, collected))
        last = collected
    if last != shown:
        order = "collected" if isinstance(last, Terms) else "in standard order"
        rule = "written with σ(u) = 1/(1 + exp(-u))" if last == collected != shown else order
        steps.append(Step(rule, None, shown))
    return steps


def shorter(expr: sp.Expr) -> tuple[str, sp.Expr]:
    """Return why, and a shorter form of a derivative: over one denominator, or a common factor in front.

    ``x sgn(x)`` is ``|x|`` and ``sgn(x)/|x|`` is ``1/x``. Where no form is shorter, the expression stays.
    """
    if expr.has(sp.Piecewise) and expr.has(sp.Max, sp.Min):
        known = under_conditions(expr)
        return ("what the condition says", known) if known != expr else ("", expr)
    if expr.has(sp.Piecewise, sp.Float) or sp.count_ops(expr) > _SMALL:
        return "", expr
    signs = {node: sp.Abs(node.args[0]) / node.args[0] for node in expr.atoms(sp.sign)}
    whole = rebuilt(expr, signs)
    inner = {a.args[0] for a in whole.atoms(sp.Abs) if a.args[0].is_Symbol}
    found = [("common factor", sp.factor_terms(expr))] if isinstance(expr, sp.Add) else []
    sizes_ = {sp.Abs(x): sp.Dummy("a", positive=True) for x in inner}
    plain = whole.xreplace(sizes_)
    if plain.is_rational_function() and not plain.atoms(sp.Abs, sp.sign) and is_short(plain):
        together = sp.cancel(plain)
        even = together
        for x in inner:
            even = _even_powers(even, sizes_[sp.Abs(x)], x)
        back = {dummy: size for size, dummy in sizes_.items()}
        forms = (even, sp.factor(even), sp.factor(together))
        below = sp.fraction(sp.together(plain))[1].free_symbols
        name = "common denominator" if below else "common factor"
        found += [(name, form.xreplace(back)) for form in forms]
    if not found:
        return "", expr
    rule, best = min(found, key=lambda pair: sp.count_ops(pair[1]))
    return (rule, best) if sp.count_ops(best) < sp.count_ops(expr) else ("", expr)


def _even_powers(expr: sp.Expr, size: sp.Symbol, x: sp.Symbol) -> sp.Expr:
    """Write even powers of ``|x|`` by x."""
    parts = []
    for part in sp.fraction(expr):
        terms = sp.Poly(part, size).terms()
        parts.append(sp.Add(*(c * x ** (n - n % 2) * size ** (n % 2) for (n,), c in terms)))
    return sp.cancel(parts[0] / parts[1])


def kink_lines(result: sp.Expr, wrt: sp.Symbol, left: Node, notation: Notation) -> dict[str, list[Step]]:
    """Return what a derivative is where its cases meet, by the title under which it stands.

    Where it differs from its limits it is a choice, so it is stated; at a point with a branch of its own it
    is the limit, or there is none. A seam, at which both sides and the value agree, is not mentioned.
    """
    steps: dict[str, list[Step]] = {}
    if result.free_symbols != {wrt}:
        return steps
    x = sp.Dummy("x", real=True)
    known = result.xreplace({wrt: x})
    relations = known.atoms(Relational)
    corners = [sp.Eq(node.args[0], 0, evaluate=False) for node in known.atoms(sp.sign, sp.Abs)]
    places = {place_of(relation, x): None for relation in (*relations, *corners)}
    points = {
        place_of(relation, x) for relation in map(as_point, relations) if isinstance(relation, sp.Eq | sp.Ne)
    }
    for place in sorted(place for place in places if place is not None):
        value = _value_at(known, x, place)
        ends = [limit(known, x, place, side) for side in (-1, 1)]
        smooth = all(same(end, value) for end in ends)
        title, rule = "At the kink", "by convention, at"
        if not value.is_finite:
            title, rule, value = "Where there is no derivative", "undefined, at", sp.nan
        elif place in points:
            title = "At a single point"
            rule = "the limit, at" if smooth else "of the branch there: the function jumps, at"
        elif smooth:
            continue
        at = Compare("=", notation.read(wrt), notation.read(place))
        steps.setdefault(title, []).append(Step(rule, left, notation.read(value), about=at))
    return steps


def _value_at(expr: sp.Expr, x: sp.Symbol, place: sp.Expr) -> sp.Expr:
    """Return the value at a place; beside a condition that does not hold nothing is evaluated."""
    if isinstance(expr, sp.Add):
        return sp.Add(*(_value_at(term, x, place) for term in expr.args))
    if any(isinstance(f, sp.Piecewise) and f.subs(x, place) == 0 for f in sp.Mul.make_args(expr)):
        return sp.S.Zero
    value = expr.subs(x, place)
    return sp.N(value, 17) if value.has(sp.Float) else value


def has_sigmoid(expr: sp.Expr) -> bool:
    """Say whether an expression contains ``1/(1 + exp(-u))``."""
    return any(sigmoid_power(p) is not None for p in expr.atoms(sp.Pow))


def own_form(f: sp.Expr, label: Label, notation: Notation) -> Node | None:
    """Return the derivative as a polynomial of degree 2 in the function itself, as ``1 - f(x)^2``, or None.

    Only for functions of exponentials of one variable; the identity is proved, by comparing numerators.
    """
    symbols = f.free_symbols
    if len(symbols) != 1 or not f.atoms(sp.exp) or sp.count_ops(f) > _SMALL:
        return None
    (x,) = symbols
    rate = sp.Dummy("E", positive=True)
    powers = {e: sp.cancel(e.args[0] / x) for e in f.atoms(sp.exp)}
    if any(not power.is_Integer for power in powers.values()):
        return None
    in_rate = {e: rate**power for e, power in powers.items()}
    value, slope = f.xreplace(in_rate), rate * f.xreplace(in_rate).diff(rate)
    if (value.free_symbols | slope.free_symbols) != {rate}:
        return None
    rows = [[value.subs(rate, p) ** n for n in range(3)] + [slope.subs(rate, p)] for p in _PLACES]
    unknown = sp.symbols("a:3")
    found = sp.linsolve(sp.Matrix(rows), *unknown)
    solution = next(iter(found), ())
    if not solution or any(not c.is_Rational for c in solution):
        return None
    if sp.cancel(slope - sum(c * value**n for n, c in enumerate(solution))) != 0:
        return None
    applied = Applied(label, (notation.read(x),), value=notation.read(f))
    return _polynomial(solution, applied)


def _polynomial(coefficients: tuple[sp.Expr, ...], applied: Node) -> Node:
    if coefficients == (0, 1, -1):
        return Product((applied, Terms((number(1), Negative(applied)))))
    terms: list[Node] = []
    for power, coefficient in enumerate(coefficients):
        if coefficient == 0:
            continue
        base = None if power == 0 else applied if power == 1 else Power(applied, number(2))
        size = abs(coefficient)
        front = Notation().read(size)
        node = front if base is None else base if size == 1 else Product((front, base))
        terms.append(Negative(node) if coefficient < 0 else node)
    return terms[0] if len(terms) == 1 else Terms(tuple(terms))


__all__ = ["LARGEST", "Value", "closing_lines", "own_form", "written_out"]
