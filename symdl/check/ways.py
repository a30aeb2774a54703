"""The ways to a gradient: the derivation evaluated, differences, complex step, forward mode, kernels.

Enters: a problem. Leaves: gradients by name; and what single precision says about the rounding of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.check.analytic import complex_step
from symdl.check.central import EPS, Differences, differences
from symdl.check.problem import Problem
from symdl.check.tape import tape_gradient
from symdl.check.walk import NotCovered
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.tangent import jvp
from symdl.errors import SymdlError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.program import Program, collect
from symdl.express.stopping import StopGradient
from symdl.express.tensors import Tensor
from symdl.express.walks import any_of
from symdl.run.compiled import DTypeName, TargetName
from symdl.run.reference.binding import bind_dims
from symdl.run.reference.interpreter import evaluate
from symdl.run.runtime import Target

Array = NDArray[Any]
Gradients = dict[str, Array]
CompiledGradients = Callable[[dict[str, Array]], Mapping[str, Any]]
"""Maps the values of all inputs to the gradients by name."""
Way = Callable[[], Gradients]

SINGLE = 1e-4
"""The relative error that single precision may always have."""
EPS32 = float(np.finfo("float32").eps)


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A problem with what the reference interpreter says of it, in double and in single precision.

    Attributes:
        problem: what is checked.
        arrays: the values of all tensors of its program.
        dims: the symbolic sizes.
        symbolic: the derived gradients.
        single: how far off single precision is, by name: here, or a step away, because terms that cancel may
            do so to the last digit in one order, and in another leave it.
        noise: how far off the output may be by rounding.
    """

    problem: Problem
    arrays: Mapping[Tensor, Array]
    dims: Mapping[Dim, int]
    symbolic: Gradients
    single: Mapping[str, float]
    noise: float

    @staticmethod
    def of(asked: Problem) -> Checked:
        """Derive, and evaluate twice."""
        derivative = differentiate(asked.output, asked.wrt)
        wanted = {name_of(t): derivative.gradient(t) for t in asked.wrt}
        program = derivative.program
        used = {name_of(t): asked.point[name_of(t)] for t in program.inputs if t.value is None}
        double, rough = evaluate(program, used), evaluate(program, used, dtype="float32")
        arrays = evaluate(asked.program, asked.point)
        value = arrays[asked.output]
        here = _off(wanted, double, rough)
        moved = {**used, **{n: _aside(used[n]) for n in map(name_of, asked.wrt) if n in used}}
        with suppress(SymdlError):  # a position may be out of bounds there
            there = _off(wanted, evaluate(program, moved), evaluate(program, moved, dtype="float32"))
            here = {name: max(gap, there[name]) for name, gap in here.items()}
        off = abs(float(rough[asked.output]) - float(value)) * 4 * EPS / EPS32
        return Checked(
            asked,
            arrays,
            bind_dims(asked.program, arrays),
            {name: double[t] for name, t in wanted.items()},
            here,
            off if np.isfinite(off) else 0.0,
        )

    @property
    def value(self) -> float:
        """The output."""
        return float(self.arrays[self.problem.output])

    @property
    def size(self) -> float:
        """The absolute value of the output, 0 if it is not finite."""
        return _size(self.value)

    @property
    def stopped(self) -> bool:
        """Whether gradients are stopped somewhere."""
        return any(any_of(e.body, StopGradient) for e in self.problem.program.equations)

    def rounding(self, dtype: DTypeName) -> dict[str, float]:
        """Return how much rounding may matter to each gradient, told from what single precision makes of it.

        Where the derivation has no terms left that others add up to 0, the last digit of the output, or of
        the largest gradient, may matter. In double precision it never counts for more than a thousandth of
        the gradient.
        """
        times, share = (16.0, 1.0) if dtype == "float32" else (64.0 * EPS / EPS32, 1e-3)
        found = {}
        largest = max(self.size, *map(_size, self.symbolic.values()))
        for name, exact in self.symbolic.items():
            gap = max(self.single[name], EPS32 / 16 * largest)
            found[name] = min(times * gap, share * max(_size(exact), 1e-3 * largest))
        return found

    def differences(self, name: str, positions: Sequence[int], tolerance: float) -> Differences:
        """Return the slopes of some elements."""
        sizes = {each: _size(gradient) for each, gradient in self.symbolic.items()}
        scale = max(sizes[name], 1e-3 * max(sizes.values())) or 1e-5 * self.size
        return differences(
            self.problem.value,
            self.problem.point,
            name,
            positions,
            noise=self.noise,
            good=tolerance / 10,
            scale=scale,
            expected=self.symbolic[name],
        )


def name_of(t: Tensor) -> str:
    """Return the name of an input."""
    return str(t.name)


def _off(
    wanted: Mapping[str, Tensor], double: Mapping[Tensor, Array], rough: Mapping[Tensor, Array]
) -> dict[str, float]:
    """Return how far off single precision is, by name."""
    with np.errstate(invalid="ignore"):
        return {name: _size(rough[t] - double[t]) for name, t in wanted.items()}


_STEP = 1e-4


def _aside(values: Array) -> Array:
    """Return other values of about the same size, 0 as a small number."""
    return np.where(values == 0, _STEP, values * (1 + _STEP))


def _size(array: Any) -> float:
    """Return the largest absolute value of those that are finite."""
    array = np.asarray(array)
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))


def attempt(found: dict[str, Gradients], left: dict[str, str], ways: Mapping[str, Way]) -> None:
    """Go some ways to the gradients, or note why one is not open."""
    for method, way in ways.items():
        try:
            found[method] = way()
        except NotCovered as error:
            left[method] = error.message


def sample(size: int, entries: int, rng: np.random.Generator) -> list[int]:
    """Return some of the places of an array, all if there are few."""
    picked = rng.choice(size, entries, replace=False) if size > entries else np.arange(size)
    return [int(position) for position in picked]


def suspects_of(
    check: Checked, found: Mapping[str, Gradients], tolerance: Callable[[str], float], entries: int
) -> dict[str, list[int]]:
    """Return where exact methods disagree: there it must be found out whether there is a slope at all."""
    suspects: dict[str, list[int]] = {}
    for name, ours in check.symbolic.items():
        worst = np.zeros(np.shape(ours))
        for method, gradients in found.items():
            if np.shape(gradients[name]) == np.shape(ours) and method != "symbolic":
                with np.errstate(invalid="ignore"):
                    gap = np.abs(gradients[name] - ours)
                gap = np.where(np.isnan(gap), np.inf, gap) / tolerance(method)
                worst = np.maximum(worst, gap)
        order = np.argsort(-worst.ravel())[:entries]
        suspects[name] = [int(place) for place in order if worst.ravel()[place] > _size(ours)]
    return suspects


def by_tape(check: Checked) -> Gradients:
    """Return the gradients by reverse-mode autodiff."""
    problem = check.problem
    found = tape_gradient(problem.program, problem.output, problem.wrt, problem.point)
    return {name_of(t): slopes for t, slopes in found.items()}


def by_complex_step(check: Checked, chosen: Mapping[str, Sequence[int]]) -> Gradients:
    """Return the slopes of chosen elements by the complex step."""
    problem = check.problem
    places = {t: chosen[name_of(t)] for t in problem.wrt}
    found = complex_step(problem.program, problem.output, check.arrays, check.dims, places)
    return {name_of(t): slopes for t, slopes in found.items()}


def by_forward_mode(check: Checked, chosen: Mapping[str, Sequence[int]]) -> Gradients:
    """Return the tangents along single elements."""
    problem = check.problem
    directions = {t: tensor(f"direction of {t.name}", t.shape) for t in problem.wrt}
    pushed = jvp(problem.output, directions)
    program: Program = collect([pushed])
    used = {name_of(t): problem.point.get(name_of(t)) for t in program.inputs if t.value is None}
    still = {name_of(v): np.zeros(np.shape(problem.point[name_of(t)])) for t, v in directions.items()}
    still = {name: zeros for name, zeros in still.items() if name in used}
    found = {}
    for t, v in directions.items():
        slopes = np.full(np.shape(problem.point[name_of(t)]), np.nan)
        for position in chosen[name_of(t)]:
            along = np.zeros(slopes.shape)
            along.flat[position] = 1.0
            moved = {**still, name_of(v): along} if name_of(v) in still else still
            slopes.flat[position] = float(evaluate(program, {**used, **moved})[pushed])
        found[name_of(t)] = slopes
    return found


def kernels_of(
    loss: Any,
    asked: Problem,
    compiled: bool | CompiledGradients,
    dtypes: Sequence[DTypeName],
    target: TargetName | Target | None,
) -> dict[str, CompiledGradients]:
    """Return what is compiled, by the name of its method."""
    if not isinstance(compiled, bool):
        return {_method(next(iter(dtypes), "float64")): compiled}
    if not compiled:
        return {}
    from symdl.run.compile import compile as compiled_function  # loads the compiler, so only here

    plain = isinstance(loss, sp.Expr) and asked.program.inputs and not asked.program.parameters
    output: Any = loss if plain else asked.output
    wrt: Any = [sp.Symbol(name_of(t)) for t in asked.wrt] if plain else list(asked.wrt)
    kernels: dict[str, CompiledGradients] = {}
    options: dict[str, Any] = {} if target is None else {"target": target}
    for dtype in dtypes:
        step = compiled_function(output, wrt=wrt, dtype=dtype, **options)
        kernels[_method(dtype)] = partial(_gradients, step)
    return kernels


def _method(dtype: DTypeName) -> str:
    return "compiled" if dtype == "float64" else dtype


def _gradients(step: Callable[..., Any], point: Mapping[str, Array]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = step(**point)[1]
    return found


def called(kernel: CompiledGradients, asked: Problem) -> Gradients:
    """Return the gradients by a kernel."""
    found = kernel(dict(asked.point))
    return {name_of(t): np.asarray(found[name_of(t)]) for t in asked.wrt}
