"""nn: the mathematics of networks, and nothing else.

Enters: tensors. Leaves: tensors defined by formulas. A layer, an activation, a loss, an optimizer is a few
lines of mathematics here; no file of this package contains a derivative.
"""

from symdl.express.modes import inference, training_updates
from symdl.nn.accumulated import Accumulated
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
    Adadelta,
    Adagrad,
    RMSProp,
)
from symdl.nn.alignment import ctc
from symdl.nn.attention import attention
from symdl.nn.averaged import Averaged
from symdl.nn.batch import (
    batch_norm,
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
from symdl.nn.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    convolution,
)
from symdl.nn.dropout import (
    alpha_dropout,
    dropout,
)
from symdl.nn.factored import Adafactor
from symdl.nn.gates import (
    gelu,
    glu,
    log_sigmoid,
    mish,
    silu,
    softsign,
)
from symdl.nn.grouped import Grouped
from symdl.nn.heads import (
    cached_attention,
    multi_head_attention,
)
from symdl.nn.initializers import (
    fill,
    glorot,
    he,
    uniform,
    zeros,
)
from symdl.nn.layers import (
    dense,
    flatten,
)
from symdl.nn.lbfgs import LBFGS
from symdl.nn.lookups import (
    embedding,
    embedding_bag,
)
from symdl.nn.losses import (
    binary_cross_entropy,
    cross_entropy,
    l1_penalty,
    l2_penalty,
)
from symdl.nn.margins import (
    cosine_embedding,
    hinge_embedding,
    margin_ranking,
    multi_label_margin,
    multi_margin,
    soft_margin,
)
from symdl.nn.metrics import accuracy
from symdl.nn.moments import (
    LAMB,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    RAdam,
)
from symdl.nn.noise import normal_noise
from symdl.nn.norms import (
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from symdl.nn.optimizers import (
    SGD,
    Momentum,
    Nesterov,
)
from symdl.nn.plateau import ReduceOnPlateau
from symdl.nn.pooling import (
    adaptive_pool,
    avg_pool,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_pool,
    lp_pool,
    max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from symdl.nn.protocol import Optimizer
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
    mean_squared_error,
    pinball,
    poisson_nll,
)
from symdl.nn.reparametrized import (
    spectral_norm,
    weight_norm,
)
from symdl.nn.resampling import (
    resample,
    resize,
)
from symdl.nn.rotary import (
    rotary,
    rotary_angles,
)
from symdl.nn.sampling import (
    affine_grid,
    grid_sample,
)
from symdl.nn.schedules import (
    CosineDecay,
    ExponentialDecay,
    StepDecay,
    WarmUp,
)
from symdl.nn.segmentation import (
    binary_focal,
    dice,
)
from symdl.nn.sequences import (
    bidirectional,
    last_state,
    sequence_mask,
)
from symdl.nn.similarity import (
    info_nce,
    normalized,
    triplet,
)
from symdl.nn.steps import state
from symdl.nn.units import (
    celu,
    elu,
    hard_sigmoid,
    hard_swish,
    hardtanh,
    prelu,
    relu6,
    selu,
    shrink,
    thresholded_relu,
)

__all__ = [
    "Accumulated",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Averaged",
    "Clipped",
    "CosineDecay",
    "ExponentialDecay",
    "Grouped",
    "LAMB",
    "LBFGS",
    "Lion",
    "Momentum",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "ReduceOnPlateau",
    "SGD",
    "StepDecay",
    "WarmUp",
    "accuracy",
    "adaptive_pool",
    "affine_grid",
    "alpha_dropout",
    "attention",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bidirectional",
    "binary_cross_entropy",
    "binary_focal",
    "cached_attention",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolution",
    "cosine_embedding",
    "cross_entropy",
    "ctc",
    "dense",
    "dice",
    "dropout",
    "elu",
    "embedding",
    "embedding_bag",
    "fill",
    "flatten",
    "focal",
    "gaussian_nll",
    "gelu",
    "global_pool",
    "glorot",
    "glu",
    "grid_sample",
    "group_norm",
    "gru",
    "hard_sigmoid",
    "hard_swish",
    "hardtanh",
    "he",
    "hinge",
    "hinge_embedding",
    "huber",
    "inference",
    "info_nce",
    "instance_norm",
    "kl_divergence",
    "l1_penalty",
    "l2_penalty",
    "last_state",
    "layer_norm",
    "leaky_relu",
    "local_response_norm",
    "log_cosh",
    "log_sigmoid",
    "log_softmax",
    "lp_pool",
    "lstm",
    "margin_ranking",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mean_absolute_error",
    "mean_squared_error",
    "mish",
    "multi_head_attention",
    "multi_label_margin",
    "multi_margin",
    "nll",
    "normal_noise",
    "normalized",
    "pinball",
    "poisson_nll",
    "prelu",
    "relu",
    "relu6",
    "resample",
    "resize",
    "rms_norm",
    "rnn",
    "rotary",
    "rotary_angles",
    "selu",
    "sequence_mask",
    "shrink",
    "sigmoid",
    "silu",
    "soft_margin",
    "softmax",
    "softplus",
    "softsign",
    "spectral_norm",
    "state",
    "tanh",
    "thresholded_relu",
    "training_updates",
    "triplet",
    "uniform",
    "weight_norm",
    "zeros",
]


def __dir__() -> list[str]:
    return sorted(__all__)
