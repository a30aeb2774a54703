"""Right-hand sides as nodes.

Enters: a scalar expression, and a function that gives the values of its leaves. Leaves: the value of a node.
All values broadcast: an expression is computed over the indices that it has, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symdl.express.comparisons import parts
from symdl.express.dims import ratio, whole_sides
from symdl.onnx.nodes import Unsupported
from symdl.onnx.writing.nodes import Graph, Made


@dataclass(frozen=True, slots=True)
class Formula:
    """Where an expression is written.

    Attributes:
        graph: the graph that it is written into.
        leaf: the value of an element, an index variable or a size.
        known: what is written already.
    """

    graph: Graph
    leaf: Callable[[Any], Made]
    known: dict[Any, Made] = field(default_factory=dict)

    def value(self, expr: Any) -> Made:
        """Return the value of an expression; equal parts are written once.

        Raises:
            Unsupported: a function without a counterpart.
        """
        todo = [expr]
        while todo:  # not by recursion: expressions may be deep
            top = todo[-1]
            if top in self.known:
                todo.pop()
                continue
            missing = [part for part in self._reads(top) if part not in self.known]
            if missing:
                todo += missing
                continue
            self.known[todo.pop()] = self._written(top)
        return self.known[expr]

    def _reads(self, expr: Any) -> Sequence[Any]:
        kind = _kind(expr)
        if kind == "Piecewise":
            return [part for pair in expr.args for part in pair.args]
        if kind == "floor":
            return ratio(expr.args[0])
        if kind in COMPARISONS:
            return whole_sides(*expr.args)
        if kind == "Compared":
            return parts(expr)[1:]
        if kind == "Pow":
            return [expr.args[0]] if expr.args[1].is_number else expr.args
        return expr.args if kind in FUNCTIONS or kind in WRITTEN or kind in FOLDED else ()

    def _written(self, expr: Any) -> Made:
        kind, graph = _kind(expr), self.graph
        if getattr(expr, "is_Number", False):
            return graph.array(int(expr)) if expr.is_Integer else graph.array(float(expr))
        if kind in ("BooleanTrue", "BooleanFalse"):
            return graph.array(kind == "BooleanTrue")
        if getattr(expr, "is_NumberSymbol", False):
            return graph.array(float(expr))
        if kind == "Piecewise":
            return self._cases(expr)
        if kind == "Pow":
            return self._power(expr)
        if kind == "floor":
            return self._floor(*map(self.value, ratio(expr.args[0])))
        if kind in COMPARISONS or kind == "Compared":
            name, *sides = (kind, *whole_sides(*expr.args)) if kind in COMPARISONS else parts(expr)
            word = name if isinstance(name, str) else name.__name__
            return self._compared(word, *self.alike(*map(self.value, sides)))
        if not expr.args:
            return self.leaf(expr)
        if kind not in FOLDED and kind not in FUNCTIONS and kind not in WRITTEN:
            raise Unsupported(f"the function {kind}")
        values = [self.known[part] for part in expr.args]
        if kind in FOLDED:
            return self._folded(FOLDED[kind], values)
        if kind in FUNCTIONS:
            read = graph.real(values[0]) if kind not in ("Abs", "sign", "Not", "StopGradient") else values[0]
            return graph.node(FUNCTIONS[kind], read)
        return WRITTEN[kind](self, *values)

    def alike(self, *values: Made) -> list[Made]:
        """Return values as one kind: real numbers if one is, truth values only among themselves."""
        kinds = {v.kind for v in values}
        if len(kinds) == 1:
            return list(values)
        convert = self.graph.real if "real" in kinds else self.graph.integer
        return [convert(v) for v in values]

    def _folded(self, op: str, values: Sequence[Made]) -> Made:
        if op == "Mul" and len(values) == 2 and values[0].number == -1:
            return self.graph.node("Neg", values[1])
        if op == "Max" and len(values) == 2 and values[0].number == 0 and values[1].kind == "real":
            return self.graph.node("Relu", values[1])
        result, *rest = self.alike(*values)
        for value in rest:
            result = self.graph.node(op, result, value)
        return result

    def _cases(self, expr: Any) -> Made:
        pairs = [(self.known[v], self.known[c]) for v, c in (pair.args for pair in expr.args)]
        values = self.alike(*(value for value, _ in pairs))
        complete = _kind(expr.args[-1].args[1]) == "BooleanTrue"
        result = values.pop() if complete else self.graph.array(float("nan"))
        for value, (_, holds) in reversed(list(zip(values, pairs, strict=False))):
            value, result = self.alike(value, result)
            result = self.graph.node("Where", holds, value, result, kind=value.kind)
        return result

    def _power(self, expr: Any) -> Made:
        graph, (base, exponent) = self.graph, expr.args
        if not exponent.is_number:
            return graph.node("Pow", graph.real(self.known[base]), graph.real(self.known[exponent]))
        value = self.known[base]
        if exponent.is_negative or not exponent.is_Integer:
            value = graph.real(value)
        if abs(exponent) == 2:
            value = graph.node("Mul", value, value)
        elif abs(exponent) * 2 == 1:
            value = graph.node("Sqrt", value)
        elif abs(exponent) != 1:
            number = abs(exponent)
            power = graph.array(int(number) if value.kind == "int64" else float(number))
            value = graph.node("Pow", value, power)
        return graph.node("Reciprocal", value) if exponent.is_negative else value

    def _floor(self, above: Made, below: Made) -> Made:
        graph = self.graph
        if above.kind == below.kind == "int64":  # whole numbers are divided exactly
            left = graph.node("Mod", above, below)
            return graph.node("Div", graph.node("Sub", above, left), below)
        return graph.node("Floor", graph.node("Div", graph.real(above), graph.real(below)))

    def _compared(self, kind: str, left: Made, right: Made) -> Made:
        if kind == "Unequality":
            return self.graph.node("Not", self.graph.node("Equal", left, right, kind="truth"))
        return self.graph.node(COMPARISONS[kind], left, right, kind="truth")


def _kind(expr: Any) -> str:
    """The name of the operation of a node, the first that is known among its classes."""
    names = [kind.__name__ for kind in type(expr).__mro__]
    tables = (FUNCTIONS, WRITTEN, FOLDED, COMPARISONS, ("Piecewise", "Pow", "floor", "Compared"))
    return next((n for n in names if any(n in table for table in tables)), names[0])


COMPARISONS: Mapping[str, str] = {
    "StrictGreaterThan": "Greater",
    "GreaterThan": "GreaterOrEqual",
    "StrictLessThan": "Less",
    "LessThan": "LessOrEqual",
    "Equality": "Equal",
    "Unequality": "Equal",
}

FOLDED: Mapping[str, str] = {
    "Add": "Add", "Mul": "Mul", "Max": "Max", "Min": "Min", "And": "And", "Or": "Or", "Xor": "Xor",
}  # fmt: skip
"""Operations of any number of operands."""

FUNCTIONS: Mapping[str, str] = {
    "Abs": "Abs", "sign": "Sign", "exp": "Exp", "log": "Log", "Logistic": "Sigmoid", "Softplus": "Softplus",
    "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh",
    "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf",
    "ceiling": "Ceil", "Not": "Not", "StopGradient": "Identity",
}  # fmt: skip
"""Functions of one value that the format has."""


def _log1p(f: Formula, x: Made) -> Made:
    return f.graph.node("Log", f.graph.node("Add", f.graph.real(x), f.graph.array(1.0)))


def _expm1(f: Formula, x: Made) -> Made:
    return f.graph.node("Sub", f.graph.node("Exp", f.graph.real(x)), f.graph.array(1.0))


def _erfc(f: Formula, x: Made) -> Made:
    return f.graph.node("Sub", f.graph.array(1.0), f.graph.node("Erf", f.graph.real(x)))


def _inverse(op: str) -> Callable[[Formula, Made], Made]:
    return lambda f, x: f.graph.node("Reciprocal", f.graph.node(op, f.graph.real(x)))


def _sech2(f: Formula, x: Made) -> Made:
    cosine = f.graph.node("Cosh", f.graph.real(x))
    return f.graph.node("Reciprocal", f.graph.node("Mul", cosine, cosine))


def _log_cosh(f: Formula, x: Made) -> Made:
    twice = f.graph.node("Mul", f.graph.real(x), f.graph.array(-2.0))
    above = f.graph.node("Add", f.graph.node("Softplus", twice), f.graph.real(x))
    return f.graph.node("Sub", above, f.graph.array(0.6931471805599453))


def _mod(f: Formula, x: Made, by: Made) -> Made:
    if x.kind == by.kind == "int64":
        return f.graph.node("Mod", x, by)
    x, by = f.graph.real(x), f.graph.real(by)
    whole = f.graph.node("Floor", f.graph.node("Div", x, by))
    return f.graph.node("Sub", x, f.graph.node("Mul", by, whole))


def _chosen(f: Formula, holds: Made, left: Made, right: Made) -> Made:
    left, right = f.alike(left, right)
    return f.graph.node("Where", holds, left, right, kind=left.kind)


WRITTEN: Mapping[str, Callable[..., Made]] = {
    "log1p": _log1p,
    "Log1p": _log1p,
    "expm1": _expm1,
    "Expm1": _expm1,
    "erfc": _erfc,
    "Erfc": _erfc,
    "Sech2": _sech2,
    "LogCosh": _log_cosh,
    "cot": _inverse("Tan"),
    "sec": _inverse("Cos"),
    "csc": _inverse("Sin"),
    "coth": _inverse("Tanh"),
    "Mod": _mod,
    "Remainder": _mod,
    "FloorDivide": lambda f, x, by: f._floor(x, by),
    "ITE": _chosen,
}
"""Functions that are written with several of the format's."""
