"""A function of symdl as a function of JAX. Imported where JAX is.

Enters: what is computed, as `Described`, and JAX's arrays. Leaves: JAX's arrays, computed by a call back to
the host, and the rule by which JAX differentiates it: calls of derived functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.tensors import Tensor
from symdl.interop.derivatives import Derived, Differentiable
from symdl.interop.functions import Function, described, taken


class JaxFunction:
    """A function of JAX's arrays; see `symdl.to_jax`.

    Attributes:
        parameters: their first values, by name.
    """

    def __init__(self, function: Function, *, inputs: Sequence[str | Tensor] | None, seed: int) -> None:
        dtype = str(jnp.zeros(()).dtype)
        self._described = described(function, inputs=inputs, dtype=dtype, seed=seed)
        self._rule = _Rule(self._described.inference)
        self.parameters = {name: jnp.array(array) for name, array in self._described.parameters.items()}
        self._states = {name: jnp.array(array) for name, array in self._described.states.items()}

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        """Compute the function: of the parameters, if there are any, and of its inputs in order or by name.

        Raises:
            ArgumentError: names, shapes or types that do not fit.
        """
        found, form = self._described, self._described.inference
        given: dict[str, Any] = dict(self._states)
        if self.parameters:
            first, arrays = (arrays[0], arrays[1:]) if arrays else ({}, ())
            if not isinstance(first, dict) or first.keys() != self.parameters.keys():
                cure = (
                    f"pass a dictionary of {', '.join(self.parameters)} first: .parameters has first values"
                )
                raise ArgumentError("the first argument is not the parameters by name", cure=cure)
            given |= first
        given |= taken(found.inputs, arrays, named, ArgumentError)
        values = [jnp.asarray(given[name]) for name in form.names]
        real = [t.dtype == "real" for t in form.inputs]
        plain = jnp.zeros(()).dtype
        floats = [v.dtype if jnp.issubdtype(v.dtype, jnp.floating) else plain for v in values]
        dtype = jnp.result_type(*(f for f, r in zip(floats, real, strict=True) if r)) if any(real) else plain
        computed = dtype if dtype.itemsize > 4 else jnp.dtype("float32")
        typed = [v.astype(computed) if r else v for v, r in zip(values, real, strict=True)]
        results = self._rule.call(*typed)
        return found.packed([r.astype(dtype) if r.dtype == computed else r for r in results])

    def __repr__(self) -> str:
        found = self._described
        outputs = ", ".join(map(str, found.inference.outputs))
        return f"<JaxFunction {', '.join(map(str, found.inputs))} -> {outputs}>"


@jax.tree_util.register_static
@dataclass(frozen=True, slots=True)
class _Moving:
    """Which arguments have cotangents that are wanted, known while JAX traces."""

    places: tuple[int, ...]


class _Rule:
    """A function for JAX with its rule for reverse mode; that of its pullback is made when it is needed."""

    def __init__(self, function: Differentiable) -> None:
        self.function = function
        self.call = jax.custom_vjp(self._compute)
        self.call.defvjp(self._forward, self._backward, symbolic_zeros=True)
        self._pullbacks: dict[Differentiable, _Rule] = {}

    def _compute(self, *values: Any) -> tuple[Any, ...]:
        pairs = zip(values, self.function.inputs, strict=True)
        dtype = str(next((v.dtype for v, t in pairs if t.dtype == "real"), jnp.zeros(()).dtype))
        shapes = self.function.shapes([v.shape for v in values], dtype=dtype)
        integer = jnp.zeros((), int).dtype
        kinds = [dtype if t.dtype == "real" else integer for t in self.function.outputs]
        wanted = tuple(jax.ShapeDtypeStruct(s, k) for s, k in zip(shapes, kinds, strict=True))

        def on_host(*given: Any) -> tuple[NDArray[Any], ...]:
            arrays = [np.asarray(array) for array in given]
            more = arrays[0].ndim - self.function.inputs[0].rank if arrays else 0
            results = _computed(self.function, arrays, more, dtype)
            return tuple(np.asarray(r, w.dtype) for r, w in zip(results, wanted, strict=True))

        results: tuple[Any, ...] = jax.pure_callback(on_host, wanted, *values, vmap_method="expand_dims")
        return results

    def _forward(self, *primals: Any) -> tuple[tuple[Any, ...], Any]:
        real = [t.dtype == "real" for t in self.function.inputs]
        moving = tuple(at for at, primal in enumerate(primals) if primal.perturbed and real[at])
        values = tuple(primal.value for primal in primals)
        return self.call(*values), (_Moving(moving), values)

    def _backward(self, kept: Any, cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        moving, values = kept
        outputs = self.function.outputs
        real = [at for at, bar in enumerate(cotangents) if outputs[at].dtype == "real"]
        along = tuple(
            at for at in real if not isinstance(cotangents[at], jax.custom_derivatives.SymbolicZero)
        )
        found = self._derived(
            self.function.pullback(moving.places, along), (*values, *(cotangents[at] for at in along))
        )
        gradients: list[Any] = [None] * len(values)
        for at, gradient in zip(moving.places, found, strict=True):
            gradients[at] = gradient
        return tuple(gradients)

    def _derived(self, derivative: Derived, values: Sequence[Any]) -> tuple[Any, ...]:
        """Compute a derivative; what is zero whatever the arguments are is None."""
        function = derivative.function
        if function is None:
            return (None,) * len(derivative.places)
        if function not in self._pullbacks:
            self._pullbacks[function] = _Rule(function)
        results = self._pullbacks[function].call(*values)
        return tuple(None if at is None else results[at] for at in derivative.places)


def _computed(
    function: Differentiable, arrays: Sequence[NDArray[Any]], more: int, dtype: str
) -> list[NDArray[Any]]:
    """Compute a function; `more` axes before those of the inputs are mapped ones, 1 where an input has none.

    The last of them stands before the input's own axes, as that of many entries at once does.
    """
    if not more:
        return [np.asarray(r) for r in function(arrays, dtype=dtype)]
    axis = more - 1
    places = tuple(at for at, array in enumerate(arrays) if array.shape[axis] != 1)
    form = function.mapped(places) if places else None
    if form is None:
        (size,) = np.broadcast_shapes(*(array.shape[axis : axis + 1] for array in arrays))
        results = _computed(function, [array.take(0, axis) for array in arrays], axis, dtype)
        return [np.repeat(np.expand_dims(result, axis), size, axis) for result in results]
    given = [array if at in places else array.take(0, axis) for at, array in enumerate(arrays)]
    return _computed(form, given, axis, dtype)
