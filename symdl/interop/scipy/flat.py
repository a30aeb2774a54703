"""A loss, or residuals, as functions of one vector.

Enters: a tensor or an expression, data, and what the vector holds. Leaves: `Flat`, whose methods are what
`scipy.optimize` calls ``fun``, ``jac``, ``hess`` and ``hessp``. SciPy itself is not needed for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Unpack

import numpy as np

from symdl.differentiate.seeds import unused_name
from symdl.differentiate.tangent import hvp
from symdl.errors import ArgumentError, DerivativeError
from symdl.express.batching import vmap
from symdl.express.joining import concatenate
from symdl.express.operations import functions_of, stable_graphs
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.run.compile import Options, Wrt, compile
from symdl.train.layout import Layout, Vector
from symdl.train.weights import initial


class Flat:
    """A function of one vector `x`, with derivatives; made by `flat`.

    The last point is remembered, so that ``fun(x)`` and ``jac(x)`` after each other are one call of a kernel.

    Attributes:
        x0: the point where a search starts.
        layout: where which value lies; ``layout.slices["W"]``.
    """

    def __init__(
        self,
        output: Tensor,
        wrt: Sequence[Tensor],
        data: Mapping[str, Any],
        x0: Vector,
        options: dict[str, Any],
    ) -> None:
        self._output, self._wrt, self._data, self._options = output, tuple(wrt), dict(data), options
        self.layout = Layout({str(t.name): tuple(int(size) for size in t.shape) for t in wrt})
        self.x0 = x0
        self._step = compile(output, wrt=list(wrt), **options)
        self._last: tuple[Vector, Any, Vector] | None = None

    def value_and_jac(self, x: Any) -> tuple[Any, Vector]:
        """Return the value, a float for a loss, and the gradient ``(n,)`` or the Jacobian ``(m, n)``.

        It is what ``scipy.optimize.minimize(f.value_and_jac, f.x0, jac=True)`` takes.
        """
        values = self.layout.unflatten(x)
        if self._last is None or not np.array_equal(self._last[0], x):
            value, derivatives = self._step(**self._data, **values)
            found = float(value) if not self._output.rank else np.asarray(value, "float64").ravel()
            shape = np.shape(found)
            point = np.array(x, "float64")
            self._last = point, found, self.layout.columns(derivatives, shape)
        _, found, jacobian = self._last
        return (found if isinstance(found, float) else found.copy()), jacobian.copy()

    def fun(self, x: Any) -> Any:
        """Return the value: a float, or the vector of residuals."""
        return self.value_and_jac(x)[0]

    def jac(self, x: Any) -> Vector:
        """Return the gradient, shape ``(n,)``; of residuals the Jacobian, shape ``(m, n)``."""
        return self.value_and_jac(x)[1]

    def hessp(self, x: Any, p: Any) -> Vector:
        """Return the Hessian of a loss at `x`, times the vector `p`; derived when first asked for."""
        product, along = self._product
        directions = self.layout.unflatten(p)
        named = {str(along[t].name): directions[str(t.name)] for t in self._wrt}
        found = product(**self._used(product, {**self._data, **self.layout.unflatten(x), **named}))
        return np.concatenate([np.asarray(part, "float64").ravel() for part in found])

    def hess(self, x: Any) -> Vector:
        """Return the Hessian of a loss, shape ``(n, n)``: its product with all unit vectors, in one call."""
        count = self.layout.size
        columns, along = self._columns
        units = np.eye(count)
        named = {
            str(along[t].name): units[:, self.layout.slices[str(t.name)]].reshape(count, *map(int, t.shape))
            for t in self._wrt
        }
        found = columns(**self._used(columns, {**self._data, **self.layout.unflatten(x), **named}))
        return np.concatenate([np.asarray(part, "float64").reshape(count, -1) for part in found], axis=1)

    def unflatten(self, x: Any) -> dict[str, Any]:
        """Return the values in a vector by name, as compiled functions and ``model.parameters`` have them."""
        return self.layout.unflatten(x)

    def flatten(self, values: Mapping[str, Any]) -> Vector:
        """Return the vector of values by name: the parameters in order, each in row-major order."""
        return self.layout.flatten(values)

    @cached_property
    def _products(self) -> tuple[tuple[Tensor, ...], dict[Tensor, Tensor]]:
        if self._output.rank:
            raise DerivativeError(
                "residuals have no Hessian", shapes={"residuals": self._output.shape}, cure="pass a loss"
            )
        taken = {t.name for t in collect([self._output]).inputs}
        along = {
            t: Tensor(unused_name(f"{t.name}.direction", taken), t.shape, role="input") for t in self._wrt
        }
        return hvp(self._output, list(self._wrt), along), along

    @cached_property
    def _product(self) -> tuple[Any, dict[Tensor, Tensor]]:
        products, along = self._products
        return compile(list(products), **self._options), along

    @cached_property
    def _columns(self) -> tuple[Any, dict[Tensor, Tensor]]:
        products, along = self._products
        many = {d: Tensor(d.name, (self.layout.size, *d.shape), role="input") for d in along.values()}
        return compile(list(vmap(products, many)), **self._options), {t: many[d] for t, d in along.items()}

    def _used(self, function: Any, values: dict[str, Any]) -> dict[str, Any]:
        """Return what a function reads."""
        names = {str(t.name) for t in function.program.inputs}
        return {name: value for name, value in values.items() if name in names}

    def __repr__(self) -> str:
        where = ", ".join(f"{name} {shape}" for name, shape in self.layout.shapes.items())
        return f"Flat({self._output}, of {where})"


def flat(
    f: Any,
    *,
    at: Mapping[str, Any],
    wrt: Wrt = "parameters",
    seed: int = 0,
    **options: Unpack[Options],
) -> Flat:
    """Make a loss, or residuals, a function of one vector, for ``scipy.optimize``.

    ::

        f = sd.flat(loss, at={"X": X, "t": t})
        found = scipy.optimize.minimize(f.value_and_jac, f.x0, jac=True, method="L-BFGS-B")
        weights = f.unflatten(found.x)

        r = sd.flat(a*sp.exp(-b*x) - y, at={"x": x_data, "y": y_data, "a": 1, "b": 1}, wrt=["a", "b"])
        found = scipy.optimize.least_squares(r.fun, r.x0, jac=r.jac)

    Args:
        f: a rank-0 tensor (a loss) or one with axes (residuals); or expressions in symbols, one or a list.
            Where `at` has arrays of points for their symbols, there is a value at each.
        at: values by name of all that `f` reads. Those of `wrt` are where the search starts; parameters that
            are left out are drawn from their initializers.
        wrt: what the vector holds, one after the other, each in row-major order: ``"parameters"``, tensors,
            symbols or names.
        seed: for the values that are drawn.
        options: ``dtype``, ``target``, ``facts`` and others, as in `symdl.compile`.

    Returns:
        A `Flat` with ``fun``, ``jac``, ``value_and_jac``, ``hess``, ``hessp``, ``x0``, ``unflatten``,
        ``flatten`` and ``layout``.

    Raises:
        ArgumentError: a value is missing, or nothing has that name.
        CompileError: nothing can be differentiated with respect to `wrt`.

    Example:
        >>> a = sd.parameter("a", ())
        >>> f = sd.flat((a - 3)**2, at={"a": 1.0}, target="python")
        >>> f.fun(f.x0), f.jac(f.x0)
        (4.0, array([-4.]))
    """
    output, named = _tensor(f, at, wrt)
    inputs = [t for t in collect([output]).inputs if t.value is None]
    by = _chosen(named, inputs)
    known = {str(t.name) for t in inputs}
    if strangers := [name for name in at if name not in known]:
        cure = f"choose from {', '.join(sorted(known))}"
        raise ArgumentError(f"nothing is called {strangers[0]!r}", cure=cure)
    values = {name: numbers(value, name) for name, value in at.items()} | _drawn(inputs, at, seed)
    layout = Layout({str(t.name): tuple(int(size) for size in t.shape) for t in by})
    data = {name: value for name, value in values.items() if name not in layout.shapes}
    return Flat(output, by, data, layout.flatten(values), {"dtype": "float64", **options})


def _drawn(inputs: Sequence[Tensor], at: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return first values of the parameters and states that are not given."""
    missing = [t for t in inputs if str(t.name) not in at]
    if given := [t for t in missing if t.role not in ("parameter", "state")]:
        raise ArgumentError(
            f"no value for {given[0].name}", cure=f'pass at={{"{given[0].name}": array, ...}}'
        )
    return initial(missing, seed=seed, dtype="float64")


def _tensor(f: Any, at: Mapping[str, Any], wrt: Any) -> tuple[Tensor, Any]:
    """Return the function as a tensor, and what the vector holds as names or tensors."""
    expressions, _ = functions_of(f)
    if not expressions:
        return f.as_tensor() if hasattr(f, "as_tensor") else f, wrt
    if wrt == "parameters":
        raise ArgumentError("an expression has no parameters", cure="name the symbols in wrt=[...]")
    several = list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    names = [str(symbol) for symbol in several]
    program = stable_graphs(expressions)
    points = {
        t: np.size(at[str(t.name)])
        for t in program.inputs
        if str(t.name) in at and str(t.name) not in names and np.ndim(at[str(t.name)])
    }
    if len(set(points.values())) > 1:
        shapes = {str(t.name): (count,) for t, count in points.items()}
        raise ArgumentError("arrays of points have different lengths", shapes=shapes)
    if not points:
        return _together(program.outputs, alone=len(expressions) == 1), names
    many = {t: Tensor(t.name, (count,), role="input") for t, count in points.items()}
    return _together(vmap(program.outputs, many), alone=False), names


def _together(values: Sequence[Tensor], *, alone: bool) -> Tensor:
    if alone:
        return values[0]
    parts = [value if value.rank else value.reshape(1) for value in values]
    return concatenate(parts) if len(parts) > 1 else parts[0]


def _chosen(wrt: Any, inputs: Sequence[Tensor]) -> list[Tensor]:
    if isinstance(wrt, str) and wrt == "parameters":
        found = [t for t in inputs if t.role == "parameter"]
        if not found:
            raise ArgumentError("the function depends on no parameter", cure="name what varies in wrt")
        return found
    known = {str(t.name): t for t in inputs}
    names = [str(getattr(w, "name", w)) for w in ([wrt] if isinstance(wrt, str | Tensor) else list(wrt))]
    if strangers := [name for name in names if name not in known]:
        raise ArgumentError(f"nothing is called {strangers[0]!r}", cure=f"choose from {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]
