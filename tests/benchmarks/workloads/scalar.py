"""Value and gradient of scalar functions at many points: sin(x²y) + e^z, and a random long expression."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, Workload

Functions = Any
"""A module or namespace with sin, cos, tanh, exp, log and sqrt."""
UNARY = ("sin", "cos", "tanh", "sqrt", "log")
OPERATIONS = 500
VARIABLES = 10


def points(tiny: bool, *, names: tuple[str, ...], count: int) -> Problem:
    """Return one column a variable."""
    rng = np.random.default_rng(4)
    columns = rng.uniform(-1, 1, size=(len(names), 9 if tiny else count)).astype("float32")
    return Problem({}, dict(zip(names, columns, strict=True)))


def short(functions: Functions, v: Any) -> Any:
    """sin(x²y) + e^z."""
    return functions.sin(v["x"] * v["x"] * v["y"]) + functions.exp(v["z"])


def long(functions: Functions, v: Any) -> Any:
    """A random expression of about 500 operations in ten variables, the same for everyone.

    One operand in ten is used again, so it is a graph and no tree; functions keep its values small.
    """
    rng = np.random.default_rng(5)
    pool = list(v.values())
    done = 0
    while done < OPERATIONS:
        again = rng.random() < 0.1
        at, other = (int(i) for i in rng.integers(0, len(pool), 2))
        a, b = pool[at], pool[other]
        kind = int(rng.integers(0, 8))
        if kind < 2:
            new, cost = a + b, 1
        elif kind == 2:
            new, cost = a - b * 0.5, 2
        elif kind == 3:
            new, cost = a * functions.sin(b), 2
        else:
            name = UNARY[int(rng.integers(0, len(UNARY)))]
            small = name in ("sqrt", "log")
            new, cost = getattr(functions, name)(a * a + 1 if small else a), 3 if small else 1
        done += cost
        if again or len(pool) < 2 * VARIABLES:
            pool.append(new)  # and its operands stay
        else:
            pool[at] = new
        if len(pool) > 3 * VARIABLES:
            pool = [pool[0] + pool[-1], *pool[1:-1]]
            done += 1
    total = pool[0]
    for value in pool[1:]:
        total = total + value
    return total


def _reference(f: Callable[..., Any], _params: Any, v: Any) -> Any:
    import autograd.numpy as anp

    return f(anp, v)


def _symdl(f: Callable[..., Any], problem: Problem) -> Any:
    import sympy as sp

    return f(sp, {name: sp.Symbol(name, real=True) for name in problem.data})


def _torch(f: Callable[..., Any], _params: Any, v: Any) -> Any:
    import torch

    return f(torch, v)


def _jax(f: Callable[..., Any], _params: Any, v: Any) -> Any:
    import jax.numpy as jnp

    return f(jnp, v)


def _row(
    name: str, title: str, goal: float, f: Callable[..., Any], names: tuple[str, ...], count: int
) -> Workload:
    return Workload(
        name=name,
        title=title,
        kind="points",
        goal=goal,
        make=partial(points, names=names, count=count),
        reference=partial(_reference, f),
        symdl=partial(_symdl, f),
        torch=partial(_torch, f),
        jax=partial(_jax, f),
    )


WORKLOADS = (
    _row("scalar", "sin(x²y)+e^z and gradient, 10⁶ points", 0.5, short, ("x", "y", "z"), 1_000_000),
    _row(
        *("expression", "random 500-operation expression and gradient, 10⁵ points", 0.35),
        *(long, tuple(f"x{at}" for at in range(VARIABLES)), 100_000),
    ),
)
