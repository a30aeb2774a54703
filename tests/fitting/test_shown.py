"""What a fit shows: its report in three forms, its plot, its mathematics."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.fitting.numerals import plus_minus, with_error

x, a, b, c, k, A2 = sp.symbols("x a b c k A2")
X = np.linspace(0, 4, 30)
Y = 3 * np.exp(-1.2 * X) + 0.5 + 0.05 * np.random.default_rng(7).normal(size=30)
FIT = sd.fit(a * sp.exp(-b * x) + c, x=X, y=Y, start={a: 1, b: 1}, fixed={c: 0.5})
PAIR = sd.fit(
    {"y1": a * sp.exp(-k * x), "y2": b * sp.exp(-k * x) + A2},
    data={"x": X, "y1": Y, "y2": 2 * Y + 0.1 * X},
    sigma={"y1": 0.05, "y2": 0.1},
    start={a: 1, b: 1, k: 1},
    tied={A2: a / 10},
)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (238.942129, 2.707, "238.94 ± 2.71"),
        (5.5015643e-4, 7.2668e-6, "0.00055016 ± 7.27e-06"),
        (-1.23456789e-9, 4.5e-12, "-1.23457e-09 ± 4.50e-12"),
        (1234567.0, 20000.0, "1.2346e+06 ± 2.00e+04"),
        (0.0, 0.012, "0.0000 ± 0.0120"),
        (0.5, 0.0, "0.5"),
        (2.0, float("nan"), "2 ± nan"),
    ],
)
def test_a_value_has_the_digits_that_its_error_leaves(value: float, error: float, shown: str) -> None:
    assert plus_minus(value, error) == shown
    assert float(with_error(value, error)[0]) == pytest.approx(value, rel=1e-4)


def test_the_report_has_what_people_look_for() -> None:
    text = str(FIT)
    assert text.splitlines()[0] == "fit of y = a·e^(-b·x) + c"
    assert "30 points, 2 free parameters; converged" in text
    rows = {
        line.split()[0]: line.split() for line in text.splitlines() if line[:1] in "abc" and line[1:2] == " "
    }
    assert rows["c"][1:] == ["0.5", "fixed"]
    assert float(rows["a"][1]) == pytest.approx(FIT.values["a"], rel=1e-4)
    assert float(rows["a"][2]) == pytest.approx(FIT.errors["a"], rel=1e-2)
    for word in ("χ²", "reduced χ²", "R²", "AIC", "BIC", "correlations: a·b"):
        assert word in text
    assert repr(FIT) == text and max(map(len, text.splitlines())) < 110
    both = str(PAIR)
    assert "fit of y₁ = a·e^(-k·x)" in both and "60 points in 2 sets" in both and "= a/10" in both


def test_html_reads_nothing_of_names_as_markup() -> None:
    wild = sp.Symbol("<b>")
    html = sd.fit(wild * sp.exp(-b * x) + c, x=X, y=Y, start={wild: 1, b: 1}, fixed={c: 0.5})._repr_html_()
    assert "<b>" not in html.replace("<p><b>", "").replace("<p><b>warning", "") and "&lt;b&gt;" in html
    assert html.count("<tr>") == 4


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX here")
def test_tex_sets_the_table(tmp_path: Path) -> None:
    body = f"{FIT.latex()}\n\n{PAIR.latex()}"
    page = rf"\documentclass{{article}}\usepackage{{amsmath}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "page.tex").write_text(page, "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-1500:]


def test_the_latex_table_has_a_row_for_each_parameter() -> None:
    found = FIT.latex()
    assert r"\[ y = a e^{-b x} + c \]" in found and found.count(r"\\") == 4
    assert r"$c$ & $0.5$ & fixed \\" in found and r"$\chi^2$" in found


def test_the_plot_shows_data_curve_band_and_residuals() -> None:
    above, below = FIT.plot(prediction=True).axes
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert labels == ["fitted", "95 % band", "95 % of measurements", "measured"]
    curve = (
        above.lines[1].get_xydata() if len(above.lines[0].get_xdata()) == 30 else above.lines[0].get_xydata()
    )
    np.testing.assert_allclose(curve[:, 1], FIT.predict(x=curve[:, 0]))
    assert curve[0, 0] == 0 and curve[-1, 0] > 4  # nothing is drawn below 0
    assert below.get_ylabel() == "residual" and below.get_xlabel() == "x"
    assert len(PAIR.plot().axes) == 4


def test_the_derivation_is_the_mathematics_of_this_fit(tmp_path: Path) -> None:
    page = FIT.derive()
    text = page.text(width=110)
    assert "∂f/∂a = e^(-b·x)" in text and "∂f/∂b = -a·x·e^(-b·x)" in text and "∂f/∂c" not in text
    assert f"= {FIT.spread.scale**2:.6g}"[:10] in text
    for word in ("Normal equations", "Propagation of errors", "C    = s²·(Jᵀ J)⁻¹"):
        assert word in text
    assert page.save(tmp_path / "fit.html").stat().st_size > 1000
    several = PAIR.derive().text(width=110)
    assert "∂f₂/∂k = -b·x·e^(-k·x)" in several and "∂f₂/∂a = 1/10" in several


def test_robust_and_tensor_fits_have_their_own_mathematics() -> None:
    robust = sd.fit(a * sp.exp(-b * x) + c, x=X, y=Y, start={a: 1, b: 1}, fixed={c: 0.5}, loss="huber")
    assert "C    = A⁻¹ B A⁻¹" in robust.derive().text() and "sandwich" in str(robust)
    u, w = sd.tensor("u", (30,)), sd.parameter("w", ())
    tensor: Any = sd.fit(w * u, u=X, y=Y, start={w: 1.0})
    assert "∂" in tensor.derive().text() and tensor.plot().axes[1].get_xlabel() == "fitted y"
