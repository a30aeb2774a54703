"""Figures: they show the numbers that they are of, and leave everything else as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError
from symdl.train.history import Epoch, History

n = sd.Dim("n")


@pytest.fixture(scope="module")
def trained() -> tuple[sd.Model, dict[str, Any], Any]:
    rng = np.random.default_rng(0)
    t = np.arange(90) % 3
    X = rng.normal(size=(90, 2)) + 3 * np.stack([np.cos(2 * t), np.sin(2 * t)], axis=1)
    inputs, labels = sd.tensor("X", (n, 2)), sd.tensor("t", (n,), dtype="int64")
    logits = sd.nn.dense(inputs, 3, name="out")
    model = sd.Model(sd.nn.cross_entropy(logits, labels), output=logits, dtype="float64")
    path = sd.plots.Path()
    model.fit({"X": X, "t": t}, optimizer=sd.nn.Adam(0.1), epochs=5, callbacks=[path])
    return model, {"X": X, "t": t}, path


def test_activations_have_the_derivative_that_is_derived() -> None:
    figure = sd.plots.activations({"tanh": sd.tanh, "relu": sd.relu}, reach=2.0)
    value, slope = (line for line in figure.axes[0].lines if line.get_label()[0] != "_")
    x = value.get_xdata()
    np.testing.assert_allclose(value.get_ydata(), np.tanh(x))
    np.testing.assert_allclose(slope.get_ydata(), 1 - np.tanh(x) ** 2)
    jump = figure.axes[1].lines[-1].get_ydata()
    assert np.isnan(jump).sum() == 1  # no line through the jump
    assert {0.0, 1.0} == set(jump[~np.isnan(jump)])


def test_a_surface_has_the_loss_at_the_end_of_the_path(trained: tuple[sd.Model, dict[str, Any], Any]) -> None:
    model, data, path = trained
    before = {name: array.copy() for name, array in model.parameters.items()}
    figure = sd.plots.loss_surface(model, data, path=path, points=5)
    for name, array in before.items():
        np.testing.assert_array_equal(model.parameters[name], array)
    way, end = figure.axes[0].lines
    assert len(way.get_xdata()) == 5
    assert (end.get_xdata()[0], end.get_ydata()[0]) == pytest.approx((0, 0))
    steps = np.stack([np.concatenate([w["out.W"].ravel(), w["out.b"]]) for w in path.weights])
    lengths = np.linalg.norm(steps - steps[-1], axis=1)
    drawn = np.hypot(way.get_xdata(), way.get_ydata())
    assert (drawn <= lengths + 1e-9).all() and drawn[0] > 0.9 * lengths[0]
    random = sd.plots.loss_surface(model, data, points=3)
    assert len(random.axes[0].lines) == 1


def test_a_path_of_another_model_is_refused(trained: tuple[sd.Model, dict[str, Any], Any]) -> None:
    model, data, _ = trained
    with pytest.raises(ArgumentError, match="too short, or of another model"):
        sd.plots.loss_surface(model, data, path=sd.plots.Path([{"w": np.ones(1)}] * 3))


def test_a_boundary_lies_where_the_model_changes_its_mind(
    trained: tuple[sd.Model, dict[str, Any], Any],
) -> None:
    model, data, _ = trained
    figure = sd.plots.decision_boundary(model, data["X"], data["t"])
    (axes,) = figure.axes
    image = axes.images[0].get_array()
    left, right, bottom, top = axes.images[0].get_extent()
    corners = np.array([[left, bottom], [right, bottom], [left, top], [right, top]])
    chosen = model.predict(X=corners).argmax(axis=1)
    shown = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    for one in range(4):
        for other in range(4):
            alike = np.abs(shown[one] - shown[other]).max() < 0.1
            assert alike == (chosen[one] == chosen[other])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["class 0", "class 1", "class 2"]
    with pytest.raises(ArgumentError, match="no boundary in a plane"):
        sd.plots.decision_boundary(model, np.ones((4, 3)), np.zeros(4))


def test_a_confusion_matrix_counts() -> None:
    true, guessed = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    figure = sd.plots.confusion_matrix(true, np.eye(3)[guessed], classes=["a", "b", "c"])
    (axes,) = figure.axes
    np.testing.assert_array_equal(axes.images[0].get_array(), [[1, 1, 0], [0, 1, 0], [1, 0, 2]])
    assert axes.get_title(loc="left") == "66.7% of 6 right"
    share = sd.plots.confusion_matrix(true, guessed, share=True).axes[0].images[0].get_array()
    np.testing.assert_allclose(share.sum(axis=1), 1)
    for wrong in ({"true": true - 1}, {"predicted": guessed[:3]}, {"predicted": guessed / 2}):
        with pytest.raises(ArgumentError, match="no labels"):
            sd.plots.confusion_matrix(**({"true": true, "predicted": guessed} | wrong))
    with pytest.raises(ArgumentError, match="3 classes and 2 names"):
        sd.plots.confusion_matrix(true, guessed, classes=["a", "b"])


def test_filters_and_attention_maps_are_the_arrays() -> None:
    weights = np.arange(24.0).reshape(6, 4) - 10
    pictures = [axes.images[0] for axes in sd.plots.filters(weights, shape=(2, 3)).axes if axes.images]
    np.testing.assert_array_equal(pictures[1].get_array(), weights[:, 1].reshape(2, 3))
    assert {picture.get_clim() for picture in pictures} == {(-13.0, 13.0)}
    kernels = np.ones((2, 3, 4, 5))
    assert sd.plots.filters(kernels).axes[0].images[0].get_array().shape == (4, 5)
    with pytest.raises(ArgumentError, match="no filters"):
        sd.plots.filters(weights)
    maps = np.random.default_rng(0).random((2, 3, 3))
    axes = sd.plots.attention(maps, queries=["a", "b", "c"]).axes
    np.testing.assert_array_equal(axes[1].images[0].get_array(), maps[1])
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["a", "b", "c"]
    with pytest.raises(ArgumentError, match="words do not fit"):
        sd.plots.attention(maps, queries=["a"])


def test_the_best_epoch_stands_beside_the_legend(tmp_path: Path) -> None:
    rows = [Epoch(k + 1, 10.0 ** (-k), 10.0 ** (-k), k / 9, 1.0, 1.0) for k in range(6)]
    history = History(tuple(rows), best_epoch=4, stopped="done")
    figure = history.plot(tmp_path / "a.png")
    figure.canvas.draw()
    assert figure.axes[0].get_yscale() == "log"
    for axes in figure.axes:
        legend = axes.get_legend().get_window_extent()
        assert legend.y0 >= axes.bbox.y1 - 1  # above the lines, all of which end with the axes
        assert "best epoch: 4" in [text.get_text() for text in axes.get_legend().get_texts()]
