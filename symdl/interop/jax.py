"""``sd.to_jax``: functions of symdl in JAX.

Enters: a tensor, several, a compiled function or a model. Leaves: a function of JAX's arrays.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from symdl.errors import require_extra
from symdl.express.tensors import Tensor
from symdl.interop.functions import Function

if TYPE_CHECKING:
    from symdl.interop.jax_function import JaxFunction


def to_jax(function: Function, *, inputs: Sequence[str | Tensor] | None = None, seed: int = 0) -> JaxFunction:
    """Return a function of JAX's arrays, with reverse-mode derivatives of every order.

    It works under ``jax.jit``, ``jax.vmap``, ``jax.grad`` and ``jax.jacrev``, and under several of them.
    Gradients are symdl's: derived and compiled when JAX first traces them. Kernels run on the host, called
    back from JAX's program, in float64 if an argument is of it and in float32 otherwise; a mapped axis is a
    loop there.

    Example::

        x = sd.tensor("x", (sd.Dim("n"), 784))
        layer = sd.to_jax(sd.nn.dense(x, 100, activation=sd.relu, name="first"))
        gradients = jax.grad(lambda parameters: layer(parameters, images).sum())(layer.parameters)

    Args:
        function: a tensor, several, a compiled function (without gradients), or a model, whose output is
            taken; it is computed in its inference form.
        inputs: the order of the arguments, which may also be passed by name; by default that in which they
            were made.
        seed: decides the first values of parameters; a model's are those that it has.

    Returns:
        A pure function of the inputs; if it has parameters, they are its first argument: a dictionary of
        arrays by name, whose first values are its attribute ``parameters``. It returns an array, a tuple of
        several, or a dictionary by the names of a model's outputs.

    Raises:
        CompileError: it is nothing of these, or `inputs` are not its inputs.
        MissingExtraError: JAX is not installed.
    """
    require_extra("jax", "jax")
    module = importlib.import_module("symdl.interop.jax_function")
    made: JaxFunction = module.JaxFunction(function, inputs=inputs, seed=seed)
    return made
