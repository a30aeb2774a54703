"""Layers by name, as a file describes them.

Enters: a tensor and a table such as ``{ dense = 100 }``. Leaves: the output of that layer.
What stands in no table here cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symdl import nn
from symdl.cli.config.settings import (
    COUNT,
    COUNTS,
    FLAG,
    SHARE,
    SIZES,
    TABLES,
    WHOLE,
    YES,
    Kind,
    either,
    named,
    one_of,
    settings,
)
from symdl.errors import CommandError, SymdlError
from symdl.express.tensors import Tensor
from symdl.express.views import reshape

OUTPUTS = "outputs"
"""Stands for as many units as the loss needs."""
DEEPEST = 8
"""Residual blocks inside each other."""
ACTIVATIONS: Mapping[str, Callable[..., Tensor]] = {
    name: getattr(nn, name)
    for name in (
        *(
            "relu",
            "leaky_relu",
            "sigmoid",
            "tanh",
            "softplus",
            "softmax",
            "gelu",
            "silu",
            "elu",
            "selu",
            "mish",
        ),
        *("softsign", "relu6", "hard_sigmoid", "hard_swish"),
    )
}
_ACTIVATION = one_of(ACTIVATIONS)
_PADDING = either(WHOLE, one_of(("same",)))
_WINDOW = {"stride": SIZES, "padding": WHOLE}
_CONVOLUTION = {"size": SIZES, "stride": SIZES, "padding": _PADDING, "activation": _ACTIVATION, "bias": FLAG}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that can be written.

    Attributes:
        kind: what the value of its name may be.
        build: from a tensor, that value, a name for its parameters and the other settings to its output.
        options: the other settings.
        required: those of them that must be there.
    """

    kind: Kind
    build: Callable[..., Tensor]
    options: Mapping[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()


def _dense(x: Tensor, units: int, *, name: str, **options: Any) -> Tensor:
    return nn.dense(x, units, name=name, **_with_activation(options))


def _convolution(layer: Callable[..., Tensor]) -> Layer:
    def build(x: Tensor, channels: int, *, name: str, size: Any, **options: Any) -> Tensor:
        given = {key: _sizes(value) for key, value in _with_activation(options).items()}
        return layer(x, channels, kernel_size=_sizes(size), name=name, **given)

    return Layer(COUNT, build, _CONVOLUTION, ("size",))


def _pool(layer: Callable[..., Tensor]) -> Layer:
    def build(x: Tensor, size: Any, *, name: str, **options: Any) -> Tensor:
        return layer(x, _sizes(size), **{key: _sizes(value) for key, value in options.items()})

    return Layer(SIZES, build, _WINDOW)


def _recurrent(layer: Callable[..., Any]) -> Layer:
    def build(x: Tensor, units: int, *, name: str, last: bool = False, both: bool = False) -> Tensor:
        states = nn.bidirectional(layer, x, units, name=name) if both else layer(x, units, name=name)
        states = states[0] if isinstance(states, tuple) else states
        return nn.last_state(states, bidirectional=both) if last else states

    return Layer(COUNT, build, {"last": FLAG, "both": FLAG})


def _norm(layer: Callable[..., Tensor]) -> Layer:
    return Layer(YES, lambda x, _, *, name, **options: layer(x, name=name, **options), {"affine": FLAG})


def _embedding(x: Tensor, size: int, *, name: str, count: int) -> Tensor:
    return nn.embedding(x, count, size, name=name)


def _with_activation(options: dict[str, Any]) -> dict[str, Any]:
    name = options.get("activation")
    return options if name is None else {**options, "activation": ACTIVATIONS[name]}


def _sizes(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


LAYERS: Mapping[str, Layer] = {
    "dense": Layer(either(COUNT, one_of((OUTPUTS,))), _dense, {"activation": _ACTIVATION, "bias": FLAG}),
    "conv1d": _convolution(nn.conv1d),
    "conv2d": _convolution(nn.conv2d),
    "max_pool1d": _pool(nn.max_pool1d),
    "max_pool2d": _pool(nn.max_pool2d),
    "avg_pool1d": _pool(nn.avg_pool1d),
    "avg_pool2d": _pool(nn.avg_pool2d),
    "global_pool": Layer(one_of(("mean", "max", "sum")), lambda x, op, *, name: nn.global_pool(x, op=op)),
    "flatten": Layer(YES, lambda x, _, *, name: nn.flatten(x)),
    "reshape": Layer(COUNTS, lambda x, shape, *, name: reshape(x, (x.shape[0], *shape))),
    "activation": Layer(_ACTIVATION, lambda x, chosen, *, name: ACTIVATIONS[chosen](x)),
    "dropout": Layer(SHARE, lambda x, rate, *, name: nn.dropout(x, rate, name=name)),
    "batch_norm": _norm(nn.batch_norm),
    "layer_norm": _norm(nn.layer_norm),
    "embedding": Layer(COUNT, _embedding, {"count": COUNT}, ("count",)),
    "rnn": _recurrent(nn.rnn),
    "gru": _recurrent(nn.gru),
    "lstm": _recurrent(nn.lstm),
}
"""The layers by name. ``residual`` is one more, made of others."""
_RESIDUAL = "residual"


def reads_numbers_of_rows(layers: Sequence[Any]) -> bool:
    """Say whether the first layer takes integers: positions in a table that is learned."""
    return bool(layers) and isinstance(layers[0], Mapping) and "embedding" in layers[0]


def stacked(x: Tensor, layers: Sequence[Any], outputs: int, *, path: str = "layer", depth: int = 0) -> Tensor:
    """Return the output of layers on top of each other; the parameters of the second are ``layer2.W``, ….

    Args:
        x: the input, shape ``(n, ...)``.
        layers: tables, as in the file.
        outputs: what ``"outputs"`` stands for.
        path: how the names of layers begin.
        depth: of residual blocks around them.

    Raises:
        CommandError: a table describes no layer, or the layer does not fit what comes before it.
    """
    for place, table in enumerate(layers, 1):
        name = f"{path}{place}"
        where = f"[network] {name.replace('.', ' ')}"
        kind, value, rest = named(table, where, (*LAYERS, _RESIDUAL))
        try:
            x = _built(x, kind, value, rest, outputs, (name, where, depth))
        except CommandError:
            raise
        except SymdlError as error:
            shapes = {"its input": x.shape}
            raise CommandError(
                f"{where}: {kind} does not fit: {error.message}", shapes=shapes, cure=error.cure
            ) from error
    return x


def _built(
    x: Tensor, kind: str, value: Any, rest: dict[str, Any], outputs: int, place: tuple[str, str, int]
) -> Tensor:
    name, where, depth = place
    if kind == _RESIDUAL:
        settings({kind: value} | rest, where, {kind: TABLES})
        if depth == DEEPEST:
            raise CommandError(f"{where}: residual blocks stand in each other more than {DEEPEST} times")
        return x + stacked(x, value, outputs, path=f"{name}.", depth=depth + 1)
    layer = LAYERS[kind]
    given = settings(
        {kind: value} | rest, where, {kind: layer.kind} | dict(layer.options), required=layer.required
    )
    units = given.pop(kind)
    return layer.build(x, outputs if units == OUTPUTS else units, name=name, **given)
