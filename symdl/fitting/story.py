"""A fit as mathematics: what is minimised, its Jacobian, the normal equations, the propagation of errors.

Enters: a fit. Leaves: a `Derivation`. Derivatives are those of `symdl.derive`, which shows the steps of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdl.explain.derive import derive
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.names import label_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import (
    Applied,
    Array,
    Big,
    Call,
    Fraction,
    Item,
    Label,
    Multiply,
    Negative,
    Node,
    Partial,
    Power,
    Product,
    Symbol,
    Terms,
    Transpose,
    number,
    product,
)
from symdl.explain.sections import Lines, Section, Step, Table, Words
from symdl.explain.stories.formula import formula
from symdl.express.dims import Dim, Index
from symdl.express.tensors import Tensor
from symdl.express.walks import symbols_of
from symdl.fitting.equations import derived
from symdl.fitting.numerals import number as shown_number
from symdl.fitting.numerals import with_error
from symdl.fitting.outcome import Outcome
from symdl.fitting.sets import DataSet

_LARGEST = 6  # rows of a matrix that is written out
_I, _J, _K = (Symbol(Label(letter), Index(letter)) for letter in "ijk")
_N, _P = Dim("n"), Dim("p")


def derivation(fit: Outcome) -> Derivation:
    """Return the page of a fit."""
    sections: list[Section] = []
    for number_of, one in enumerate(fit.problem.sets, 1):
        names = _Names(one, number_of if len(fit.problem.sets) > 1 else None)
        sections += [_minimised(fit, one, names), _jacobian(fit, one, names)]
    sections += [_normal(fit), *_tables(fit), _errors(fit), _parameters(fit)]
    title: Words = ("Least squares: ", *_listed([label_of(one.name) for one in fit.problem.sets]))
    return Derivation(title, tuple(sections), None, depth="key")


def _listed(labels: Sequence[Label]) -> Iterator[Any]:
    for at, label in enumerate(labels):
        yield from ((", ",) if at else ())
        yield Symbol(label)


class _Names:
    """What things of one set are called; a name that the formula has is not taken."""

    def __init__(self, one: DataSet, count: int | None) -> None:
        taken = {*one.data, one.name}
        if not isinstance(one.formula, Tensor):
            taken |= set(map(str, symbols_of(one.formula)))
        base = next(name for name in ("f", "g", "h", "F", "model") if name not in taken)
        self.title = "" if count is None else f" of {one.name}"
        self.f = Label(base, () if count is None else (str(count),))
        self.data = [label_of(name) for name in one.data]

    def at_point(self) -> Node:
        """Return ``f(x_i)``."""
        inputs = tuple(Symbol(Label(d.base, (*d.sub, "i"), d.marks)) for d in self.data)
        return Applied(self.f, inputs)


def _minimised(fit: Outcome, one: DataSet, names: _Names) -> Lines:
    """State the formula, the residuals and their sum."""
    if isinstance(one.formula, Tensor):
        written: Node = formula(one.formula).node if one.formula.equation is not None else Symbol(names.f)
    else:
        written = Notation().read(one.formula)
    whole = Applied(names.f, tuple(map(Symbol, names.data)))
    seen = label_of(one.name)
    gap: Node = Terms((names.at_point(), Negative(Symbol(Label(seen.base, (*seen.sub, "i"), seen.marks)))))
    residual = gap if one.sigma is None else Fraction(gap, Symbol(Label("sigma", ("i",))))
    steps = (
        Step("the formula", whole, written, "definition", "result"),
        Step("residual of point i", _r(), residual, "definition", "result"),
        Step("what is minimised", _s(), _sum_of(fit), "definition", "result"),
    )
    return Lines(f"What is minimised{names.title}", steps, level="result")


def _r() -> Node:
    return Symbol(Label("r", ("i",)))


def _s() -> Node:
    return Symbol(Label("S"))


def _sum_of(fit: Outcome) -> Node:
    square: Node = Power(_r(), number(2))
    if fit.loss.name != "linear":
        c = Symbol(Label("c"))
        argument = Fraction(square, Power(c, number(2)))
        square = Product((Power(c, number(2)), Applied(Label("rho"), (argument,))))
    return Big("sum", ((_I, _N),), square)


def _jacobian(fit: Outcome, one: DataSet, names: _Names) -> Lines:
    """Derive the derivative with respect to each parameter that moves."""
    steps: list[Step] = []
    layout, f = fit.problem.parameters.layout, Symbol(names.f)
    if isinstance(one.formula, Tensor):
        for section in _of_tensor(one.formula, [*layout.shapes]):
            steps += section.steps
        return Lines(f"Jacobian{names.title}", tuple(steps), level="result")
    known = {str(symbol): symbol for symbol in symbols_of(one.formula)}
    read = Notation().read
    for name in layout.shapes:
        if name in known:
            found = derive(one.formula, known[name])
            for symbol, body in found.where.items():
                steps.append(Step("", read(symbol), read(body), "definition", "result"))
            slope = Partial(f, read(known[name]))
            steps.append(Step(f"column {name} of J", slope, read(found.result), "result", "result"))
    weight = "" if one.sigma is None else ", over sigma of that point"
    words: Words = (f"A row of J has these at one point{weight}. ", "sd.derive shows the steps of each.")
    return Lines(f"Jacobian{names.title}", tuple(steps), words, level="result")


def _of_tensor(tensor: Tensor, names: Sequence[str]) -> Iterator[Lines]:
    for name in derived(tensor, data=None, free=names).varied:
        found = derive(tensor, name)
        yield from (section for section in found.shown if isinstance(section, Lines))


def _matrix(name: str) -> Array:
    return Array(Label(name), Tensor(name, (_N, _P)))


def _normal(fit: Outcome) -> Lines:
    """Set the gradient to zero, and linearise."""
    j, r = _matrix("J"), Array(Label("r"), Tensor("r", (_N,)))
    step = Array(Label("delta"), Tensor("delta", (_P,)))
    slope: Node = Multiply((Transpose(j), r))
    squares: Node = Multiply((Transpose(j), j))
    if fit.loss.name != "linear":
        w = _matrix("W")
        slope, squares = Multiply((Transpose(j), w, r)), Multiply((Transpose(j), w, j))
    beta = Symbol(Label("theta"))
    steps = (
        Step("zero at the minimum", Partial(_s(), beta), product((number(2), slope)), "chain", "result"),
        Step("r, linear in a step delta", Multiply((squares, step)), Negative(slope), "result", "result"),
    )
    weights = "W has the slopes of the loss on its diagonal. " if fit.loss.name != "linear" else ""
    words: Words = (f"{weights}Each step of the search solves the second line within a trust region.",)
    return Lines("Normal equations", steps, words, level="result")


def _tables(fit: Outcome) -> Iterator[Table]:
    labels, j = fit.labels, fit.solution.jacobian
    if len(labels) <= _LARGEST:
        yield _grid("Matrix of the normal equations at the solution", labels, j.T @ j)


def _grid(title: str, labels: Sequence[str], matrix: Any) -> Table:
    names = [Symbol(label_of(label)) for label in labels]
    rows: tuple[tuple[str | Node, ...], ...] = tuple(
        (name, *map(shown_number, row)) for name, row in zip(names, matrix, strict=True)
    )
    return Table(title, ("", *labels), rows, level="key")


def _errors(fit: Outcome) -> Lines:
    """Propagate the spread of the residuals to parameters, and from them to the curve."""
    j, c = _matrix("J"), _matrix("C")
    squares = Multiply((Transpose(j), j))
    inverse: Node = Call("inverse", (squares,))
    steps: list[Step] = []
    if fit.loss.name != "linear":
        a, b = _matrix("A"), _matrix("B")
        a_inverse = Call("inverse", (a,))
        why = "A: second derivatives of S/2, B: squares of first ones"
        steps.append(Step(why, c, Multiply((a_inverse, b, a_inverse)), "chain", "result"))
    elif fit.absolute_sigma:
        steps.append(Step("uncertainties as they are given", c, inverse, "chain", "result"))
    else:
        s2 = Power(Symbol(Label("s")), number(2))
        freedom = Terms((Symbol(Label("n"), _N), Negative(Symbol(Label("p"), _P))))
        steps.append(Step("variance of a residual", s2, Fraction(_s(), freedom), "chain", "result"))
        value = fit.spread.scale**2
        if np.isfinite(value):
            steps.append(Step("", None, Notation().read(sp.Float(f"{value:.6g}")), "chain", "result"))
        steps.append(Step("covariance of the parameters", c, product((s2, inverse)), "chain", "result"))
    error = Symbol(Label("sigma", ("j",)))
    steps.append(
        Step("standard error", error, Call("sqrt", (Item(c.label, c.tensor, (_J, _J)),)), "result", "result")
    )
    f = Symbol(Label("f"))
    slopes = tuple(Partial(f, Symbol(Label("theta", (letter,)))) for letter in "jk")
    inside = product((slopes[0], Item(c.label, c.tensor, (_J, _K)), slopes[1]))
    whole = Big("sum", ((_J, _P), (_K, _P)), inside)
    spread = Power(Symbol(Label("sigma", ("f",))), number(2))
    steps.append(Step("variance of the curve: J C J'", spread, whole, "result", "result"))
    return Lines("Propagation of errors", tuple(steps), level="result")


def _parameters(fit: Outcome) -> Table:
    errors = np.sqrt(np.diag(fit.covariance))
    rows = tuple(
        (Symbol(label_of(label)), *with_error(float(value), float(error)))
        for label, value, error in zip(fit.labels, fit.solution.x, errors, strict=True)
    )
    return Table("Parameters", ("", "value", "standard error"), rows, level="result")
