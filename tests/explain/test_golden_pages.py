"""Pages of lectures and of public questions, as text and LaTeX: golden files, names, bars, values."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.formulas import draw
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text import text
from symdl.explain.printers.text_page import sentence
from symdl.explain.sections import Lines
from symdl.express.program import collect

from .audit import named, too_early, undefined
from .problems import PROBLEMS, SCALARS
from .test_letters import clashes
from .test_lines import agree, check_scalar, world_of

RECURRENCES = ("recurrent", "LSTM", "GRU", "last state")
GOLDEN = Path(__file__).parents[1] / "golden" / "pages"


def filed(name: str) -> str:
    return name.lower().replace(" ", "_").replace("'", "")


@pytest.mark.parametrize("name", PROBLEMS)
def test_page(name: str, request: pytest.FixtureRequest) -> None:
    accepted(name, sd.derive(*PROBLEMS[name]()), request)


def accepted(name: str, told: Derivation, request: pytest.FixtureRequest) -> None:
    for ending, shown in ((".txt", told.text()), (".tex", told.latex())):
        path = GOLDEN / (filed(name) + ending)
        if request.config.getoption("--update"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown + "\n", "utf-8")
        assert shown + "\n" == path.read_text("utf-8"), "pytest --update accepts the new page; read the diff"
    assert not re.search("u(20|22|b|03)[0-9a-f]{1,2}", told.latex())  # a sign that words in LaTeX do not have


@pytest.mark.parametrize("name", SCALARS)
def test_scalar_page(name: str, request: pytest.FixtureRequest) -> None:
    told = sd.derive(*SCALARS[name])
    accepted(name, told, request)
    page = told.text()
    for word in ("ITE", "ComplexInfinity", "polygamma", "nan"):
        assert word not in page
    assert not re.search(r"=\s*$|=\s{3,}\(", page, re.MULTILINE)  # nothing on the right


def test_the_logarithm_of_zero_is_minus_infinity() -> None:
    logits, labels = sd.tensor("Z", (4, 5, 3)), sd.tensor("labels", (4, 2), dtype="int64")
    told = sd.derive(sd.nn.ctc(logits, labels), logits)
    assert "-∞ otherwise" in told.text() and "For -∞ a number is computed" in " ".join(told.text().split())
    assert "u221e" not in told.latex()
    for page in (told.text(), told.text(ascii=True), told.latex()):
        assert not re.search(r"e\+?(29|30)|10\^\{(29|30)\}", page)


@pytest.mark.parametrize("name", SCALARS)
def test_scalar_lines_have_the_value_of_the_derivative(name: str) -> None:
    f, by = SCALARS[name]
    for start in (0.3, 0.7, 1.9):
        point = {s: start - 0.1 * k for k, s in enumerate(sorted(f.free_symbols, key=str))}
        check_scalar(sd.derive(f, by), f, by, point)


@pytest.mark.parametrize("name", [*PROBLEMS, *SCALARS])
def test_ascii_is_ascii(name: str) -> None:
    told = sd.derive(*(PROBLEMS[name]() if name in PROBLEMS else SCALARS[name])).at("all")
    assert told.text(ascii=True).isascii()


@pytest.mark.parametrize("name", PROBLEMS)
def test_names_are_defined_and_mean_one_thing(name: str) -> None:
    told = sd.derive(*PROBLEMS[name]())
    for depth in ("key", "all"):
        assert not undefined(told.at(depth))
    assert not clashes(told)


@pytest.mark.parametrize("name", [n for n in PROBLEMS if n not in RECURRENCES])
def test_a_line_reads_what_stands_above_it(name: str) -> None:
    assert not too_early(sd.derive(*PROBLEMS[name]()))


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_bar_has_a_line(name: str) -> None:
    told = sd.derive(*PROBLEMS[name]())
    steps = [s for x in told.shown if isinstance(x, Lines) for s in x.steps]
    ours = {name for s in steps for name in (*named(s.right), *named(s.left)) if _barred(name)}
    defined = {name for s in steps if s.left is not None for name in list(named(s.left))[:1]}
    assert ours <= defined


def _barred(name: str) -> bool:
    return bool({"\u0304", "\u0305"} & set(unicodedata.normalize("NFD", name)))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_head_of_a_section_names_the_signs_that_occur(name: str) -> None:
    sections = {x.title: x for x in sd.derive(*PROBLEMS[name]()).shown if isinstance(x, Lines)}
    if (matrix := sections.get("In matrix form")) is not None:
        shown = " ".join(text(step.right) for step in matrix.steps)
        head = sentence(matrix.words, ascii=False)
        for sign, word in (("𝟏", "𝟏"), ("⊙", "⊙"), ("∘", "∘"), ("diag(", "diag puts")):
            assert (sign in shown) == (word in head), (sign, head)
    if (forward := sections.get("Forward")) is not None and len(forward.steps) > 1:
        shown = " ".join(text(step.right) for step in forward.steps)
        assert bool(re.search(r"t [-+] 1", shown)) == (
            "the step before" in sentence(forward.words, ascii=False)
        )


@pytest.mark.parametrize("name", PROBLEMS)
def test_lines_have_the_values_of_their_left_sides(name: str) -> None:
    loss, wrt = PROBLEMS[name]()
    rng = np.random.default_rng(5)
    values: dict[str, Any] = {}
    for one in collect([loss]).inputs:
        shape = tuple({"n": 4, "k": 2, "d": 3, "T": 2}.get(str(s)) or int(s) for s in one.shape)
        whole = one.dtype == "int64"
        values[str(one.name)] = rng.integers(0, 2, shape) if whole else rng.normal(size=shape)
    for square in ("A", "Sigma", "P"):  # invertible, of positive determinant
        if square in values:
            values[square] = values[square] @ values[square].T + np.eye(3)
    for positive in ("pi", "R"):
        if positive in values:
            values[positive] = abs(values[positive]) + 0.1
    told = sd.derive(loss, wrt)
    assert agree(told, world_of(told, loss, values)) > 2


@pytest.mark.parametrize("name", PROBLEMS)
def test_latex_is_drawn(name: str) -> None:
    """A typesetter reads every line, at every depth."""
    pytest.importorskip("quickjax")
    told = sd.derive(*PROBLEMS[name]()).at("all")
    for step in told.steps:
        left = latex(step.left) if step.left is not None else ""
        assert "svg" in draw(f"{left} = {latex(step.right)}", "")
