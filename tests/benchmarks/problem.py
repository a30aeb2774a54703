"""What a workload is: the same mathematics for every library, and the numbers it works on.

Enters: nothing. Leaves: `Workload`, with one function a library, and `Problem`, its arrays. In every file of
`workloads/` the functions stand side by side; how they are differentiated, trained and timed is in `peers/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]
Kind = Literal["training", "gradient", "points", "values", "fit"]


@dataclass(frozen=True, slots=True)
class Problem:
    """The numbers of a workload.

    Attributes:
        params: what is differentiated by, float32.
        data: all samples, or for ``points`` the columns of the function's arguments; float32 or int64.
        order: shape (steps, batch): the samples of each training step. Empty unless training.
        optimizer: ``"sgd"``, ``"adam"`` or ``"adamw"``.
        rate: the learning rate.
    """

    params: Arrays
    data: Arrays
    order: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), "int64"))
    optimizer: str = "sgd"
    rate: float = 0.01


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the table.

    Attributes:
        name: as chosen by ``--workload``.
        title: as shown.
        kind: ``training`` (time of one step, data gathered), ``gradient`` (value and gradients by the
            parameters, all samples), ``points`` (value and gradient of a scalar function, elementwise) or
            ``values`` (a tuple of results, with the derivatives that the function itself takes), or ``fit``
            (a whole least-squares fit by SciPy in float64, of residuals with one vector of parameters).
        goal: the aimed-at time over that of the best peer.
        make: the numbers; tiny ones for tests if its argument is true.
        reference: the loss (or values) in autograd's NumPy, of parameters and a batch.
        symdl: the loss as a tensor, or the expression, for a problem.
        torch, jax, pytensor: the loss (or values), of parameters and a batch; None where it is not tried.
        gemms: the matrix products (m, k, n) of a step, for the time that BLAS alone would take.
        tolerance: largest deviation from the reference, relative to the largest element.
        tables: parameters of which a batch uses few rows, each with the column of the data that says which;
            trained by SGD. Other libraries get these rows alone, and add to them: what experts write.
    """

    name: str
    title: str
    kind: Kind
    goal: float
    make: Callable[[bool], Problem]
    reference: Callable[[Any, Any], Any]
    symdl: Callable[[Problem], Any]
    torch: Callable[[Any, Any], Any] | None = None
    jax: Callable[[Any, Any], Any] | None = None
    pytensor: Callable[[Any, Any], Any] | None = None
    gemms: Callable[[Problem], list[tuple[int, int, int]]] = lambda _: []
    tolerance: float = 2e-4
    tables: Mapping[str, str] = field(default_factory=dict, hash=False)


CHECKED_STEPS = 6
"""Training losses that are compared with the reference."""
BETA1, BETA2, EPSILON, DECAY = 0.9, 0.999, 1e-8, 0.01


def decay(problem: Problem) -> float:
    """Return the share of the weights that a step at rate 1 takes away."""
    return DECAY if problem.optimizer == "adamw" else 0.0


def with_rows(workload: Workload, params: Any, batch: Any, count: Any) -> tuple[Any, Any]:
    """Return parameters and batch with the rows of tables that the batch uses; `count` are their numbers."""
    rows = {table: params[table][batch[column]] for table, column in workload.tables.items()}
    return {**params, **rows}, {**batch, **dict.fromkeys(workload.tables.values(), count)}


def orders(rng: np.random.Generator, samples: int, batch: int, steps: int) -> NDArray[np.int64]:
    """Return random batches, as permutations of the samples one after another."""
    need = -(-steps * batch // samples)
    flat = np.concatenate([rng.permutation(samples) for _ in range(need)])
    return flat[: steps * batch].reshape(steps, batch)


def glorot(rng: np.random.Generator, *shape: int) -> Array:
    """Return a float32 weight."""
    values: Array = rng.normal(size=shape) * np.sqrt(2.0 / (shape[-1] + shape[-2]))
    return values.astype("float32")


def expected(workload: Workload, problem: Problem) -> list[Array]:
    """Return what every peer must find, computed in float64.

    Training: the losses of the first steps. Otherwise the value, then the gradients in the order of the
    parameters (for ``points``, of the columns).
    """
    from autograd import elementwise_grad, value_and_grad

    data = {k: v.astype("float64") if v.dtype.kind == "f" else v for k, v in problem.data.items()}
    params = {k: v.astype("float64") for k, v in problem.params.items()}
    if workload.kind == "points":
        slopes = elementwise_grad(lambda c: workload.reference({}, c))(data)
        return [workload.reference({}, data), *(slopes[k] for k in data)]
    if workload.kind == "values":
        return [np.asarray(found) for found in workload.reference(params, data)]
    if workload.kind == "fit":
        return [_fitted_reference(workload, problem)]
    step: Any = value_and_grad(workload.reference)
    if workload.kind == "gradient":
        value, slopes = step(params, data)
        return [np.array(value), *(slopes[k] for k in params)]
    losses = []
    update: Callable[..., Arrays] = _sgd if problem.optimizer == "sgd" else _Adam(decay(problem))
    for rows in problem.order[:CHECKED_STEPS]:
        loss, slopes = step(params, {k: v[rows] for k, v in data.items()})
        losses.append(loss)
        params = update(params, slopes, problem.rate)
    return [np.array(losses)]


def fitted(problem: Problem, value: Callable[[Array], Any], slope: Callable[[Array], Any]) -> Array:
    """Return the parameters of the least sum of squares, from residuals and their Jacobian."""
    from scipy.optimize import least_squares

    (start,) = problem.params.values()
    found: Array = least_squares(value, start, jac=slope, method="lm", xtol=1e-10, ftol=1e-10).x
    return found


def _fitted_reference(workload: Workload, problem: Problem) -> Array:
    from autograd import jacobian

    (name,) = problem.params

    def value(x: Array) -> Any:
        return workload.reference({name: x}, problem.data)

    return fitted(problem, value, jacobian(value))


def _sgd(params: Mapping[str, Array], slopes: Mapping[str, Array], rate: float) -> Arrays:
    return {k: params[k] - rate * slopes[k] for k in params}


class _Adam:
    def __init__(self, share: float) -> None:
        self.step, self.share = 0, share
        self.m: Arrays = {}
        self.v: Arrays = {}

    def __call__(self, params: Mapping[str, Array], slopes: Mapping[str, Array], rate: float) -> Arrays:
        self.step += 1
        new = {}
        for k, g in slopes.items():
            self.m[k] = BETA1 * self.m.get(k, 0.0) + (1 - BETA1) * g
            self.v[k] = BETA2 * self.v.get(k, 0.0) + (1 - BETA2) * g * g
            m, v = self.m[k] / (1 - BETA1**self.step), self.v[k] / (1 - BETA2**self.step)
            new[k] = params[k] - rate * (m / (np.sqrt(v) + EPSILON) + self.share * params[k])
        return new


def deviation(found: list[Array], wanted: list[Array]) -> float:
    """Return the largest difference of any array, relative to that array's largest element."""
    if [np.size(f) for f in found] != [np.size(w) for w in wanted]:
        return float("inf")
    worst = 0.0
    for f, w in zip(found, wanted, strict=True):
        scale = float(np.abs(w).max()) or 1.0
        difference = np.abs(np.asarray(f, "float64").reshape(-1) - np.asarray(w).reshape(-1)).max()
        worst = max(worst, float(difference) / scale if np.isfinite(difference) else float("inf"))
    return worst
