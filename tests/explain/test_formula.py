"""One tensor as one formula: in matrix form, or by its elements; its value is the tensor's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

import symdl as sd
from symdl.explain.notation import tree as t
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate

from .shown import Shown, dims_of

n, d, k = sd.Dim("n"), sd.Dim("d"), sd.Dim("k")
X, w, y = sd.tensor("X", (n, d)), sd.tensor("w", (d,)), sd.tensor("y", (n,))
A, M, W = sd.tensor("A", (d, d)), sd.tensor("M", (d, k)), sd.tensor("W", (k, d))

ELEMENTS: dict[str, tuple[Callable[[], sd.Tensor], str]] = {
    "product by its matrix": (lambda: sd.jacobian(X @ w, X), "w[j]·δ[i,p]"),
    "product by its factor": (lambda: sd.jacobian(A @ M, M), "A[p,i]·δ[j,q]"),
    "inverse": (lambda: sd.jacobian(sd.inv(A), A), "-(A⁻¹)[l,q]·(A⁻¹)[p,k]"),
    "log det twice": (lambda: sd.hessian(sd.logdet(A), A), "-(A⁻¹)[j,r]·(A⁻¹)[s,i]"),
    "softmax": (
        lambda: sd.jacobian(sd.softmax(w), w),
        "(softmax(w))[i]·δ[i,p] - (softmax(w))[i]·(softmax(w))[p]",
    ),
    "unit vector": (
        lambda: sd.jacobian(w / sd.norm(w), w),
        "δ[i,p]/√(∑_{q} w[q]²) - w[i]·w[p]/(∑_{q} w[q]²)^(3/2)",
    ),
    "log-sum-exp of a layer": (lambda: sd.hessian(sd.logsumexp(W @ w), w), ""),
    "logistic regression": (lambda: sd.hessian(sd.nn.binary_cross_entropy(X @ w, y), w), ""),
    "a sigmoid of rows": (lambda: sd.jacobian(sd.sigmoid(X @ M), M), ""),
    "softmax regression": (lambda: sd.hessian(sd.logsumexp(X @ M, axis=1).sum(), M), ""),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements(name: str) -> None:
    make, expected = ELEMENTS[name]
    tensor = make()
    told = sd.formula(tensor, form="index")
    assert not expected or told.text() == expected
    rng = np.random.default_rng(3)
    program = collect([tensor])
    inputs = {
        s.name: rng.normal(size=[{"n": 4, "d": 3, "k": 2}[str(e)] for e in s.shape]) for s in program.inputs
    }
    if "A" in inputs:
        inputs["A"] = inputs["A"] @ inputs["A"].T + np.eye(3)
    arrays = evaluate(program, inputs)
    world = Shown(arrays, dims_of(arrays))
    assert isinstance(told.left, t.Item)
    names = [place.expr for place in told.left.indices if isinstance(place, t.Symbol)]
    assert len(set(names)) == tensor.rank
    for where in np.ndindex(arrays[tensor].shape):
        shown = world.value(told.node, dict(zip(names, where, strict=True)))
        np.testing.assert_allclose(shown, arrays[tensor][where], rtol=1e-9, atol=1e-12)


def test_no_summed_index_has_a_name_that_stands_at_the_left() -> None:
    for make, _ in ELEMENTS.values():
        told = sd.formula(make(), form="index")
        assert isinstance(told.left, t.Item)
        left = {place.label for place in told.left.indices if isinstance(place, t.Symbol)}
        bound = [i.label for part in t.walk(told.node) if isinstance(part, t.Big) for i, _ in part.axes]
        assert left.isdisjoint(bound)


def test_the_first_form_that_there_is() -> None:
    assert str(sd.formula(sd.jacobian(X @ w, w))) == "X"
    assert str(sd.formula(sd.jacobian(X @ w, X))) == "J[p,i,j] = w[j]·δ[i,p]"
    assert str(sd.formula(X)) == "X"


def test_notebooks_show_a_tensor_before_anything_of_a_page_was_used() -> None:
    script = """
import sys, symdl as sd
x = sd.tensor("x", (3,))
assert "symdl.explain" not in sys.modules, "kernels need no pages"
print(x._repr_latex_())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == r"$\displaystyle x$"


def test_notebooks() -> None:
    assert X._repr_latex_() == r"$\displaystyle X$"  # type: ignore[attr-defined]
    named = sd.softmax(w, name="p")
    assert named._repr_latex_() == r"$\displaystyle p = \operatorname{softmax}(w)$"  # type: ignore[attr-defined]
    whole = sd.jacobian(sd.inv(A), A)
    assert whole._repr_latex_() == r"$\displaystyle J_{pqkl} = -(A^{-1})_{lq} (A^{-1})_{pk}$"  # type: ignore[attr-defined]


def test_a_long_formula_shows_its_name() -> None:
    deep = w
    for _ in range(200):
        deep = sd.tanh(A @ deep)
    assert deep._repr_latex_() is None  # type: ignore[attr-defined]
    named = sd.define("h_200", (i := sd.indices("i")[0],), 2 * deep[i])
    assert named._repr_latex_() == r"$\displaystyle h_{200}$"  # type: ignore[attr-defined]
