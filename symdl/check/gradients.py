"""Many ways to one gradient, side by side.

Enters: a loss and a point. Leaves: `GradientReport`, with the gradient of every parameter from the derivation
(evaluated by the reference interpreter), from central differences, by the complex step, from the reverse-mode
tape, in forward mode, from compiled kernels and, on request, from another library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from symdl.check.central import Differences
from symdl.check.corners import corners_of
from symdl.check.outside import gradient_with
from symdl.check.problem import problem
from symdl.check.report import GradientReport
from symdl.check.ways import (
    SINGLE,
    Checked,
    CompiledGradients,
    Gradients,
    Way,
    attempt,
    by_complex_step,
    by_forward_mode,
    by_tape,
    called,
    kernels_of,
    name_of,
    sample,
    suspects_of,
)
from symdl.errors import ArgumentError
from symdl.express.tensors import Tensor
from symdl.run.compiled import DTypeName, TargetName
from symdl.run.runtime import Target

METHODS = ("central", "complex", "tape", "forward")
"""The ways besides the derivation, compiled kernels and other libraries."""


def check_gradients(
    loss: Any,
    *,
    at: Mapping[str, Any] | None = None,
    wrt: str | Tensor | Sequence[str | Tensor] = "parameters",
    tolerance: float = 1e-6,
    exact_tolerance: float = 1e-9,
    entries: int = 24,
    methods: Sequence[str] = METHODS,
    compiled: bool | CompiledGradients = True,
    dtypes: Sequence[DTypeName] = ("float64", "float32"),
    target: TargetName | Target | None = None,
    with_: str | Sequence[str] = (),
    seed: int = 0,
) -> GradientReport:
    """Compute gradients in many ways and compare them with the derivation's, element by element.

    Where the function has no slope, the report says so instead of failing: ``report.verdicts`` has a word for
    each name, listed in `symdl.check.verdicts`, and the element that shows it. Only ``differs`` is a failure.

    Args:
        loss: a tensor, a scalar function of plain SymPy symbols, or a model, whose losses are taken. A tensor
            with axes is summed with random weights first, an input called ``weights``.
        at: values of inputs by name. Those that are missing are drawn: a model's parameters are its own,
            others come from their initializer or a normal distribution. A number alone fills any shape.
        wrt: names or tensors; ``"parameters"`` means all parameters, or all symbols of a plain function.
        tolerance: the largest relative difference between the derivation and central differences.
        exact_tolerance: the same for the others in float64; what rounding explains is allowed too.
        entries: how many elements of each gradient all methods but ``"tape"`` look at, drawn at random.
        methods: ``"central"``: differences, each with its step and Richardson's estimate of its error;
            ``"complex"``: the complex step, where functions are analytic; ``"tape"``: reverse-mode autodiff
            that shares no code with the derivation; ``"forward"``: `sd.jvp`.
        compiled: False leaves kernels out; a function takes their place.
        dtypes: in which they are compiled, or of which the first is the function's. Single precision may be
            off as the reference interpreter is.
        target: where they run, as in `sd.compile`; None for its default.
        with_: libraries that shall differentiate the same equations: ``"torch"``, ``"jax"``, ``"autograd"``.
        seed: for all that is drawn.

    Returns:
        A report: ``report.ok``, ``report.raise_if_failed()``, ``report.curve(name).plot()``.

    Raises:
        ArgumentError: a value does not fit or lacks a declared property; there is no such method or library.
        DerivativeError: nothing is left to differentiate with respect to.

    Example:
        >>> x = sp.Symbol("x")
        >>> sd.check_gradients(sp.sin(x**2), at={"x": 0.7}, compiled=False).ok
        True
    """
    unknown = [m for m in methods if m not in METHODS]
    if unknown:
        raise ArgumentError(f"there is no method {unknown[0]!r}", cure=f"there are {', '.join(METHODS)}")
    rng = np.random.default_rng(seed)
    asked = problem(loss, at or {}, wrt, rng)
    others = (with_,) if isinstance(with_, str) else tuple(with_)
    tolerances = {"central": tolerance, "float32": SINGLE}
    kernels = kernels_of(loss, asked, compiled, dtypes, target)
    return _compared(
        *(Checked.of(asked), methods, kernels, others, entries, rng),
        lambda method: tolerances.get(method, exact_tolerance),
    )


def _compared(
    check: Checked,
    methods: Sequence[str],
    kernels: Mapping[str, CompiledGradients],
    others: Sequence[str],
    entries: int,
    rng: np.random.Generator,
    tolerance: Callable[[str], float],
) -> GradientReport:
    """Go all ways: first those to whole gradients, then those that look at single elements."""
    asked = check.problem
    found: dict[str, Gradients] = {"symbolic": check.symbolic}
    left: dict[str, str] = {}
    whole: dict[str, Way] = {"tape": partial(by_tape, check)} if "tape" in methods else {}
    whole |= {name: partial(called, kernel, asked) for name, kernel in kernels.items()}
    attempt(found, left, whole | {each: partial(gradient_with, each, asked, check.arrays) for each in others})
    chosen = {name_of(t): sample(asked.point[name_of(t)].size, entries, rng) for t in asked.wrt}
    elements: dict[str, Differences] = {}
    if "central" in methods and check.stopped:
        left["central"] = "values behind stop_gradient move, and their gradient is 0"
    elif "central" in methods:
        suspects = suspects_of(check, found, tolerance, entries)
        chosen = {name: sorted({*some, *suspects[name]}) for name, some in chosen.items()}
        elements = {n: check.differences(n, some, tolerance("central")) for n, some in chosen.items()}
        found["central"] = {name: d.slopes for name, d in elements.items()}
    ways = {
        "complex": partial(by_complex_step, check, chosen),
        "forward": partial(by_forward_mode, check, chosen),
    }
    attempt(found, left, {method: way for method, way in ways.items() if method in methods})
    order = [m for m in ("symbolic", *METHODS, *kernels, *others) if m in found]
    return GradientReport(
        check.value,
        {m: found[m] for m in order},
        {m: tolerance(m) for m in order[1:]},
        elements,
        {m: check.rounding("float32" if m == "float32" else "float64") for m in order[1:]},
        corners_of(asked.program, check.arrays, check.dims),
        left,
        asked,
    )
