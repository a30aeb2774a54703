"""Drawings: layers with shapes and parameters, units and weights, plots."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.drawings.network import layer_svg, layers_of, unit_svg
from symdl.explain.drawings.plots import activation_figure, two_spaces


def network() -> sd.Tensor:
    n = sd.Dim("n")
    h = sd.nn.dense(sd.tensor("X", (n, 784)), 100, activation=sd.relu, name="first")
    h = sd.nn.dense(h, 200, activation=sd.relu, name="second")
    return sd.nn.cross_entropy(sd.nn.dense(h, 10, name="third"), sd.tensor("t", (n,), dtype="int64"))


def words(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")]


def test_layers() -> None:
    found = [(layer.name, tuple(map(str, layer.shape)), layer.parameters) for layer in layers_of(network())]
    assert found == [
        ("X", ("n", "784"), 0),
        ("first", ("n", "100"), 78_500),
        ("second", ("n", "200"), 20_200),
        ("third", ("n", "10"), 2_010),
        ("L", (), 0),
        ("t", ("n",), 0),
    ]
    shown = words(layer_svg(network()))
    for word in ("n × 100", "78,500 parameters", "affine, relu", "100,710 parameters in all"):
        assert word in shown


def test_a_name_cannot_break_out() -> None:
    x = sd.tensor("X", (3,))
    assert "<script>" not in layer_svg(sd.nn.dense(x, 2, name="<script>"))


def test_units_and_weights() -> None:
    svg = unit_svg([2, 3, 1])
    assert svg.count("<circle") == 6 and svg.count("<path") == 9
    assert {"x1", "x2", "h1", "h3", "y1", "w11", "w32"} <= set(words(svg))
    with pytest.raises(ExplainError, match="cannot be drawn"):
        unit_svg([784, 10])


def test_activation_figure() -> None:
    pytest.importorskip("matplotlib")
    x = sp.Symbol("x", real=True)
    figure = activation_figure({"sigmoid": 1 / (1 + sp.exp(-x)), "ReLU": sp.Max(x, 0)}, points=9)
    f, slope = figure.axes[0].lines[:2]
    s = 1 / (1 + np.exp(-np.linspace(-4, 4, 9)))
    np.testing.assert_allclose(f.get_ydata(), s, rtol=1e-12)
    np.testing.assert_allclose(slope.get_ydata(), s * (1 - s), rtol=1e-12)
    with pytest.raises(ExplainError, match="one variable"):
        activation_figure({"two": x * sp.Symbol("y")})


def test_two_spaces() -> None:
    pytest.importorskip("matplotlib")
    x = np.linspace(-1, 1, 5)
    path = [[0.0, 0.0], [1.0, 0.5], [2.0, 1.0]]
    figure = two_spaces(x, 2 * x + 1, lambda x, a, b: a * x + b, path)
    data, space = figure.axes[:2]
    np.testing.assert_allclose(data.lines[2].get_ydata(), 2 * data.lines[2].get_xdata() + 1)
    np.testing.assert_allclose(space.lines[0].get_xydata(), path)
    with pytest.raises(ExplainError, match="two spaces"):
        two_spaces(x, x, lambda x, a, b: x, [[1.0]])
