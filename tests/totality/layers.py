"""Layers on samples and images: affine, convolution, pooling, normalization, dropout, lookup."""

from __future__ import annotations

from typing import Any

import symdl as sd
from symdl import nn
from symdl.nn.resampling import linear_weight

from .case import Case, positions, positive, real

IMAGE = real("n", 2, 5, 4)
SMALL = real("n", 2, 3, 2)
SEQUENCE = real("n", 2, 5)


def _convolution(operation: str, x: Any, channels: int, setting: str = "", **options: Any) -> Case:
    """A convolution as a layer against the function of the same name."""
    name_ = operation.removeprefix("nn.")
    rest = {k: v for k, v in options.items() if k not in ("kernel_size", "bias")}

    def theirs(t: Any, x: Any, W: Any, b: Any = None) -> Any:
        return getattr(t.nn.functional, name_)(x, W, b, **rest)

    def ours(x: Any, *, name: str) -> Any:
        return getattr(nn, name_)(x, channels, name=name, **options)

    return Case(operation, ours, {"x": x}, theirs, setting)


CONVOLUTIONS = (
    _convolution("nn.conv1d", SEQUENCE, 3, kernel_size=3),
    _convolution("nn.conv1d", SEQUENCE, 2, "stride beyond the kernel", kernel_size=1, stride=3),
    _convolution("nn.conv2d", real("n", 2, 5, 3), 2, kernel_size=3, stride=2, padding=1),
    _convolution("nn.conv2d", IMAGE, 2, "dilated, uneven", kernel_size=(2, 1), dilation=2, padding=(1, 0),
                 stride=(1, 2)),
    _convolution("nn.conv2d", IMAGE, 4, "groups", kernel_size=2, groups=2, stride=2),
    _convolution("nn.conv2d", IMAGE, 2, "depthwise", kernel_size=2, groups=2),
    _convolution("nn.conv2d", IMAGE, 2, "whole image", kernel_size=(5, 4)),
    _convolution("nn.conv2d", real("n", 1, 1, 1), 1, "one pixel", kernel_size=1),
    _convolution("nn.conv3d", real("n", 1, 2, 3, 2), 2, kernel_size=2, padding=(0, 1, 0), bias=False),
    _convolution("nn.conv_transpose3d", real("n", 1, 2, 1, 2), 1, kernel_size=2, stride=2),
    _convolution("nn.conv_transpose1d", SEQUENCE, 3, kernel_size=3),
    _convolution("nn.conv_transpose1d", SEQUENCE, 2, "stride beyond the kernel", kernel_size=2, stride=3),
    _convolution("nn.conv_transpose2d", real("n", 2, 2, 2), 2, kernel_size=3, stride=2, padding=1,
                 bias=False),
    _convolution("nn.conv_transpose2d", SMALL, 4, "groups", kernel_size=2, groups=2, dilation=2),
    _convolution("nn.conv_transpose2d", SMALL, 1, "longer", kernel_size=2, stride=2, output_padding=1),
    Case("nn.convolution", lambda x, w: nn.convolution(nn.convolution(x, w, padding=1), w, stride=2),
         {"x": SEQUENCE, "w": real(2, 2, 3)},
         lambda t, x, w: t.nn.functional.conv1d(t.nn.functional.conv1d(x, w, padding=1), w, stride=2),
         "one kernel twice"),
    Case("nn.convolution", lambda x, w, b: nn.convolution(x, w, b, stride=(1, 2, 1), padding=(0, 1, 0)),
         {"x": real("n", 2, 2, 3, 2), "w": real(2, 2, 2, 2, 1), "b": real(2)},
         lambda t, x, w, b: t.nn.functional.conv3d(x, w, b, stride=(1, 2, 1), padding=(0, 1, 0)),
         "three axes"),
    Case("nn.conv1d", lambda x, name: nn.conv1d(x, 2, kernel_size=3, padding="same", activation=nn.tanh,
                                                name=name), {"x": real(2, 2, "n")},
         lambda t, x, W, b: t.nn.functional.conv1d(x, W, b, padding=1).tanh(), "symbolic length", (3, 1)),
)  # fmt: skip


def _pool(operation: str, x: Any, window: Any, setting: str = "", **options: Any) -> Case:
    name = operation.removeprefix("nn.")
    words = {"count_padding": "count_include_pad", "divisor": "divisor_override"}
    rest = {words.get(k, k): v for k, v in options.items()}

    def theirs(t: Any, x: Any) -> Any:
        return getattr(t.nn.functional, name)(x, window, **rest)

    return Case(operation, lambda x: getattr(nn, name)(x, window, **options), {"x": x}, theirs, setting)


POOLING = (
    _pool("nn.max_pool1d", SEQUENCE, 2),
    _pool("nn.max_pool1d", SEQUENCE, 1, "stride beyond the window", stride=3),
    _pool("nn.max_pool2d", IMAGE, 2),
    _pool("nn.max_pool2d", IMAGE, 3, "overlapping, padded", stride=1, padding=1),
    _pool("nn.max_pool2d", IMAGE, (2, 1), "dilated", stride=1, dilation=2),
    _pool("nn.avg_pool1d", SEQUENCE, 3, stride=2, padding=1),
    _pool("nn.avg_pool2d", IMAGE, 2),
    _pool("nn.avg_pool2d", IMAGE, 3, "padding not counted", stride=2, padding=1, count_padding=False),
    Case("nn.max_pool1d", lambda x: nn.max_pool1d(x, 2, ceil=True), {"x": SEQUENCE},
         lambda t, x: t.nn.functional.max_pool1d(x, 2, ceil_mode=True), "a last part"),
    Case("nn.max_pool", lambda x: nn.max_pool(x, 2), {"x": real("n", 1, 2, 3, 2)},
         lambda t, x: t.nn.functional.max_pool3d(x, 2)),
    Case("nn.avg_pool", lambda x: nn.avg_pool(x, 2, stride=1), {"x": real("n", 1, 2, 3, 2)},
         lambda t, x: t.nn.functional.avg_pool3d(x, 2, 1)),
    _pool("nn.max_pool3d", real("n", 1, 2, 3, 2), 2),
    _pool("nn.avg_pool3d", real("n", 1, 2, 3, 2), 2, stride=1, padding=1, divisor=3),
    Case("nn.adaptive_pool", lambda x: nn.adaptive_pool(x, (3, 2)), {"x": IMAGE},
         lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, (3, 2))),
    Case("nn.adaptive_pool", lambda x: nn.adaptive_pool(x, (2, None), op="max"), {"x": IMAGE},
         lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (2, 4)), "maximum"),
    Case("nn.lp_pool", lambda x: nn.lp_pool(x, 2, order=3), {"x": positive("n", 2, 5)},
         lambda t, x: t.nn.functional.lp_pool1d(x, 3, 2)),
    *(Case("nn.resize", lambda x, mode=mode: nn.resize(x, 4, mode=mode), {"x": SMALL},
           lambda t, x, theirs=theirs: t.nn.functional.interpolate(x, (4, 4), mode=theirs), mode)
      for mode, theirs in (("nearest", "nearest-exact"), ("linear", "bilinear"), ("cubic", "bicubic"))),
    Case("nn.resample",
         lambda x: nn.resample(x, 1, 3, position=lambda i: i / 2, weight=linear_weight, reach=1),
         {"x": real("n", 3)}, lambda t, x: t.stack([x[:, 0], (x[:, 0] + x[:, 1]) / 2, x[:, 1]], 1)),
    Case("nn.global_pool", nn.global_pool, {"x": IMAGE}, lambda t, x: x.mean((2, 3))),
    Case("nn.global_pool", lambda x: nn.global_pool(x, op="max"), {"x": IMAGE},
         lambda t, x: x.flatten(2).amax(2), "max"),
)  # fmt: skip


def _normalized(t: Any, x: Any, axes: Any) -> Any:
    return (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + 1e-5).sqrt()


def _column(value: Any) -> Any:
    return value[:, None, None]


STATES = {"running_mean": real(2), "running_variance": positive(2)}


def _moved(t: Any, x: Any, running_mean: Any, running_variance: Any) -> Any:
    axes = (0, 2, 3)
    return (
        0.9 * running_mean + 0.1 * x.mean(axes),
        0.9 * running_variance + 0.1 * x.var(axes),
    )


NORMS = (
    Case("nn.batch_norm", lambda x, name: nn.batch_norm(x, name=name), {"x": IMAGE},
         lambda t, x, gain, shift: _normalized(t, x, (0, 2, 3)) * _column(gain) + _column(shift),
         sizes=(3, 1)),
    Case("nn.batch_norm", lambda x, name: nn.batch_norm(x, affine=False, name=name), {"x": real("n", 3)},
         lambda t, x: _normalized(t, x, 0), "of rows", (3,)),
    Case("nn.training_updates",
         lambda x, name: [new for _, new in nn.training_updates(nn.batch_norm(x, name=name))],
         {"x": IMAGE}, _moved, sizes=(3, 1), drawn=STATES),
    Case("nn.inference", lambda x, name: nn.inference(nn.batch_norm(x, name=name)), {"x": IMAGE},
         lambda t, x, gain, shift, running_mean, running_variance:
         (x - _column(running_mean)) / (_column(running_variance) + 1e-5).sqrt() * _column(gain)
         + _column(shift), drawn=STATES),
    Case("nn.layer_norm", lambda x, name: nn.layer_norm(x, axes=2, name=name), {"x": real("n", 2, 3)},
         lambda t, x, gain, shift: t.nn.functional.layer_norm(x, (2, 3), gain, shift)),
    Case("nn.layer_norm", lambda x, name: nn.layer_norm(x, affine=False, name=name), {"x": real("n", 1)},
         lambda t, x: x * 0, "one feature"),
    Case("nn.rms_norm", lambda x, name: nn.rms_norm(x, epsilon=1e-4, name=name), {"x": real("n", 3)},
         lambda t, x, gain: x / ((x**2).mean(-1, keepdim=True) + 1e-4).sqrt() * gain),
    Case("nn.group_norm", lambda x, name: nn.group_norm(x, 2, name=name), {"x": real("n", 4, 3)},
         lambda t, x, gain, shift: _normalized(t, x.reshape(-1, 2, 6), 2).reshape(x.shape)
         * gain[:, None] + shift[:, None]),
    Case("nn.group_norm", lambda x, name: nn.group_norm(x, 2, affine=False, name=name),
         {"x": real("n", 2, 3)}, lambda t, x: _normalized(t, x, 2), "each channel"),
)  # fmt: skip


def _spectral(t: Any, x: Any, w: Any, u: Any, v: Any = None) -> Any:
    fixed, unit = w.detach(), t.nn.functional.normalize
    v = unit(u @ fixed, dim=0)
    return x @ (w / (unit(fixed @ v, dim=0) @ w @ v))


OTHERS = (
    Case("nn.instance_norm", lambda x, name: nn.instance_norm(x, name=name), {"x": real("n", 2, 3)},
         lambda t, x, gain, shift: _normalized(t, x, 2) * gain[:, None] + shift[:, None]),
    Case("nn.local_response_norm", lambda x: nn.local_response_norm(x, 3, alpha=0.5), {"x": real("n", 4, 2)},
         lambda t, x: t.nn.functional.local_response_norm(x, 3, 0.5, 0.75, 1.0), sizes=(3, 1)),
    # Its numbers come from its own generator; how they are spread is tested elsewhere.
    Case("nn.normal_noise", lambda x, name: nn.normal_noise(x.shape, name=name) * x,
         {"x": real("n", 3)}, None),
    Case("nn.dense", lambda x, name: nn.dense(x, 4, activation=nn.relu, name=name), {"x": real("n", 3)},
         lambda t, x, W, b: (x @ W + b).relu()),
    Case("nn.dense", lambda x, name: nn.dense(x, 2, bias=False, name=name), {"x": real("n", 2, 3)},
         lambda t, x, W: x @ W, "sequences"),
    Case("nn.dense", lambda x, name: nn.dense(x, 1, name=name), {"x": real("n", 1)},
         lambda t, x, W, b: x @ W + b, "one unit"),
    # The mask comes from its own generator; what is dropped is tested elsewhere.
    Case("nn.dropout", lambda x, name: nn.dropout(x, 0.4, name=name), {"x": real("n", 3)}, None),
    Case("nn.alpha_dropout", lambda x, name: nn.alpha_dropout(x, 0.4, name=name), {"x": real("n", 3)}, None),
    Case("sd.inference", lambda x, name: sd.inference(nn.dropout(x, name=name) * 2), {"x": real("n", 3)},
         lambda t, x: 2 * x, "dropout"),
    Case("sd.training_updates",
         lambda x, name: [new for _, new in sd.training_updates(nn.dropout(x, name=name))],
         {"x": real("n", 3)}, lambda t, x, step: step + 1, "dropout", order=0),
    Case("nn.embedding", lambda ids, name: nn.embedding(ids, 4, 3, name=name),
         {"ids": positions("n", 2, below=4)}, lambda t, ids, E: E[ids]),
    Case("nn.embedding_bag", lambda ids, name: nn.embedding_bag(ids, 4, 3, name=name),
         {"ids": positions("n", 2, below=4)}, lambda t, ids, E: E[ids].mean(1)),
    Case("nn.affine_grid", lambda x: nn.affine_grid(x, (2, 3)), {"x": real("n", 2, 3)},
         lambda t, x: t.nn.functional.affine_grid(x, [len(x), 1, 2, 3], align_corners=False), sizes=(3, 1)),
    Case("nn.grid_sample", nn.grid_sample, {"x": real("n", 1, 3, 2), "grid": real("n", 2, 2, 2)},
         lambda t, x, grid: t.nn.functional.grid_sample(x, grid, align_corners=False), sizes=(3, 1)),
    Case("nn.weight_norm", lambda x, v, name: x @ nn.weight_norm(v, name=name),
         {"x": real("n", 3), "v": real(3, 2)}, lambda t, x, v, gain: x @ (gain * v / (v**2).sum(0).sqrt())),
    Case("nn.spectral_norm", lambda x, w, name: x @ nn.spectral_norm(w, name=name),
         {"x": real("n", 3), "w": real(3, 2)}, _spectral, drawn={"u": positive(3), "v": positive(2)},
         order=1),
)  # fmt: skip

CASES = (*CONVOLUTIONS, *POOLING, *NORMS, *OTHERS)
