"""The site's search, in a browser and without a network: what people ask finds the page that answers.

Runs where ``make docs`` has built the site and Chromium is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.playground.browser import BROWSER, Tab, browser

SITE = Path(__file__).parents[2] / "out" / "docs"
FIRST_PAGE = 10
"""Results that are seen without scrolling far."""
QUESTIONS = {
    "own layer": "howto/own-layer",
    "custom loss": "howto/own-loss",
    "write an optimizer": "howto/own-optimizer",
    "learning rate schedule": "optimizers",
    "resume training": "howto/resume",
    "save and load a model": "howto/resume",
    "class imbalance": "howto/class-imbalance",
    "data larger than memory": "howto/streaming",
    "scipy minimize": "howto/scipy",
    "use in PyTorch": "howto/pytorch-and-jax",
    "standard errors": "fitting",
    "fit a curve": "fitting",
    "differential equation": "howto/ode",
    "physics-informed network": "howto/pde",
    "gaussian process": "howto/gaussian-process",
    "graph network": "howto/graph-network",
    "GPU": "cuda",
    "MPI": "howto/mpi",
    "export to C": "howto/export-a-model",
    "check a gradient": "checks",
    "relu derivative at zero": "concepts/kinks",
    "float32 or float64": "concepts/dtype",
    "random seed": "concepts/seeds",
    "ONNX": "interop",
    "coming from Keras": "coming-from",
    "expectation": "howto/expectations",
}

pytestmark = [
    pytest.mark.skipif(not (SITE / "searchindex.js").exists(), reason="make docs has not built the site"),
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here"),
]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def found(tab: Tab, question: str) -> list[str]:
    """Return the pages that a search lists, best first."""
    tab("Page.navigate", url="about:blank")
    tab("Page.navigate", url=f"{(SITE / 'search.html').as_uri()}?{urlencode({'q': question})}")
    tab.until("/search finished|did not match/i.test(document.body && document.body.innerText)", seconds=30)
    links = "[...document.querySelectorAll('ul.search li > a')].map(a => a.getAttribute('href'))"
    return [link.partition(".html")[0] for link in tab.value(links)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_finds_its_page(tab: Tab, question: str) -> None:
    pages = list(dict.fromkeys(found(tab, question)))
    assert QUESTIONS[question] in pages[:FIRST_PAGE], pages[:20]


def test_the_search_asks_nobody(tab: Tab) -> None:
    found(tab, "gradient")
    assert {url.partition(":")[0] for url in tab.addresses} <= {"file", "about", "data"}
