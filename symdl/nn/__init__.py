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
from symdl.nn.adaptive import (
    Adagrad,
    Adam,
    AdamW,
    Lion,
    RMSProp,
)
from symdl.nn.classification import (
    focal,
    hinge,
    kl_divergence,
    nll,
)
from symdl.nn.clipping import (
    Clipped,
)
from symdl.nn.gates import (
    gelu,
    log_sigmoid,
    mish,
    silu,
    softsign,
)
from symdl.nn.initializers import (
    constant,
    glorot,
    he,
    uniform,
    zeros,
)
from symdl.nn.layers import (
    dense,
)
from symdl.nn.losses import (
    binary_cross_entropy,
    cross_entropy,
    l1_penalty,
    l2_penalty,
    mean_squared_error,
)
from symdl.nn.optimizers import (
    SGD,
    Momentum,
    Nesterov,
    Optimizer,
)
from symdl.nn.recurrent import (
    gru,
    lstm,
    rnn,
)
from symdl.nn.regression import (
    gaussian_nll,
    huber,
    log_cosh,
    mean_absolute_error,
)
from symdl.nn.schedules import (
    CosineDecay,
    ExponentialDecay,
    StepDecay,
    WarmUp,
)
from symdl.nn.similarity import (
    info_nce,
    normalized,
    triplet,
)
from symdl.nn.units import (
    elu,
    hard_sigmoid,
    hardtanh,
    prelu,
    relu6,
    selu,
)

__all__ = [
    "Adagrad",
    "Adam",
    "AdamW",
    "Clipped",
    "CosineDecay",
    "ExponentialDecay",
    "Lion",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "SGD",
    "StepDecay",
    "WarmUp",
    "binary_cross_entropy",
    "constant",
    "cross_entropy",
    "dense",
    "elu",
    "focal",
    "gaussian_nll",
    "gelu",
    "glorot",
    "gru",
    "hard_sigmoid",
    "hardtanh",
    "he",
    "hinge",
    "huber",
    "info_nce",
    "kl_divergence",
    "l1_penalty",
    "l2_penalty",
    "leaky_relu",
    "log_cosh",
    "log_sigmoid",
    "log_softmax",
    "lstm",
    "mean_absolute_error",
    "mean_squared_error",
    "mish",
    "nll",
    "normalized",
    "prelu",
    "relu",
    "relu6",
    "rnn",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
    "triplet",
    "uniform",
    "zeros",
]
