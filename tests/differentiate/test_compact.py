"""The compact form of derivatives: the same values, fewer sums, every rewrite value-checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.compact import compact
from symdl.express.program import collect
from symdl.express.tensors import Access
from symdl.nn import layers
from symdl.run.reference.interpreter import evaluate, evaluate_equation
from tests.differentiate.oracles import assert_close

m = sd.Dim("m")
x = sd.tensor("x", (m, 4))
u = sd.tensor("u", (m, 4))
image = sd.tensor("image", (m, 2, 3, 3))
seen = sd.tensor("seen", (m, 2, 3, 3))


def textbook() -> sd.Tensor:
    i, j = sd.indices("i j")
    gamma, beta = sd.tensor("gamma", (4,)), sd.tensor("beta", (4,))
    mu = sd.define("mu", (j,), sd.Sum(x[i, j], i) / m)
    v = sd.define("v", (j,), sd.Sum((x[i, j] - mu[j]) ** 2, i) / m)
    sigma = sd.define("sigma", (j,), sp.sqrt(v[j] + sp.Rational(1, 1000)))
    unit = sd.define("x_hat", (i, j), (x[i, j] - mu[j]) / sigma[j])
    return sd.define("y", (i, j), gamma[j] * unit[i, j] + beta[j])


LOSSES: dict[str, tuple[Callable[[], sd.Tensor], sd.Tensor]] = {
    "textbook batch norm": (lambda: (textbook() * u).sum(), x),
    "batch norm": (lambda: (sd.nn.batch_norm(x, name="bn") * u).sum(), x),
    "batch norm, squared": (lambda: (sd.tanh(sd.nn.batch_norm(x, name="bn")) ** 2 * u).sum(), x),
    "layer norm": (lambda: (sd.nn.layer_norm(x, name="ln") * u).sum(), x),
    "two layer norms": (
        lambda: (sd.nn.layer_norm(sd.relu(sd.nn.layer_norm(x, name="a") * u), name="b") * u).sum(),
        x,
    ),
    "norm in a network": (
        lambda: (
            layers.dense(sd.nn.batch_norm(layers.dense(x, 4, name="a"), name="n"), 4, name="b") * u
        ).sum(),
        x,
    ),
    "images": (lambda: (sd.nn.batch_norm(image, name="bn") * seen).sum(), image),
    "standard score": (lambda: (((x - x.mean(axis=0)) / x.std(axis=0)) * u).sum(), x),
}


def point(loss: sd.Tensor, *, flat: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    sizes = {t: [5 if s == m else int(s) for s in t.shape] for t in collect([loss]).inputs}
    values = {str(t.name): rng.normal(size=size) for t, size in sizes.items()}
    if flat:  # no variance at all: only epsilon is below the root
        values |= {name: np.ones_like(a) for name, a in values.items() if name in ("x", "image")}
    return values


@pytest.mark.parametrize("flat", [False, True], ids=["random", "without variance"])
@pytest.mark.parametrize("name", LOSSES)
def test_values_stay(name: str, flat: bool) -> None:
    make, wrt = LOSSES[name]
    if flat and name == "standard score":
        pytest.skip("the quotient itself is 0/0 there")
    loss = make()
    plain = differentiate(loss, [wrt])
    short = compact(plain)
    values = point(loss, flat=flat)
    before, after = (evaluate(d.program, values)[d.gradient(wrt)] for d in (plain, short))
    assert_close(after, before, rtol=1e-8)
    arrays = {**evaluate(plain.program, values), **evaluate(short.program, values)}
    compared = 0
    for rewrite in short.record.rewrites:
        made = rewrite.after
        if rewrite.rule == "compact form" and made is not None and set(made.reads()) <= set(arrays):
            found = evaluate_equation(made, arrays, {m: 5})
            old = evaluate_equation(rewrite.before, arrays, {m: 5})
            assert_close(found, old, rtol=1e-8, what=rewrite.before)
            compared += 1
    assert compared or short is plain


@pytest.mark.parametrize("name", ["textbook batch norm", "batch norm", "layer norm"])
def test_three_terms(name: str) -> None:
    make, wrt = LOSSES[name]
    short = compact(differentiate(make(), [wrt]))
    gradient = short.program.definitions[short.gradient(wrt)]
    (bracket,) = [f for f in sp.Mul.make_args(gradient.body) if isinstance(f, sp.Add)]
    assert len(bracket.args) == 3 and gradient.reduction is None
    assert sum(t.could_extract_minus_sign() for t in bracket.args) == 2
    forward = {e.lhs for e in collect([short.output]).equations}
    sums = [e for e in short.program.equations if e.lhs not in forward and e.reduction]
    assert (
        len(sums) == 2 and len(short.program.equations) == len(forward & set(short.program.definitions)) + 3
    )
    named = {a.tensor.name for a in gradient.body.atoms(Access)}
    assert named & {"x_hat", "bn.unit", "ln.unit"} and not named & {"x", "bn.deviation", "ln.deviation"}


def test_the_textbook_formula() -> None:
    """``gamma/(m sigma) (m y_bar - sum y_bar - x_hat sum y_bar x_hat)``, with ``u`` for ``y_bar``."""
    short = compact(differentiate(LOSSES["textbook batch norm"][0](), [x]))
    body = short.program.definitions[short.gradient(x)].body
    found = {str(a.tensor.name): a for a in body.atoms(Access) if a.tensor.name}
    sums = {a for a in body.atoms(Access) if not a.tensor.name}
    plain = next(a for a in sums if len(short.program.definitions[a.tensor].body.atoms(Access)) == 1)
    (mixed,) = sums - {plain}
    wanted = found["gamma"] / (m * found["sigma"]) * (m * found["u"] - plain - found["x_hat"] * mixed)
    assert sp.expand(body - wanted) == 0


def test_a_network_without_norms_is_left_alone() -> None:
    loss = (sd.sigmoid(layers.dense(x, 3, name="a")) ** 2).mean()
    derivative = differentiate(loss, [x])
    assert compact(derivative) is derivative
