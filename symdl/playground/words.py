"""The words of the playground: functions and layers by the names that are typed.

Enters: nothing. Leaves: tables from names to functions of tensors. What stands in none of them cannot be
typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symdl import nn
from symdl.express import diagonals, distances, functions, linalg, reducing, selecting, statistics, views
from symdl.express.operators import maximum, minimum

Function = Callable[..., Any]


ACTIVATIONS: Mapping[str, Function] = {
    name: getattr(nn, name)
    for name in "relu leaky_relu sigmoid tanh softplus softmax log_softmax gelu silu elu".split()
}
"""They are applied, ``relu(z)``, and named in a layer, ``dense(x, 3, relu)``."""

FUNCTIONS: Mapping[str, Function] = {
    **{
        name: getattr(functions, name)
        for name in "sin cos tan exp log sqrt square sinh cosh erf sign".split()
    },
    **{name: getattr(linalg, name) for name in "det logdet inv outer inner solve".split()},
    **{name: getattr(diagonals, name) for name in "trace diag eye".split()},
    **{name: getattr(reducing, name) for name in "sum mean max min prod".split()},
    **ACTIVATIONS,
    "abs": functions.absolute,
    "attention": nn.attention,
    "clip": selecting.clip,
    "flatten": nn.flatten,
    "last_state": nn.last_state,
    "logsumexp": statistics.logsumexp,
    "max_pool2d": lambda x, size: nn.max_pool2d(x, kernel_size=size),
    "maximum": maximum,
    "minimum": minimum,
    "norm": distances.norm,
    "transpose": views.transpose,
    "var": statistics.var,
}

LOSSES: Mapping[str, Function] = {
    name: getattr(nn, name) for name in "binary_cross_entropy cross_entropy mean_squared_error".split()
}
"""They take the name of what they are assigned to."""

LAYERS: Mapping[str, Function] = {
    "dense": lambda x, units, activation=None, *, bias=True, name: nn.dense(
        x, units, activation=activation, bias=bias, name=name
    ),
    "conv2d": lambda x, channels, size, activation=None, *, padding=0, stride=1, name: nn.conv2d(
        x, channels, kernel_size=size, padding=padding, stride=stride, activation=activation, name=name
    ),
    "layer_norm": lambda x, *, affine=True, name: nn.layer_norm(x, affine=affine, name=name),
    "rms_norm": lambda x, *, affine=True, name: nn.rms_norm(x, affine=affine, name=name),
    "rnn": lambda x, units, *, name: nn.rnn(x, units, name=name),
    "gru": lambda x, units, *, name: nn.gru(x, units, name=name),
    "lstm": lambda x, units, *, name: nn.lstm(x, units, name=name)[0],
}
"""They have parameters, under the name of what they are assigned to: ``h = dense(X, 3)`` has ``h.W``."""

__all__ = ["ACTIVATIONS", "FUNCTIONS", "LAYERS", "LOSSES", "Function"]
