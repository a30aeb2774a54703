"""Options and arguments that do nothing, or something else.

The kind: an option is accepted and has no effect, alone or beside a second one. Every option of every public
function that makes tensors is given another value, and every two of them together: either something that can
be computed differs (values, shapes, slopes, updates, what inference does, first values), or the call is
refused. The right values of the first members come from closed forms and from NumPy.
"""

from __future__ import annotations

import inspect
import itertools
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
from tests.kinds.options import CALLS, OTHERS, Sample, drawn


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


APART = {
    *"sd.Model sd.Style sd.Tensor sd.SymdlError sd.Collection sd.tensor sd.parameter sd.define".split(),
    *"sd.compile sd.derive sd.components sd.compose sd.grad sd.hessian sd.jacobian sd.hvp".split(),
    *"sd.check_gradients sd.update_rules sd.generic_gradient sd.generic_jacobian sd.error_curve".split(),
    *"sd.annotate sd.compare sd.worksheet sd.formula sd.fact sd.load sd.flat sd.from_onnx sd.to_onnx".split(),
    *"sd.origin sd.fit sd.target sd.to_torch sd.to_jax sd.function sd.vmap sd.per_sample_grad".split(),
    *"sd.activation_figure sd.unit_svg sd.two_spaces sd.constant sd.sums_to_one".split(),
    *"sd.bfloat16 sd.expectation sd.derive_expectation sd.taylor sd.complex_tensor".split(),
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
