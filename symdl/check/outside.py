"""The gradient by another library's autodiff: the same equations, computed with its arrays.

Enters: the name of a library and a problem. Leaves: its gradients. Positions, conditions and integers are
those of the reference interpreter; all that moves is the other library's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.check.problem import Problem
from symdl.check.walk import NotCovered, Shape, walk
from symdl.errors import ArgumentError, require_extra
from symdl.express.equations import Equation, Op
from symdl.express.tensors import Tensor
from symdl.run.reference.binding import bind_dims

Array = NDArray[Any]

_NUMPYS = {
    **{name: name for name in "exp log log1p expm1 sin cos tan sinh cosh tanh".split()},
    **{f"a{name}": f"arc{name}" for name in "sin cos tan sinh cosh tanh".split()},
    "atan2": "arctan2",
    "Abs": "abs",
    "Mod": "remainder",
    "Remainder": "remainder",
}
"""What NumPy, and all that is like it, calls a function."""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """The arithmetic of another library's arrays.

    Attributes:
        numpy: the module that has NumPy's functions.
        functions: its scalar functions by the names of the reference interpreter.
        array: makes one of its arrays.
        logsumexp, largest: reduce the last axis.
        gradients: of a function of a list of arrays, at arrays of NumPy's.
    """

    numpy: Any
    functions: Mapping[str, Callable[..., Any]]
    array: Callable[[Any], Any]
    logsumexp: Callable[[Any], Any]
    largest: Callable[[Any], Any]
    gradients: Callable[[Callable[[list[Any]], Any], list[Array]], Sequence[Any]]

    def constant(self, value: Array) -> Any:
        """Return numbers as an array of the library's."""
        return self.array(value)

    def apply(self, name: str, args: Sequence[Any]) -> Any:
        """Compute a function."""
        return self.functions[name](*args)

    def call(self, function: Callable[..., Array], args: Sequence[Any]) -> Any:
        """Refuse: a routine takes NumPy's arrays only."""
        raise NotCovered("a special function is unknown there")

    def read(self, source: Any, where: tuple[Array, ...], mask: Array) -> Any:
        """Read elements; a 1 stands where nothing is wanted, so that its NaN spoils no product with 0."""
        read = source[tuple(self.array(w) for w in where)] if where else source
        return read if mask.all() else self._where(mask, read, self.array(np.ones(())))

    def select(self, cases: Sequence[tuple[Array, Any]], otherwise: float, shape: Shape | None = None) -> Any:
        """Choose."""
        value = self.array(np.asarray(otherwise))
        for taken, case in cases:
            value = self._where(np.asarray(taken), case, value)
        return value if shape is None else self.numpy.broadcast_to(value, shape)

    def reduce(self, op: Op, value: Any, free: Shape) -> Any:
        """Reduce."""
        flat = self.numpy.reshape(value, (*free, -1))
        if op in ("sum", "prod"):
            return getattr(self.numpy, op)(flat, -1)
        return self.largest(flat) if op == "max" else self.logsumexp(flat)

    def matrices(self, equation: Equation, value: Any, shape: Shape) -> Any:
        """Compute inverses and determinants."""
        assert equation.reduction is not None
        name = {"inverse": "inv", "det": "det"}.get(equation.reduction.op)
        if name is None:
            raise NotCovered(f"{equation.reduction.op} of matrices is not compared there")
        return getattr(self.numpy.linalg, name)(self.numpy.reshape(value, shape))

    def put(self, so_far: Any, block: Any, where: tuple[slice, ...]) -> Any:
        """Replace a block, by choosing: nothing is written in place."""
        mask = np.zeros(so_far.shape, bool)
        mask[where] = True
        return self._where(mask, block, so_far)

    def _where(self, mask: Array, yes: Any, no: Any) -> Any:
        """Choose between arrays that are made of one shape first: not every library's gradient does that."""
        shape = np.broadcast_shapes(mask.shape, tuple(yes.shape), tuple(no.shape))
        yes, no = (self.numpy.broadcast_to(side, shape) for side in (yes, no))
        return self.numpy.where(self.array(mask), yes, no)


def gradient_with(name: str, problem: Problem, arrays: Mapping[Tensor, Array]) -> dict[str, Array]:
    """Return the gradients of a problem by another library.

    Args:
        name: ``"torch"``, ``"jax"`` or ``"autograd"``.
        problem: what is checked.
        arrays: the values of all its tensors.

    Raises:
        ArgumentError: no such library is known.
        MissingExtraError: it is not installed.
        NotCovered: a function is unknown to it.
    """
    if name not in _LIBRARIES:
        raise ArgumentError(f"with_={name!r}", cure=f"there are {', '.join(_LIBRARIES)}")
    library = _LIBRARIES[name]()
    dims = bind_dims(problem.program, arrays)

    def function(values: list[Any]) -> Any:
        start = dict(zip(problem.wrt, values, strict=True))
        return walk(problem.program, arrays, dims, library, start)[problem.output]

    found = library.gradients(function, [arrays[t] for t in problem.wrt])
    return {n: np.asarray(g, dtype=float) for n, g in zip(problem.names, found, strict=True)}


def _functions(numpy: Any, **more: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    return {
        "Add": lambda *args: reduce(operator.add, args),
        "Mul": lambda *args: reduce(operator.mul, args),
        "Pow": operator.pow,
        "cot": lambda x: 1 / numpy.tan(x),
        "sec": lambda x: 1 / numpy.cos(x),
        "csc": lambda x: 1 / numpy.sin(x),
        "coth": lambda x: 1 / numpy.tanh(x),
        **{name: getattr(numpy, theirs) for name, theirs in _NUMPYS.items()},
        **more,
    }


def _torch() -> Library:
    torch = require_extra("torch", "torch")

    def array(value: Any) -> Any:
        held = torch.as_tensor(np.array(value))  # a copy: it must be writable
        return held.double() if held.dtype in (torch.float32, torch.int32) else held

    def gradients(function: Callable[[list[Any]], Any], at: list[Array]) -> Sequence[Any]:
        leaves = [array(a.astype(float)).requires_grad_() for a in at]
        out = function(leaves)
        found = torch.autograd.grad(out, leaves, allow_unused=True) if out.requires_grad else [None] * len(at)
        return [np.zeros(a.shape) if g is None else g.numpy() for a, g in zip(at, found, strict=True)]

    functions = _functions(
        torch, erf=torch.erf, erfc=torch.erfc, loggamma=torch.lgamma, StopGradient=torch.detach
    )
    return Library(
        torch, functions, array, lambda x: torch.logsumexp(x, -1), lambda x: torch.amax(x, -1), gradients
    )


def _jax() -> Library:
    jax = require_extra("jax", "jax")
    numpy, special = jax.numpy, require_extra("jax.scipy.special", "jax")

    def gradients(function: Callable[[list[Any]], Any], at: list[Array]) -> Sequence[Any]:
        with jax.enable_x64(True):
            found = jax.grad(function)([numpy.asarray(a, dtype="float64") for a in at])
            return [np.asarray(g) for g in found]

    functions = _functions(numpy, **_scipys(special), StopGradient=jax.lax.stop_gradient)
    return Library(
        numpy,
        functions,
        numpy.asarray,
        lambda x: special.logsumexp(x, -1),
        lambda x: numpy.max(x, -1),
        gradients,
    )


def _autograd() -> Library:
    numpy, special = require_extra("autograd.numpy", "test"), require_extra("autograd.scipy.special", "test")
    autograd, tracer = require_extra("autograd", "test"), require_extra("autograd.tracer", "test")

    def gradients(function: Callable[[list[Any]], Any], at: list[Array]) -> Sequence[Any]:
        found: Sequence[Any] = autograd.grad(lambda values: function(list(values)))(
            [a.astype(float) for a in at]
        )
        return found

    functions = _functions(numpy, **_scipys(special), StopGradient=tracer.getval)
    return Library(
        numpy,
        functions,
        np.asarray,
        lambda x: special.logsumexp(x, -1),
        lambda x: numpy.max(x, -1),
        gradients,
    )


def _scipys(special: ModuleType) -> dict[str, Callable[..., Any]]:
    names = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "loggamma": "gammaln"}
    return {name: getattr(special, theirs) for name, theirs in names.items() if hasattr(special, theirs)}


_LIBRARIES: Mapping[str, Callable[[], Library]] = {"torch": _torch, "jax": _jax, "autograd": _autograd}
