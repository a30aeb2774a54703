"""The comparison of gradients, for people and for tests.

Enters: gradients by method and name, and what the differences found out about single elements. Leaves:
relative differences, a verdict for each name, and a table in text or HTML.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.check.central import Differences
from symdl.check.corners import Corner
from symdl.check.curves import ErrorCurve, curve
from symdl.check.problem import Problem
from symdl.check.verdicts import Verdict, gaps, scale_of, verdict
from symdl.errors import ArgumentError, DerivativeError
from symdl.tables import html_table, text_lines

Array = NDArray[Any]

_TITLES = {
    "central": "central difference",
    "complex": "complex step",
    "tape": "autodiff",
    "forward": "forward mode",
    "compiled": "compiled kernel",
    "float32": "kernel in float32",
}


@dataclass(frozen=True)
class GradientReport:
    """Gradients of one loss at one point.

    Attributes:
        value: the loss.
        methods: for ``symbolic`` and each other method the gradient with respect to each name. Elements that
            a method left out are NaN.
        tolerances: for each method but the first, the largest difference allowed, relative to the gradient.
        elements: by name, what differences found out about single elements; those that no method but the
            exact ones has looked at are not ``taken``.
        rounding: by method and name, how much of a difference rounding may make.
        corners: where the equations stand at corners.
        left_out: the methods that could not be used, and why.
        problem: what was checked and where, for `curve`.
    """

    value: float
    methods: Mapping[str, Mapping[str, Array]]
    tolerances: Mapping[str, float]
    elements: Mapping[str, Differences] = field(default_factory=dict)
    rounding: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    corners: Sequence[Corner] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What was differentiated with respect to."""
        return tuple(self.methods["symbolic"])

    @property
    def others(self) -> tuple[str, ...]:
        """The methods that the derivation is compared with."""
        return tuple(method for method in self.methods if method != "symbolic")

    def difference(self, name: str, method: str) -> float:
        """Return the largest difference between `method` and the derivation, relative to the gradient.

        Elements where the function has no slope that could be compared are left out; so are those that the
        method did not look at. A gradient smaller than a millionth of the largest one counts as that large.
        """
        found = gaps(self, name, method)
        if found is None:
            return float("inf")
        scale = scale_of(self, name, method)
        worst = float(found.max(initial=0.0))
        return worst / scale if worst else 0.0

    @property
    def differences(self) -> dict[str, dict[str, float]]:
        """`difference` for every name and method."""
        return {name: {m: self.difference(name, m) for m in self.others} for name in self.names}

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """For each name what came out, in a word, with the element that shows it."""
        return {name: verdict(self, name) for name in self.names}

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """The pairs of a name and a method that disagree with the derivation."""
        return tuple((name, method) for name, found in self.verdicts.items() for method in found.against)

    @property
    def ok(self) -> bool:
        """Whether no method disagrees with the derivation where there is a slope to compare."""
        return not self.failures

    def raise_if_failed(self) -> GradientReport:
        """Return the report if all agree.

        Raises:
            DerivativeError: they do not; its text holds the table.
        """
        if self.failures:
            pairs = ", ".join(f"{name} ({title(m)})" for name, m in self.failures)
            raise DerivativeError(f"gradients disagree: {pairs}", expression=f"\n{self}")
        return self

    def curve(self, name: str, index: tuple[int, ...] | None = None) -> ErrorCurve:
        """Return the error of central differences against the width of the step, for one element.

        Args:
            name: with respect to what.
            index: which element; by default the one that the verdict names.

        Raises:
            ArgumentError: there is no such name, or the report was made without its problem.
        """
        if self.problem is None or name not in self.names:
            raise ArgumentError(f"no curve for {name!r}", cure=f"choose from {', '.join(self.names)}")
        where = self.verdicts[name].index if index is None else tuple(index)
        exact = float(self.methods["symbolic"][name][where])
        tape = self.methods.get("tape", self.methods["symbolic"])
        return curve(self.problem.value, self.problem.point, name, where, exact, float(tape[name][where]))

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table, its head first: values where they are single numbers, else differences."""
        head = ("gradient by", "shape", "symbolic", *(title(method) for method in self.others), "verdict")
        table = [head]
        for name, found in self.verdicts.items():
            ours = self.methods["symbolic"][name]
            if np.size(ours) == 1:
                cells = [f"{float(np.ravel(a[name])[0]):.12g}" for a in self.methods.values()]
            else:
                cells = [f"norm {float(np.linalg.norm(np.ravel(ours))):.6g}"]
                cells += [f"differs by {self.difference(name, m):.1e}" for m in self.others]
            marks = ["", *(" !" if m in found.against else "" for m in self.others)]
            size = "x".join(map(str, np.shape(ours))) or "scalar"
            table.append((name, size, *(c + m for c, m in zip(cells, marks, strict=True)), found.word))
        return table

    def notes(self) -> list[str]:
        """Return what the table cannot hold: verdicts with their element, corners, what was left out."""
        found = [str(v) for v in self.verdicts.values() if v.word != "agrees"]
        found += [f"at a {corner}" for corner in self.corners]
        found += [f"no {title(method)}: {why}" for method, why in self.left_out.items()]
        if self.problem is not None and self.problem.drawn:
            found.append(f"drawn at random: {', '.join(self.problem.drawn)}")
        return found

    def __str__(self) -> str:
        return "\n".join([*text_lines(self.rows()), self._summary(), *self.notes()])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes())
        return html_table(self.rows(), self._summary()) + (f"<ul>{notes}</ul>" if notes else "")

    def _summary(self) -> str:
        special = any(v.word != "agrees" for v in self.verdicts.values())
        said = "none disagrees" if special else "all agree"
        said = said if self.ok else f"{len(self.failures)} disagree, marked with !"
        return f"loss {self.value:.12g}; {said}"


def title(method: str) -> str:
    """Return what a method is called in a table."""
    return _TITLES.get(method, method)
