"""Where a classifier decides.

Enters: a model that reads two numbers a sample, samples. Leaves: a figure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdl.errors import ArgumentError
from symdl.express.program import collect
from symdl.figures import COLOURS, panels, quiet
from symdl.train.model import Model

_GRID, _BEYOND = 220, 0.08


def decision_boundary(
    model: Model, points: ArrayLike, labels: ArrayLike, *, names: tuple[str, str] = ("$x_1$", "$x_2$")
) -> Any:
    """Draw which class a model chooses where, and the samples.

    The output of the model is scores of the classes, or one number, which says class 1 where it is above 0 (a
    logit). The stronger a colour, the surer the model is.

    Args:
        model: whose output reads one input of shape ``(n, 2)``.
        points: the samples, ``(n, 2)``.
        labels: their classes, ``(n,)``.
        names: of the two numbers.

    Raises:
        ArgumentError: the model reads something else, or the arrays do not fit.
        TrainingError: the model has no output.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> figure = sd.plots.decision_boundary(model, data["X"], data["t"])
    """
    places, classes = np.asarray(points, dtype=float), np.asarray(labels).ravel().astype(int)
    read = [t for t in collect(list(model.outputs.values())).inputs if t.role == "input"]
    if (
        places.ndim != 2
        or places.shape[1] != 2
        or len(classes) != len(places)
        or len(model.outputs) > 1
        or len(read) != 1
    ):
        raise ArgumentError(
            "there is no boundary in a plane",
            shapes={"points": places.shape, "labels": np.shape(labels)},
            cure="pass points of shape (n, 2) and labels (n,), of a model with one output of one input",
        )
    low, high = places.min(axis=0), places.max(axis=0)
    room = _BEYOND * np.maximum(high - low, 1e-9)
    first, second = (np.linspace(low[n] - room[n], high[n] + room[n], _GRID) for n in range(2))
    grid = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    scores = np.asarray(model.predict(**{str(read[0].name): grid.astype(model.dtype)}), dtype=float)
    chances = _chances(scores.reshape(len(grid), -1))
    chosen, sure, count = chances.argmax(axis=1), chances.max(axis=1), chances.shape[1]
    tones = np.array([_rgb(COLOURS[n % len(COLOURS)]) for n in range(count)])
    strength = 0.08 + 0.34 * (sure - 1 / count) / (1 - 1 / count)
    shown = 1 - strength[:, None] * (1 - tones[chosen])
    figure, (axes,) = panels(1, width=5.0, height=4.4)
    extent = (first[0], first[-1], second[0], second[-1])
    axes.imshow(shown.reshape(_GRID, _GRID, 3), origin="lower", extent=extent, aspect="auto")
    for number in sorted(set(classes.tolist())):
        mine = places[classes == number]
        style = {"s": 22, "color": COLOURS[number % len(COLOURS)], "edgecolors": "white", "linewidths": 0.7}
        axes.scatter(*mine.T, label=f"class {number}", **style)
    for number in range(count - (count == 2)):
        inside = (chosen == number).astype(float).reshape(_GRID, _GRID)
        if 0 < inside.mean() < 1:
            axes.contour(first, second, inside, levels=[0.5], colors="#2a2e34", linewidths=1.0)
    quiet(axes, grid=False, xlabel=names[0], ylabel=names[1])
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8.5)
    return figure


def _chances(scores: NDArray[Any]) -> NDArray[Any]:
    """Return the chances of the classes; one number is the score of class 1 against 0."""
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return chances


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return red, green, blue
