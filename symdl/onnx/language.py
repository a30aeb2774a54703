"""The functions of the language under one name, as users have them in ``import symdl as sd``.

Enters: nothing. Leaves: what the operators are written in.
"""

from symdl.express.conditions import equal, not_equal, where
from symdl.express.constants import constant
from symdl.express.diagonals import eye
from symdl.express.dims import Dim, indices
from symdl.express.einsum import einsum
from symdl.express.functions import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    ceil,
    cos,
    cosh,
    erf,
    exp,
    floor,
    log,
    mod,
    power,
    reciprocal,
    rint,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
)
from symdl.express.joining import concatenate, split, stack
from symdl.express.linalg import det
from symdl.express.modes import inference
from symdl.express.operators import elementwise, maximum, minimum
from symdl.express.padding import pad
from symdl.express.patterns import arange, full, tril, triu
from symdl.express.recurrent import recurrence
from symdl.express.repeating import repeat, tile
from symdl.express.replacing import replace
from symdl.express.scattering import scatter
from symdl.express.selecting import one_hot, take, take_along_axis
from symdl.express.shaping import broadcast_to, expand_dims, flip, moveaxis, squeeze
from symdl.express.sorting import top_k
from symdl.express.statistics import cumprod, cumsum, logsumexp, reduction
from symdl.express.surface import ArgMax, define
from symdl.nn.activations import leaky_relu, log_softmax, relu, sigmoid, softmax, softplus, tanh

__all__ = [
    "ArgMax",
    "Dim",
    "acos",
    "acosh",
    "arange",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "broadcast_to",
    "ceil",
    "concatenate",
    "constant",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "define",
    "det",
    "einsum",
    "elementwise",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "eye",
    "flip",
    "floor",
    "full",
    "indices",
    "inference",
    "leaky_relu",
    "log",
    "log_softmax",
    "logsumexp",
    "maximum",
    "minimum",
    "mod",
    "moveaxis",
    "not_equal",
    "one_hot",
    "pad",
    "power",
    "reciprocal",
    "recurrence",
    "reduction",
    "relu",
    "repeat",
    "replace",
    "rint",
    "rsqrt",
    "scatter",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tile",
    "top_k",
    "tril",
    "triu",
    "where",
]
