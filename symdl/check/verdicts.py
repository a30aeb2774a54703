"""What comes out of a comparison of gradients: a word for each name, and the element that shows it.

Enters: a report. Leaves: `Verdict`. Its words:

``agrees``        all methods have the derivation's numbers
``differs``       one has others, at an element where the function has a slope
``kink``          the slopes to the left and to the right of an element differ; every method lies between them
``tie``           the same, where arguments of a maximum or minimum are equal
``jump``          the function is not continuous there; differences are left out
``not finite``    the function or all its slopes are infinite or NaN there; nothing is compared
``cancellation``  rounding of the function hides the slope from differences; the other methods agree
``unresolved``    no step of the differences is small enough; the other methods agree

An element outside ``taken`` counts as smooth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from symdl.check.report import GradientReport

Array = NDArray[Any]

_SMALLEST = 1e-100
"""Gradients below count as 0: products of what computes them underflow."""
PARTIAL = ("central", "complex", "forward")
"""Methods that look at a few elements only."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out for one name.

    Attributes:
        name: with respect to what.
        word: see `symdl.check.verdicts`.
        index: the element that shows it: the one that is furthest off, or the first that is special.
        values: the derivative there by each method that looked at it.
        against: the methods that disagree.
        count: how many elements are like it, 0 where all agree.
    """

    name: str
    word: str
    index: tuple[int, ...]
    values: Mapping[str, float]
    against: tuple[str, ...] = ()
    count: int = 0

    def __str__(self) -> str:
        where = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        numbers = ", ".join(f"{method} {value:.8g}" for method, value in self.values.items())
        against = f" ({', '.join(self.against)})" if self.against else ""
        return f"{self.word}{against}: {self.name}{where}{more}: {numbers}"


def scale_of(report: GradientReport, name: str, method: str) -> float:
    """Return what a difference is relative to."""
    both = (report.methods["symbolic"][name], report.methods[method][name])
    floor = 1e-6 * max(map(_largest, report.methods["symbolic"].values()))
    return max(*map(_largest, both), floor, _SMALLEST)


def gaps(report: GradientReport, name: str, method: str) -> Array | None:
    """Return how far a method is from the derivation, 0 where nothing is compared; None if shapes differ."""
    ours, theirs = np.asarray(report.methods["symbolic"][name]), np.asarray(report.methods[method][name])
    if ours.shape != theirs.shape:
        return None
    with np.errstate(invalid="ignore"):
        found = np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0.0, np.abs(ours - theirs))
    found = np.where(np.isnan(found), np.inf, found)
    elements = report.elements.get(name)
    if elements is None:
        return np.where(np.isnan(theirs) & ~np.isnan(ours), 0.0, found) if method in PARTIAL else found
    found = found if method not in PARTIAL else np.where(elements.taken, found, 0.0)
    found = np.where(elements.kinds == "not finite", 0.0, found)
    kinks = elements.kinds == "kink"
    low, high = np.minimum(elements.left, elements.right), np.maximum(elements.left, elements.right)
    outside = np.maximum(np.maximum(low - theirs, theirs - high), np.maximum(low - ours, ours - high))
    outside = np.maximum(outside, 0.0)
    found = np.where(kinks, np.where(np.isnan(outside), np.inf, outside), found)
    found = np.where(kinks & ~np.isfinite(ours), 0.0, found)
    return np.where(elements.kinds == "jump", 0.0, found) if method == "central" else found


def verdict(report: GradientReport, name: str) -> Verdict:
    """Return what comes out for one name."""
    ours = np.asarray(report.methods["symbolic"][name])
    excess = {method: _excess(report, name, method) for method in report.others}
    against = tuple(m for m, e in excess.items() if e is None or bool((e > 1.0).any()))
    elements = report.elements.get(name)
    if against:
        found = excess[against[0]]
        bad = np.ones(ours.shape) if found is None else found
        return _shown(report, name, "differs", bad, int((bad > 1.0).sum()) or 1, against)
    kinds = np.full(ours.shape, "") if elements is None else elements.kinds
    broken = (kinds == "not finite") | ~np.isfinite(ours)
    if broken.any():
        return _shown(report, name, "not finite", broken, int(broken.sum()))
    only_ties = bool(report.corners) and all(corner.kind == "tie" for corner in report.corners)
    for kind in ("kink", "jump"):
        here = kinds == kind
        if here.any():
            word = "tie" if kind == "kink" and only_ties else kind
            return _shown(report, name, word, here, int(here.sum()))
    for kind in ("cancellation", "unresolved"):
        here = (kinds == kind) & _hidden(report, name)
        if here.any():
            return _shown(report, name, kind, here, int(here.sum()))
    worst = sum((e for e in excess.values() if e is not None), np.zeros(ours.shape))
    return _shown(report, name, "agrees", worst, 0)


def _excess(report: GradientReport, name: str, method: str) -> Array | None:
    """Return differences relative to what is allowed: more than 1 is too much."""
    found = gaps(report, name, method)
    if found is None:
        return None
    allowed = report.tolerances[method] * scale_of(report, name, method)
    rounding: Any = report.rounding.get(method, {}).get(name, 0.0)
    elements = report.elements.get(name)
    if elements is not None:
        unsure = np.where(np.isnan(elements.errors), 0.0, elements.errors)
        rounding = rounding + np.where((elements.kinds == "kink") | (method == "central"), 3 * unsure, 0.0)
    return np.asarray(found / (allowed + rounding))


def _hidden(report: GradientReport, name: str) -> Array:
    """Return where differences agree only because they may be far off."""
    found = gaps(report, name, "central") if "central" in report.methods else None
    if found is None:
        return np.zeros(np.shape(report.methods["symbolic"][name]), bool)
    sizes = {each: _largest(gradient) for each, gradient in report.methods["symbolic"].items()}
    return np.asarray(found > report.tolerances["central"] * max(sizes[name], 1e-6 * max(sizes.values())))


def _shown(
    report: GradientReport, name: str, word: str, where: Array, count: int, against: tuple[str, ...] = ()
) -> Verdict:
    shape = np.shape(report.methods["symbolic"][name])
    index = tuple(map(int, np.unravel_index(int(np.argmax(where)), shape))) if np.size(where) else ()
    values: dict[str, float] = {}
    elements = report.elements.get(name)
    for method, gradients in report.methods.items():
        array = np.asarray(gradients[name])
        asked = elements is None or method not in PARTIAL or (np.size(where) and elements.taken[index])
        if array.shape == shape and array.size and asked:
            values[method] = float(array[index])
    return Verdict(name, word, index, values, against, count)


def _largest(array: Any) -> float:
    finite = np.abs(np.asarray(array, dtype=float))
    return float(np.max(finite[np.isfinite(finite)], initial=0.0))
