"""What is checked, and where.

Enters: whatever has a gradient, and values for some of its inputs. Leaves: `Problem`: a program with one
number at its end, what to differentiate with respect to, and a value for every input, drawn if it is missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.check.points import random_point
from symdl.errors import ArgumentError, DerivativeError
from symdl.express.build import tensor
from symdl.express.operations import stable_graph
from symdl.express.program import Program, collect
from symdl.express.properties import insist
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.run.reference.interpreter import evaluate

Array = NDArray[Any]

_DRAWS = (None, (0.5, 1.5), (0.1, 0.9), (1.1, 2.0))
"""Where inputs are drawn from: a normal distribution, then intervals; the first that gives a finite value."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is checked.

    Attributes:
        program: its output is of rank 0.
        names: of what to differentiate with respect to.
        point: the value of every input by name.
        drawn: the names of those that were drawn.
    """

    program: Program
    names: tuple[str, ...]
    point: Mapping[str, Array] = field(repr=False)
    drawn: tuple[str, ...] = ()

    @property
    def output(self) -> Tensor:
        """The number at the end."""
        return self.program.outputs[0]

    @property
    def wrt(self) -> tuple[Tensor, ...]:
        """What to differentiate with respect to."""
        inputs = {t.name: t for t in self.program.inputs}
        return tuple(inputs[name] for name in self.names)

    def value(self, moved: Mapping[str, Array]) -> float:
        """Return the output at another point."""
        return float(evaluate(self.program, moved)[self.output])


def problem(
    checked: Any, at: Mapping[str, Any], wrt: str | Tensor | Sequence[str | Tensor], rng: np.random.Generator
) -> Problem:
    """Return the problem of checking a tensor, a scalar expression or a model at a point.

    Args:
        checked: see `symdl.check_gradients`.
        at: values by name, of some inputs at least.
        wrt: names or tensors; ``"parameters"`` for all parameters, or all symbols of an expression.
        rng: draws what is missing.

    Raises:
        ArgumentError: a value does not fit, or nothing is called so.
        DerivativeError: nothing is left to differentiate with respect to.
    """
    given = dict(at)
    if hasattr(checked, "losses"):  # a model, which this stage does not import
        given = {**checked.parameters, **checked.running} | given
        tensors = list(checked.losses.values())
    else:
        tensors = [checked] if isinstance(checked, Tensor) else []
    program = _summed(tensors) if tensors else stable_graph(checked)
    known = {t.name for t in program.inputs}
    strangers = [name for name in at if name not in known]
    if strangers:
        raise ArgumentError(
            f"nothing is called {strangers[0]!r}", cure=f"there are {', '.join(map(str, known))}"
        )
    by = _targets(program, wrt, plain=not tensors)
    given = {name: value for name, value in given.items() if name in known}
    point = _point(program, given, rng)
    names = tuple(str(t.name) for t in by)
    return Problem(program, names, point, tuple(name for name in point if name not in given))


def _summed(tensors: Sequence[Tensor]) -> Program:
    """Return a program whose output is one number: one tensor of rank 0, or the sum of all, weighted."""
    wrong = [t for t in tensors if t.dtype != "real"]
    if wrong:
        raise DerivativeError(f"{wrong[0]} holds integers, which have no gradient")
    if len(tensors) == 1 and not tensors[0].rank:
        return collect(tensors)
    taken = {t.name for t in collect(tensors).inputs}
    terms: list[Any] = []
    for place, t in enumerate(tensors):
        name = next(n for n in (f"weights{place or ''}" + "_" * k for k in range(9)) if n not in taken)
        terms.append((t * tensor(name, t.shape)).sum() if t.rank else t * tensor(name, ()))
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return collect([total])


def _targets(program: Program, wrt: str | Tensor | Sequence[str | Tensor], *, plain: bool) -> list[Tensor]:
    given = {t.name: t for t in program.inputs if t.dtype == "real" and t.value is None}
    if isinstance(wrt, str):
        wrt = [wrt] if wrt != "parameters" else list(given.values() if plain else program.parameters)
    if isinstance(wrt, Tensor):
        wrt = [wrt]
    if not wrt:
        raise DerivativeError(
            "there are no parameters to differentiate with respect to", cure="name some in wrt"
        )
    missing = [w for w in wrt if (w.name if isinstance(w, Tensor) else str(w)) not in given]
    if missing:
        raise DerivativeError(
            f"the gradient with respect to {missing[0]} cannot be checked: it is no real input of the loss",
            cure=f"the inputs are {', '.join(map(str, given))}",
        )
    return [given[w.name if isinstance(w, Tensor) else str(w)] for w in wrt]


def _point(program: Program, at: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Array]:
    """Return a value for every input; what is drawn is drawn so that the output is finite, if that can be."""
    known = {}
    for t in program.inputs:
        if str(t.name) in at:
            known[str(t.name)] = numbers(at[str(t.name)], str(t.name))
            insist(t, known[str(t.name)])
    points = (random_point(program, known=known, sizes={}, rng=rng, between=limits) for limits in _DRAWS)
    first = next(points)
    if all(str(t.name) in known for t in program.inputs if t.value is None):
        return first
    every = itertools.chain([first], points)
    return next((p for p in every if np.isfinite(evaluate(program, p)[program.outputs[0]])), first)
