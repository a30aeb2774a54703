"""Pages that carry their check: the shapes fit, the values are those of the lines, the table agrees."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExplainError

n, d = sd.Dim("n"), sd.Dim("d")
X, w, y = sd.tensor("X", (n, d)), sd.tensor("w", (d,)), sd.tensor("y", (n,))
LOSS = ((X @ w - y) ** 2).sum()
AT = {"X": np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]), "w": np.array([1.0, -1.0]), "y": np.zeros(3)}


def test_shapes_and_values() -> None:
    page = sd.annotate(sd.derive(LOSS, w), at=AT).text()
    assert "shapes: (d × n)(n) = d" in page and "shapes: (n × d)(d) = n" in page
    residual = AT["X"] @ AT["w"]
    gradient = 2 * AT["X"].T @ residual
    assert f"value: ({gradient[0]:.4g}, {gradient[1]:.4g})" in page
    assert f"value: {residual @ residual:.4g}" in page
    assert "all agree" in page and re.search(r"central difference\s+autodiff", page)


def test_every_part_can_be_left_out() -> None:
    told = sd.derive(LOSS, w)
    bare = sd.annotate(told, shapes=False, values=False, check=False)
    assert bare.text() == told.text()
    assert "value:" not in sd.annotate(told, values=False, check=False).text()
    assert "shapes:" not in sd.annotate(told, shapes=False).text()


def test_a_scalar_function() -> None:
    x, z = sp.symbols("x z")
    page = sd.annotate(sd.derive(sp.sin(x * z), x), at={"x": 0.5, "z": 2.0}).text()
    assert f"value: {2 * np.cos(1.0):.4g}" in page and "all agree" in page


@pytest.mark.parametrize("suffix", [".tex", ".md", ".html", ".typ", ".json", ".txt"])
def test_it_travels_in_every_format(tmp_path: Path, suffix: str) -> None:
    told = sd.annotate(sd.derive(LOSS, w), at=AT)
    options = {"math": "mathml"} if suffix == ".html" else {}
    page = told.save(tmp_path / f"a{suffix}", **options).read_text("utf-8")
    assert page.count("value: ") >= 4 and "autodiff" in page and "all agree" in page


def test_a_network_at_a_random_point() -> None:
    h = sd.nn.dense(sd.tensor("X", (n, 4)), 3, activation=sd.tanh, name="first")
    loss = sd.nn.cross_entropy(sd.nn.dense(h, 2, name="second"), sd.tensor("t", (n,), dtype="int64"))
    page = sd.annotate(sd.derive(loss, "first.W")).text()
    assert "all agree" in page and "of norm" in page


def test_refusals() -> None:
    with pytest.raises(ExplainError, match="gradient"):
        sd.annotate(sd.derive(LOSS, w, order=2))
