"""Another value for each option of each public function that makes tensors, and a call of it.

Enters: nothing. Leaves: `CALLS`, for each function one call or several, and values of its options; `OTHERS`,
options that have a test of their own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import symdl as sd
from symdl import nn
from symdl.express.tensors import Tensor


def drawn(tensor: Tensor) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(str(tensor.name).encode()))
    return rng.uniform(0.05 if tensor.role == "state" else -1, 1, tensor.shape)


X = sd.tensor("x", (4, 6))
BEST = (drawn(X).argmax(1) + np.array([0, 0, 1, 1])) % 6  # two of four are right
CUBE = sd.tensor("cube", (2, 4, 6))
IMAGE = sd.tensor("image", (2, 4, 6, 6))
LINE = sd.tensor("line", (2, 4, 7))
STEPS = sd.tensor("steps", (2, 5, 4))
SQUARE = sd.tensor("square", (2, 3, 4))
MATRIX = sd.tensor("matrix", (3, 3))
FLAGS = np.array([[1, 0, 1, 1, 0, 1], [1, 1, 0, 0, 1, 1], [0, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0]])
ROWS = sd.constant(FLAGS[:, 0])
LABELS = sd.constant(np.array([0, 5, 2, 1]))
LENGTHS = sd.constant(np.array([3, 2]))
TARGET = sd.tensor("target", (4, 6))
MASKED = {"mask": sd.constant(FLAGS), "reduction": "sum"}
BY_ROW = {"mask": ROWS, "reduction": "sum"}
SEEN = sd.constant(np.where(np.add.outer(np.arange(5), np.arange(5)) % 3 == 1, np.eye(5), 1).astype(int))
WEIGHTS = [0.5, 1.0, 2.0, 0.25, 3.0, 0.75]
WINDOW = {"stride": 4, "padding": 1, "dilation": 2, "ceil": True}
FRAMES = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "activation": sd.tanh, "bias": False,
          "init": nn.fill(0.25)}  # fmt: skip
SPREAD = FRAMES | {"output_padding": 1}
NORMS = {"affine": False, "epsilon": 0.5}
RECURRENT = {"lengths": LENGTHS, "mask": sd.constant(np.array([[1, 1, 0, 1, 1], [1, 0, 1, 1, 1]])),
             "time_first": True, "reverse": True, "truncate": 1}  # fmt: skip
START = sd.tensor("start", (2, 3))
CACHE = sd.tensor("cache", (2, 2, 3, 2))
WHERE = {"where": sd.constant(FLAGS), "keepdims": True}
KEPT = {"axis": 1, "keepdims": True}
RUN = {"axis": 1, "reverse": True, "exclusive": True}
GAPS = sd.where(X > 0.9, np.nan, X)
SIGNS = sd.constant(2 * FLAGS[:, ::-1] - 1)
VOLUME = sd.tensor("volume", (2, 2, 5, 5, 5))

Sample = Callable[..., Any]


def pools(function: Any) -> tuple[Sample, ...]:
    """Several lengths and windows: whether something is left over depends on them."""
    axes = {"2d": 2, "3d": 3}.get(function.__name__[-2:], 1)

    def sample(length: int, window: int, **given: Any) -> Sample:
        x = sd.tensor(f"line{length}", (1, 2, *(length,) * axes))
        return lambda **o: function(x, window, **given | o)

    return sample(7, 2), sample(8, 3), sample(9, 4), sample(7, 3, padding=1)


CALLS: dict[str, tuple[Sample | tuple[Sample, ...], dict[str, Any]]] = {
    "sd.lambertw": (lambda **o: sd.lambertw(-0.3*sd.sigmoid(X), **o), {"branch": -1}),
    "sd.solve_triangular": (
        lambda **o: sd.solve_triangular(X[:, :4] + 3*sd.eye(4), X[:, 4], **o), {"lower": False}),
    "sd.zeta": (lambda **o: sd.zeta(2 + sd.sigmoid(X), **({"a": 1} | o)), {"a": 1 + sd.sigmoid(X)}),
    "sd.arange": (lambda **o: sd.arange(4, **o) * X[:, 0], {"start": 2, "step": 3}),
    "sd.argmax": (lambda **o: sd.argmax(X, **o), {"axis": 1, **WHERE}),
    "sd.argmin": (lambda **o: sd.argmin(X, **o), {"axis": 1, **WHERE}),
    "sd.argsort": (lambda **o: sd.argsort(X, **o), {"axis": 0, "descending": True}),
    "sd.cdist": (lambda **o: sd.cdist(X, TARGET, **o), {"order": 3}),
    "sd.cosine_similarity": (lambda **o: sd.cosine_similarity(X, TARGET, **o), {"axis": 0, "epsilon": 3.0}),
    "sd.cummax": (lambda **o: sd.cummax(X, **o), RUN),
    "sd.cummin": (lambda **o: sd.cummin(X, **o), RUN),
    "sd.diag": (lambda **o: sd.diag(MATRIX, **o), {"offset": 1}),
    "sd.diag_embed": (lambda **o: sd.diag_embed(X, **o), {"offset": 1}),
    "sd.eye": (lambda **o: sd.eye(3, **o) * X[0, 0], {"columns": 5, "offset": 1}),
    "sd.logcumsumexp": (lambda **o: sd.logcumsumexp(X, **o), RUN),
    "sd.median": (lambda **o: sd.median(X, **o), KEPT),
    "sd.meshgrid": (lambda **o: sd.meshgrid(X[0], X[:, 0], **o), {"indexing": "ij"}),
    "sd.isclose": (lambda **o: sd.where(sd.isclose(X, 0.5, **o), 1, X), {"rtol": 0.5, "atol": 0.25}),
    "sd.mode": (lambda **o: sd.mode(X, **o), {"axis": 0}),
    "sd.nanmax": (lambda **o: sd.nanmax(GAPS, **o), KEPT),
    "sd.nanmean": (lambda **o: sd.nanmean(GAPS, **o), KEPT),
    "sd.nanmedian": (lambda **o: sd.nanmedian(GAPS, **o), KEPT),
    "sd.nanmin": (lambda **o: sd.nanmin(GAPS, **o), KEPT),
    "sd.nanquantile": (lambda **o: sd.nanquantile(GAPS, 0.3, **o), {**KEPT, "method": "nearest"}),
    "sd.nansum": (lambda **o: sd.nansum(GAPS, **o), KEPT),
    "sd.quantile": (lambda **o: sd.quantile(X, 0.3, **o), {**KEPT, "method": "nearest"}),
    "sd.trace": (lambda **o: sd.trace(MATRIX, **o), {"offset": 1}),
    "sd.clip": (lambda **o: sd.clip(X, **({"low": -0.2} | o)), {"low": 0.1, "high": 0.3}),
    "sd.concatenate": (lambda **o: sd.concatenate([X, X], **o), {"axis": 1}),
    "sd.cumprod": (lambda **o: sd.cumprod(X, **o), {"axis": 1, "reverse": True, "exclusive": True}),
    "sd.cumsum": (lambda **o: sd.cumsum(X, **o), {"axis": 1, "reverse": True, "exclusive": True}),
    "sd.elementwise": (lambda **o: sd.elementwise(lambda v: v**2, LABELS, **o), {"dtype": "int64"}),
    "sd.flatten": (lambda **o: sd.flatten(IMAGE, **o), {"start": 1, "end": 2}),
    "sd.as_complex": (lambda **o: sd.as_complex(X, **o).im + 0 * X, {"im": 2}),
    "sd.dct": (lambda **o: sd.dct(X, **o), {"type": 3, "n": 5, "axis": 0, "norm": "ortho"}),
    "sd.fft": (lambda **o: sd.fft(X, **o).im, {"n": 5, "axis": 0, "norm": "ortho"}),
    "sd.fft2": (lambda **o: sd.fft2(CUBE, **o).im, {"s": (3, 5), "axes": (0, 1), "norm": "ortho"}),
    "sd.fft_convolve": (lambda **o: sd.fft_convolve(X, X, **o), {"axis": 0, "mode": "valid"}),
    "sd.fftfreq": (lambda **o: sd.fftfreq(6, **o) * X, {"d": 0.5}),
    "sd.fftn": (lambda **o: sd.fftn(CUBE, **o).im, {"s": (3, 3, 5), "axes": (1, 2), "norm": "ortho"}),
    "sd.fftshift": (lambda **o: sd.fftshift(X, **o), {"axes": 1}),
    "sd.idct": (lambda **o: sd.idct(X, **o), {"type": 3, "n": 5, "axis": 0, "norm": "ortho"}),
    "sd.ifft": (lambda **o: sd.ifft(X, **o).im, {"n": 5, "axis": 0, "norm": "ortho"}),
    "sd.ifft2": (lambda **o: sd.ifft2(CUBE, **o).im, {"s": (3, 5), "axes": (0, 1), "norm": "ortho"}),
    "sd.ifftn": (lambda **o: sd.ifftn(CUBE, **o).im, {"s": (3, 3, 5), "axes": (1, 2), "norm": "ortho"}),
    "sd.ifftshift": (lambda **o: sd.ifftshift(X, **o), {"axes": 1}),
    "sd.irfft": (lambda **o: sd.irfft(X, **o), {"n": 7, "axis": 0, "norm": "ortho"}),
    "sd.rfft": (lambda **o: sd.rfft(X, **o).im, {"n": 7, "axis": 0, "norm": "ortho"}),
    "sd.rfftfreq": (lambda **o: sd.rfftfreq(11, **o) * X, {"d": 0.5}),
    "sd.flip": (lambda **o: sd.flip(X, **o), {"axis": 1}),
    "sd.log_softmax": (lambda **o: sd.log_softmax(X, **o), {"axis": 0}),
    "sd.logsumexp": (lambda **o: sd.logsumexp(X, **o), {"axis": 1, **WHERE}),
    "sd.max": (lambda **o: sd.max(-X, **o), {"axis": 1, **WHERE}),
    "sd.mean": (lambda **o: sd.mean(X, **o), {"axis": 1, **WHERE}),
    "sd.min": (lambda **o: sd.min(X, **o), {"axis": 1, **WHERE}),
    "sd.norm": (lambda **o: sd.norm(X, **o), {**KEPT, "order": 3}),
    "sd.pad": (lambda **o: sd.pad(X, 2, **o), {"mode": "edge", "value": 3}),
    "sd.prod": (lambda **o: sd.prod(X, **o), {"axis": 1, **WHERE}),
    "sd.recurrence": (
        lambda **o: sd.recurrence(["h"], [(2, 5, 4)], lambda h: sd.tanh(h + STEPS), **({"axis": 1} | o)),
        {"axis": 0, "reverse": True, "truncate": 1, "initial": [sd.tensor("h0", (2, 4))]},
    ),
    "sd.reduction": (
        lambda **o: sd.reduction("max", -X, **o),
        {"axis": 1, **WHERE},
    ),
    "sd.repeat": (lambda **o: sd.repeat(X, 2, **o), {"axis": 1}),
    "sd.roll": (lambda **o: sd.roll(X, 1, **o), {"axis": 1}),
    "sd.scatter": (
        lambda **o: sd.scatter(
            sd.tensor("to", (4, 4)), sd.constant(FLAGS[:, :4]), X[:, :4], **({"op": "max"} | o)),
        {"axis": 1, "op": "add", "include_self": False},
    ),
    "sd.softmax": (lambda **o: sd.softmax(X, **o), {"axis": 0, "where": sd.constant(FLAGS)}),
    "sd.sort": (lambda **o: sd.sort(X, **o), {"axis": 0, "descending": True}),
    "sd.split": (lambda **o: sd.split(X, 2, **o), {"axis": 1}),
    "sd.squeeze": (lambda **o: sd.squeeze(X[None, :, None], **o), {"axis": 0}),
    "sd.stack": (lambda **o: sd.stack([X, X], **o), {"axis": 1}),
    "sd.std": (lambda **o: sd.std(X, **o), {"axis": 1, "correction": 1, "ddof": 2, **WHERE}),
    "sd.sum": (lambda **o: sd.sum(X, **o), {"axis": 1, **WHERE}),
    "sd.take": (lambda **o: sd.take(X, LABELS[2:], **o), {"axis": 1}),
    "sd.take_along_axis": (
        lambda **o: sd.take_along_axis(MATRIX, sd.constant(FLAGS[:3, :3]), **o), {"axis": 0}),
    "sd.tensordot": (lambda **o: sd.tensordot(X, X, **o), {"axes": (1, 1)}),
    "sd.top_k": (lambda **o: sd.top_k(X, 2, **o), {"axis": 0, "largest": False}),
    "sd.tril": (lambda **o: sd.tril(MATRIX, **o), {"diagonal": 1}),
    "sd.triu": (lambda **o: sd.triu(MATRIX, **o), {"diagonal": 1}),
    "sd.var": (lambda **o: sd.var(X, **o), {"axis": 1, "correction": 1, "ddof": 2, **WHERE}),
    "sd.leaky_relu": (lambda **o: sd.leaky_relu(X, **o), {"slope": 0.3}),
    "nn.accuracy": (
        lambda **o: nn.accuracy(X, sd.constant(BEST), **o),
        {"mask": ROWS, "ignore_label": int(BEST[0])},
    ),
    "nn.attention": (
        lambda **o: nn.attention(STEPS, STEPS + 1, STEPS * 2, name="a", **o),
        {"causal": True, "start": 2, "rate": 0.3, "mask": SEEN, "bias": sd.tensor("b", (5, 5)),
         "scale": 0.9, "softcap": 0.7},
    ),
    "nn.avg_pool": (pools(nn.avg_pool), {**WINDOW, "count_padding": False, "divisor": 5.0}),
    "nn.avg_pool1d": (pools(nn.avg_pool1d), {**WINDOW, "count_padding": False, "divisor": 5.0}),
    "nn.avg_pool2d": (pools(nn.avg_pool2d), {**WINDOW, "count_padding": False, "divisor": 5.0}),
    "nn.avg_pool3d": (pools(nn.avg_pool3d), {**WINDOW, "count_padding": False, "divisor": 5.0}),
    "nn.adaptive_pool": (lambda **o: nn.adaptive_pool(LINE, 3, **o), {"op": "max"}),
    "nn.batch_norm": (lambda **o: nn.batch_norm(X, name="p", **o), {**NORMS, "momentum": 0.4}),
    "nn.bidirectional": (
        lambda **o: nn.bidirectional(nn.rnn, STEPS, 3, name="p", **o), {"initial": (START, 2 * START)}),
    "nn.binary_cross_entropy": (
        lambda **o: nn.binary_cross_entropy(0.5 + 0.4 * X, TARGET, **o),
        {**MASKED, "positive_weight": 2.0, "from_logits": False}),
    "nn.binary_focal": (
        lambda **o: nn.binary_focal(X, sd.constant(FLAGS), **o), {**MASKED, "gamma": 1.5, "balance": 0.7}),
    "nn.celu": (lambda **o: nn.celu(X, **o), {"alpha": 0.5}),
    "nn.fill": (lambda **o: nn.fill(0.5), {}),
    "nn.conv1d": (lambda **o: nn.conv1d(LINE, 4, kernel_size=3, name="p", **o), FRAMES),
    "nn.conv2d": (lambda **o: nn.conv2d(IMAGE, 4, kernel_size=2, name="p", **o), FRAMES),
    "nn.conv3d": (lambda **o: nn.conv3d(VOLUME, 4, kernel_size=2, name="p", **o), FRAMES),
    "nn.conv_transpose3d": (
        lambda **o: nn.conv_transpose3d(VOLUME, 4, kernel_size=2, name="p", **({"stride": 3} | o)), SPREAD),
    "nn.cosine_embedding": (
        lambda **o: nn.cosine_embedding(X, TARGET, SIGNS[:, 0], **o), {**BY_ROW, "margin": -0.8}),
    "nn.conv_transpose1d": (
        lambda **o: nn.conv_transpose1d(LINE, 4, kernel_size=3, name="p", **({"stride": 3} | o)), SPREAD),
    "nn.conv_transpose2d": (
        lambda **o: nn.conv_transpose2d(IMAGE, 4, kernel_size=2, name="p", **({"stride": 3} | o)), SPREAD),
    "nn.convolution": (
        lambda **o: nn.convolution(
            LINE, sd.tensor("k", (4, 4 // o.get("groups", 1), 2)), **({"stride": 3} | o)),
        {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "transposed": True,
         "output_padding": 1, "bias": sd.tensor("b", (4,))},
    ),
    "nn.cross_entropy": (
        lambda **o: nn.cross_entropy(X, LABELS, **o),
        {**BY_ROW, "label_smoothing": 0.2, "class_weights": WEIGHTS, "ignore_label": 5},
    ),
    "nn.ctc": (
        tuple(lambda rows=rows, **o: nn.ctc(STEPS, sd.constant(np.array(rows)), **o)
              for rows in ([[1, 2, 1, 3], [3, 2, 1, 2]], [[1, 1, 1, 1], [1, 3, 1, 3]])),
        {"input_lengths": LENGTHS + 2, "label_lengths": sd.constant(np.array([4, 1])), "blank": 2,
         "zero_infinity": True, "reduction": "sum"},
    ),
    "nn.dense": (
        lambda **o: nn.dense(X, 3, name="p", **o),
        {"activation": sd.tanh, "bias": False, "init": nn.fill(0.5)},
    ),
    "nn.dice": (
        lambda **o: nn.dice(CUBE, sd.constant(np.stack([FLAGS, 1 - FLAGS])), **o),
        {"axis": 2, "smooth": 0.5, "from_logits": False, "reduction": "sum"}),
    "nn.dropout": (lambda **o: nn.dropout(X, **o), {"rate": 0.25, "seed": 3, "shared": 1}),
    "nn.alpha_dropout": (lambda **o: nn.alpha_dropout(X, **o), {"rate": 0.25, "seed": 3, "shared": 1}),
    "nn.cached_attention": (
        lambda **o: nn.cached_attention(STEPS, heads=2, name="p", **o),
        {"bias": False, "kv_heads": 1, "cache": (CACHE, 2 * CACHE)}),
    "nn.elu": (lambda **o: nn.elu(X, **o), {"alpha": 0.5}),
    "nn.embedding": (
        lambda **o: nn.embedding(LABELS, 6, 2, name="p", **o), {"init": nn.fill(0.5), "padding": 2}),
    "nn.embedding_bag": (
        lambda **o: nn.embedding_bag(sd.constant(FLAGS + 1), 6, 2, name="p", **o),
        {"init": nn.fill(0.5), "op": "sum", "mask": sd.constant(FLAGS)}),
    "nn.flatten": (lambda **o: nn.flatten(CUBE, **o), {}),
    "nn.focal": (lambda **o: nn.focal(X, LABELS, **o), {**BY_ROW, "gamma": 1.5, "class_weights": WEIGHTS}),
    "nn.gaussian_nll": (
        lambda **o: nn.gaussian_nll(X, TARGET, sd.exp(X) - 0.4, **o), {**MASKED, "epsilon": 0.8}),
    "nn.gelu": (lambda **o: nn.gelu(X, **o), {"approximate": True}),
    "nn.global_pool": (lambda **o: nn.global_pool(IMAGE, **o), {"op": "max"}),
    "nn.glu": (lambda **o: nn.glu(X, **o), {"axis": 0, "gate": sd.tanh}),
    "nn.affine_grid": (
        lambda **o: nn.affine_grid(sd.tensor("maps", (2, 2, 3)), (3, 4), **o), {"align_corners": True}),
    "nn.grid_sample": (
        lambda **o: nn.grid_sample(IMAGE, 1.4 * sd.tensor("grid", (2, 3, 5, 2)), **o),
        {"mode": "nearest", "padding": "border", "align_corners": True}),
    "nn.group_norm": (lambda **o: nn.group_norm(IMAGE, 2, name="p", **o), NORMS),
    "nn.gru": (lambda **o: nn.gru(STEPS, 3, name="p", **o), {**RECURRENT, "initial": START}),
    "nn.hard_sigmoid": (lambda **o: nn.hard_sigmoid(X, **o), {"slope": 0.3, "shift": 0.4}),
    "nn.hardtanh": (lambda **o: nn.hardtanh(X, **o), {"low": -0.2, "high": 0.3}),
    "nn.hinge": (lambda **o: nn.hinge(X, TARGET, **o), MASKED),
    "nn.hinge_embedding": (
        lambda **o: nn.hinge_embedding(sd.exp(X), SIGNS, **o), {**MASKED, "margin": 2.0}),
    "nn.huber": (lambda **o: nn.huber(3 * X, TARGET, **o), {**MASKED, "delta": 0.5}),
    "nn.info_nce": (
        lambda **o: nn.info_nce(X, TARGET, **o), {**BY_ROW, "temperature": 0.5, "symmetric": True}),
    "nn.instance_norm": (lambda **o: nn.instance_norm(IMAGE, name="p", **o), NORMS),
    "nn.kl_divergence": (lambda **o: nn.kl_divergence(X, sd.softmax(TARGET), **o),
                         {**BY_ROW, "from_logits": False, "log_target": True}),
    "nn.last_state": (
        lambda **o: nn.last_state(STEPS, **o),
        {"lengths": LENGTHS, "reverse": True, "bidirectional": True},
    ),
    "nn.layer_norm": (lambda **o: nn.layer_norm(CUBE, name="p", **o), {**NORMS, "axes": 2}),
    "nn.leaky_relu": (lambda **o: nn.leaky_relu(X, **o), {"slope": 0.3}),
    "nn.local_response_norm": (
        lambda **o: nn.local_response_norm(IMAGE, 3, **o), {"alpha": 0.5, "beta": 0.5, "bias": 2.0}),
    "nn.log_cosh": (lambda **o: nn.log_cosh(X, TARGET, **o), MASKED),
    "nn.log_softmax": (lambda **o: nn.log_softmax(X, **o), {"axis": 0}),
    "nn.lp_pool": (pools(nn.lp_pool), {**WINDOW, "order": 3}),
    "nn.lstm": (
        lambda **o: nn.lstm(STEPS, 3, name="p", **o),
        {**RECURRENT, "initial": (START, START), "project": 2}),
    "nn.margin_ranking": (lambda **o: nn.margin_ranking(X, TARGET, SIGNS, **o), {**MASKED, "margin": 0.5}),
    "nn.max_pool3d": (pools(nn.max_pool3d), WINDOW),
    "nn.multi_label_margin": (
        lambda **o: nn.multi_label_margin(X, sd.constant(FLAGS), **o), {**BY_ROW, "margin": 0.5}),
    "nn.multi_margin": (
        lambda **o: nn.multi_margin(X, LABELS, **o),
        {**BY_ROW, "margin": 0.5, "power": 2, "class_weights": WEIGHTS}),
    "nn.max_pool": (pools(nn.max_pool), WINDOW),
    "nn.max_pool1d": (pools(nn.max_pool1d), WINDOW),
    "nn.max_pool2d": (pools(nn.max_pool2d), WINDOW),
    "nn.mean_absolute_error": (lambda **o: nn.mean_absolute_error(X, TARGET, **o), MASKED),
    "nn.mean_squared_error": (lambda **o: nn.mean_squared_error(X, TARGET, **o), MASKED),
    "nn.multi_head_attention": (
        lambda **o: nn.multi_head_attention(STEPS, heads=2, name="p", **o),
        {"k": STEPS + 1, "v": 2 * STEPS, "causal": True, "bias": False, "kv_heads": 1, "rate": 0.3,
         "mask": SEEN},
    ),
    "nn.nll": (
        lambda **o: nn.nll(X, LABELS, **o), {**BY_ROW, "class_weights": WEIGHTS, "ignore_label": 5}),
    "nn.normal_noise": (
        lambda **o: nn.normal_noise((4, 6), name="p", **o) * X, {"seed": 4, "inference": X}),
    "nn.normalized": (lambda **o: nn.normalized(X, **o), {"axis": 0, "order": 1, "epsilon": 0.5}),
    "nn.pinball": (lambda **o: nn.pinball(X, TARGET, **o), {**MASKED, "quantile": 0.3}),
    "nn.poisson_nll": (lambda **o: nn.poisson_nll(X, sd.exp(TARGET), **o), MASKED),
    "nn.prelu": (lambda **o: nn.prelu(X, name="p", **o), {"axis": 1}),
    "nn.resample": (
        lambda **o: nn.resample(LINE, 2, 5, position=lambda i: i * sp.Rational(3, 2) - 1,
                                weight=lambda t: sp.Piecewise((2 - sp.Abs(t), sp.Abs(t) < 2), (0, True)),
                                reach=2, **o),
        {"repeat_edges": False, "normalized": True},
    ),
    "nn.resize": (
        lambda **o: nn.resize(LINE, **({"size": 5} if "scale" not in o else {}) | o),
        {"scale": 0.6, "mode": "cubic", "align_corners": True, "antialias": True},
    ),
    "nn.rms_norm": (lambda **o: nn.rms_norm(CUBE, name="p", **o), {**NORMS, "axes": 2}),
    "nn.rnn": (
        lambda **o: nn.rnn(STEPS, 3, name="p", **o),
        {**RECURRENT, "initial": START, "activation": sd.sin},
    ),
    "nn.rotary": (
        lambda **o: nn.rotary(STEPS, *nn.rotary_angles(5, 4), **o), {"interleaved": True}),
    "nn.rotary_angles": (lambda **o: nn.rotary_angles(5, 4, **o), {"base": 50.0}),
    "nn.shrink": (lambda **o: nn.shrink(X, **o), {"threshold": 0.1, "shift": 0.2}),
    "nn.silu": (lambda **o: nn.silu(X, **o), {"beta": 2.0}),
    "nn.soft_margin": (lambda **o: nn.soft_margin(X, SIGNS, **o), MASKED),
    "nn.softmax": (lambda **o: nn.softmax(X, **o), {"axis": 0, "where": sd.constant(FLAGS)}),
    "nn.thresholded_relu": (lambda **o: nn.thresholded_relu(X, **o), {"threshold": 0.1}),
    "nn.spectral_norm": (
        lambda **o: X @ nn.spectral_norm(TARGET, name="p", **o).T, {"iterations": 3, "epsilon": 0.5}),
    "nn.weight_norm": (lambda **o: X @ nn.weight_norm(TARGET, name="p", **o).T, {"axis": 0}),
    "nn.triplet": (
        lambda **o: nn.triplet(X, TARGET, 0.3 * TARGET + 0.1, **o),
        {**BY_ROW, "margin": 0.5, "order": 3, "swap": True, "epsilon": 0.5}),
}  # fmt: skip

OTHERS: dict[str, Any] = {
    "sd.max": {"ties": "split"}, "sd.min": {"ties": "split"}, "sd.reduction": {"ties": "split"},
    "sd.take": {"mode": "wrap"}, "sd.take_along_axis": {"mode": "wrap"}, "sd.scatter": {"mode": "wrap"},
    "nn.ctc": {"time_first": True}, "nn.last_state": {"time_first": True},
    "sd.recurrence": {"checkpoint": 2}, "nn.rnn": {"checkpoint": 2}, "nn.gru": {"checkpoint": 2},
    "nn.lstm": {"checkpoint": 2}, "nn.resize": {"size": 3}, "sd.elementwise": {"rule": "r"},
    "sd.expm": {"squarings": 2},
}  # fmt: skip
"""Options with a test of their own: slopes of ties, positions outside, the order of axes, norms beyond
squarings, memory and words only; `size` is the other form of `scale`."""
