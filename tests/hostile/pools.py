"""A program that computes in pools of processes: ``python -m tests.hostile.pools fork``.

Enters: what makes the processes. Leaves: a line "right", or an error. Compiled functions and models go to the
processes as pickles; with ``fork`` they are inherited as well. Right is what this process computes.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import pickle
import sys
from typing import Any

import numpy as np

import symdl as sd

Arrays = dict[str, Any]

n = sd.Dim("n")
DATA = {"X": np.linspace(-1, 1, 60).reshape(20, 3), "t": np.linspace(0, 1, 20)}
WEIGHTS = {"a.W": np.ones((3, 4)), "a.b": np.ones(4), "b.W": np.ones((4, 1)), "b.b": np.ones(1)}
OPTIONS: dict[str, Any] = {"optimizer": sd.nn.Adam(1e-2), "batch_size": 8, "epochs": 2, "progress": False}


def network() -> sd.Tensor:
    """A loss."""
    X, t = sd.tensor("X", (n, 3)), sd.tensor("t", (n,))
    hidden = sd.nn.dense(X, 4, activation=sd.tanh, name="a")
    return sd.nn.mean_squared_error(sd.nn.dense(hidden, 1, name="b").reshape((n,)), t)


def called(function: Any, value: float) -> Any:
    """What a compiled function returns."""
    return function(X=np.full((4, 3), value), t=np.ones(4), **WEIGHTS)


def trained(model: sd.Model, seed: int) -> Arrays:
    """The weights after a training."""
    model.fit(DATA, seed=seed, **OPTIONS)
    return {name: array.copy() for name, array in model.parameters.items()}


def alike(found: Any, want: Any) -> None:
    """Compare to the last bit."""
    np.testing.assert_equal(list(found), list(want))


INHERITED: list[Any] = []
"""A function and a model, as they are when a process is forked."""


def called_again(value: float) -> Any:
    """The inherited function."""
    return called(INHERITED[0], value)


def trained_again(seed: int) -> Arrays:
    """The inherited model, in the memory of the child."""
    return trained(pickle.loads(pickle.dumps(INHERITED[1])), seed)  # noqa: S301 (written a moment ago)


def executor(kind: str) -> Any:
    """A pool of two processes; of one where each imports everything anew."""
    if kind == "loky":
        from joblib.externals.loky import get_reusable_executor

        return get_reusable_executor(1)
    workers = 2 if kind == "fork" else 1
    return concurrent.futures.ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(kind))


def main(kind: str) -> None:
    """Compute here, then there."""
    function, model = sd.compile(network(), wrt="parameters"), sd.Model(network())
    results = [called(function, value) for value in range(3)]
    copied = (pickle.loads(pickle.dumps(model)) for _ in range(2))  # noqa: S301 (written a moment ago)
    weights = [trained(each, seed) for seed, each in enumerate(copied)]
    with executor(kind) as pool:
        alike(pool.map(called, [function] * 3, range(3)), results)
        alike(pool.map(trained, [model] * 2, range(2)), weights)
    if kind == "fork":
        INHERITED[:] = [function, model]
        with multiprocessing.get_context(kind).Pool(2) as forked:
            alike(forked.map(called_again, range(3)), results)
            alike(forked.map(trained_again, range(2)), weights)
    alike([called(function, value) for value in range(3)], results)
    print("right")


if __name__ == "__main__":
    main(sys.argv[1])
