"""Expressions as rows of plain data.

Enters: SymPy expressions. Leaves: rows, one a distinct node, each after its operands: a kind and the numbers
of the operands' rows, or what an atom is. And back: nodes are built as they were, never evaluated, of the
kinds that are listed here; so a row can name no other class and nothing that it says is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from symdl.errors import DataError, ExpressionError
from symdl.express.comparisons import Compared
from symdl.express.dims import Dim, Index
from symdl.express.quotients import FloorDivide, Remainder
from symdl.express.random import RandomUniform
from symdl.express.special.kinds import OWN
from symdl.express.special.own import Own, latest
from symdl.express.special.written import FORMS
from symdl.express.stopping import StopGradient
from symdl.express.tensors import Access, Tensor
from symdl.express.walks import nodes

Row = list[Any]

_CONSTANTS: Mapping[str, sp.Basic] = {
    "pi": sp.pi,
    "e": sp.E,
    "i": sp.I,
    "euler gamma": sp.EulerGamma,
    "catalan": sp.Catalan,
    "golden ratio": sp.GoldenRatio,
    "inf": sp.oo,
    "-inf": -sp.oo,
    "nan": sp.nan,
    "zoo": sp.zoo,
    "true": sp.true,
    "false": sp.false,
}
_NAMES = {constant: name for name, constant in _CONSTANTS.items()}
_PLAIN: Mapping[str, Callable[..., sp.Basic]] = {
    each.__name__: each
    for each in (
        *(sp.functions.elementary.piecewise.ExprCondPair, Compared, FloorDivide, Remainder, RandomUniform),
        *(StopGradient, sp.Not),
    )
}
"""Kinds that SymPy leaves as they are given, or that know no ``evaluate``."""
_UNEVALUATED: Mapping[str, Callable[..., sp.Basic]] = {
    each.__name__: each
    for each in (
        *(
            sp.Add,
            sp.Mul,
            sp.Pow,
            sp.Piecewise,
            sp.Max,
            sp.Min,
            sp.Abs,
            sp.sign,
            sp.floor,
            sp.ceiling,
            sp.Mod,
        ),
        *(sp.And, sp.Or, sp.Xor, sp.ITE, sp.Eq, sp.Ne, sp.Lt, sp.Le, sp.Gt, sp.Ge),
        *(sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc, sp.sinc, sp.Heaviside),
        *(sp.asin, sp.acos, sp.atan, sp.acot, sp.asec, sp.acsc, sp.atan2),
        *(sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch),
        *(sp.asinh, sp.acosh, sp.atanh, sp.acoth, sp.asech, sp.acsch),
        *(sp.erf, sp.erfc, sp.erfi, sp.erfinv, sp.gamma, sp.loggamma, sp.digamma, sp.polygamma, sp.beta),
        *(sp.besselj, sp.bessely, sp.besseli, sp.besselk, sp.zeta, sp.LambertW, sp.factorial),
        *(kind for kind in FORMS if isinstance(kind, type) and kind.__module__.startswith("sympy.")),
        *OWN,
    )
}
_KINDS = {kind: name for table in (_PLAIN, _UNEVALUATED) for name, kind in table.items()}


class Rows:
    """Rows of expressions, which share what is equal.

    Args:
        number: the number of a tensor whose elements stand in the expressions.
    """

    def __init__(self, number: Callable[[Tensor], int]) -> None:
        self.rows: list[Row] = []
        self._number = number
        self._known: dict[sp.Basic, int] = {}

    def add(self, expr: sp.Basic) -> int:
        """Write an expression; return the number of its row.

        Raises:
            ExpressionError: it holds a kind of node that has no form as data.
        """
        ordered = _ordered(expr)
        unknown = [node for node in ordered if not _has_form(node)]
        if unknown:
            raise ExpressionError(
                f"{type(unknown[-1]).__name__} has no form as data, so what it stands in cannot be saved",
                expression=unknown[-1],
                cure="define it with the functions of symdl",
            )
        for node in ordered:
            if node not in self._known:
                self._known[node] = len(self.rows)
                self.rows.append(self._row(node))
        return self._known[expr]

    def _row(self, node: sp.Basic) -> Row:
        if isinstance(node, Access):
            return ["at", self._number(node.tensor), *(self._known[e] for e in node.indices)]
        if isinstance(node, Index):
            return ["index", node.name]
        if isinstance(node, Dim):
            return ["dim", node.name]
        if node in _NAMES:
            return [_NAMES[node]]
        if isinstance(node, sp.Integer):
            return ["integer", str(node)]
        if isinstance(node, sp.Rational):
            return ["rational", str(node.p), str(node.q)]
        if isinstance(node, sp.Float):
            exact = sp.Rational(node)
            return ["float", str(exact.p), str(exact.q), int(node._prec)]
        if type(node) is sp.Symbol:
            known = {name: truth for name, truth in sorted(node.assumptions0.items()) if truth is not None}
            return ["symbol", node.name, known]
        if isinstance(node, Own):
            return ["function", node.label, *(self._known[part] for part in node.args)]
        return [_KINDS[type(node)], *(self._known[part] for part in node.args)]


def _has_form(node: sp.Basic) -> bool:
    atoms = isinstance(node, Access | Index | Dim | sp.Number) or type(node) is sp.Symbol
    return atoms or node in _NAMES or isinstance(node, Own) or (type(node) in _KINDS and bool(node.args))


def _ordered(expr: sp.Basic) -> list[sp.Basic]:
    """Return the nodes of an expression, those of indices included, operands first."""
    found: dict[sp.Basic, None] = {}
    todo = [(node, False) for node in reversed(nodes(expr))]
    while todo:
        node, opened = todo.pop()
        if isinstance(node, Access) and not opened:
            todo.append((node, True))
            todo += [(part, False) for e in reversed(node.indices) for part in reversed(nodes(e))]
        else:
            found[node] = None
    return list(found)


def expressions(rows: Sequence[Any], tensors: Sequence[Tensor] = ()) -> list[sp.Basic]:
    """Return the expression of each row.

    Args:
        rows: as `Rows` writes them.
        tensors: by number.

    Raises:
        DataError: a row is none that `Rows` writes.
    """
    found: list[sp.Basic] = []
    for row in rows:
        try:
            found.append(_node(row, found, tensors))
        except DataError:
            raise  # it says what is missing
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
            raise DataError(f"row {len(found)} of the expressions is damaged: {str(row)[:80]}") from error
    return found


def _node(row: Any, before: Sequence[sp.Basic], tensors: Sequence[Tensor]) -> sp.Basic:
    kind, *rest = row
    if kind in _CONSTANTS:
        return _CONSTANTS[kind]
    if kind == "at":
        return Access(tensors[_place(rest[0])], *(before[_place(each)] for each in rest[1:]))
    if kind in ("index", "dim"):
        return (Index if kind == "index" else Dim)(_text(*rest))
    if kind == "integer":
        return sp.Integer(int(_text(*rest)))
    if kind == "rational":
        return sp.Rational(*(int(_text(each)) for each in rest))
    if kind == "float":
        above, below, digits = rest
        return sp.Float(sp.Rational(int(_text(above)), int(_text(below))), precision=_place(digits))
    if kind == "symbol":
        name, known = rest
        return sp.Symbol(_text(name), **{_text(fact): truth is True for fact, truth in known.items()})
    if kind == "function":
        name, *rest = rest
        own = latest(_text(name))
        if own is None:
            raise DataError(
                f"there is no function {name} in this process",
                cure=f'make it first, as it was made where this was saved: sd.function("{name}", ...)',
            )
        return own(*(before[_place(each)] for each in rest))
    parts = [before[_place(each)] for each in rest]
    return _PLAIN[kind](*parts) if kind in _PLAIN else _UNEVALUATED[kind](*parts, evaluate=False)


def _place(number: Any) -> int:
    """Return what counts something: a nonnegative integer."""
    if type(number) is not int or number < 0:
        raise ValueError(number)
    return number


def _text(text: Any) -> str:
    if type(text) is not str:
        raise TypeError(text)
    return text
