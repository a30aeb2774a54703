"""What is wrong with a gradient.

Enters: a student's gradient as numbers. Leaves: a `Verdict`. Mistakes are found by making them: each line of
the derivation is given every usual mistake in turn, and the gradient that follows is computed at random
points with different sizes; the mistake whose gradient is the student's is the one that was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdl.classroom.gradients import same, value_of, with_line
from symdl.classroom.mutations import Kind, Mutation, Said, mutations
from symdl.classroom.points import Array, Point, point_at, points_of
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExplainError
from symdl.explain.derive import derive
from symdl.explain.documents.blanks import tensor_of
from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.record import lefts
from symdl.explain.matrix.identity import are_identical, is_zero
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Array as Whole
from symdl.explain.notation.tree import Big, Item, Label, Node, Symbol, walk
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines, Step
from symdl.express.equations import Equation
from symdl.express.operations import stable_graph
from symdl.express.program import Fact, Program
from symdl.express.tensors import Access, Tensor, substitute

_MOST = 4000
"""Mistakes that are tried."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A mistake: its kind, a sentence, the line of the derivation where it was made, what else it may be."""

    kind: Kind
    message: str
    step: Step | None
    also: tuple[str, ...]
    difference: float


def judge_of(f: Any, wrt: Any, facts: Sequence[Fact], at: Mapping[str, Any] | None, seed: int) -> Judge:
    """Derive the right gradient, and evaluate it at points."""
    told = derive(f, wrt, facts=facts) if isinstance(f, Tensor) else derive(f, wrt)
    if isinstance(f, Tensor):
        assert told.program is not None
        program = told.program
        bars = [e.lhs for e in program.equations if e.lhs.role == "cotangent" and e.lhs.of is not None]
        found = [b for b in bars if b.of is wrt or (isinstance(wrt, str) and b.of and b.of.name == wrt)]
        if not found:
            raise ExplainError(
                f"the derivation has no line for {wrt}", cure="compare with respect to an input"
            )
        target = found[0]
    else:
        graph = stable_graph(f)
        given = next(t for t in graph.inputs if t.name == wrt.name)
        derivative = differentiate(graph.outputs[0], [given], apart=True)
        program, target = derivative.program, derivative.gradient(given)
    points = [point_at(program, at)] if at is not None else points_of(program, seed=seed)
    return Judge(program, target, told, points, _labels(told), tuple(facts))


@dataclass(frozen=True, slots=True)
class Judge:
    """The right gradient at some points, and the program and the page of its derivation."""

    program: Program
    target: Tensor
    told: Derivation
    points: Sequence[Point]
    labels: Mapping[Tensor, Label]
    facts: tuple[Fact, ...] = ()

    def verdict(self, mine: Any, what: str) -> Verdict | None:
        """Return what is wrong with a gradient, or None if nothing is.

        Raises:
            ArgumentError: it is no gradient at all.
        """
        values = [value_of(mine, point, what) for point in self.points]
        right = [np.asarray(point.arrays[self.target]) for point in self.points]
        if all(map(same, values, right)):
            return None
        off = _difference(values[0], right[0])
        for kind, words, line in self.of_the_whole(values, right):
            return Verdict(kind, f"{words}.", self.line_of(line), (), off)
        found = list(self.in_lines(values)) or list(self.in_lines(values, twice=True))
        if found:
            (mutation, more), *others = found
            also = tuple(f"Or: {self.sentence(m.words)}{extra}." for m, extra in others[:2])
            message = f"{self.sentence(mutation.words)}{more}."
            return Verdict(mutation.kind, message, self.line_of(mutation.equation.lhs), also, off)
        message = f"No single usual mistake gives this; it is off by {off:.2g}, relative to the right one."
        if np.shape(values[0]) != np.shape(right[0]):
            shapes = f"its shape is {np.shape(values[0])} and should be {np.shape(right[0])}"
            message = f"No single usual mistake gives this; {shapes}."
        return Verdict("unknown", message, self.line_of(self.target), (), off)

    def of_the_whole(
        self, values: Sequence[Array], right: Sequence[Array]
    ) -> Iterator[tuple[Kind, str, Tensor]]:
        """Mistakes that can be seen on the result: turned over, a sum left out, a factor, another bar."""
        if all(v.ndim == 2 and same(v.T, r) for v, r in zip(values, right, strict=True)):
            yield "transposition", "The result has to be transposed", self.target
        for axis in range(values[0].ndim):
            if all(v.ndim > r.ndim and same(v.sum(axis), r) for v, r in zip(values, right, strict=True)):
                words = f"A sum over axis {axis} is missing: every use of the same number adds a term"
                yield "missing sum", words, self.target
        words_ = self.factor(values, right)
        if words_ is not None:
            yield *words_, self.entering(words_[1])
        for equation in self.program.equations:
            bar = equation.lhs
            if bar.role == "cotangent" and bar is not self.target and bar.of is not None:
                if all(same(v, point.arrays[bar]) for v, point in zip(values, self.points, strict=True)):
                    where, end = (self.named(t.of) for t in (bar, self.target) if t.of is not None)
                    words = f"It is the derivative with respect to {where}; the chain rule goes on to {end}"
                    yield "chain rule", words, self.target

    def factor(self, values: Sequence[Array], right: Sequence[Array]) -> tuple[Kind, str] | None:
        """Return in words the one factor between two gradients at all points, if it is a usual one."""
        known: list[float] = []
        for value, other in zip(values, right, strict=True):
            ratio = _ratio(value, other)
            if ratio is None:
                return None
            known.append(ratio)
        for sign in (1, -1):
            for words, factors in self.usual_factors():
                if np.allclose(np.multiply(sign, known), factors, rtol=1e-6):
                    if not words:
                        return ("sign", "The sign is wrong") if sign < 0 else None
                    return "factor", words + (", and the sign is wrong" if sign < 0 else "")
        if len(known) > 1 and np.ptp(known) <= 1e-6 * abs(known[0]) and values[0].size > 1:
            return "factor", f"It is {known[0]:.6g} times the right one"
        return None

    def entering(self, words: str) -> Tensor:
        """The first line that has the factor which a sentence names; else that of the result."""
        for equation in self.program.equations:
            if equation.lhs.role == "cotangent":
                sizes = {str(size) for size in equation.body.free_symbols}
                two = any(abs(c) in (2, sp.Rational(1, 2)) for c in equation.body.atoms(sp.Rational))
                if any(f"1/{size} " in words for size in sizes) or ("factor 2" in words and two):
                    return equation.lhs
        return self.target

    def usual_factors(self) -> Iterator[tuple[str, list[float]]]:
        """Factors that get lost or come twice: 2, the sizes."""
        ones = [1.0 for _ in self.points]
        yield "", ones
        yield "The factor 2 is missing", [0.5 for _ in ones]
        yield "There is a factor 2 too many", [2.0 for _ in ones]
        for size in self.program.dims:
            sizes = [float(point.sizes[size]) for point in self.points]
            if len(set(sizes)) > 1 or len(sizes) == 1:
                yield f"The factor 1/{size} is missing", sizes
                yield f"The factor 1/{size} is there twice, or {size} is missing", [1 / s for s in sizes]

    def in_lines(self, values: Sequence[Array], *, twice: bool = False) -> Iterator[tuple[Mutation, str]]:
        """Mistakes in single lines that lead to the student's gradient; with `twice` also a factor."""
        tried = 0
        for equation in self.program.equations:
            if equation.lhs.role != "cotangent" and not _follows(equation.lhs, self.program):
                continue
            for mutation in mutations(equation, self.program):
                tried += 1
                if tried > _MOST:
                    return
                wrong: list[Array] = []
                for point, value in zip(self.points, values, strict=True):
                    found = with_line(self.program, point, mutation.equation, self.target)
                    if found is None or np.shape(found) != np.shape(value) or not np.all(np.isfinite(found)):
                        break
                    if not twice and not same(value, found):
                        break
                    wrong.append(found)
                if len(wrong) < len(self.points):
                    continue
                more = ""
                if twice:
                    factor = self.factor(values, wrong) if wrong[0].size > 2 else None
                    if factor is None or factor[1].startswith("It is"):
                        continue
                    more = f"; besides: {factor[1][0].lower()}{factor[1][1:]}"
                yield mutation, more

    def line_of(self, tensor: Tensor) -> Step | None:
        """The line of the page that defines a tensor, the last one if there are several."""
        found: Step | None = None
        for section in self.told.shown:
            if isinstance(section, Lines) and section.title != "Result":
                for step, left in zip(section.steps, lefts(section.steps), strict=True):
                    if left is not None and tensor_of(left) is tensor and isinstance(left, Item | Symbol):
                        found = Step(step.rule, left, step.right, step.kind)
        return found

    def sentence(self, words: Said) -> str:
        """Return words with parts of lines as the page writes them."""
        defined = {t: e for t, e in self.program.definitions.items() if t not in self.labels}
        notation = Notation(labels=self.labels)
        inline = {t: _written(notation, e) for t, e in defined.items() if not isinstance(e.body, Access)}
        notation = Notation(labels=self.labels, inline=inline)
        line = "".join(w if isinstance(w, str) else text(notation.read(w)) for w in words)
        return line[:1].upper() + line[1:] if isinstance(words[0], str) else line

    def named(self, tensor: Tensor) -> str:
        """What a tensor is called on the page; one without a name by its formula."""
        if tensor in self.labels or tensor.name is not None:
            return text(Symbol(Notation(labels=self.labels).label(tensor)))
        equation = self.program.definitions.get(tensor)
        return "a part of it" if equation is None else self.sentence((equation.body,))


def is_proved(mine: Any, judge: Judge) -> bool:
    """Say whether a gradient is shown to be the right one for all values, not only at points."""
    if isinstance(mine, Tensor):
        return are_identical(mine, judge.target, judge.program.definitions, judge.facts)
    if isinstance(mine, sp.Expr) and isinstance(judge.told.result, sp.Expr) and not judge.told.where:
        return is_zero(mine - judge.told.result)
    return False


def _written(notation: Notation, equation: Equation) -> Callable[[tuple[sp.Expr, ...]], Node]:
    """What writes a tensor without a name by its formula."""

    def write(where: tuple[sp.Expr, ...]) -> Node:
        body = substitute(equation.body, dict(zip(equation.indices, where, strict=True)))
        inside = notation.read(body)
        if equation.reduction is None or equation.reduction.op != "sum":
            return inside
        return Big("sum", notation.axes(equation.reduction.axes), inside)

    return write


def _follows(tensor: Tensor, program: Program) -> bool:
    """Say whether a tensor is defined from cotangents."""
    equation = program.definitions.get(tensor)
    return equation is not None and any(t.role == "cotangent" for t in equation.reads())


def _labels(told: Derivation) -> dict[Tensor, Label]:
    """What tensors are called on a page."""
    found: dict[Tensor, Label] = {}
    for section in told.at("all").shown:
        for step in section.steps if isinstance(section, Lines) else ():
            for side in (step.left, step.right):
                for node in walk(side) if side is not None else ():
                    if isinstance(node, Item | Whole):
                        found.setdefault(node.tensor, node.label)
                    elif isinstance(node, Symbol) and isinstance(node.expr, Access):
                        found.setdefault(node.expr.tensor, node.label)
    return found


def _ratio(value: Array, right: Array) -> float | None:
    """The one factor between two arrays, if there is one."""
    if np.shape(value) != np.shape(right) or not np.all(np.isfinite(value)):
        return None
    total = float(np.sum(right * right))
    if not total:
        return None
    ratio = float(np.sum(value * right)) / total
    return ratio if ratio and same(value, ratio * right) else None


def _difference(value: Array, right: Array) -> float:
    if np.shape(value) != np.shape(right):
        return float("inf")
    scale = max(float(np.abs(right).max(initial=0.0)), 1e-12)
    return float(np.abs(value - right).max(initial=0.0)) / scale
