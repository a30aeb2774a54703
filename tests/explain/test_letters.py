"""On one page no letter means two things, whatever the user has named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation import tree as t
from symdl.explain.notation.names import label_latex, label_text
from symdl.explain.sections import Lines
from symdl.express import distances, linalg
from symdl.express.dims import Index
from symdl.express.tensors import Access

NAMES = "T p i j k R S L n d δ e I Σ Z z r P Y m ell pi sigma u v A w X x_prev phi".split()
GLYPHS = {"sigmoid": "σ", "Phi": "Φ", "phi": "φ", "gamma": "Γ", "exp": "e"}


def formulas(told: Derivation) -> list[t.Node]:
    found: list[t.Node] = []
    for section in told.at("all").shown:
        if isinstance(section, Lines):
            found += [side for s in section.steps for side in (s.left, s.right, s.about) if side is not None]
        else:
            cells = [
                part
                for row in section.rows
                for cell in row
                for part in (cell if isinstance(cell, tuple) else (cell,))
            ]
            found += [part for part in cells if not isinstance(part, str)]
    return found


def thing_of(tensor: sd.Tensor) -> Any:
    """A softmax that stands on paper only is the named one of the same value."""
    source = tensor.equation
    if source and source.origin.rule == "recurrence" and isinstance(source.body, Access):
        return thing_of(source.body.tensor)  # a state is what its step computes
    on_paper = tensor.equation is None and tensor.role == "intermediate" and tensor.of is None
    return "softmax" if on_paper or (tensor.equation and isinstance(tensor.equation.body, sp.exp)) else tensor


def meanings(told: Derivation) -> dict[str, set[Any]]:
    """What every printed letter stands for."""
    found: dict[str, set[Any]] = {}
    for node in formulas(told):
        for part in t.walk(node):
            for text, thing in _names(part):
                found.setdefault(text, set()).add(thing)
    return found


def _names(part: t.Node) -> list[tuple[str, Any]]:
    if isinstance(part, t.Item | t.Array):
        return [(text, thing_of(part.tensor)) for text in _printed(part.label)]
    if isinstance(part, t.Symbol) and part.expr is not None:
        expr = part.expr
        thing: Any = (
            expr.tensor
            if isinstance(expr, Access)
            else ("index", expr.name)
            if isinstance(expr, Index)
            else expr
        )
        return [(text, thing) for text in _printed(part.label)]
    if isinstance(part, t.Call) and part.name in GLYPHS:
        return [(GLYPHS[part.name], part.name)]
    if isinstance(part, t.Delta):
        return [("δ", "Kronecker")]
    if isinstance(part, t.Diagonal) and isinstance(part.arg, t.Ones):
        return [("I", "unit matrix")]
    return [("π", "pi")] if isinstance(part, t.Number) and part.value == sp.pi else []


def _printed(label: t.Label) -> set[str]:
    return {label_text(label), label_latex(label)}


def clashes(told: Derivation) -> dict[str, set[Any]]:
    return {text: things for text, things in meanings(told).items() if len(things) > 1}


def quadratic(a: str, b: str, c: str, m: str, _: str) -> tuple[sd.Tensor, sd.Tensor]:
    size = sd.Dim(m)
    w, S, s = sd.tensor(a, (size,)), sd.tensor(b, (size, size)), sd.tensor(c, ())
    return linalg.quadratic(w - 1, S) * s + (w * w).sum(), w


def sized(a: str, b: str, m: str, k: str, _: str) -> tuple[sd.Tensor, sd.Tensor]:
    size, other = sd.Dim(m), sd.Dim(k)
    w, S = sd.tensor(a, (size,)), sd.tensor(b, (size, other))
    return distances.norm(S.T @ w) * size + sd.sigmoid(w).sum(), w


def softmax(a: str, b: str, c: str, m: str, k: str) -> tuple[sd.Tensor, sd.Tensor]:
    size, classes = sd.Dim(m), sd.Dim(k)
    X, W = sd.tensor(a, (size, 3)), sd.tensor(b, (3, classes))
    y = sd.tensor(c, (size, classes))
    return -(y * sd.log_softmax(X @ W)).mean() + sd.exp(W).sum(), W


def inverse(a: str, b: str, c: str, m: str, _: str) -> tuple[sd.Tensor, sd.Tensor]:
    size = sd.Dim(m)
    K, p, q = sd.tensor(a, (size, size)), sd.tensor(b, (size,)), sd.tensor(c, (size,))
    return sd.inner(p, linalg.inv(K) @ q) + linalg.logdet(K), K


def nonlinear(a: str, b: str, c: str, m: str, _: str) -> tuple[sd.Tensor, sd.Tensor]:
    size = sd.Dim(m)
    u, v, s = sd.tensor(a, (size,)), sd.tensor(b, (size,)), sd.tensor(c, ())
    return (sd.tanh(u * v) * sd.sigmoid(s * u - v)).sum() + sd.exp(u.max()) * s, u


PROGRAMS: dict[str, Callable[..., tuple[sd.Tensor, sd.Tensor]]] = {
    f.__name__: f for f in (quadratic, sized, softmax, inverse, nonlinear)
}


@pytest.mark.parametrize("program", PROGRAMS)
@given(st.data())
@settings(max_examples=12)
def test_no_letter_has_two_meanings(program: str, data: st.DataObject) -> None:
    tensors = data.draw(st.lists(st.sampled_from(NAMES), min_size=3, max_size=3, unique=True))
    sizes = data.draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True))
    loss, wrt = PROGRAMS[program](*tensors, *sizes)
    told = sd.derive(loss, wrt)
    assert not clashes(told), told.at("all").text()


def test_clashes_are_found() -> None:
    told = sd.derive((sd.tensor("x", (3,)) ** 2).sum(), "x")
    (x,) = [node for node in formulas(told) if isinstance(node, t.Array)][:1]
    assert len({thing for _, thing in [*_names(x), *_names(t.Symbol(x.label, sp.Symbol("x")))]}) == 2


def test_a_size_gives_way_to_a_tensor_and_a_helper_to_both() -> None:
    size = sd.Dim("T")
    w, S = sd.tensor("w", (size,)), sd.tensor("S", (size, size))
    page = sd.derive(linalg.quadratic(w - 1, S) * size, w).text()
    assert "T·" in page and "T[" not in page
    page = sd.derive(sd.tensor("T", (size,)) @ sd.tensor("T_2", (size,)), "T").text()
    assert "T: T̃" in page


@pytest.mark.parametrize("name", ["v_1", "sigma", "f", "e"])
def test_nodes_and_functions_of_a_scalar_give_way_to_the_users_symbols(name: str) -> None:
    a, x = sp.symbols(f"{name} x")
    told = sd.derive(1 / (1 + sp.exp(-a * x)) + a, x)
    assert not clashes(told), told.text()
    assert a in told.result.free_symbols
