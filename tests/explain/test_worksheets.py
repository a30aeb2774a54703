"""Exercises: what is hidden is nowhere on the page, and the key has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.documents.blanks import is_derivative
from symdl.explain.documents.record import lefts
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines

from .problems import PROBLEMS
from .test_formats import SCALARS, network


def hidden_lines(sheet: Any) -> list[Any]:
    return [s for s in sheet.page.steps if s.blank in ("right", "both")]


@pytest.mark.parametrize("name", [*PROBLEMS, *SCALARS])
def test_every_derivative_is_blank_and_in_the_key(name: str) -> None:
    problem = PROBLEMS[name]() if name in PROBLEMS else SCALARS[name]
    sheet = sd.worksheet(*problem)
    told = sd.derive(*problem)
    for section, whole in zip(sheet.page.shown, told.shown, strict=True):
        if isinstance(section, Lines) and isinstance(whole, Lines):
            for step, left in zip(section.steps, lefts(section.steps), strict=True):
                assert left is not None
                assert step.blank or not is_derivative(left) or step.rule == "where we start"
    hidden = hidden_lines(sheet)
    assert hidden
    assert sheet.page.text().count("_" * 24) == len(hidden)
    key = sheet.key.text()
    assert "_" * 24 not in key and key.splitlines()[2:] == told.text().splitlines()[2:]


ENDINGS = (".txt", ".tex", ".md", ".ipynb", ".typ", ".json", ".html")


@pytest.mark.parametrize("suffix", ENDINGS)
@pytest.mark.parametrize("hide", ["derivatives", "both", "result"])
def test_no_file_gives_an_answer_away(tmp_path: Path, suffix: str, hide: Any) -> None:
    """Of the answers that are long enough to be told apart, none is in the file; in the key all are."""
    sheet = sd.worksheet(network(), "first.W", hide=hide)
    options: dict[str, Any] = {"math": "mathml", "reveal": False} if suffix == ".html" else {}
    page, key = (f.read_text("utf-8") for f in sheet.save(tmp_path / f"ex{suffix}", **options))
    assert (tmp_path / f"ex-key{suffix}").is_file()
    answers = {latex(s.right) for s in hidden_lines(sheet)} | {text(s.right) for s in hidden_lines(sheet)}
    shown = {latex(s.right) for s in sheet.page.steps if not s.blank}
    long = [a for a in answers if len(a) > 12 and not any(a in other for other in shown)]
    assert len(long) >= 2
    assert not [a for a in long if a in page]
    if suffix in (".txt", ".tex", ".md", ".json"):
        plain = key.replace("\\\\", "\\")
        assert [a for a in long if a in plain]
    if suffix == ".html":
        assert page.count('class="blank"') > 2 and 'class="reveal"' not in page


def test_a_click_shows_an_answer(tmp_path: Path) -> None:
    sheet = sd.worksheet(network(), "first.W", hide="both")
    page, _ = sheet.save(tmp_path / "ex.html", math="mathml")
    shown = page.read_text("utf-8")
    blanks = sum((s.blank in ("right", "both")) + (s.blank in ("rule", "both")) for s in sheet.page.steps)
    assert (
        shown.count('<button type="button" class="reveal">')
        == blanks
        == len(re.findall("hidden>", shown)) - 1
    )


def test_lines_by_name() -> None:
    by_name = hidden_lines(sd.worksheet(network(), "first.W", hide=["second.Z"]))
    assert {s.left.tensor.name or s.left.tensor.of.name for s in by_name if s.left} == {"second.Z"}
    forward = sd.derive(network(), "first.W").worksheet(hide=["Forward"])
    assert [s.kind for s in hidden_lines(forward)].count("definition") == 5
    mine = sd.worksheet(network(), "first.W", hide=lambda step: step.rule == "product rule")
    assert {s.rule for s in hidden_lines(mine)} >= {"product rule"}
    reasons = sd.worksheet(network(), "first.W", hide="reasons")
    assert not hidden_lines(reasons) and "chain rule" not in reasons.page.text()
    with pytest.raises(ExplainError, match="(?s)hides no line.*second.Z"):
        sd.worksheet(network(), "first.W", hide=["third.Z"])
    with pytest.raises(ExplainError, match="cannot be hidden"):
        sd.worksheet(network(), "first.W", hide="everything")


def test_a_scalar_function(tmp_path: Path) -> None:
    x, y = sp.symbols("x y")
    sheet = sd.worksheet(sp.sin(x**2 * y), y, hide="result")
    assert "x²·cos" not in sheet.page.text() and "x²·cos" in sheet.key.text()
    document, _ = sheet.save(tmp_path / "ex.tex")
    assert r"= \blank" in document.read_text("utf-8")
