"""``sd.to_torch``: functions of symdl in PyTorch.

Enters: a tensor, several, a compiled function or a model. Leaves: a ``torch.nn.Module``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from symdl.errors import require_extra
from symdl.express.tensors import Tensor
from symdl.interop.functions import Function

if TYPE_CHECKING:
    from symdl.interop.torch_layer import Layer


def to_torch(function: Function, *, inputs: Sequence[str | Tensor] | None = None, seed: int = 0) -> Layer:
    """Return a function as a layer of PyTorch, with derivatives of every order.

    Its gradients are symdl's: derived and compiled when PyTorch asks for them, those of gradients too. Arrays
    are not copied on their way. Kernels compute where PyTorch's tensors are, in float64 if an argument or a
    parameter is of it and in float32 otherwise; results have the type to which PyTorch promotes arguments.

    Example::

        x = sd.tensor("x", (sd.Dim("n"), 784))
        layer = sd.to_torch(sd.nn.dense(x, 100, activation=sd.relu, name="first"))
        network = torch.nn.Sequential(layer, torch.nn.Linear(100, 10))

    Args:
        function: a tensor, several, a compiled function (without gradients), or a model, whose output is
            taken.
        inputs: the order of the arguments, which may also be passed by name; by default that in which they
            were made.
        seed: decides the first values of parameters; a model's arrays are shared with it if it computes on
            the host: what PyTorch trains is what ``model.predict`` uses.

    Returns:
        A ``torch.nn.Module``: parameters under their names, running states as buffers. In training mode it
        computes the training form (dropout, batch norm, whose states move on), in evaluation mode the other.
        It returns a tensor, a tuple of several, or a dictionary by the names of a model's outputs.

    Raises:
        CompileError: it is nothing of these, or `inputs` are not its inputs.
        MissingExtraError: PyTorch is not installed.
    """
    require_extra("torch", "torch")
    module = importlib.import_module("symdl.interop.torch_layer")
    layer: Layer = module.Layer(function, inputs=inputs, seed=seed)
    return layer
