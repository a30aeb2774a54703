"""A student's gradient held against the derivation.

Enters: what the student has, and what the derivation is of. Leaves: a `Comparison`: whether it is right, and
if not, which line is the first wrong one and what is wrong with it. `judge` finds that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symdl.classroom.judge import is_proved, judge_of
from symdl.classroom.mutations import Kind
from symdl.errors import ArgumentError
from symdl.explain.printers.text import text
from symdl.explain.sections import Step
from symdl.express.program import Fact


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found about a student's gradient.

    Attributes:
        equal: whether it is right, in every line.
        line: the first wrong line of the student's, counted from 1; None if all are right.
        kind: what is wrong: ``"transposition"``, ``"sign"``, ``"factor"``, ``"missing path"``,
            ``"dropped term"``, ``"missing sum"``, ``"wrong index"``, ``"activation derivative"``,
            ``"chain rule"`` or ``"unknown"``; None if nothing is.
        message: the same in a sentence.
        step: the line of the derivation in which the mistake was made, if one was found.
        also: other single mistakes with the same result, and a second mistake.
        difference: the largest difference from the right gradient, relative to it.
        proved: whether the difference is shown to be zero for all values; else it is so at random points.
    """

    equal: bool
    line: int | None = None
    kind: Kind | None = None
    message: str = "It is the derivative that was derived."
    step: Step | None = None
    also: tuple[str, ...] = ()
    difference: float = 0.0
    proved: bool = False

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        if self.equal:
            return f"Right. {self.message}"
        parts = [
            f"Not right: line {self.line} is the first wrong one." if self.line else "Not right.",
            self.message,
        ]
        if self.step is not None and self.step.left is not None:
            line = f"{text(self.step.left)} {self.step.relation} {text(self.step.right)}"
            parts.append(f"The line of the derivation: {line}")
        return "\n".join([*parts, *self.also])


def compare(
    mine: Any,
    f: Any,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    at: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Comparison:
    """Hold a student's derivative against the derivation: ``print(sd.compare(mine, L, "W"))``.

    Args:
        mine: the derivative of `f` with respect to `wrt`: a tensor over the tensors of `f`, a NumPy function
            of arrays by name, numbers (with `at`), for a scalar function an expression; or a list of lines,
            each one of these, or a pair of an intermediate's name and the derivative with respect to it:
            ``[("Z", (P - Y)/n), ("W", X.T @ ((P - Y)/n))]``.
        f: a tensor of rank 0, or a scalar function in ordinary symbols.
        wrt: what to differentiate with respect to, as in `derive`.
        facts: declared knowledge, as in `derive`.
        at: a point; by default several random ones are drawn, with different sizes.
        seed: of the random points.

    Raises:
        ArgumentError: `mine` needs what `f` does not depend on, or is no derivative at all.
        ExplainError, DerivativeError: as `derive` does.

    Example:
        >>> x = sp.Symbol("x")
        >>> print(str(sd.compare(x, x**2, x)).splitlines()[0])
        Not right.
    """
    lines = list(mine) if isinstance(mine, list) else [mine]
    if not lines:
        raise ArgumentError("there are no lines to compare", cure="pass at least one")
    proved, points = True, 0
    for number, one in enumerate(lines, start=1):
        what, value = one if isinstance(one, tuple) and len(one) == 2 else (wrt, one)
        judge = judge_of(f, what, facts, at, seed)
        verdict = judge.verdict(value, f"line {number}" if len(lines) > 1 else "it")
        if verdict is not None:
            return Comparison(
                equal=False,
                line=number if len(lines) > 1 else None,
                kind=verdict.kind,
                message=verdict.message,
                step=verdict.step,
                also=verdict.also,
                difference=verdict.difference,
            )
        proved, points = proved and is_proved(value, judge), len(judge.points)
    if proved:
        words = "It is the derivative that was derived: their difference is identically zero."
        return Comparison(True, message=words, proved=True)
    where = "the given point" if at is not None else f"{points} random points"
    return Comparison(True, message=f"It is equal to the derivative that was derived at {where}.")


__all__ = ["Comparison", "compare"]
