"""Every layer as a compiled kernel: value and gradients against the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.express import functions, joining, padding, patterns, repeating, scattering, selecting, statistics
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.compile import compile
from symdl.run.reference import evaluate

N = Dim("n")
ROWS, IMAGES = tensor("x", (N, 4)), tensor("x", (N, 4, 6, 7))
WORDS, IDS = tensor("x", (N, 5, 6)), tensor("ids", (N,), dtype="int64")
SIDES = ((0, 0), (0, 0), (1, 2), (2, 0))
MASK = tensor("mask", (N, 4), dtype="int64")

LAYERS: dict[str, Callable[[], Tensor]] = {
    "conv2d": lambda: nn.conv2d(IMAGES, 4, kernel_size=3, stride=2, padding=1, name="c"),
    "grouped": lambda: nn.conv2d(IMAGES, 4, kernel_size=3, groups=2, name="c"),
    "depthwise": lambda: nn.conv2d(IMAGES, 4, kernel_size=3, groups=4, padding=1, name="c"),
    "transposed": lambda: nn.conv_transpose2d(IMAGES, 4, kernel_size=3, stride=2, padding=1, name="c"),
    "max_pool2d": lambda: nn.max_pool2d(IMAGES, 3, stride=2, padding=1),
    "avg_pool2d": lambda: nn.avg_pool2d(IMAGES, 3, stride=2, padding=1, count_padding=False),
    "longer": lambda: nn.conv_transpose2d(IMAGES, 4, kernel_size=3, stride=2, output_padding=1, name="c"),
    "one window more": lambda: (
        nn.max_pool2d(IMAGES, 2, stride=3, ceil=True) + nn.avg_pool2d(IMAGES, 2, stride=3, ceil=True)
    ),
    "lp_pool": lambda: nn.lp_pool(IMAGES, 2, order=3),
    "local_response_norm": lambda: nn.local_response_norm(IMAGES, 3),
    "batch_norm": lambda: nn.batch_norm(IMAGES, name="b"),
    "layer_norm": lambda: nn.layer_norm(IMAGES, name="l"),
    "group_norm": lambda: nn.group_norm(IMAGES, 2, name="g"),
    "rms_norm": lambda: nn.rms_norm(ROWS, name="r"),
    "attention": lambda: nn.multi_head_attention(WORDS, heads=2, causal=True, name="m"),
    "embedding": lambda: nn.embedding(IDS, 4, 3, name="e"),
    "prelu": lambda: nn.prelu(IMAGES, name="p", axis=1),
}

OPERATIONS: dict[str, Callable[[], Tensor]] = {
    "smooth units": lambda: nn.mish(nn.gelu(nn.silu(nn.softsign(ROWS)), approximate=True)),
    "bent units": lambda: nn.selu(nn.elu(ROWS)) + nn.hardtanh(ROWS) + nn.relu6(ROWS),
    "functions": lambda: functions.erf(ROWS) + functions.expm1(ROWS) * functions.cosh(ROWS),
    "joins": lambda: joining.concatenate([padding.pad(ROWS, 1), padding.pad(ROWS**2, 1)], 1),
    "margins": lambda: padding.pad(padding.pad(IMAGES, SIDES, mode="reflect"), 1, mode="wrap"),
    "copies": lambda: repeating.tile(repeating.repeat(ROWS, 2), (1, 3)) * 2,
    "triangles": lambda: patterns.tril(WORDS, 1) + repeating.roll(WORDS, 2),
    "scatter": lambda: scattering.scatter(
        ROWS, tensor("ids", (3, 4), dtype="int64"), tensor("u", (3, 4)), op="multiply", mode="wrap"
    ),
    "rounding": lambda: functions.mod(ROWS, 0.75) + ROWS * functions.rint(ROWS),
    "cumprod": lambda: statistics.cumprod(ROWS, reverse=True, exclusive=True),
    "shrinking units": lambda: (
        nn.shrink(nn.hard_swish(nn.celu(ROWS)), 0.2, shift=0.1) + nn.glu(repeating.tile(ROWS, 2))
    ),
    "stack": lambda: joining.stack([ROWS, 3 * ROWS], 1),
    "take": lambda: selecting.take(ROWS, tensor("ids", (3,), dtype="int64"), 1),
    "clip": lambda: selecting.clip(ROWS, -0.5, 0.5) * selecting.one_hot(IDS, 4),
    "prod": lambda: ROWS.prod(1) + ROWS.min(1),
    "ties": lambda: ROWS.max(1, ties="split"),
    "cumsum": lambda: ROWS.cumsum(),
    "masked": lambda: ROWS.mean(1, where=MASK) + statistics.reduction("max", ROWS, 1, where=MASK),
    "masked logsumexp": lambda: statistics.reduction("logsumexp", ROWS, 1, where=ROWS > -2),
    "std": lambda: ROWS.std(1, correction=1),
    "cross entropy": lambda: nn.cross_entropy(ROWS, IDS, label_smoothing=0.1, class_weights=[1, 2, 3, 4]),
    "focal": lambda: nn.focal(ROWS, IDS) + nn.huber(ROWS, 2 * ROWS, name=None),
    "contrastive": lambda: nn.info_nce(nn.normalized(ROWS), nn.normalized(ROWS * ROWS)),
}


def drawn(t: Tensor) -> Any:
    rng = np.random.default_rng(len(str(t.name)))
    shape = [5 if size == N else size for size in t.shape]
    if t is MASK:
        return rng.integers(0, 2, size=shape) | np.eye(4, dtype=int)[0]
    return rng.integers(0, 4, size=shape) if t.dtype == "int64" else rng.normal(size=shape)


FLOAT32 = ("conv2d", "max_pool2d", "batch_norm", "attention")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, "float64") for name in (*LAYERS, *OPERATIONS)] + [(name, "float32") for name in FLOAT32],
)
def test_kernel(name: str, dtype: str) -> None:
    loss = (({**LAYERS, **OPERATIONS})[name]() ** 2).sum()
    inputs = collect([loss]).inputs
    wrt = [t for t in inputs if t.dtype == "real"]
    values = {str(t.name): drawn(t) for t in inputs}
    derivative = differentiate(loss, wrt)
    given = {str(t.name): values[str(t.name)] for t in derivative.program.inputs}
    expected = evaluate(derivative.program, given)
    real = {k: v if v.dtype.kind == "i" else v.astype(dtype) for k, v in values.items()}
    value, gradients = compile(loss, wrt=wrt, dtype=dtype)(**real)
    close = 1e-10 if dtype == "float64" else 2e-4
    np.testing.assert_allclose(value, expected[loss], rtol=close)
    slopes = {str(t.name): expected[derivative.gradient(t)] for t in wrt}
    # Relative to the largest gradient: one of them may be zero by cancellation.
    scale = max(1.0, *(float(np.abs(slope).max()) for slope in slopes.values()))
    for key, slope in slopes.items():
        np.testing.assert_allclose(gradients[key] / scale, slope / scale, atol=close, err_msg=key)
