"""nn: the mathematics of networks, and nothing else.

Enters: tensors. Leaves: tensors defined by formulas. A layer, an activation, a loss, an optimizer is a few
lines of mathematics here; no file of this package contains a derivative.
"""

from symdl.nn.activations import (
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from symdl.nn.initializers import glorot, he, uniform, zeros
from symdl.nn.layers import dense
from symdl.nn.losses import (
    binary_cross_entropy,
    cross_entropy,
    l1_penalty,
    l2_penalty,
    mean_squared_error,
)
from symdl.nn.optimizers import SGD, Adam, Momentum, Optimizer

__all__ = [
    "SGD",
    "Adam",
    "Momentum",
    "Optimizer",
    "binary_cross_entropy",
    "cross_entropy",
    "dense",
    "glorot",
    "he",
    "l1_penalty",
    "l2_penalty",
    "leaky_relu",
    "log_softmax",
    "mean_squared_error",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
    "uniform",
    "zeros",
]
