"""The loss around the weights, and the way that training took.

Enters: a model, data, the weights after each epoch. Leaves: a figure. Two directions of all weights together
span the plane that is drawn: those in which the way moved most, or two random ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.figures import COLOURS, panels, quiet
from symdl.train.history import Epoch
from symdl.train.model import Model
from symdl.train.values import on_host

Array = NDArray[Any]
_BEYOND = 0.3


@dataclass(slots=True)
class Path:
    """A callback that remembers the weights after each epoch.

    Attributes:
        weights: the arrays by name, after each epoch.

    Example:
        >>> path = sd.plots.Path()
        >>> history = model.fit(data, optimizer=sd.nn.Adam(1e-3), epochs=20, callbacks=[path])
        >>> figure = sd.plots.loss_surface(model, data, path=path)
    """

    weights: list[dict[str, Array]] = field(default_factory=list)

    def __call__(self, epoch: Epoch, model: Model) -> None:
        """Hear of an epoch."""
        self.weights.append(on_host(model.parameters))


def loss_surface(
    model: Model,
    data: Mapping[str, Any],
    *,
    path: Path | None = None,
    reach: float = 1.0,
    points: int = 31,
    seed: int = 0,
) -> Any:
    """Draw the loss over a plane through the weights of a model, and the way of a training in it.

    With a way, the plane is spanned by the two directions in which it moved most, and goes through its end;
    what of the way lies outside the plane is not seen. Without one the directions are random, as long in each
    array as its values are. The model has its weights again afterwards.

    Args:
        data: on which the loss is evaluated.
        path: of a training, of at least three epochs.
        reach: without a path, how many times the lengths of the weights the plane is wide, to each side.
        points: of the grid in each direction.
        seed: of the random directions.

    Raises:
        ArgumentError: data do not fit, or the path is too short or of another model.
        MissingExtraError: matplotlib is not installed.
    """
    before = on_host(model.parameters)
    names, centre = list(before), _flat(before)
    way: Array | None = None
    if path is not None:
        if len(path.weights) < 3 or any(w.keys() != before.keys() for w in path.weights):
            what = "the path is too short, or of another model"
            raise ArgumentError(what, cure="train this model for three epochs or more")
        steps = np.stack([_flat(weights) for weights in path.weights])
        centre = steps[-1]
        _, _, directions = np.linalg.svd(steps - centre, full_matrices=False)
        plane = directions[:2]
        way = (steps - centre) @ plane.T
        low, high = way.min(axis=0), way.max(axis=0)
        room = np.maximum(_BEYOND * (high - low), 0.15 * float(np.max(high - low)) or 1e-3)
        sides = [np.linspace(low[n] - room[n], high[n] + room[n], points) for n in range(2)]
    else:
        plane = _random(before, np.random.default_rng(seed))
        sides = [np.linspace(-reach, reach, points) for _ in range(2)]
    losses = np.empty((points, points))
    try:
        for row, b in enumerate(sides[1]):
            for column, a in enumerate(sides[0]):
                _put(model, names, centre + a * plane[0] + b * plane[1])
                losses[row, column] = model.evaluate(data)["loss"]
    finally:
        _put(model, names, _flat(before))
    return _drawn(sides, losses, way)


def _drawn(sides: list[Array], losses: Array, way: Array | None) -> Any:
    figure, (axes,) = panels(1, width=5.6, height=4.4)
    finite = np.where(np.isfinite(losses), losses, np.nan)
    log = bool(np.nanmin(finite) > 0 and np.nanmax(finite) > 10 * np.nanmin(finite))
    shown = np.log10(finite) if log else finite
    surface = axes.contourf(*sides, shown, levels=24, cmap="viridis")
    axes.contour(*sides, shown, levels=12, colors="white", linewidths=0.4, alpha=0.5)
    bar = figure.colorbar(surface, ax=axes, label="log$_{10}$ of the loss" if log else "loss", aspect=30)
    bar.outline.set_visible(False)
    if way is not None:
        axes.plot(*way.T, "-o", color="white", ms=3, lw=1.3, label="after each epoch")
        axes.plot(*way[-1], "*", color=COLOURS[1], ms=13, mec="white", mew=0.8, label="end")
    else:
        axes.plot(0, 0, "*", color=COLOURS[1], ms=13, mec="white", mew=0.8)
    words = (
        ("direction in which it moved most", "second direction")
        if way is not None
        else ("random direction",) * 2
    )
    quiet(axes, grid=False, xlabel=words[0], ylabel=words[1])
    return figure


def _flat(weights: Mapping[str, Array]) -> Array:
    return np.concatenate([np.ravel(array).astype("float64") for array in weights.values()])


def _random(weights: Mapping[str, Array], rng: np.random.Generator) -> Array:
    """Return two directions, in each array as long as its values are."""
    parts = []
    for array in weights.values():
        found = rng.normal(size=(2, array.size))
        length = np.linalg.norm(found, axis=1, keepdims=True)
        parts.append(found / length * np.linalg.norm(array))
    return np.concatenate(parts, axis=1)


def _put(model: Model, names: list[str], values: Array) -> None:
    """Write values over the parameters of a model."""
    start = 0
    for name in names:
        array = model.parameters[name]
        array[...] = values[start : start + array.size].reshape(array.shape)
        start += array.size
