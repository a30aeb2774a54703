"""Four ways to one gradient, side by side.

Enters: a loss and a point. Leaves: `GradientReport`, with the gradient of every parameter from the
derivation (evaluated by the reference interpreter), from central differences, from the reverse-mode
tape and from the compiled kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.check.central import central_gradient
from symdl.check.report import GradientReport
from symdl.check.tape import tape_gradient
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ArgumentError, DerivativeError
from symdl.express.operations import stable_graph
from symdl.express.program import Program, collect
from symdl.express.properties import insist
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.run.reference.interpreter import evaluate

Array = NDArray[Any]
CompiledGradients = Callable[[dict[str, Array]], Mapping[str, Any]]
"""Maps the values of all inputs to the gradients by name."""


def check_gradients(
    loss: Tensor | sp.Expr,
    *,
    at: Mapping[str, Any],
    wrt: str | Sequence[str | Tensor] = "parameters",
    tolerance: float = 1e-6,
    exact_tolerance: float = 1e-9,
    entries: int = 200,
    compiled: bool | CompiledGradients = True,
    seed: int = 0,
) -> GradientReport:
    """Compute the gradients of a loss in four ways and compare them, in float64.

    Args:
        loss: a rank-0 tensor, or a scalar function of plain SymPy symbols.
        at: values of the inputs by name. Parameters that are missing are drawn from their initializer,
            or else from a normal distribution scaled by the number of inputs.
        wrt: names or tensors; ``"parameters"`` means all parameters, or all symbols of a plain function.
        tolerance: the largest relative difference between the derivation and central differences.
        exact_tolerance: the same for the tape and the compiled kernel.
        entries: how many elements of each gradient central differences are taken for, drawn at random.
        compiled: False leaves the kernel out; a function takes its place.
        seed: for the parameters and elements that are drawn.

    Returns:
        A report; ``report.ok`` tells whether all agree, ``report.raise_if_failed()`` insists on it.

    Raises:
        ArgumentError: a value is missing or does not fit, or lacks a property that its tensor was declared
            to have, such as being symmetric.
        DerivativeError: `loss` is no scalar, or nothing is left to differentiate with respect to.

    Example:
        >>> x = sp.Symbol("x")
        >>> sd.check_gradients(sp.sin(x**2), at={"x": 0.7}, compiled=False).ok
        True
    """
    program = collect([loss]) if isinstance(loss, Tensor) else stable_graph(loss)
    output = program.outputs[0]
    by = _targets(program, wrt, plain=not isinstance(loss, Tensor))
    rng = np.random.default_rng(seed)
    point = _point(program, at, rng)
    derivative = differentiate(output, by)
    used = {_name(t): point[_name(t)] for t in derivative.program.inputs if t.value is None}
    values = evaluate(derivative.program, used)
    chosen = {_name(t): _sample(point[_name(t)].size, entries, rng) for t in by}

    def value(moved: dict[str, Array]) -> float:
        return float(evaluate(program, moved)[output])

    tape = tape_gradient(program, output, by, point)
    methods: dict[str, dict[str, Array]] = {
        "symbolic": {_name(t): values[derivative.gradient(t)] for t in by},
        "central": central_gradient(value, point, wrt=chosen, order=2, entries=chosen),
        "tape": {_name(t): tape[t] for t in by},
    }
    kernel = _kernel(loss, by, compiled)
    if kernel is not None:
        found = kernel(point)
        methods["compiled"] = {_name(t): np.asarray(found[_name(t)]) for t in by}
    tolerances = {"central": tolerance, "tape": exact_tolerance, "compiled": exact_tolerance}
    return GradientReport(float(values[output]), methods, tolerances)


def _name(tensor: Tensor) -> str:
    return str(tensor.name)


def _targets(program: Program, wrt: str | Sequence[str | Tensor], *, plain: bool) -> list[Tensor]:
    given = {t.name: t for t in program.inputs if t.dtype == "real"}
    if isinstance(wrt, str):
        wrt = [wrt] if wrt != "parameters" else list(given.values() if plain else program.parameters)
    if not wrt:
        raise DerivativeError(
            "there are no parameters to differentiate with respect to", cure="name some in wrt"
        )
    missing = [w for w in wrt if (w.name if isinstance(w, Tensor) else w) not in given]
    if missing:
        raise DerivativeError(
            f"the gradient with respect to {missing[0]} cannot be checked: it is no real input of the loss",
            cure=f"the inputs are {', '.join(map(str, given))}",
        )
    return [given[w.name if isinstance(w, Tensor) else w] for w in wrt]


def _point(program: Program, at: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Array]:
    known = {t.name for t in program.inputs}
    strangers = [name for name in at if name not in known]
    if strangers:
        raise ArgumentError(f"nothing is called {strangers[0]!r}")
    point = {}
    for tensor in program.inputs:
        if tensor.value is not None:
            continue
        name = _name(tensor)
        if name in at:
            point[name] = numbers(at[name], name)
            insist(tensor, point[name])
        elif tensor.role != "parameter":
            raise ArgumentError(f"no value for {name}", cure=f'pass at={{"{name}": array, ...}}')
        else:
            shape = tuple(int(size) for size in tensor.shape)
            scale = 1 / np.sqrt(max(shape[0], 1)) if shape else 1.0
            drawn = tensor.init(shape, rng) if tensor.init else rng.normal(0, scale, shape)
            point[name] = numbers(drawn, f"the initializer of {name}").astype("float64")
    return point


def _sample(size: int, entries: int, rng: np.random.Generator) -> list[int]:
    picked = rng.choice(size, entries, replace=False) if size > entries else np.arange(size)
    return [int(position) for position in picked]


def _kernel(
    loss: Tensor | sp.Expr, by: Sequence[Tensor], compiled: bool | CompiledGradients
) -> CompiledGradients | None:
    if not isinstance(compiled, bool):
        return compiled
    if not compiled:
        return None
    from symdl.run.compile import compile as compiled_function  # loads the compiler, so only here

    wrt = list(by) if isinstance(loss, Tensor) else [sp.Symbol(t.name) for t in by]
    step = compiled_function(loss, wrt=wrt, dtype="float64")

    def gradients(point: dict[str, Array]) -> Mapping[str, Any]:
        _, found = step(**point)
        return found  # type: ignore[no-any-return]

    return gradients
