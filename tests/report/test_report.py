"""The page about a model: whole, alone, with nothing of a name read as markup; its script in a browser."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DataError
from tests.explain.test_page_in_a_browser import BROWSER, looked_at

n = sd.Dim("n")
EVIL = "<img src=x onerror=alert(1)>"
VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Notes what is on a page: open elements must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def model() -> sd.Model:
    X, t = sd.tensor("X", (n, 5)), sd.tensor("t", (n,), dtype="int64")
    hidden = sd.nn.dense(X, 6, activation=sd.relu, name="first")
    logits = sd.nn.dense(hidden, 3, name=EVIL)
    return sd.Model(sd.nn.cross_entropy(logits, t), output=logits, metrics={EVIL: sd.mean(hidden)})


def data(count: int = 40) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(count, 5)), "t": rng.integers(0, 3, count)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[sd.Model, Path]:
    made = model()
    made.fit(data(), optimizer=sd.nn.SGD(0.1), epochs=3, validation=0.25)
    before = {name: array.copy() for name, array in made.parameters.items()}
    path = made.report(tmp_path_factory.mktemp("report") / "out.html", data=data(), title=f"A {EVIL}")
    for name, array in before.items():
        np.testing.assert_array_equal(made.parameters[name], array)
    return made, path


def test_a_page_is_whole_and_needs_nothing_else(written: tuple[sd.Model, Path]) -> None:
    text = written[1].read_text("utf-8")
    page = Page(text)
    headings = re.findall(r'<h2 id="(\w+)">', text)
    assert headings == "network data parameters training derivation gradients kernels time memory".split()
    for tag, attributes in page.tags:
        assert tag not in {"img", "iframe", "object", "embed"}
        assert "src" not in attributes and "onerror" not in attributes
        assert (attributes.get("href") or "#").startswith(("#", "data:"))
    assert "url(" not in text and "@import" not in text and "fetch(" not in text
    assert "There is no derivation" not in text and "all ways agree" in text


def test_lines_and_equations_know_each_other(written: tuple[sd.Model, Path]) -> None:
    page = Page(written[1].read_text("utf-8"))
    equations = {a["data-e"] for tag, a in page.tags if tag == "li" and "data-e" in a}
    lines = {a["data-e"] for tag, a in page.tags if tag == "span" and "data-e" in a}
    assert len(lines) > 5 and lines <= equations


def test_names_are_shown_as_they_are(written: tuple[sd.Model, Path]) -> None:
    text = written[1].read_text("utf-8")
    assert EVIL not in text and f"<h1>A {html.escape(EVIL, quote=False)}</h1>" in text
    assert f">{html.escape(EVIL)}.W</th>" in text
    assert "&amp;lt;" not in text  # escaped once


def test_a_page_that_cannot_be_written_leaves_nothing(written: tuple[sd.Model, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        written[0].report(tmp_path / "nowhere" / "out.html", data=data())
    assert not list(tmp_path.iterdir())


def test_a_model_without_history_or_data(tmp_path: Path) -> None:
    X, y = sd.tensor("X", (n, 2)), sd.tensor("y", (n,))
    w = sd.parameter("w", (2,))
    text = sd.Model(sd.nn.mean_squared_error(X @ w, y)).report(tmp_path / "a.html").read_text("utf-8")
    assert "No data were given" in text and 'id="training"' not in text


SCRIPT = """<script>
const errors = [];
addEventListener("error", event => errors.push(event.message));
const over = mark => mark.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
const count = name => document.querySelectorAll("." + name).length;
const line = document.querySelector(".line[data-e]");
over(line);
const own = [...document.querySelectorAll("li.on")].map(one => one.dataset.e), lines = count("line.on");
over(document.body);
const after = count("on");
const equation = document.querySelector(`li[data-e="${line.dataset.e}"]`);
over(equation);
const back = line.classList.contains("on");
equation.click(); over(document.body);
const kept = line.classList.contains("kept");
equation.click();
const let_go = count("kept");
const alone = own.every(e => e === line.dataset.e) && own.length;
const found = {own: alone, lines, after, back, kept, let_go, errors};
found.requests = performance.getEntriesByType("resource").map(entry => entry.name);
document.body.setAttribute("data-found", JSON.stringify(found));
</script></body>"""

WIDTHS = """<script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe").contentDocument, page = frame.documentElement;
  const scrolls = one => one && (getComputedStyle(one).overflowX === "auto" || scrolls(one.parentElement));
  const beyond = [...frame.querySelectorAll("body *")].filter(one => !scrolls(one) &&
    one.getClientRects().length && one.getBoundingClientRect().right > 390.5);
  const told = one => one.tagName + "." + one.getAttribute("class");
  const found = {page: page.scrollWidth, beyond: beyond.map(told)};
  document.body.setAttribute("data-found", JSON.stringify(found));
});
</script></body>"""


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_pointing_lights_up_what_belongs_together(written: tuple[sd.Model, Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(written[1].read_text("utf-8"), "utf-8")
    found = looked_at(page, tmp_path, SCRIPT)
    assert found["own"] == 1 and found["lines"] >= 2 and found["after"] == 0
    assert found["back"] and found["kept"] and found["let_go"] == 0
    assert found["errors"] == found["requests"] == []


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_a_report_fits_a_phone(written: tuple[sd.Model, Path], tmp_path: Path) -> None:
    text = html.escape(written[1].read_text("utf-8").replace("<details class", "<details open class"))
    frame = tmp_path / "phone.html"
    style = "width:390px;height:30000px;border:0"
    frame.write_text(f'<body><iframe style="{style}" srcdoc="{text}"></iframe></body>', "utf-8")
    assert looked_at(frame, tmp_path, WIDTHS) == {"page": 390, "beyond": []}
