"""A function of symdl as a layer of PyTorch. Imported where PyTorch is.

Enters: what is computed, as `Described`, and PyTorch's tensors. Leaves: PyTorch's tensors, which know how
they were computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import attrgetter
from typing import Any

import numpy as np
import torch

from symdl.errors import ArgumentError
from symdl.express.tensors import Tensor
from symdl.interop.derivatives import Derived, Differentiable
from symdl.interop.functions import Function, described, taken


class Layer(torch.nn.Module):
    """A function of symdl; see `symdl.to_torch`."""

    def __init__(self, function: Function, *, inputs: Sequence[str | Tensor] | None, seed: int) -> None:
        super().__init__()
        dtype = _name(torch.get_default_dtype())
        found = described(function, inputs=inputs, dtype=dtype, seed=seed)
        self._described = found
        for name, array in found.parameters.items():
            owner, leaf = self._owner(name)
            owner.register_parameter(leaf, torch.nn.Parameter(torch.from_numpy(np.asarray(array))))
        for name, array in found.states.items():
            owner, leaf = self._owner(name)
            owner.register_buffer(leaf, torch.from_numpy(np.asarray(array)))
        kept = {*found.parameters, *found.states}
        self._kept = {name: attrgetter(name) for name in kept}

    def _owner(self, path: str) -> tuple[torch.nn.Module, str]:
        """Return the module that holds a parameter, made where there is none, and its name there."""
        *parts, leaf = path.split(".")
        owner: torch.nn.Module = self
        for part in parts:
            if part not in owner._modules:
                owner.add_module(part, torch.nn.Module())
            owner = owner.get_submodule(part)
        return owner, leaf

    def _compute(self, *arrays: Any, **named: Any) -> Any:
        """Compute the function of its inputs, in order or by name.

        Raises:
            ArgumentError: names, shapes or types that do not fit.
        """
        found = self._described
        given = taken(found.inputs, arrays, named, ArgumentError)
        form = found.training if self.training else found.inference
        values = [torch.as_tensor(given[n]) if n in given else self._kept[n](self) for n in form.names]
        results = call(form, values)
        count = len(results) - (len(found.updates) if self.training else 0)
        with torch.no_grad():
            for state, value in zip(found.updates, results[count:], strict=self.training):
                self._kept[str(state.name)](self).copy_(value)
        return found.packed(results[:count])

    forward = torch.compiler.disable(_compute)  # no graph of PyTorch's: what is inside was compiled before

    def extra_repr(self) -> str:
        """Return the inputs and outputs."""
        found = self._described
        outputs = found.inference.outputs
        return f"{', '.join(map(str, found.inputs))} -> {', '.join(map(str, outputs))}"


def call(function: Differentiable, values: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Compute a function of PyTorch's tensors, in numbers of the type to which PyTorch promotes them."""
    real = [v.dtype for v, t in zip(values, function.inputs, strict=True) if t.dtype == "real"]
    dtype = reduce(torch.promote_types, real) if real else torch.get_default_dtype()
    dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    typed = [v.to(computed) if t.dtype == "real" else v for v, t in zip(values, function.inputs, strict=True)]
    results = _Call.apply(function, *typed)
    return tuple(r.to(dtype) if r.is_floating_point() else r for r in results)


class _Call(torch.autograd.Function):
    """A call that PyTorch differentiates by calls of derived functions."""

    @staticmethod
    def forward(function: Differentiable, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        real = [v.dtype for v, t in zip(values, function.inputs, strict=True) if t.dtype == "real"]
        dtype = real[0] if real else torch.get_default_dtype()
        device = values[0].device if values else torch.get_default_device()
        given = [v.detach().numpy() if v.is_cpu else v.detach() for v in values]
        results = function(given, dtype=_name(dtype), target=device.type)
        found = (torch.from_dlpack(np.asarray(r) if np.isscalar(r) else r) for r in results)
        return tuple(r.to(device) for r in found)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        function, *values = inputs
        ctx.function = function
        ctx.save_for_backward(*values)
        ctx.save_for_forward(*values)
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(r for r in output if not r.is_floating_point()))

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        wrt = tuple(at for at, needed in enumerate(ctx.needs_input_grad[1:]) if needed)
        along = tuple(at for at, bar in enumerate(cotangents) if bar is not None)
        given = [bar for bar in cotangents if bar is not None]
        found = _derived(ctx.function.pullback(wrt, along), (*ctx.saved_tensors, *given))
        gradients: list[torch.Tensor | None] = [None] * len(ctx.needs_input_grad)
        for at, gradient in zip(wrt, found, strict=True):
            gradients[at + 1] = gradient
        return tuple(gradients)

    @staticmethod
    def jvp(ctx: Any, _: None, *directions: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        moving = tuple(at for at, direction in enumerate(directions) if direction is not None)
        along = [direction for direction in directions if direction is not None]
        return _derived(ctx.function.tangents(moving), (*ctx.saved_tensors, *along))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], function: Differentiable, *values: torch.Tensor
    ) -> Any:
        """Compute all entries of a mapped axis in one call."""
        axes = in_dims[1:]
        form = function.mapped(tuple(at for at, axis in enumerate(axes) if axis is not None))
        pairs = list(zip(values, axes, strict=True))
        if form is None:
            one = [v if axis is None else _any_entry(v, axis) for v, axis in pairs]
            return _Call.apply(function, *one), (None,) * len(function.outputs)
        many = [v if axis is None else v.movedim(axis, 0) for v, axis in pairs]
        return _Call.apply(form, *many), (0,) * len(function.outputs)


def _any_entry(values: torch.Tensor, axis: int) -> torch.Tensor:
    """Return one of many entries, on which nothing depends; there may be none."""
    shape = values.movedim(axis, 0).shape
    return values.select(axis, 0) if shape[0] else values.new_zeros(shape[1:])


def _derived(derivative: Derived, values: Sequence[torch.Tensor]) -> tuple[torch.Tensor | None, ...]:
    """Compute a derivative; what is zero whatever the arguments are is None."""
    function = derivative.function
    results = () if function is None else _Call.apply(function, *values)
    return tuple(None if at is None else results[at] for at in derivative.places)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
