"""The formats of derivations: each holds every line, and is read by what reads that format."""

from __future__ import annotations

import json
import re
import shutil
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.documents import pdf as pdf_file
from symdl.explain.documents.files import FORMATS
from symdl.explain.documents.record import numbered
from symdl.explain.printers.latex import latex
from symdl.explain.printers.mathlist import Keyed, Part, insides, read
from symdl.explain.printers.mathml import mathml
from symdl.explain.printers.typst import typst
from symdl.explain.sections import Step

from .problems import PROBLEMS

x, y, z = sp.symbols("x y z")
SCALARS = {
    "chain": (sp.sin(x**2 * y) + sp.exp(z), y),
    "cases": (sp.Abs(x) * sp.Max(x, y, 1), x),
    "functions": (sp.gamma(x) * sp.sqrt(x) + sp.floor(x) * x + sp.Mod(x, 3) * x, x),
    "sigmoid": (1 / (1 + sp.exp(-x)), x),
}


def steps_of(name: str) -> list[Step]:
    told = sd.derive(*PROBLEMS[name]()) if name in PROBLEMS else sd.derive(*SCALARS[name])
    return [*told.at("all").steps]


def formulas(name: str) -> set[str]:
    sides = (side for s in steps_of(name) for side in (s.left, s.right, s.about) if side is not None)
    return set(map(latex, sides))


@pytest.mark.parametrize("name", [*PROBLEMS, *SCALARS])
def test_every_formula_is_read_back(name: str) -> None:
    """Nothing is lost on the way to MathML and Typst: letters and digits come in the order of the LaTeX."""
    for source in formulas(name):
        tree = ET.fromstring(mathml(source).replace("&#x2061;", "").replace("&#xa0;", " "))
        assert letters("".join(tree.itertext())) == letters(source, commands=True), source
        assert typst(source).count("(") >= source.count("("), source


def letters(shown: str, *, commands: bool = False) -> list[str]:
    """Single Latin letters and digits, sorted, of what is no command."""
    if commands:
        shown = re.sub(r"\\(begin|end)\{\w+\}|\\textcolor\[HTML\]\{\w+\}|\[4pt\]", " ", shown)
        shown = re.sub(r"\\mathbf\{1\}", " ", shown)
        shown = re.sub(r"\\(sin|cos|tan|exp|log|max|min|det|tanh)(?![a-z])", r" \1", shown)
        shown = re.sub(r"\\bmod", " mod", shown)
        shown = re.sub(r"\\[A-Za-z]+", " ", shown)
    return sorted(re.findall(r"[A-Za-z0-9]", shown))


def test_what_is_only_known_to_latex_is_refused() -> None:
    with pytest.raises(ExplainError, match=r"\\\\mathscr"):
        mathml(r"x + \mathscr{A}")


def test_words_keep_their_blanks() -> None:
    shown = latex(sd.derive(*SCALARS["cases"]).at("all").steps[-1].right) + r" \text{ chain rule}"
    assert "&#xa0;chain&#xa0;rule</mtext>" in mathml(shown) and '" chain rule"' in typst(shown)


def test_keys_stay_on_their_letters() -> None:
    def keyed(part: Part) -> list[str]:
        return [part.key] if isinstance(part, Keyed) else [k for p in insides(part) for k in keyed(p)]

    assert keyed(read(r"\data{s=3}{\bar Z}_{ij} + \frac{\data{s=14}{x}_i^2}{2}")) == ["3", "14"]


def test_typst_compiles(tmp_path: Path) -> None:
    compiler = pytest.importorskip("typst")
    told = sd.Collection("All", tuple(sd.derive(*problem()) for problem in PROBLEMS.values()))
    found = compiler.compile(str(told.save(tmp_path / "all.typ", numbers=True)))
    assert found.startswith(b"%PDF")


def network() -> sd.Tensor:
    n = sd.Dim("n")
    h = sd.nn.dense(sd.tensor("X", (n, 4)), 3, activation=sd.tanh, name="first")
    return sd.nn.cross_entropy(sd.nn.dense(h, 2, name="second"), sd.tensor("t", (n,), dtype="int64"))


@pytest.mark.parametrize("suffix", [".tex", ".md", ".ipynb"])
def test_all_lines_are_in_every_format(tmp_path: Path, suffix: str) -> None:
    told = sd.derive(network(), "first.W")
    text = told.save(tmp_path / f"page{suffix}").read_text("utf-8")
    if suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        assert len({cell["id"] for cell in cells}) == len(cells) > 4
        text = "".join(line for cell in cells for line in cell["source"])
    for step in told.steps:
        assert latex(step.right) in text


def test_numbers_are_those_of_lines_that_are_used(tmp_path: Path) -> None:
    (one,) = numbered([sd.derive(network(), "first.W")])
    given = [s.number for s in one.steps if s.number]
    used = {u for s in one.steps for u in s.uses}
    assert given == [str(n) for n in range(1, len(given) + 1)] and used == set(given)
    seen: set[str] = set()
    for step in one.steps:
        assert set(step.uses) <= seen, "a line uses earlier lines only"
        seen.add(step.number)
    document = sd.derive(network(), "first.W").save(tmp_path / "net.tex", numbers=True).read_text("utf-8")
    assert set(re.findall(r"\\eqref\{eq:(\d+)\}", document)) == set(
        re.findall(r"\\numbered\{(\d+)\}", document)
    )
    between = sd.derive(network(), "first.W").save(tmp_path / "b.tex", numbers=True, reasons="between")
    assert r"\intertext{" in between.read_text("utf-8") and r"\label{eq:1}" in between.read_text("utf-8")


def test_options_are_refused_where_they_say_nothing(tmp_path: Path) -> None:
    told = sd.derive(*SCALARS["chain"])
    for suffix, options in (
        (".md", {"slides": True}),
        (".tex", {"math": "svg"}),
        (".html", {"numbers": True}),
        (".tex", {"colour": "red"}),
        (".tex", {"reasons": "above"}),
    ):
        with pytest.raises(ExplainError, match="cure"):
            told.save(tmp_path / f"f{suffix}", **options)
    assert not list(tmp_path.iterdir())


def test_a_page_without_the_extra(tmp_path: Path) -> None:
    told = sd.derive(*SCALARS["chain"])
    page = told.save(tmp_path / "f.html", math="mathml").read_text("utf-8")
    assert page.count("<math") > 3 * len(told.steps) and 'class="m" role' not in page
    assert len(page) < 60_000
    known = json.loads(re.search(r'id="symbols">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    marks = set(re.findall(r'data-s="(\d+)"', page))
    assert marks == set(known), "every symbol that is marked is explained"
    nodes = re.findall(r'<g data-s="(\d+)"', page)
    edges = re.findall(r'data-edge="(\d+) (\d+)"', page)
    assert len(nodes) == len(told.graph) and {k for pair in edges for k in pair} <= set(nodes)
    assert all(f'[data-s="{key}"] {{ color:' in page for key in nodes), "graph and lines have one colour"


def test_bars_know_what_they_are_of(tmp_path: Path) -> None:
    page = sd.derive(network(), "first.W").save(tmp_path / "f.html", math="mathml").read_text("utf-8")
    known = json.loads(re.search(r'id="symbols">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    bars = {one["name"]: known[one["of"]]["name"] for one in known.values() if one["of"]}
    assert bars["first.W̄"] == "first.W" and bars["second.Z̄"] == "second.Z"
    defined = set(re.findall(r'data-d="(\d+)"', page))
    assert {key for key, one in known.items() if one["of"]} <= defined


def test_pdf_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ExplainError, match="pdflatex"):
        sd.derive(*SCALARS["chain"]).save(tmp_path / "f.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not any(map(shutil.which, pdf_file.ENGINES)), reason="there is no TeX here")
@pytest.mark.parametrize(
    "options", [{"numbers": True}, {"slides": True}, {"reasons": "between", "numbers": True}]
)
def test_pdf(tmp_path: Path, options: dict[str, Any]) -> None:
    both = sd.Collection("Two", (sd.derive(*SCALARS["chain"]), sd.derive(network(), "first.W")))
    found = both.save(tmp_path / "two.pdf", **options)
    assert found.read_bytes().startswith(b"%PDF")


def test_endings_are_written_in_the_help() -> None:
    for suffix in FORMATS:
        assert suffix in str(type(sd.derive(*SCALARS["chain"])).save.__doc__)


def test_latex_of_a_long_chain_grows_as_its_text() -> None:
    """Brackets are as large as what is in them, which is found without walking the formula at every level."""
    x = sp.Symbol("x", real=True)

    def seconds(depth: int) -> tuple[float, int]:
        f = x
        for _ in range(depth):
            f = sp.sin(f)
        told = sd.derive(f, x)
        start = time.perf_counter()
        page = told.latex()
        return time.perf_counter() - start, len(page)

    seconds(5)
    (short, few), (long, many) = seconds(20), seconds(60)
    assert long / short < 3 * many / few


def test_titles_hold_formulas_and_are_escaped_once(tmp_path: Path) -> None:
    theta = sp.Symbol("theta")
    second = sd.derive(sp.sin(theta * sp.Symbol("w_1")), [theta, sp.Symbol("w_1")], order=2)
    assert r"with respect to $w_1$, then $\theta$}" in second.latex()
    assert "with respect to w1, then theta" in second.text(ascii=True).replace("w_1", "w1")
    page = second.save(tmp_path / "second.html", math="mathml").read_text("utf-8")
    assert "&amp;lt;" not in page and "&lt;math" not in page
