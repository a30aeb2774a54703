"""Derivations as documents: depths, text, LaTeX, HTML, JSON, files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from symdl.errors import DerivativeError, ExplainError, MissingExtraError
from symdl.explain.derive import derive
from symdl.explain.documents import formulas
from symdl.explain.documents.collection import Collection
from symdl.explain.documents.derivation import Derivation
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text_page import columns
from symdl.explain.sections import Lines
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.tensors import Tensor
from symdl.nn.activations import relu
from symdl.nn.layers import dense
from symdl.nn.losses import cross_entropy

x, y, z = sp.symbols("x y z")
f = sp.sin(x**2 * y) + sp.exp(z)


def slides() -> Tensor:
    n = Dim("n")
    h = dense(tensor("X", (n, 784)), 100, activation=relu, name="first")
    h = dense(h, 200, activation=relu, name="second")
    return cross_entropy(dense(h, 10, name="third"), tensor("t", (n,), dtype="int64"))


@pytest.fixture(scope="module")
def network() -> Derivation:
    return derive(slides(), "first.W")


def by_left(derivation: Derivation, title: str) -> dict[str, list[str]]:
    (section,) = [s for s in derivation.at("all").sections if s.title == title]
    assert isinstance(section, Lines)
    found: dict[str, list[str]] = {}
    left = ""
    for step in section.steps:
        left = latex(step.left) if step.left is not None else left
        found.setdefault(left, []).append(latex(step.right))
    return found


def test_the_network_in_index_form(network: Derivation) -> None:
    back = by_left(network, "Backward")
    assert back[r"\bar Z^{(\mathrm{third})}_{ij}"][-1] == r"\frac{1}{n} (P_{ij} - [j = t_i])"
    assert back[r"P_{ij}"] == [r"e^{Z^{(\mathrm{third})}_{ij} - \ell_i}"]
    assert back[r"\bar Z^{(\mathrm{first})}_{ij}"] == [
        r"\bar A^{(\mathrm{first})}_{ij} [Z^{(\mathrm{first})}_{ij} > 0]"
    ]
    forward = by_left(network, "Forward")
    assert forward[r"Z^{(\mathrm{first})}_{ij}"] == [
        r"\sum_k X_{ik} W^{(\mathrm{first})}_{kj} + b^{(\mathrm{first})}_j"
    ]
    assert forward["L"] == [r"\frac{1}{n} \sum_i (\ell_i - Z^{(\mathrm{third})}_{i,t_i})"]


def test_the_network_in_matrix_form(network: Derivation) -> None:
    matrix = by_left(network, "In matrix form")
    assert matrix[r"\bar Z^{(\mathrm{third})}"] == [r"\frac{1}{n} (P - Y)"]
    assert matrix[r"\bar A^{(\mathrm{second})}"] == [r"\bar Z^{(\mathrm{third})} W^{(\mathrm{third})\top}"]
    assert matrix[r"\bar Z^{(\mathrm{first})}"] == [
        r"\bar A^{(\mathrm{first})} \odot [Z^{(\mathrm{first})} > 0]"
    ]
    short, closed = by_left(network, "Result")[r"\bar W^{(\mathrm{first})}"]
    assert short == r"X^\top \bar Z^{(\mathrm{first})}"
    assert closed.startswith(r"\frac{1}{n} X^\top (((((\operatorname{softmax}(Z^{(\mathrm{third})}) - Y) W")


def test_depths(network: Derivation) -> None:
    counts = [len(network.at(depth).steps) for depth in ("result", "key", "all")]
    assert counts[0] == 3 < counts[1] < counts[2]
    with pytest.raises(ExplainError, match="no depth"):
        network.at("deep")  # type: ignore[arg-type]


def test_symbols_come_before_their_use(network: Derivation) -> None:
    """Each tensor is in the table of symbols or at the left before it is at the right."""
    text = network.text()
    for name in ("first.Z", "second.A", "ℓ", "P"):
        assert text.index(name) < text.index(f"\n  {name}")


def test_nothing_raw_is_shown(network: Derivation) -> None:
    for derivation in (network.at("all"), derive(f, y)):
        shown = derivation.latex()
        for word in ("Lambda", "Heaviside", "Subs", "Piecewise", "Dummy", "xi_", "- -", "+ -"):
            assert word not in shown.replace("\\mathrm", ""), word


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("width", [72, 100])
def test_text(network: Derivation, width: int, ascii: bool) -> None:
    shown = network.text(width=width, ascii=ascii)
    assert max(map(columns, shown.splitlines())) <= width + 12
    assert "Backward" in shown
    assert not ascii or shown.isascii()
    assert repr(network) == str(network) == network.text()


def test_notebook(network: Derivation) -> None:
    assert network._repr_latex_().startswith(r"$\displaystyle \begin{aligned}")


def test_files(tmp_path: Path) -> None:
    derivation = derive(f, y)
    assert derivation.save(tmp_path / "f.txt").read_text("utf-8").startswith("Derivative of f(x, y, z)")
    document = derivation.save(str(tmp_path / "f.tex")).read_text("utf-8")
    assert document.startswith(r"\documentclass")
    assert re.findall(r"\\usepackage\{(.*?)\}", document) == ["amsmath", "cancel", "xcolor", "tikz"]
    balanced(document)
    found = json.loads(derivation.save(tmp_path / "f.json").read_text("utf-8"))
    assert found["result"] == "x**2*cos(x**2*y)"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.json", "f.tex", "f.txt"]
    with pytest.raises(ExplainError, match=r"(?s)\.docx.*cure: use .tex, .pdf, .html, .md"):
        derivation.save(tmp_path / "f.docx")


def balanced(document: str) -> None:
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(.*?)\}", document):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    plain = re.sub(r"\\[\\{}]", "", document)
    assert plain.count("{") == plain.count("}")


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise MissingExtraError("quickjax", "html")

    monkeypatch.setattr(formulas, "require_extra", missing)
    formulas._renderer.cache_clear()
    formulas._svg.cache_clear()
    derivation = derive(f, y)
    with pytest.raises(MissingExtraError, match=r"symdl\[html\]"):
        derivation.save(tmp_path / "f.html", math="svg")
    assert not list(tmp_path.iterdir())
    assert "<svg aria-hidden" not in derivation.save(tmp_path / "f.html").read_text("utf-8")
    assert derivation._repr_html_() is None


def test_page(tmp_path: Path, network: Derivation) -> None:
    pytest.importorskip("quickjax")
    for derivation in (network, derive(f, y)):
        page = derivation.save(tmp_path / "page.html").read_text("utf-8")
        assert not re.findall(r"(?:src|href)=\"(?!#|data:)", page.replace('href="#', 'href_local="#'))
        assert "@import" not in page
        lines = derivation.at("all").steps
        assert page.count('class="copy"') >= len(lines)
        assert "data-mjx-error" not in page
        assert page.count("<svg") > len(lines)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX here")
def test_the_document_compiles_without_overfull_lines(tmp_path: Path, network: Derivation) -> None:
    network.save(tmp_path / "net.tex")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "net.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert "(2 pages" in done.stdout or "(1 page" in done.stdout


def test_errors() -> None:
    with pytest.raises(ExplainError, match="no tensor called 'fourth.W'"):
        derive(slides(), "fourth.W")
    with pytest.raises(ExplainError, match="no symbol"):
        derive(f, 3)
    with pytest.raises(DerivativeError, match="does not depend"):
        derive(f, sp.Symbol("w"))


def test_many_paths_are_not_written_out() -> None:
    g = x
    for _ in range(5):
        g = sp.sin(g) + sp.cos(g)
    derivation = derive(g, x)
    assert not [s for s in derivation.sections if s.title == "Chain rule"]
    assert value(derivation, 0.3) == pytest.approx(float(g.diff(x).evalf(subs={x: 0.3})))


def value(derivation: Derivation, at: float) -> float:
    """The result at a point, by way of the intermediates that keep their names."""
    known = {x: at}
    for name, body in derivation.where.items():
        known[name] = float(body.evalf(subs=known))
    return float(derivation.result.evalf(subs=known))


def logistic(u: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(-u))


@pytest.mark.parametrize("grow", [lambda u: u * sp.sin(u) + 1, logistic])
def test_a_function_that_doubles_twelve_times_keeps_names(grow: Callable[[sp.Expr], sp.Expr]) -> None:
    g, slope, here = x, 1.0, 0.3
    for _ in range(12):
        g = grow(g)
        slope *= float(grow(x).diff(x).evalf(subs={x: here}))
        here = float(grow(x).evalf(subs={x: here}))
    derivation = derive(g, x)
    assert derivation.where and len(derivation.text()) < 60_000
    assert "keep their names" in derivation.at("result").text()
    assert value(derivation, 0.3) == pytest.approx(slope, rel=1e-9)


def test_the_chain_rule_reaches_the_result() -> None:
    derivation = derive(logistic(x), x)
    (section,) = [s for s in derivation.sections if s.title == "Chain rule"]
    assert isinstance(section, Lines)
    assert [latex(s.right) for s in section.steps[-2:]] == [
        r"\frac{e^{-x}}{(1 + e^{-x})^2}",
        r"\sigma(x) (1 - \sigma(x))",
    ]
    assert section.steps[-1].right == derivation.at("result").steps[-1].right


def test_the_hyperbolic_tangent_ends_in_itself() -> None:
    derivation = derive((sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x)), x)
    assert latex(derivation.at("result").steps[-1].right) == "1 - f(x)^2"


def test_a_long_line_breaks_inside_split() -> None:
    derivation = derive((sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x)), x)
    shown = derivation.latex()
    assert shown.count(r"\begin{split}") == shown.count(r"\end{split}") >= 4
    for block in re.findall(r"\\begin\{split\}(.*?)\\end\{split\}", shown, re.DOTALL):
        assert block.count("&") == block.count(r"\\") + 1 >= 2


def test_a_page_of_several_derivations(tmp_path: Path) -> None:
    pytest.importorskip("quickjax")
    pages = Collection("Two & more", (derive(f, x), derive(f, y)))
    page = pages.save(tmp_path / "two.html").read_text("utf-8")
    assert page.count("<h2>") == 2 and "Two &amp; more" in page
    ids = re.findall(r'id="(s[^"]*)"', page)
    assert len(ids) == len(set(ids)) > 4
    document = pages.save(tmp_path / "two.tex").read_text("utf-8")
    balanced(document)
    assert r"Two \& more" in document
    assert pages.save(tmp_path / "two.txt").read_text("utf-8").count("Chain rule") == 2
    assert pages.save(tmp_path / "two.md").read_text("utf-8").count("## Chain rule") == 2
    with pytest.raises(ExplainError, match=r"\.docx"):
        pages.save(tmp_path / "two.docx")
