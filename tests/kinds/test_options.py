"""Options and arguments that do nothing, or something else.

The kind: an option is accepted and has no effect, alone or beside a second one. Every option of every public
function that makes tensors is given another value, and every two of them together: either something that can
be computed differs (values, shapes, slopes, updates, what inference does, first values), or the call is
refused. The right values of the first members come from closed forms and from NumPy.
"""

from __future__ import annotations

import inspect
import itertools
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl import nn
from symdl.errors import CompileError, DerivativeError, ExplainError, ExpressionError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate


def test_nearest_elements_with_aligned_corners() -> None:
    x = sd.tensor("x", (1, 1, 4))
    given = np.array([[[0.0, 3, 6, 9]]])
    found = sd.compile(nn.resize(x, 10, mode="nearest", align_corners=True))(x=given)
    np.testing.assert_array_equal(found[0, 0], [0, 0, 3, 3, 3, 6, 6, 6, 9, 9])
    found = sd.compile(nn.resize(x, 10, mode="nearest"))(x=given)
    np.testing.assert_array_equal(found[0, 0], [0, 0, 3, 3, 3, 6, 6, 9, 9, 9])
    down = sd.compile(nn.resize(x, 2, mode="nearest", align_corners=True))(x=given)
    np.testing.assert_array_equal(down[0, 0], [0, 9])


def test_options_that_cannot_apply() -> None:
    x, h, p = sd.tensor("x", (2, 3, 4)), sd.tensor("h", (2, 5, 4)), sd.tensor("p", (2, 4))
    lengths, s, t = sd.constant(np.array([2, 3])), sp.Symbol("s"), sp.Symbol("t")
    w = sd.tensor("w", (3, 3, 2))
    cases: list[Callable[[], Any]] = [
        lambda: nn.resize(x, 2, mode="nearest", antialias=True),
        lambda: nn.cross_entropy(p, sd.tensor("q", (2, 4)), ignore_label=1),
        lambda: nn.last_state(h, reverse=True, bidirectional=True),
        lambda: nn.last_state(h, reverse=True, lengths=lengths),
        lambda: sd.var(x, correction=1, ddof=1),
        lambda: x.std(0, correction=0, ddof=0),
        lambda: sd.pad(x, 1, mode="edge", value=2),
        lambda: sd.pad(x, 1, mode="wrap", value=0),
        lambda: sd.reduction("sum", x, ties="split"),
        lambda: sd.reduction("argmax", x, 1, ties="split"),
        lambda: nn.convolution(x, w, output_padding=1, stride=2),
        lambda: nn.bidirectional(nn.rnn, h, 2, name="b", reverse=True),
        lambda: sd.take(x, 1, mode="clip"),  # type: ignore[arg-type]
    ]
    for case in cases:
        with pytest.raises(ExpressionError):
            case()
    with pytest.raises(CompileError):
        sd.compile(s + t, facts=[sd.sums_to_one(x)])
    options: dict[str, Any]
    with pytest.raises(ExplainError, match="is for a tensor"):
        sd.derive(s * t, s, facts=[sd.sums_to_one(x)])
    with pytest.raises(ExplainError, match="is for gradients"):
        sd.derive(s * t, s, form="differential", order=2)
    for options in ({"where": {s: t}}, {"name": "g"}, {"symbols": [s]}, {"parameters": [s]}):
        with pytest.raises(ExplainError, match="is for an expression"):
            sd.derive((x**2).sum(), x, **options)


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
WHERE = {"where": sd.constant(FLAGS), "keepdims": True}

Sample = Callable[..., Any]


def pools(function: Any) -> tuple[Sample, ...]:
    """Several lengths and windows: whether something is left over depends on them."""
    axes = 2 if "2d" in function.__name__ else 1

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
    "sd.clip": (lambda **o: sd.clip(X, **({"low": -0.2} | o)), {"low": 0.1, "high": 0.3}),
    "sd.concatenate": (lambda **o: sd.concatenate([X, X], **o), {"axis": 1}),
    "sd.cumprod": (lambda **o: sd.cumprod(X, **o), {"axis": 1, "reverse": True, "exclusive": True}),
    "sd.cumsum": (lambda **o: sd.cumsum(X, **o), {"axis": 1, "reverse": True, "exclusive": True}),
    "sd.elementwise": (lambda **o: sd.elementwise(lambda v: v**2, LABELS, **o), {"dtype": "int64"}),
    "sd.flatten": (lambda **o: sd.flatten(CUBE, **o), {"start": 1}),
    "sd.flip": (lambda **o: sd.flip(X, **o), {"axis": 1}),
    "sd.log_softmax": (lambda **o: sd.log_softmax(X, **o), {"axis": 0}),
    "sd.logsumexp": (lambda **o: sd.logsumexp(X, **o), {"axis": 1, **WHERE}),
    "sd.max": (lambda **o: sd.max(-X, **o), {"axis": 1, **WHERE}),
    "sd.mean": (lambda **o: sd.mean(X, **o), {"axis": 1, **WHERE}),
    "sd.min": (lambda **o: sd.min(X, **o), {"axis": 1, **WHERE}),
    "sd.norm": (lambda **o: sd.norm(X, **o), {"order": 3}),
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
        lambda **o: sd.scatter(sd.tensor("to", (4, 4)), sd.constant(FLAGS[:, :4]), X[:, :4], **o),
        {"axis": 1, "op": "add"},
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
        lambda **o: nn.attention(STEPS, STEPS + 1, STEPS * 2, **o),
        {"causal": True, "mask": SEEN, "bias": sd.tensor("b", (5, 5)),
         "scale": 0.9, "softcap": 0.7},
    ),
    "nn.avg_pool": (pools(nn.avg_pool), {**WINDOW, "count_padding": False}),
    "nn.avg_pool1d": (pools(nn.avg_pool1d), {**WINDOW, "count_padding": False}),
    "nn.avg_pool2d": (pools(nn.avg_pool2d), {**WINDOW, "count_padding": False}),
    "nn.batch_norm": (lambda **o: nn.batch_norm(X, name="p", **o), {**NORMS, "momentum": 0.4}),
    "nn.bidirectional": (
        lambda **o: nn.bidirectional(nn.rnn, STEPS, 3, name="p", **o), {"initial": (START, 2 * START)}),
    "nn.binary_cross_entropy": (
        lambda **o: nn.binary_cross_entropy(X, TARGET, **o), {**MASKED, "positive_weight": 2.0}),
    "nn.celu": (lambda **o: nn.celu(X, **o), {"alpha": 0.5}),
    "nn.fill": (lambda **o: nn.fill(0.5), {}),
    "nn.conv1d": (lambda **o: nn.conv1d(LINE, 4, kernel_size=3, name="p", **o), FRAMES),
    "nn.conv2d": (lambda **o: nn.conv2d(IMAGE, 4, kernel_size=2, name="p", **o), FRAMES),
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
    "nn.dropout": (lambda **o: nn.dropout(X, **o), {"rate": 0.25, "seed": 3}),
    "nn.elu": (lambda **o: nn.elu(X, **o), {"alpha": 0.5}),
    "nn.embedding": (lambda **o: nn.embedding(LABELS, 6, 2, name="p", **o), {"init": nn.fill(0.5)}),
    "nn.flatten": (lambda **o: nn.flatten(CUBE, **o), {}),
    "nn.focal": (lambda **o: nn.focal(X, LABELS, **o), {**BY_ROW, "gamma": 1.5, "class_weights": WEIGHTS}),
    "nn.gaussian_nll": (
        lambda **o: nn.gaussian_nll(X, TARGET, sd.exp(X) - 0.4, **o), {**MASKED, "epsilon": 0.8}),
    "nn.gelu": (lambda **o: nn.gelu(X, **o), {"approximate": True}),
    "nn.global_pool": (lambda **o: nn.global_pool(IMAGE, **o), {"op": "max"}),
    "nn.glu": (lambda **o: nn.glu(X, **o), {"axis": 0, "gate": sd.tanh}),
    "nn.group_norm": (lambda **o: nn.group_norm(IMAGE, 2, name="p", **o), NORMS),
    "nn.gru": (lambda **o: nn.gru(STEPS, 3, name="p", **o), {**RECURRENT, "initial": START}),
    "nn.hard_sigmoid": (lambda **o: nn.hard_sigmoid(X, **o), {"slope": 0.3, "shift": 0.4}),
    "nn.hardtanh": (lambda **o: nn.hardtanh(X, **o), {"low": -0.2, "high": 0.3}),
    "nn.hinge": (lambda **o: nn.hinge(X, TARGET, **o), MASKED),
    "nn.huber": (lambda **o: nn.huber(3 * X, TARGET, **o), {**MASKED, "delta": 0.5}),
    "nn.info_nce": (
        lambda **o: nn.info_nce(X, TARGET, **o), {**BY_ROW, "temperature": 0.5}),
    "nn.instance_norm": (lambda **o: nn.instance_norm(IMAGE, name="p", **o), NORMS),
    "nn.kl_divergence": (lambda **o: nn.kl_divergence(X, sd.softmax(TARGET), **o), BY_ROW),
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
    "nn.lstm": (lambda **o: nn.lstm(STEPS, 3, name="p", **o), {**RECURRENT, "initial": (START, START)}),
    "nn.max_pool": (pools(nn.max_pool), WINDOW),
    "nn.max_pool1d": (pools(nn.max_pool1d), WINDOW),
    "nn.max_pool2d": (pools(nn.max_pool2d), WINDOW),
    "nn.mean_absolute_error": (lambda **o: nn.mean_absolute_error(X, TARGET, **o), MASKED),
    "nn.mean_squared_error": (lambda **o: nn.mean_squared_error(X, TARGET, **o), MASKED),
    "nn.multi_head_attention": (
        lambda **o: nn.multi_head_attention(STEPS, heads=2, name="p", **o),
        {"k": STEPS + 1, "v": 2 * STEPS, "causal": True, "bias": False,
         "mask": SEEN},
    ),
    "nn.nll": (
        lambda **o: nn.nll(X, LABELS, **o), {**BY_ROW, "class_weights": WEIGHTS, "ignore_label": 5}),
    "nn.normal_noise": (
        lambda **o: nn.normal_noise((4, 6), name="p", **o) * X, {"seed": 4, "inference": X}),
    "nn.normalized": (lambda **o: nn.normalized(X, **o), {"epsilon": 0.5}),
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
    "nn.softmax": (lambda **o: nn.softmax(X, **o), {"axis": 0, "where": sd.constant(FLAGS)}),
    "nn.thresholded_relu": (lambda **o: nn.thresholded_relu(X, **o), {"threshold": 0.1}),
    "nn.triplet": (
        lambda **o: nn.triplet(X, TARGET, TARGET + 0.1, **o), {**BY_ROW, "margin": 0.5}),
}  # fmt: skip

OTHERS: dict[str, Any] = {
    "sd.max": {"ties": "split"}, "sd.min": {"ties": "split"}, "sd.reduction": {"ties": "split"},
    "sd.take": {"mode": "wrap"}, "sd.take_along_axis": {"mode": "wrap"}, "sd.scatter": {"mode": "wrap"},
    "nn.ctc": {"time_first": True}, "nn.last_state": {"time_first": True},
    "sd.recurrence": {"checkpoint": 2}, "nn.rnn": {"checkpoint": 2}, "nn.gru": {"checkpoint": 2},
    "nn.lstm": {"checkpoint": 2}, "nn.resize": {"size": 3}, "sd.elementwise": {"rule": "r"},
}  # fmt: skip
"""Options with a test of their own: slopes of ties, positions outside, the order of axes, memory and words
only; `size` is the other form of `scale`."""

APART = {
    *"sd.Model sd.Style sd.Tensor sd.SymdlError sd.Collection sd.tensor sd.parameter sd.define".split(),
    *"sd.compile sd.derive sd.components sd.compose sd.grad sd.hessian sd.jacobian sd.hvp".split(),
    *"sd.check_gradients sd.update_rules sd.generic_gradient sd.generic_jacobian sd.error_curve".split(),
    *"sd.annotate sd.compare sd.worksheet sd.formula sd.fact sd.load sd.flat sd.from_onnx sd.to_onnx".split(),
    *"sd.origin sd.fit sd.target sd.to_torch sd.to_jax sd.function sd.vmap sd.per_sample_grad".split(),
    *"sd.activation_figure sd.unit_svg sd.two_spaces sd.constant sd.sums_to_one".split(),
    *"nn.glorot nn.he nn.uniform nn.state".split(),
}
"""No functions from tensors to tensors: what they do with their options is tested where they are."""


def options_of(function: Any) -> list[str]:
    """The options of a function: what has a default, but for names."""
    found = inspect.signature(function).parameters.values()
    return [p.name for p in found if p.default is not p.empty and p.name not in ("name", "facts")]


def public() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, module in (("sd", sd), ("nn", nn)):
        found |= {f"{key}.{name}": getattr(module, name) for name in module.__all__}
    return {k: f for k, f in found.items() if callable(f) and not k[3].isupper() and k not in APART}


def test_every_option_has_a_value_here() -> None:
    for key, function in public().items():
        wanted = set(options_of(function))
        known = set(CALLS[key][1] if key in CALLS else {}) | set(OTHERS.get(key, {}))
        assert wanted <= known, (key, wanted - known)


def outcome(sample: Sample, options: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """All that can be computed of a result, None if the call is refused."""
    try:
        result = sample(**options)
    except sd.SymdlError:
        return None
    outputs = [t for t in (result if isinstance(result, tuple) else (result,)) if isinstance(t, Tensor)]
    given = collect(outputs).inputs
    moving = [t for t in given if t.dtype == "real" and t.role in ("input", "parameter")]
    curved = [((t * t + t).sum() if t.rank else t * t + t) for t in outputs if t.dtype == "real"]
    slopes: tuple[Any, ...] = ()
    if curved and moving:
        with suppress(DerivativeError):  # an accuracy has none
            slopes = sd.grad(curved[0] if len(curved) == 1 else curved[0] + 2 * curved[1], moving)
    updates = [new for _, new in sd.training_updates(*outputs)]
    wanted = [*outputs, *slopes, *updates, *sd.inference(*outputs)]
    program = collect(wanted)
    arrays = evaluate(program, {str(t.name): drawn(t) for t in program.inputs if t.value is None})
    starts = [t.init(t.shape, np.random.default_rng(0)) for t in sd.parameters(*outputs) if t.init]
    return tuple((np.shape(a), np.asarray(a).tobytes()) for a in (*(arrays[t] for t in wanted), *starts))


@cache
def seen(key: str, chosen: tuple[str, ...]) -> tuple[Any, ...]:
    """The outcomes of all samples of a function with these options."""
    samples, values = CALLS[key]
    samples = samples if isinstance(samples, tuple) else (samples,)
    return tuple(outcome(sample, {name: values[name] for name in chosen}) for sample in samples)


@pytest.mark.parametrize("key", [key for key, (_, options) in CALLS.items() if options])
def test_every_option_and_every_pair_does_something(key: str) -> None:
    """What two options give is neither what one of them gives, nor what the defaults give."""
    options = tuple(CALLS[key][1])
    assert any(outcome is not None for outcome in seen(key, ()))
    for one in options:
        assert seen(key, (one,)) != seen(key, ()), f"{key}({one}=...) does nothing"
    for pair in itertools.combinations(options, 2):
        for one, other in (pair, pair[::-1]):
            refused = not any(seen(key, pair))
            assert refused or seen(key, pair) != seen(key, (one,)), (
                f"{key}: {other} beside {one} does nothing"
            )
