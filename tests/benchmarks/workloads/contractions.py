"""Sums of products as somebody writes them who does not think of matrix products.

Whitened distances to 64 centres, ``sum_q L[j,p,q] (x[i,q] - m[j,q])``, whose factor is a formula; and a
weighted Gram matrix, ``sum_k x[k,i] d[k] x[k,j]``, of three factors. symdl gets the sums as they stand; the
others get them as matrix products.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, Workload


def make_distances(tiny: bool) -> Problem:
    """Return factors of inverse covariances and centres, and points."""
    rng = np.random.default_rng(21)
    centres, features, points = (3, 2, 5) if tiny else (64, 25, 1000)
    params = {
        "L": (rng.normal(size=(centres, features, features)) / features**0.5).astype("float32"),
        "m": rng.normal(size=(centres, features)).astype("float32"),
    }
    return Problem(params, {"x": rng.normal(size=(points, features)).astype("float32")})


def distances_reference(params: Any, batch: Any) -> Any:
    """NumPy: a matrix product for each centre."""
    import autograd.numpy as np

    gaps = batch["x"][None, :, :] - params["m"][:, None, :]
    return np.mean((gaps @ np.swapaxes(params["L"], 1, 2)) ** 2)


def distances_symdl(problem: Problem) -> Any:
    """symdl: the sum."""
    import symdl as sd

    n = sd.Dim("n")
    centres, features = problem.params["m"].shape
    L = sd.parameter("L", (centres, features, features))
    m, x = sd.parameter("m", (centres, features)), sd.tensor("x", (n, features))
    i, j, p, q = sd.indices("i j p q")
    return (sd.define("z", (i, j, p), sd.Sum(L[j, p, q] * (x[i, q] - m[j, q]), q)) ** 2).mean()


def distances(params: Any, batch: Any) -> Any:
    """PyTorch and JAX: a matrix product for each centre."""
    gaps = batch["x"][None, :, :] - params["m"][:, None, :]
    return ((gaps @ params["L"].swapaxes(1, 2)) ** 2).mean()


def distance_gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Forward, back to the gaps and to the factors."""
    count, (centres, features) = len(problem.data["x"]), problem.params["m"].shape
    return [(count, features, features), (count, features, features), (features, count, features)] * centres


def make_gram(tiny: bool) -> Problem:
    """Return weights of samples, and samples."""
    rng = np.random.default_rng(22)
    samples, features = (7, 3) if tiny else (20000, 50)
    weights = rng.uniform(0.5, 1.5, size=samples) / samples
    x = rng.normal(size=(samples, features))
    return Problem({"d": weights.astype("float32")}, {"x": x.astype("float32")})


def gram(params: Any, batch: Any) -> Any:
    """NumPy, PyTorch and JAX: one matrix product."""
    x = batch["x"]
    return (((x.T * params["d"]) @ x) ** 2).sum()


def gram_symdl(problem: Problem) -> Any:
    """symdl: the sum."""
    import symdl as sd

    samples, features = problem.data["x"].shape
    d, x = sd.parameter("d", (samples,)), sd.tensor("x", (samples, features))
    i, j, k = sd.indices("i j k")
    return (sd.define("G", (i, j), sd.Sum(x[k, i] * d[k] * x[k, j], k)) ** 2).sum()


def gram_gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Forward, and back to the weighted samples."""
    samples, features = problem.data["x"].shape
    return [(features, samples, features), (samples, features, features)]


WORKLOADS = (
    Workload(
        name="distances",
        title="whitened distances of 1000 points to 64 centres of 25 features, gradient",
        kind="gradient",
        goal=0.7,
        make=make_distances,
        reference=distances_reference,
        symdl=distances_symdl,
        torch=distances,
        jax=distances,
        gemms=distance_gemms,
    ),
    Workload(
        name="gram",
        title="weighted Gram matrix of 20000 samples of 50 features, gradient",
        kind="gradient",
        goal=0.7,
        make=make_gram,
        reference=gram,
        symdl=gram_symdl,
        torch=gram,
        jax=gram,
        gemms=gram_gemms,
    ),
)
