"""Workloads whose formula reads the same in every library, each with its own functions.

Enters: a formula of functions, parameters and a batch. Leaves: a `Workload`. What a library calls otherwise
has one name here; `take` reads rows, `swap` exchanges the last two axes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..problem import Kind, Problem, Workload

Formula = Callable[[Any, Any, Any], Any]
"""Of functions, parameters and a batch: a loss."""


def autograd() -> SimpleNamespace:
    """Return NumPy's functions."""
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    return SimpleNamespace(
        exp=np.exp, log=np.log, tanh=np.tanh, sin=np.sin, cos=np.cos, sqrt=np.sqrt, stack=np.stack,
        relu=lambda x: np.maximum(x, 0), sigmoid=lambda x: 1 / (1 + np.exp(-x)),
        softplus=lambda x: np.logaddexp(x, 0.0), take=lambda x, rows: x[rows],
        logsumexp=lambda x, axis: logsumexp(x, axis=axis), swap=lambda x: np.swapaxes(x, -1, -2),
    )  # fmt: skip


def torch() -> Any:
    """Return PyTorch's functions."""
    from . import torch_functions

    return torch_functions


def jax() -> SimpleNamespace:
    """Return JAX's functions."""
    import jax.numpy as jnp
    from jax import nn

    return SimpleNamespace(
        exp=jnp.exp, log=jnp.log, tanh=jnp.tanh, sin=jnp.sin, cos=jnp.cos, sqrt=jnp.sqrt, stack=jnp.stack,
        relu=nn.relu, sigmoid=nn.sigmoid, softplus=nn.softplus, take=lambda x, rows: x[rows],
        logsumexp=nn.logsumexp, swap=lambda x: x.mT,
    )  # fmt: skip


def symdl() -> SimpleNamespace:
    """Return symdl's functions."""
    import symdl as sd

    return SimpleNamespace(
        exp=sd.exp, log=sd.log, tanh=sd.tanh, sin=sd.sin, cos=sd.cos, sqrt=sd.sqrt, stack=sd.stack,
        relu=sd.relu, sigmoid=sd.sigmoid, softplus=sd.nn.softplus, logsumexp=sd.logsumexp,
        take=lambda x, rows: sd.take(x, rows, axis=0),
        swap=lambda x: x.transpose(*range(x.rank - 2), x.rank - 1, x.rank - 2),
    )  # fmt: skip


def _of(functions: Callable[[], Any], formula: Formula, params: Any, batch: Any) -> Any:
    return formula(functions(), params, batch)


def _symdl(formula: Formula, problem: Problem) -> Any:
    import symdl as sd

    n: Any = sd.Dim("n")

    def given(name: str, array: Any) -> Any:
        kind = "int64" if array.dtype.kind == "i" else "float"
        shape = (n, *array.shape[1:]) if problem.order.size else array.shape
        return sd.tensor(name, shape, dtype=kind) if kind == "int64" else sd.tensor(name, shape)

    params = {name: sd.parameter(name, array.shape) for name, array in problem.params.items()}
    return formula(symdl(), params, {name: given(name, array) for name, array in problem.data.items()})


def row(
    name: str,
    title: str,
    make: Callable[[bool], Problem],
    formula: Formula,
    *,
    kind: Kind = "training",
    goal: float = 0.7,
    **more: Any,
) -> Workload:
    """Return a workload with one formula for all libraries."""
    return Workload(
        name=name,
        title=title,
        kind=kind,
        goal=goal,
        make=make,
        reference=partial(_of, autograd, formula),
        symdl=partial(_symdl, formula),
        torch=partial(_of, torch, formula),
        jax=partial(_of, jax, formula),
        **more,
    )


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Any:
    """Return normal numbers, float32."""
    return (scale * rng.normal(size=shape)).astype("float32")
