"""Names are shown, and are nothing else: no code, no LaTeX, no HTML, no path, no command to a terminal.

Right is what the same network with plain names has: the same numbers, the same marks in every format.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.errors import DataError, ExpressionError

from .corpus import MARKUP, SEEN, UNSEEN

n = sd.Dim("n")
i, j = sd.indices("i j")
X = sd.tensor("X", (n, 3))


def visible(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


NAMED: dict[str, Callable[[str], Any]] = {
    "tensor": lambda name: sd.tensor(name, (n, 3)),
    "parameter": lambda name: sd.parameter(name, (3,)),
    "parameter of a wrong shape": lambda name: sd.parameter(name, (n,)),
    "define": lambda name: sd.define(name, (i, j), 2 * X[i, j]),
    "constant": lambda name: sd.constant(np.ones(3), name=name),
    "operation": lambda name: sd.sigmoid(X, name=name),
    "state": lambda name: nn.state(name),
    "size": sd.Dim,
    "index": lambda name: type(i)(name),
    "function": lambda name: sd.function(name, numpy=np.sin),
}
"""What can be called something."""


@pytest.mark.parametrize("door", NAMED)
def test_no_thing_has_a_name_that_is_not_seen(door: str) -> None:
    for name in UNSEEN:
        with pytest.raises(ExpressionError) as caught:
            NAMED[door](name)
        assert visible(str(caught.value)) and caught.value.cure and len(str(caught.value)) < 600


PLAIN = ("given", "layer", "hidden", "learned")
GROUPS = [SEEN[k : k + 4] if k + 4 <= len(SEEN) else SEEN[-4:] for k in range(0, len(SEEN), 4)]
VALUES = np.random.default_rng(0).normal(size=(4, 3))


def network(names: Sequence[str]) -> sd.Model:
    """A network; what it is called differs."""
    given, layer, hidden, learned = names
    x, t = sd.tensor(given, (n, 3)), sd.tensor("t", (n,))
    (a,) = sd.indices("a")
    h = sd.tanh(nn.dense(x, 2, name=layer), name=hidden)
    y = sd.define(f"{hidden}2", (a,), sd.Sum(h[a, j] * sd.parameter(learned, (2,), init=nn.fill(0.5))[j], j))
    return sd.Model({learned: nn.mean_squared_error(y, t)}, output=y, dtype="float64", target="python")


def trained(names: Sequence[str], folder: Path) -> list[Any]:
    """What a network predicts that is trained, saved and loaded, called by its names, as a file alone."""
    model, x = network(names), {names[0]: VALUES}
    model.fit({**x, "t": VALUES[:, 0]}, optimizer=nn.SGD(0.1), epochs=2, progress=False)
    model.save(folder / "m.safetensors")
    model.save_weights(folder / "w.safetensors")
    assert model.history is not None
    model.history.to_csv(folder / "h.csv")
    model.load(folder / "w.safetensors")
    sd.compile(model.losses[names[3]], target="python", wrt="parameters").export(folder / "k.c")
    return [each.predict(**x) for each in (model, sd.load(folder / "m.safetensors", target="python"))]


def test_names_change_no_number_and_write_no_other_file(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    want = trained(PLAIN, tmp_path)
    files, marks = set(tmp_path.iterdir()), directives(tmp_path)
    for names in GROUPS:
        for found in trained(names, tmp_path):
            np.testing.assert_array_equal(found, want[0])
        assert set(tmp_path.iterdir()) == files
        assert directives(tmp_path) == marks


def directives(folder: Path) -> list[str]:
    """What the preprocessor of C reads; a comment that ends too early or too late changes it."""
    code = "".join((folder / f"k{ending}").read_text("utf-8") for ending in (".h", ".c"))
    assert "??" not in code and "\\\n" not in code
    code = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
    assert "*/" not in code and "/*" not in code
    return [line.split("(")[0] for line in code.splitlines() if "#" in line]


@pytest.mark.parametrize("name", ["__metadata__", "symdl/constant/0", "symdl/optimizer/w"])
def test_names_that_files_keep_for_themselves(name: str, tmp_path: Path) -> None:
    """The model works; what is written under such a name would not be found again."""
    model = sd.Model((X @ sd.parameter(name, (3,))).sum(), target="python")
    for save in (model.save, model.save_weights):
        with pytest.raises(DataError, match="cannot be saved"):
            save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def together(names: Sequence[str]) -> sd.Tensor:
    """All names in one network: of what is given and of what is computed of it."""
    parts = [sd.tanh(X * sd.tensor(name, (n, 3)), name=f"{name}h") for name in names]
    return sum(parts[1:], parts[0]).sum()


ENDINGS = (".tex", ".html", ".md", ".ipynb", ".typ", ".txt", ".json")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """The same derivation with plain names and with odd ones, by the endings of files."""
    folder, found = tmp_path_factory.mktemp("pages"), []
    for names in ([f"w{k}" for k in range(len(MARKUP))], MARKUP):
        derivation = sd.derive(together(names), names[0])
        found.append({e: derivation.save(folder / f"page{e}").read_text("utf-8") for e in ENDINGS})
    return {e: (found[0][e], found[1][e]) for e in ENDINGS}


class Marks(HTMLParser):
    """Counts tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[f"<{tag}"] += 1
        self.found.update(name for name, _ in attrs)


LAYOUT = {"<br", "<tspan", "<text", "<rect", "<polygon", "<mspace", "points", "rx", "style", "class"}
"""What differs where names are longer."""


def test_nothing_of_a_name_is_html(pages: dict[str, tuple[str, str]]) -> None:
    plain, odd = (Marks(page).found for page in pages[".html"])
    assert set(odd) - set(plain) <= LAYOUT
    for tag in ("<script", "<style", "<a", "<img", "<link", "<iframe", "href", "src"):
        assert odd[tag] == plain[tag], tag
    named = nn.dense(sd.tensor(MARKUP[0], (n, 3)), 2, name=MARKUP[1])
    drawn = Marks(sd.layer_svg(named)).found
    assert set(drawn) - set(Marks(sd.layer_svg(nn.dense(X, 2, name="layer"))).found) <= LAYOUT
    report = sd.compile(together(MARKUP[:2]), target="python")
    assert "<script" not in report._repr_html_().lower()


COMMANDS = {"\\quad", "\\ ", "\\backslash", "\\hat", "\\lambda", "\\cdot", *(f"\\{c}" for c in "_%#&${}")}
"""What a name may bring into LaTeX: characters that are spelled, accents, letters, places to break."""


def test_nothing_of_a_name_is_latex(pages: dict[str, tuple[str, str]]) -> None:
    for ending in (".tex", ".md", ".ipynb"):
        plain, odd = (set(re.findall(r"\\(?:[a-zA-Z]+|.)", page)) for page in pages[ending])
        assert odd - plain <= COMMANDS, ending
        assert not re.search(r"(?<!\\)\^\^|(?<!\\)%.*(alert|touch|raw)", pages[ending][1]), ending


def test_nothing_of_a_name_is_markdown_or_typst(pages: dict[str, tuple[str, str]]) -> None:
    """Readers that know no formulas find no tags and no links; Typst's strings end where they shall."""
    for ending in (".md", ".ipynb"):
        assert not re.search(r"<[a-zA-Z/!?]|\]\(", pages[ending][1]), ending
    strings = re.compile(r'"(?:[^"\\]|\\.)*"')
    plain, odd = (set(re.findall(r"#[\w]+|\$", strings.sub("", page))) for page in pages[".typ"])
    assert odd <= plain


def test_pages_of_text_and_data_are_seen(pages: dict[str, tuple[str, str]]) -> None:
    assert visible(pages[".txt"][1])
    told = json.loads(pages[".json"][1])
    assert json.loads(pages[".ipynb"][1])["cells"] and len(told["sections"]) > 2
