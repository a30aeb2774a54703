"""Layers on given weights: convolutions, pooling, norms, resampling, attention, lookups."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import symdl as sd

from ..sample import Absent, Spelling


def apart(x: Any, axes: int, f: Callable[[Any], Any]) -> Any:
    """Apply to a batch what is given without one: `axes` counts those behind the batch."""
    return f(x) if x.rank > axes else sd.squeeze(f(sd.expand_dims(x, 0)), 0)


def numbers(value: Any, axes: int) -> Any:
    return (value,) * axes if isinstance(value, int | float) else tuple(value) * (axes // len(value))


def conv(axes: int) -> Callable[..., Any]:
    def ours(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        size = [numbers(v, axes) for v in (stride, dilation)]
        if padding == "same":
            total = [d * (k - 1) for d, k in zip(size[1], weight.shape[2:], strict=True)]
            pads = [(t // 2, t - t // 2) for t in total]
            x = sd.pad(x, [(0, 0)] * (x.rank - axes) + pads)
        within = 0 if isinstance(padding, str) else numbers(padding, axes)
        return apart(
            x,
            axes + 1,
            lambda x: sd.nn.convolution(
                x, weight, bias, stride=size[0], padding=within, dilation=size[1], groups=groups
            ),
        )

    return ours


def conv_transpose(axes: int) -> Callable[..., Any]:
    def ours(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        return apart(
            x,
            axes + 1,
            lambda x: sd.nn.convolution(
                x,
                weight,
                bias,
                stride=numbers(stride, axes),
                padding=numbers(padding, axes),
                dilation=numbers(dilation, axes),
                groups=groups,
                transposed=True,
                output_padding=numbers(output_padding, axes),
            ),
        )

    return ours


def pooled(
    pool: Callable[..., Any],
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil: bool,
    **own: Any,
) -> Any:
    """Pool along `axes`; an empty stride is that of PyTorch for none."""
    options = {"stride": numbers(stride, axes) if stride not in (None, ()) else None, "ceil": ceil} | own
    within = numbers(padding, axes)
    return apart(x, axes + 1, lambda x: pool(x, numbers(kernel_size, axes), padding=within, **options))


def avg_pool(axes: int) -> Callable[..., Any]:
    def ours(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> Any:
        own = {
            "count_padding": count_include_pad or divisor_override is not None,
            "divisor": divisor_override,
        }
        return pooled(sd.nn.avg_pool, axes, x, kernel_size, stride, padding, ceil_mode, **own)

    return ours


def max_pool(axes: int) -> Callable[..., Any]:
    def ours(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        own = {"dilation": numbers(dilation, axes)}
        return pooled(sd.nn.max_pool, axes, x, kernel_size, stride, padding, ceil_mode, **own)

    return ours


def adaptive(axes: int, op: Any) -> Callable[..., Any]:
    def ours(x: Any, output_size: Any, return_indices: bool = False) -> Any:
        size = numbers(output_size, axes) if isinstance(output_size, int) else tuple(output_size)
        size = size * axes if len(size) < axes else size
        size = tuple(n if s is None else s for s, n in zip(size, x.shape[-axes:], strict=True))
        if 0 in size:
            raise Absent("an axis of no elements")
        return apart(x, axes + 1, lambda x: sd.nn.adaptive_pool(x, size, op=op))

    return ours


def first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    found = sd.tensordot(x, weight, (-1, -1)) if weight.rank > 1 else sd.sum(x * weight, -1)
    return found if bias is None else found + bias


def _along_channels(t: Any, x: Any) -> Any:
    return t.reshape(*(-1 if a == 1 else 1 for a in range(x.rank)))


def _affine(unit: Any, weight: Any, bias: Any, place: Callable[[Any], Any] = lambda t: t) -> Any:
    unit = unit if weight is None else unit * place(weight)
    return unit if bias is None else unit + place(bias)


def batch_norm(
    x: Any,
    mean: Any,
    variance: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    def place(t: Any) -> Any:
        return _along_channels(t, x)

    if training:
        return _affine(sd.nn.batch_norm(x, affine=False, epsilon=eps, name="norm"), weight, bias, place)
    return _affine((x - place(mean)) / sd.sqrt(place(variance) + eps), weight, bias, place)


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    def place(t: Any) -> Any:
        return _along_channels(t, x)

    if not use_input_stats:
        return _affine((x - place(running_mean)) / sd.sqrt(place(running_var) + eps), weight, bias, place)
    return _affine(sd.nn.instance_norm(x, affine=False, epsilon=eps, name="norm"), weight, bias, place)


def layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    unit = sd.nn.layer_norm(x, axes=len(shape), affine=False, epsilon=eps, name="norm")
    return _affine(unit, weight, bias)


def rms_norm(x: Any, shape: Any, weight: Any = None, eps: Any = None) -> Any:
    eps = 2.220446049250313e-16 if eps is None else eps
    return _affine(sd.nn.rms_norm(x, axes=len(shape), affine=False, epsilon=eps, name="norm"), weight, None)


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    unit = sd.nn.group_norm(x, groups, affine=False, epsilon=eps, name="norm")
    return _affine(unit, weight, bias, lambda t: _along_channels(t, x))


def native_layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    return layer_norm(x, shape, weight, bias, eps)


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    return sd.nn.local_response_norm(x, size, alpha=alpha, beta=beta, bias=k)


def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Any:
    axes = x.rank - 2
    named: Any = {
        "linear": "linear",
        "bilinear": "linear",
        "trilinear": "linear",
        "bicubic": "cubic",
        "nearest": "floor",
        "nearest-exact": "nearest",
        "area": "area",
    }[mode]
    if size is not None:
        size = numbers(size, axes)
    if size is None and (named == "area" or recompute_scale_factor):
        size = [math.floor(n * s) for n, s in zip(x.shape[2:], numbers(scale_factor, axes), strict=True)]
    if named == "area":
        return sd.nn.adaptive_pool(x, size)
    scale: Any = numbers(scale_factor, axes) if size is None else None
    if named == "floor":
        for a, n in enumerate(x.shape[2:]):
            m, step = (size[a], n / size[a]) if size else (math.floor(n * scale[a]), 1 / scale[a])
            x = sd.take(x, sd.constant([min(math.floor(i * step), n - 1) for i in range(m)]), a + 2)
        return x
    return sd.nn.resize(x, size, scale=scale, mode=named, align_corners=bool(align_corners))


def upsample(mode: str, corners: Any) -> Callable[..., Any]:
    def ours(x: Any, size: Any = None, scale_factor: Any = None) -> Any:
        return interpolate(x, size, scale_factor, mode, corners)

    return ours


def softmax(f: Callable[..., Any]) -> Callable[..., Any]:
    def ours(x: Any, dim: Any = -1, *_: Any, **__: Any) -> Any:
        return f(x.reshape(1)).reshape(()) if x.rank == 0 else f(x, dim)

    return ours


def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    return x / sd.maximum(sd.norm(x, dim, order=p, keepdims=True), eps)


def attention(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Any:
    from symdl.express.conditions import Condition

    if dropout_p:
        raise Absent("PyTorch's random numbers")
    if enable_gqa:
        k, v = (sd.repeat(t, q.shape[-3] // t.shape[-3], -3) for t in (k, v))
    given = (
        {"mask" if isinstance(attn_mask, Condition) else "bias": attn_mask} if attn_mask is not None else {}
    )
    return sd.nn.attention(q, k, v, causal=is_causal, scale=scale, **given)


def grid_sample(
    x: Any, grid: Any, mode: Any = "bilinear", padding_mode: Any = "zeros", align_corners: Any = False
) -> Any:
    mode = ("bilinear", "nearest", "bicubic")[mode] if isinstance(mode, int) else mode
    padding_mode = (
        ("zeros", "border", "reflection")[padding_mode] if isinstance(padding_mode, int) else padding_mode
    )
    return sd.nn.grid_sample(x, grid, mode=mode, padding=padding_mode, align_corners=bool(align_corners))


def embedding(weight: Any, ids: Any, padding_idx: Any = None, max_norm: Any = None, **_: Any) -> Any:
    if max_norm is not None:
        raise Absent("weights changed in place")
    found = sd.take(weight, ids)
    if padding_idx is not None:
        at = sd.expand_dims(sd.where(sd.equal(ids, padding_idx % weight.shape[0]), 1, 0), -1)
        found = sd.where(sd.not_equal(at, 0), sd.stop_gradient(found), found)
    return found


def glu(x: Any, dim: int = -1) -> Any:
    return sd.nn.glu(x, dim)


def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    r = upscale_factor
    *batch, c, h, w = x.shape
    n = len(batch)
    x = x.reshape(*batch, c // r**2, r, r, h, w)
    x = sd.transpose(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return x.reshape(*batch, c // r**2, h * r, w * r)


def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    r = downscale_factor
    *batch, c, h, w = x.shape
    n = len(batch)
    x = x.reshape(*batch, c, h // r, r, w // r, r)
    x = sd.transpose(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return x.reshape(*batch, c * r * r, h // r, w // r)


def channel_shuffle(x: Any, groups: int) -> Any:
    batch, channels, *rest = x.shape
    return sd.swapaxes(x.reshape(batch, groups, channels // groups, *rest), 1, 2).reshape(x.shape)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    def windows(x: Any) -> Any:
        n, c = x.shape[:2]
        k, d, p, s = (numbers(v, 2) for v in (kernel_size, dilation, padding, stride))
        x = sd.pad(x, ((0, 0), (0, 0), (p[0], p[0]), (p[1], p[1])))
        for axis in (0, 1):
            count = (x.shape[2 + 2 * axis] - d[axis] * (k[axis] - 1) - 1) // s[axis] + 1
            places = [[r * d[axis] + i * s[axis] for i in range(count)] for r in range(k[axis])]
            x = sd.take(x, sd.constant(places), 2 + 2 * axis)
        x = sd.transpose(x, (0, 1, 2, 4, 3, 5))
        return x.reshape(n, c * k[0] * k[1], -1)

    return apart(x, 3, windows)


def without_chance(f: Callable[..., Any] = lambda x: x) -> Callable[..., Any]:
    def ours(x: Any, p: float = 0.5, training: bool = True, **_: Any) -> Any:
        if training and p not in (0, 1):
            raise Absent("PyTorch's random numbers")
        return x * 0 if training and p == 1 else x

    return ours


SPELLINGS = {
    **{f"nn.functional.conv{n}d": Spelling(conv(n)) for n in (1, 2, 3)},
    **{f"nn.functional.conv_transpose{n}d": Spelling(conv_transpose(n)) for n in (1, 2, 3)},
    **{f"nn.functional.avg_pool{n}d": Spelling(avg_pool(n)) for n in (1, 2, 3)},
    **{f"nn.functional.max_pool{n}d": Spelling(max_pool(n), first) for n in (1, 2, 3)},
    **{f"nn.functional.adaptive_avg_pool{n}d": Spelling(adaptive(n, "mean")) for n in (1, 2, 3)},
    **{f"nn.functional.adaptive_max_pool{n}d": Spelling(adaptive(n, "max"), first) for n in (1, 2, 3)},
    **{
        f"nn.functional.interpolate.{mode}": Spelling(interpolate)
        for mode in ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area")
    },
    "nn.functional.upsample_bilinear": Spelling(upsample("bilinear", True)),
    "nn.functional.upsample_nearest": Spelling(upsample("nearest", None)),
    "nn.functional.linear": Spelling(linear),
    "nn.functional.batch_norm": Spelling(batch_norm),
    "nn.functional.instance_norm": Spelling(instance_norm),
    "nn.functional.layer_norm": Spelling(layer_norm),
    "nn.functional.rms_norm": Spelling(rms_norm),
    "nn.functional.group_norm": Spelling(group_norm),
    "native_layer_norm": Spelling(native_layer_norm, first),
    "nn.functional.local_response_norm": Spelling(local_response_norm),
    "nn.functional.normalize": Spelling(normalize),
    "softmax": Spelling(softmax(sd.softmax)),
    "softmax.with_dtype": Spelling(softmax(sd.softmax)),
    "log_softmax": Spelling(softmax(sd.log_softmax)),
    "log_softmax.with_dtype": Spelling(softmax(sd.log_softmax)),
    "nn.functional.softmin": Spelling(softmax(lambda x, *a: sd.softmax(-x, *a))),
    "nn.functional.softmin.with_dtype": Spelling(softmax(lambda x, *a: sd.softmax(-x, *a))),
    "nn.functional.scaled_dot_product_attention": Spelling(attention),
    "nn.functional.grid_sample": Spelling(grid_sample),
    "grid_sampler_2d": Spelling(grid_sample),
    "nn.functional.embedding": Spelling(embedding),
    "nn.functional.glu": Spelling(glu),
    "nn.functional.pixel_shuffle": Spelling(pixel_shuffle),
    "nn.functional.pixel_unshuffle": Spelling(pixel_unshuffle),
    "nn.functional.channel_shuffle": Spelling(channel_shuffle),
    "nn.functional.unfold": Spelling(unfold),
    **{
        f"nn.functional.{name}": Spelling(without_chance())
        for name in ("dropout", "dropout2d", "dropout3d", "alpha_dropout")
    },
}
