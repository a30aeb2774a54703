"""One step of every optimizer against its published algorithm, written out in NumPy."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl import nn
from symdl.errors import ExpressionError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate
from tests.nn.stepping import KINDS, SLOPES, START, run


def test_sgd() -> None:
    values = run(nn.SGD(0.1))
    for name, start in START.items():
        expected = start - 0.1 * sum(s[name] for s in SLOPES)
        np.testing.assert_allclose(values[name], expected, rtol=1e-13)


def test_momentum() -> None:
    values = run(nn.Momentum(0.1, momentum=0.8))
    for name, start in START.items():
        velocity, expected = np.zeros_like(start), start
        for slopes in SLOPES:
            velocity = 0.8 * velocity + slopes[name]
            expected = expected - 0.1 * velocity
        np.testing.assert_allclose(values[name], expected, rtol=1e-13)


def test_adam() -> None:
    values = run(nn.Adam(0.05, beta1=0.8, beta2=0.95, epsilon=1e-6))
    for name, start in START.items():
        m, v, expected = np.zeros_like(start), np.zeros_like(start), start
        for t, slopes in enumerate(SLOPES, start=1):
            g = slopes[name]
            m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
            expected = expected - 0.05 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-6)
        np.testing.assert_allclose(values[name], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.SGD(-1.0),
        lambda: nn.Momentum(0.1, momentum=1.0),
        lambda: nn.Adam(beta2=1.5),
        lambda: nn.Adam("fast"),  # type: ignore[arg-type]
        lambda: nn.Nesterov(momentum=-0.1),
        lambda: nn.RMSProp(decay=1.0),
        lambda: nn.Adagrad(epsilon=-1.0),
        lambda: nn.AdamW(weight_decay=-0.1),
        lambda: nn.SGD(weight_decay={"w": -1.0}),
        lambda: nn.Clipped(nn.SGD()),
        lambda: nn.Clipped(nn.SGD(), norm=-1.0),
        lambda: nn.Clipped("sgd", norm=1.0),  # type: ignore[arg-type]
        lambda: nn.Clipped(nn.SGD, norm=1.0),  # type: ignore[arg-type]
        lambda: nn.SGD(True),
        lambda: nn.SGD(maximize=1),  # type: ignore[arg-type]
        lambda: nn.Lion(maximize="no"),  # type: ignore[arg-type]
        lambda: nn.Momentum(dampening=-1.0),
        lambda: nn.RMSProp(momentum=1.0),
        lambda: nn.RMSProp(centered=0),  # type: ignore[arg-type]
        lambda: nn.Adadelta(decay=1.0),
        lambda: nn.Adafactor(threshold=-1.0),
        lambda: nn.LAMB(beta1=1.0),
        lambda: nn.NAdam(momentum_decay=-1.0),
        lambda: nn.StepDecay(0.1, every=0),
        lambda: nn.CosineDecay(0.1, steps=2.5),
        lambda: nn.WarmUp(-0.1, 3),
    ],
    ids=itertools.count(),
)
def test_bad_settings_are_refused(make: Any) -> None:
    with pytest.raises(ExpressionError):
        make()


def test_numbers_of_numpy() -> None:
    assert nn.Adam(np.float32(0.5)).learning_rate == 0.5
    assert nn.SGD(weight_decay=np.float64(0.5)).weight_decay == 0.5


TORCH: dict[str, tuple[nn.Optimizer, Any]] = {
    "sgd": (nn.SGD(0.1, weight_decay=0.3), lambda o, p, m: o.SGD(p, 0.1, weight_decay=0.3, maximize=m)),
    "momentum": (
        nn.Momentum(0.1, weight_decay=0.3),
        lambda o, p, m: o.SGD(p, 0.1, momentum=0.9, weight_decay=0.3, maximize=m),
    ),
    "dampening": (
        nn.Momentum(0.1, momentum=0.8, dampening=0.4),
        lambda o, p, m: o.SGD(p, 0.1, momentum=0.8, dampening=0.4, maximize=m),
    ),
    "nesterov": (
        nn.Nesterov(0.1, momentum=0.8, weight_decay=0.3),
        lambda o, p, m: o.SGD(p, 0.1, momentum=0.8, nesterov=True, weight_decay=0.3, maximize=m),
    ),
    "rmsprop": (nn.RMSProp(0.1, decay=0.9), lambda o, p, m: o.RMSprop(p, 0.1, alpha=0.9, maximize=m)),
    "rmsprop with momentum": (
        nn.RMSProp(0.1, decay=0.9, momentum=0.7, weight_decay=0.1),
        lambda o, p, m: o.RMSprop(p, 0.1, alpha=0.9, momentum=0.7, weight_decay=0.1, maximize=m),
    ),
    "rmsprop, centered": (
        nn.RMSProp(0.1, decay=0.9, centered=True, momentum=0.7),
        lambda o, p, m: o.RMSprop(p, 0.1, alpha=0.9, centered=True, momentum=0.7, maximize=m),
    ),
    "adagrad": (nn.Adagrad(0.1), lambda o, p, m: o.Adagrad(p, 0.1, maximize=m)),
    "adadelta": (
        nn.Adadelta(0.9, weight_decay=0.1),
        lambda o, p, m: o.Adadelta(p, 0.9, rho=0.9, eps=1e-6, weight_decay=0.1, maximize=m),
    ),
    "adam": (
        nn.Adam(0.1, weight_decay=0.2),
        lambda o, p, m: o.Adam(p, 0.1, weight_decay=0.2, maximize=m),
    ),
    "amsgrad": (
        nn.Adam(0.1, beta2=0.6, amsgrad=True),
        lambda o, p, m: o.Adam(p, 0.1, betas=(0.9, 0.6), amsgrad=True, maximize=m),
    ),
    "adamw": (
        nn.AdamW(0.1, weight_decay=0.2),
        lambda o, p, m: o.AdamW(p, 0.1, weight_decay=0.2, maximize=m),
    ),
    "adamw, amsgrad": (
        nn.AdamW(0.1, beta2=0.6, amsgrad=True),
        lambda o, p, m: o.AdamW(p, 0.1, betas=(0.9, 0.6), amsgrad=True, maximize=m),
    ),
    "nadam": (
        nn.NAdam(0.1, weight_decay=0.2, momentum_decay=0.1),
        lambda o, p, m: o.NAdam(p, 0.1, weight_decay=0.2, momentum_decay=0.1, maximize=m),
    ),
    "radam": (
        nn.RAdam(0.1, weight_decay=0.2),
        lambda o, p, m: o.RAdam(p, 0.1, weight_decay=0.2, maximize=m),
    ),
    "radam, short": (
        nn.RAdam(0.1, beta2=0.6),
        lambda o, p, m: o.RAdam(p, 0.1, betas=(0.9, 0.6), maximize=m),
    ),
    "adamax": (
        nn.Adamax(0.1, weight_decay=0.2),
        lambda o, p, m: o.Adamax(p, 0.1, weight_decay=0.2, maximize=m),
    ),
    "adafactor": (
        nn.Adafactor(0.4, epsilon=1e-5),
        lambda o, p, m: o.Adafactor(p, 0.4, eps=(1e-5, 1e-3), maximize=m),
    ),
    "adafactor, other settings": (
        nn.Adafactor(0.4, power=0.5, minimum=2.0, threshold=1.2, weight_decay=0.2, epsilon=1e-5),
        lambda o, p, m: o.Adafactor(
            p, 0.4, beta2_decay=-0.5, eps=(1e-5, 2.0), d=1.2, weight_decay=0.2, maximize=m
        ),
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("name", TORCH)
def test_ten_steps_against_pytorch(name: str, maximize: bool) -> None:
    torch = pytest.importorskip("torch")
    ours: Any = TORCH[name][0]
    torch.set_default_dtype(torch.float64)  # of the numbers that it keeps by itself
    try:
        leaves = {key: torch.tensor(start, requires_grad=True) for key, start in START.items()}
        outside = TORCH[name][1](torch.optim, list(leaves.values()), maximize)
        for slopes in SLOPES:
            for key, leaf in leaves.items():
                leaf.grad = torch.tensor(slopes[key])
            outside.step()
    finally:
        torch.set_default_dtype(torch.float32)
    values = run(dataclasses.replace(ours, maximize=maximize))
    for key, leaf in leaves.items():
        np.testing.assert_allclose(values[key], leaf.detach().numpy(), rtol=1e-11)


def test_lamb() -> None:
    values = run(nn.LAMB(0.1, beta1=0.8, beta2=0.95, epsilon=1e-6, weight_decay=0.3))
    for name, start in START.items():
        m, v, expected = np.zeros_like(start), np.zeros_like(start), start
        for t, slopes in enumerate(SLOPES, start=1):
            g = slopes[name]
            m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
            u = (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-6) + 0.3 * expected
            expected = expected - 0.1 * np.sqrt((expected**2).sum()) / np.sqrt((u**2).sum()) * u
        np.testing.assert_allclose(values[name], expected, rtol=1e-12)


def test_lamb_of_zeros_takes_the_step_of_adam() -> None:
    p, g = parameter("p", (2,)), tensor("g", (2,))
    pairs = nn.LAMB(0.1, epsilon=0.0).updates([p], {p: g})
    states = {str(old.name): np.zeros(old.shape) for old, _ in pairs}
    given = {**states, "g": np.array([2.0, -3.0]), "learning_rate": np.array(0.1)}
    new = dict(pairs)[p]
    np.testing.assert_allclose(evaluate(collect([new]), given)[new], [-0.1, 0.1])


def test_a_loss_that_shall_rise_and_weights_that_shall_fall() -> None:
    """Of Lion and LAMB, which PyTorch does not have: the other sign of the gradient, not of the decay."""
    for make in (nn.Lion, nn.LAMB):
        up = run(make(0.1, weight_decay=0.3, maximize=True))
        mirrored = run(_Mirrored(make(0.1, weight_decay=0.3)))
        for name in START:
            np.testing.assert_allclose(up[name], mirrored[name], rtol=1e-12)


@dataclasses.dataclass(frozen=True)
class _Mirrored:
    optimizer: Any

    def updates(self, parameters: Any, gradients: Any) -> Any:
        return self.optimizer.updates(parameters, {p: -g for p, g in gradients.items()})


def test_lion() -> None:
    values = run(nn.Lion(0.1, beta1=0.8, beta2=0.9, weight_decay=0.5))
    for name, start in START.items():
        moment, expected = np.zeros_like(start), start
        for slopes in SLOPES:
            g = slopes[name]
            expected = expected - 0.1 * (np.sign(0.8 * moment + 0.2 * g) + 0.5 * expected)
            moment = 0.9 * moment + 0.1 * g
        np.testing.assert_allclose(values[name], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "decay", [{"w": 0.5}, lambda p: 0.5 if p.rank > 1 else 0.0], ids=["names", "function"]
)
def test_weight_decay_of_some_parameters(decay: Any) -> None:
    for make in (nn.SGD, nn.AdamW, nn.Lion):
        every, some, none = (run(make(0.1, weight_decay=d)) for d in (0.5, decay, 0.0))
        np.testing.assert_array_equal(some["w"], every["w"])
        np.testing.assert_array_equal(some["b"], none["b"])
        assert (some["w"] != none["w"]).all()


def test_clipping_by_value() -> None:
    values = run(nn.Clipped(nn.SGD(0.1), value=0.3))
    for name, start in START.items():
        expected = start - 0.1 * sum(np.clip(s[name], -0.3, 0.3) for s in SLOPES)
        np.testing.assert_allclose(values[name], expected, rtol=1e-12)


@pytest.mark.parametrize("limit", [0.5, 2.5, 100.0])
def test_clipping_by_global_norm(limit: float) -> None:
    values = run(nn.Clipped(nn.SGD(0.1), norm=limit))
    norms = [np.sqrt(sum((g**2).sum() for g in s.values())) for s in SLOPES]
    for name, start in START.items():
        steps = [s[name] * min(1, limit / n) for s, n in zip(SLOPES, norms, strict=True)]
        np.testing.assert_allclose(values[name], start - 0.1 * sum(steps), rtol=1e-12)


def test_value_is_clipped_before_the_norm() -> None:
    values = run(nn.Clipped(nn.SGD(1.0), value=0.2, norm=0.3))
    expected = START["b"]
    for s in SLOPES:
        clipped = {name: np.clip(g, -0.2, 0.2) for name, g in s.items()}
        norm = np.sqrt(sum((g**2).sum() for g in clipped.values()))
        expected = expected - clipped["b"] * min(1, 0.3 / norm)
    np.testing.assert_allclose(values["b"], expected, rtol=1e-12)


def test_a_zero_gradient_survives_clipping() -> None:
    p, g = parameter("p", (2,)), tensor("g", (2,))
    ((_, new),) = nn.Clipped(nn.SGD(nn.WarmUp(0.1, 1)), norm=1.0).updates([p], {p: g})[1:]
    found = evaluate(collect([new]), {"p": np.ones(2), "g": np.zeros(2), "step": 0.0})
    np.testing.assert_array_equal(found[new], np.ones(2))


def rates(schedule: Any, steps: int) -> list[float]:
    count = tensor("s")
    rate = elementwise(schedule, count)
    program = collect([rate])
    return [float(evaluate(program, {"s": float(s)})[rate]) for s in range(steps)]


def test_schedules() -> None:
    assert rates(nn.StepDecay(1.0, every=3, factor=0.5), 8) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    np.testing.assert_allclose(rates(nn.ExponentialDecay(2.0, 0.25, every=2), 4), [2, 1, 0.5, 0.25])
    cosine = [0.1 + 0.9 * (1 + np.cos(np.pi * s / 4)) / 2 for s in range(4)] + [0.1, 0.1]
    np.testing.assert_allclose(rates(nn.CosineDecay(1.0, 4, minimum=0.1), 6), cosine, rtol=1e-12)
    np.testing.assert_allclose(rates(nn.WarmUp(0.5, 4), 6), [0.125, 0.25, 0.375, 0.5, 0.5, 0.5])
    joined = rates(nn.WarmUp(nn.CosineDecay(1.0, 4, minimum=0.1), 2), 8)
    np.testing.assert_allclose(joined, [0.5, 1.0, *cosine], rtol=1e-12)


@pytest.mark.parametrize("every, start", [(3, 2), (7, 1), (41, 5), (49, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_rate_drops_at_the_step(every: int, start: int, dtype: Any) -> None:
    """Steps are counted exactly: ``49*(1/49) < 1`` in floating point."""
    count, n = tensor("s", (Dim("n"),)), 5 * every + start
    schedule = nn.WarmUp(nn.StepDecay(1.0, every=every, factor=0.5), start)
    expected = [(s + 1) / start if s < start else 0.5 ** ((s - start) // every) for s in range(n)]
    steps = np.arange(float(n))
    rate = elementwise(schedule, count)
    np.testing.assert_allclose(evaluate(collect([rate]), {"s": steps})[rate], expected, rtol=1e-12)
    np.testing.assert_allclose(compile(rate, dtype=dtype)(s=steps), expected, rtol=1e-6)


@pytest.mark.parametrize("make", KINDS)
def test_a_schedule_runs_with_the_steps(make: Any) -> None:
    """A rate that drops to 0 after two steps leaves the parameters where two steps took them."""
    first = run(make(lambda s: sp.Piecewise((sp.Rational(1, 10), s < 2), (0, True))))
    assert first["step"] == len(SLOPES)
    again = run(make(0.1), steps=2)
    np.testing.assert_allclose(first["w"], again["w"], rtol=1e-12)


def test_initializers_have_their_stated_spread() -> None:
    rng = np.random.default_rng(0)
    shape = (400, 300)
    assert nn.he()(shape, rng).std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    limit = np.sqrt(6 / 700)
    drawn = nn.glorot()(shape, rng)
    assert limit * 0.99 < np.abs(drawn).max() <= limit
    assert np.array_equal(nn.zeros()((3,), rng), np.zeros(3))
    assert 0.4 < nn.uniform(0.4, 0.5)((50,), rng).min()
