"""One step of every optimizer against its published algorithm, written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.errors import ExpressionError
from symdl.express.build import parameter, tensor
from symdl.express.program import collect
from symdl.run.reference import evaluate

RNG = np.random.default_rng(3)
START = {"w": RNG.normal(size=(2, 3)), "b": RNG.normal(size=3)}
SLOPES = [{"w": RNG.normal(size=(2, 3)), "b": RNG.normal(size=3)} for _ in range(4)]


def run(optimizer: nn.Optimizer) -> dict[str, Any]:
    """Run four steps with given gradients and return the parameters."""
    learned = [parameter("w", (2, 3)), parameter("b", (3,))]
    gradients = {p: tensor(f"{p.name}.g", p.shape) for p in learned}
    pairs = optimizer.updates(learned, gradients)
    program = collect([], updates=pairs)
    values: dict[str, Any] = dict(START)
    for state in program.inputs:
        if state.role == "state":
            assert state.init is not None
            values[str(state.name)] = state.init(state.shape, np.random.default_rng(0))
    for slopes in SLOPES:
        given = {**values, **{f"{name}.g": g for name, g in slopes.items()}}
        computed = evaluate(program, given)
        values.update({str(old.name): computed[new] for old, new in pairs})
    return values


def test_sgd() -> None:
    values = run(nn.SGD(0.1))
    for name, start in START.items():
        expected = start - 0.1 * sum(s[name] for s in SLOPES)
        np.testing.assert_allclose(values[name], expected, rtol=1e-13)


def test_momentum() -> None:
    values = run(nn.Momentum(0.1, momentum=0.8))
    for name, start in START.items():
        velocity, expected = 0.0, start
        for slopes in SLOPES:
            velocity = 0.8 * velocity + slopes[name]
            expected = expected - 0.1 * velocity
        np.testing.assert_allclose(values[name], expected, rtol=1e-13)


def test_adam() -> None:
    values = run(nn.Adam(0.05, beta1=0.8, beta2=0.95, epsilon=1e-6))
    for name, start in START.items():
        m, v, expected = 0.0, 0.0, start
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
    ],
    ids=["negative rate", "momentum 1", "beta 1.5", "text"],
)
def test_bad_settings_are_refused(make: Any) -> None:
    with pytest.raises(ExpressionError):
        make()


def test_initializers_have_their_stated_spread() -> None:
    rng = np.random.default_rng(0)
    shape = (400, 300)
    assert nn.he()(shape, rng).std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    limit = np.sqrt(6 / 700)
    drawn = nn.glorot()(shape, rng)
    assert limit * 0.99 < np.abs(drawn).max() <= limit
    assert np.array_equal(nn.zeros()((3,), rng), np.zeros(3))
    assert 0.4 < nn.uniform(0.4, 0.5)((50,), rng).min()
