"""The comparison of gradients, for people and for tests.

Enters: gradients by method and name. Leaves: relative differences, a verdict, and a table in text or HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import DerivativeError
from symdl.tables import html_table, text_lines

Array = NDArray[Any]

_TITLES = {
    "symbolic": "symbolic",
    "central": "central difference",
    "tape": "autodiff",
    "compiled": "compiled kernel",
}


@dataclass(frozen=True, slots=True)
class GradientReport:
    """Gradients of one loss at one point.

    Attributes:
        value: the loss.
        methods: for ``symbolic``, ``central``, ``tape`` and, where there is one, ``compiled``, the
            gradient with respect to each name. Elements that central differences left out are NaN.
        tolerances: for each method but the first, the largest difference allowed.
    """

    value: float
    methods: Mapping[str, Mapping[str, Array]]
    tolerances: Mapping[str, float]

    @property
    def names(self) -> tuple[str, ...]:
        """What was differentiated with respect to."""
        return tuple(self.methods["symbolic"])

    def difference(self, name: str, method: str) -> float:
        """Return the largest difference between `method` and the derivation, relative to the gradient.

        A gradient smaller than a millionth of the loss (or of 1) counts as that large; against
        central differences, which see only differences of losses, a thousandth.
        """
        ours, theirs = self.methods["symbolic"][name], self.methods[method][name]
        if np.shape(ours) != np.shape(theirs):
            return float("inf")
        if method == "central":
            taken = ~np.isnan(theirs) | np.isnan(ours)
            ours, theirs = ours[taken], theirs[taken]
        if not np.size(ours):
            return 0.0
        floor = (1e-3 if method == "central" else 1e-6) * max(1.0, abs(self.value))
        scale = max(np.abs(ours).max(), np.abs(theirs).max(), floor)
        gap = float(np.abs(ours - theirs).max() / scale)
        return float("inf") if np.isnan(gap) else gap

    @property
    def differences(self) -> dict[str, dict[str, float]]:
        """`difference` for every name and method."""
        return {name: {m: self.difference(name, m) for m in self.others} for name in self.names}

    @property
    def others(self) -> tuple[str, ...]:
        """The methods that the derivation is compared with."""
        return tuple(method for method in self.methods if method != "symbolic")

    @property
    def ok(self) -> bool:
        """Whether every method agrees with the derivation."""
        return not self.failures

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """The pairs of a name and a method that disagree with the derivation."""
        return tuple(
            (name, method)
            for name in self.names
            for method in self.others
            if not self.difference(name, method) <= self.tolerances[method]
        )

    def raise_if_failed(self) -> GradientReport:
        """Return the report if all agree.

        Raises:
            DerivativeError: they do not; its text holds the table.
        """
        if self.failures:
            pairs = ", ".join(f"{name} ({_TITLES[m]})" for name, m in self.failures)
            raise DerivativeError(f"gradients disagree: {pairs}", expression=f"\n{self}")
        return self

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table, its head first: values where they are single numbers, else differences."""
        head = ("gradient by", "shape", "symbolic", *(_TITLES[method] for method in self.others))
        table = [head]
        for name in self.names:
            ours = self.methods["symbolic"][name]
            if np.size(ours) == 1:
                cells = [f"{float(np.ravel(a[name])[0]):.12g}" for a in self.methods.values()]
            else:
                cells = [f"norm {float(np.linalg.norm(np.ravel(ours))):.6g}"]
                cells += [f"differs by {self.difference(name, m):.1e}" for m in self.others]
            failed = [m for n, m in self.failures if n == name]
            marks = ["", *(" !" if m in failed else "" for m in self.others)]
            size = "x".join(map(str, np.shape(ours))) or "scalar"
            table.append((name, size, *(c + m for c, m in zip(cells, marks, strict=True))))
        return table

    def __str__(self) -> str:
        return "\n".join([*text_lines(self.rows()), self._verdict()])

    def _repr_html_(self) -> str:
        return html_table(self.rows(), self._verdict())

    def _verdict(self) -> str:
        verdict = "all agree" if self.ok else f"{len(self.failures)} disagree, marked with !"
        return f"loss {self.value:.12g}; {verdict}"
