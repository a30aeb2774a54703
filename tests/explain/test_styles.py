"""Styles: aliases and colours reach every line and the graph, and nothing else passes."""

from __future__ import annotations

import re

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.drawings.graph import graph_svg
from symdl.explain.notation.names import label_latex
from symdl.explain.notation.styles import Style, label_styled

x, y = sp.symbols("x y")


@pytest.mark.parametrize(
    ("alias", "latex"),
    [
        (r"\mathcal{X}_1", r"\mathcal{X}_1"),
        (r"\hat\theta", r"\hat{\theta}"),
        (r"\hat{\mathbf{w}}_{max}", r"\hat{\mathbf{w}}_{\mathrm{max}}"),
        (r"\mathrm{loss}", r"\mathrm{loss}"),
        (r"\varepsilon", r"\epsilon"),
        ("q", "q"),
    ],
)
def test_aliases(alias: str, latex: str) -> None:
    assert label_latex(label_styled("X", Style(latex=alias))) == latex


@pytest.mark.parametrize(
    "alias",
    [
        r"\input{/etc/passwd}",
        r"\write18{ls}",
        r"x}\def\x{",
        r"x$",
        r"\href{javascript:a}{x}",
        "x^2",
        "",
        "<b>",
    ],
)
def test_other_commands_are_refused(alias: str) -> None:
    with pytest.raises(ExplainError, match="cannot be a symbol's LaTeX"):
        label_styled("X", Style(latex=alias))


@given(st.text(alphabet="\\{}_^$%&#xA1 ,mathbfcdrsinpu", max_size=24))
def test_no_alias_becomes_a_command(alias: str) -> None:
    try:
        shown = label_latex(label_styled("X", Style(latex=alias)))
    except ExplainError:
        return
    allowed = r"mathbf|mathcal|mathrm|mathsf|bar|dot|hat|tilde|vec|chi|mu|nu|pi|xi|phi|psi|tau|rho|beta|iota"
    assert all(re.fullmatch(allowed, c) for c in re.findall(r"\\([A-Za-z]+)", shown))
    assert shown.count("{") == shown.count("}")


@pytest.mark.parametrize("colour", ["red", "#12", '#123456" onload="x', "#12345g"])
def test_colours_are_checked(colour: str) -> None:
    with pytest.raises(ExplainError, match="no colour"):
        label_styled("X", Style(colour=colour))


def test_a_colour_stays_in_lines_and_graph() -> None:
    derivation = sd.derive(sp.sin(x) * y, x, styles={"x": Style(colour="#0b6e4f")})
    shown = derivation.latex()
    assert r"\cos(\textcolor[HTML]{0B6E4F}{x})" in shown
    assert "stroke:#0B6E4F" in graph_svg(derivation.graph)


def test_a_network_in_colours() -> None:
    n = sd.Dim("n")
    X = sd.tensor("X", (n, 3))
    loss = (sd.nn.dense(X, 2, name="first") ** 2).mean()
    styles = {"X": Style(latex=r"\mathcal{X}", colour="#AA3311")}
    shown = sd.derive(loss, "first.W", styles=styles).latex()
    assert r"\textcolor[HTML]{AA3311}{\mathcal{X}}^\top" in shown
    assert not re.search(r"(?<![\\{A-Za-z])X_\{", shown)
