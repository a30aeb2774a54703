"""The lectures make their four documents, and TeX sets them without a line that is too long for its page."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

LECTURES = (
    "least_squares logistic_regression softmax perceptron batch_norm convolution lstm attention gaussian "
    "linear_autoencoder"
).split()


def made(name: str, folder: Path) -> list[Path]:
    paths: list[Path] = importlib.import_module(f"examples.lectures.{name}").main(["--out", str(folder)])
    return paths


@pytest.mark.parametrize("name", LECTURES)
def test_a_lecture(name: str, tmp_path: Path) -> None:
    slides, handout, page, key = (path.read_text("utf-8") for path in made(name, tmp_path))
    frames = slides.count(r"\begin{frame}")
    assert frames == slides.count(r"\end{frame}") > 5 and r"\uncover<2->" in slides
    assert r"\eqref{eq:1}" in handout
    body, answers = page.partition(r"\begin{document}")[2], key.partition(r"\begin{document}")[2]
    assert body.count(r"= \blank") == len(re.findall(r"[^{]\\answer\{", answers)) - _more(answers) > 2
    assert r"\blank" not in answers and r"\answer" not in body


def _more(answers: str) -> int:
    """Rows on which a long answer goes on."""
    return len(re.findall(r"&\\answer\{\\quad", answers))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX here")
@pytest.mark.parametrize("name", LECTURES)
def test_tex_sets_it(name: str, tmp_path: Path) -> None:
    for path in made(name, tmp_path):
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", path.name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:]
        wide = re.findall(r"Overfull \\hbox \((\d+)", done.stdout)
        assert max(map(int, wide), default=0) < 60, (path.name, wide)
