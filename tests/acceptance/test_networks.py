"""Layers and networks: composition, sigmoids in between, the slides' network, a script, steps of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.printers.latex import latex
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .slides import lines_of, same

m, n, k = sd.Dim("m"), sd.Dim("n"), sd.Dim("k")
i, j = sd.indices("i j")
W, x, b = sd.tensor("W", (m, n)), sd.tensor("x", (n,)), sd.tensor("b", (m,))
U, c = sd.tensor("U", (k, m)), sd.tensor("c", (k,))


def affine(activation: Any) -> tuple[sd.Tensor, sd.Tensor]:
    y = sd.define("y", (i,), activation(sd.Sum(W[i, j] * x[j], j) + b[i]))
    z = sd.define("z", (i,), activation(sd.Sum(U[i, j] * y[j], j) + c[i]))
    return y, z


def test_linear_layers_are_one_layer() -> None:
    _, z = affine(lambda u: u)
    derivation = sd.compose(z, x)
    shown = lines_of(derivation, "Composition")
    same(shown[0], "z = U (W x + b) + c")
    same(shown[1], "= U W x + U b + c")
    same(shown[2], "= (U W) x + (U b + c)")
    same(shown[3], "= V x + d")
    assert [s.rule for s in derivation.steps if s.kind in ("matrix", "result")] == [
        "substitute",
        "expand",
        "collect",
        "define",
    ]
    new = lines_of(derivation, "The new layer")
    same(new[0], "V = U W")
    same(new[1], "d = U b + c")
    about = derivation.steps[-2].about
    assert about is not None and latex(about) == r"k \times n"
    rows = lines_of(sd.generic_jacobian(z, x, sizes={"m": 2, "n": 1, "k": 1}))
    same(rows[1], r"= \begin{bmatrix} W_{11} U_{11} + W_{21} U_{12} \end{bmatrix}")


def sigma(u: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(-u))


def test_with_sigmoids_they_do_not_collapse() -> None:
    _, z = affine(sigma)
    with pytest.raises(ExplainError, match="do not collapse"):
        sd.compose(z, x)
    program = collect([z])
    rng = np.random.default_rng(0)
    values = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=3), "U": rng.normal(size=(2, 3))}
    values["c"] = rng.normal(size=2)

    def at(point: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(outputs(program, {**values, "x": point})[0])

    p, q = rng.normal(size=2), rng.normal(size=2)
    assert np.max(np.abs(at(p) + at(q) - at(p + q) - at(np.zeros(2)))) > 1e-3  # an affine map gives 0


def test_jacobian_through_sigmoids() -> None:
    """dz/dx = diag(z(1-z)) U diag(y(1-y)) W, by the adjoint record for every seed."""
    y, z = affine(sigma)
    g = sd.tensor("g", (k,))
    gradient = sd.grad((z * g).sum(), x)
    rng = np.random.default_rng(1)
    values = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=3), "x": rng.normal(size=2)}
    values |= {"U": rng.normal(size=(2, 3)), "c": rng.normal(size=2)}
    here_y, here_z = (np.asarray(v) for v in outputs(collect([y, z]), values))
    jacobian = np.diag(here_z * (1 - here_z)) @ values["U"] @ np.diag(here_y * (1 - here_y)) @ values["W"]
    for row in range(2):
        seed = np.eye(2)[row]
        (found,) = outputs(collect([gradient]), {**values, "g": seed})
        np.testing.assert_allclose(found, jacobian[row], rtol=1e-10)
    shown = [latex(s.right) for s in sd.derive((z * g).sum(), x).steps]
    assert any(r"\odot" in s and "1 - z" in s for s in shown)


def network(batch: Any = None) -> sd.Tensor:
    samples = batch or sd.Dim("N")
    h = sd.nn.dense(sd.tensor("X", (samples, 6)), 5, activation=sd.relu, name="first")
    h = sd.nn.dense(h, 4, activation=sd.relu, name="second")
    return sd.nn.cross_entropy(sd.nn.dense(h, 3, name="third"), sd.tensor("t", (samples,), dtype="int64"))


def test_network_gradients_read_like_a_textbook() -> None:
    loss = network()
    shown: dict[str, str] = {}
    for name in ("third", "second", "first"):
        for letter in "Wb":
            derivation = sd.derive(loss, f"{name}.{letter}")
            for step in derivation.steps:
                if step.left is not None and step.rule not in (
                    "in the given symbols",
                    "in the named symbols",
                ):
                    shown[latex(step.left)] = latex(step.right)
    mark = {name: rf"^{{(\mathrm{{{name}}})}}" for name in ("first", "second", "third")}
    same(shown[rf"\bar Z{mark['third']}"], r"\frac{1}{N} (P - Y)")
    same(shown[rf"\bar W{mark['third']}"], rf"A^{{(\mathrm{{second}})\top}} \bar Z{mark['third']}")
    same(shown[rf"\bar b{mark['third']}"], r"\bar Z^{(\mathrm{third})\top} \mathbf{1}")
    same(
        shown[rf"\bar Z{mark['second']}"],
        rf"\bar A{mark['second']} \odot [Z{mark['second']} > 0]",
    )
    same(shown[rf"\bar A{mark['second']}"], rf"\bar Z{mark['third']} W^{{(\mathrm{{third}})\top}}")
    same(shown[rf"\bar W{mark['first']}"], rf"X^\top \bar Z{mark['first']}")


def test_network_four_ways() -> None:
    loss = network()
    rng = np.random.default_rng(2)
    at: dict[str, Any] = {
        t.name: rng.normal(size=[7 if isinstance(s, sd.Dim) else s for s in t.shape])
        for t in collect([loss]).inputs
    }
    at["t"] = rng.integers(0, 3, 7)
    report = sd.check_gradients(loss, at=at)
    assert report.ok, str(report)


def test_a_script_as_short_as_the_slides() -> None:
    """The slides build the network in eight lines; so does this, with the training in one more."""
    samples = sd.Dim("N")
    x_node = sd.tensor("X", (samples, 6))
    y_target = sd.tensor("t", (samples,), dtype="int64")
    relu1 = sd.nn.dense(x_node, 10, activation=sd.relu, name="Dense-First")
    relu2 = sd.nn.dense(relu1, 20, activation=sd.relu, name="Dense-Second")
    logits = sd.nn.dense(relu2, 3, name="Dense-Third")
    loss = sd.nn.cross_entropy(logits, y_target)
    model = sd.Model(loss, output=logits, target="python")
    rng = np.random.default_rng(0)
    t = rng.integers(0, 3, 150)
    X = rng.normal(size=(150, 6)) + 3 * np.eye(6)[t]
    report = model.fit(
        {"X": X[:120], "t": t[:120]},
        optimizer=sd.nn.SGD(0.3),
        batch_size=64,
        epochs=12,
        validation=0.2,
        patience=4,
        test={"X": X[120:], "t": t[120:]},
    )
    text = str(report)
    for word in ("epoch", "loss", "validation loss", "stopped", "test: loss"):
        assert word in text
    assert report.test_loss is not None and report.test_loss < 0.9
    assert [e.number for e in report.epochs] == list(range(1, len(report.epochs) + 1))
