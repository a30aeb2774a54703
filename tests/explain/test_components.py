"""Component form and composition: every line has the value of what stands at its left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.printers.latex import latex
from symdl.explain.sections import Step
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

from .shown import Shown, dims_of

m, n = sd.Dim("m"), sd.Dim("n")
i, j = sd.indices("i j")
w, x, b = sd.tensor("w", (m, n)), sd.tensor("x", (n,)), sd.tensor("b", (m,))


def world(output: Tensor) -> Shown:
    rng = np.random.default_rng(0)
    size: dict[Any, int] = {m: 2, n: 3}
    program = collect([output])
    values = {str(t.name): rng.normal(size=[size.get(s, s) for s in t.shape]) for t in program.inputs}
    arrays = evaluate(program, values)
    return Shown(arrays, dims_of({t: arrays[t] for t in program.inputs}))


def sides(derivation: Derivation) -> list[tuple[Any, Step]]:
    left: Any = None
    found = []
    for step in derivation.steps:
        left = step.left if step.left is not None else left
        found.append((left, step))
    return found


def outputs() -> dict[str, Tensor]:
    y = sd.define("y", (i,), sd.Sum(w[i, j] * x[j], j) + b[i])
    return {
        "affine": y,
        "scaled": sd.define("s", (i,), 2 * sd.Sum(w[i, j] * x[j], j) - b[i] ** 2),
        "sigmoid": sd.define("s", (i,), 1 / (1 + sp.exp(-b[i]))),
        "outer": sd.define("A", (i, j), b[i] * x[j]),
        "norm": sd.define("q", (), sd.Sum(x[i] ** 2, i)),
        "mean": sd.define("q", (), sd.Sum(b[i] - 1, i) / m),
        "maximum": sd.define("q", (), sd.Max(x[i], i)),
        "logsumexp": sd.define("q", (), sd.LogSumExp(x[i], i)),
    }


@pytest.mark.parametrize("kind", list(outputs()))
def test_every_component_has_its_value(kind: str) -> None:
    tensor = outputs()[kind]
    shown = world(tensor)
    derivation = sd.components(tensor, sizes={"m": 2, "n": 3})
    checked = 0
    for section in derivation.sections:
        if section.title in ("Components", "Written out"):
            for left, step in sides(Derivation((), (section,), None)):
                np.testing.assert_allclose(
                    np.squeeze(shown.value(step.right)), np.squeeze(shown.value(left)), rtol=1e-12
                )
                checked += 1
    assert checked >= 1


@pytest.mark.parametrize("layers", [2, 3])
def test_composition_keeps_its_value(layers: int) -> None:
    h: Tensor = sd.tensor("X", (n, 3))
    start = h
    for number in range(layers):
        h = sd.nn.dense(h, 2 + number, name=f"layer{number}")
    derivation = sd.compose(h, start)
    shown = world(h)
    for left, step in sides(derivation):
        if step.rule in ("substitute", "expand", "collect"):
            np.testing.assert_allclose(shown.value(step.right), shown.value(left), rtol=1e-12)
    (matrix,) = [s for s in derivation.steps if s.rule == "of shape"]
    assert matrix.about is not None and latex(matrix.about) == rf"3 \times {1 + layers}"


def test_errors() -> None:
    with pytest.raises(ExplainError, match="no component form"):
        sd.components(x)
    with pytest.raises(ExplainError, match="too many components"):
        sd.components(outputs()["affine"], sizes={"m": 100, "n": 3})
    with pytest.raises(ExplainError, match="no vector"):
        sd.generic_gradient("f", w)
    with pytest.raises(ExplainError, match="not affine"):
        sd.compose(sd.define("z", (i,), b[i] + 1), x)


def test_updates_of_every_optimizer_can_be_read() -> None:
    theta = sd.parameter("theta", (3,))
    for optimizer in (sd.nn.SGD(0.1), sd.nn.Momentum(0.1), sd.nn.Nesterov(0.1), sd.nn.Adam(0.1)):
        steps = sd.update_rules(optimizer, [theta]).steps
        assert steps[-1].left is not None and r"\theta_{p+1" in latex(steps[-1].left)
        assert any(r"\nabla_\theta L" in latex(s.right) for s in steps)
        assert all("gradient" not in latex(s.right) for s in steps)


def test_positions_are_counted_from_1_in_every_section() -> None:
    z = sd.tensor("z", (3,))
    page = sd.components(z * z[1]).text()
    assert "u[i] = z[2]·z[i]" in page and "u[1] = z[2]·z[1]" in page
    assert "z[0]" not in page
