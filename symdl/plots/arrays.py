"""Arrays as pictures: filters, confusion matrices, attention maps.

Enters: arrays. Leaves: figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdl.errors import ArgumentError
from symdl.figures import GREY, panels, quiet

_SEQUENTIAL, _DIVERGING = "Blues", "RdBu_r"
_MOST_NUMBERS = 20
"""Classes up to which a confusion matrix has numbers in its cells."""
_MOST_WORDS = 24
"""Words of a sentence up to which all are written at an attention map."""


def filters(weights: ArrayLike, *, shape: tuple[int, int] | None = None, columns: int = 8) -> Any:
    """Draw the filters of a layer as pictures, in one scale of colours whose middle is 0.

    Args:
        weights: of a convolution, ``(out, in, height, width)``: of several inputs the mean is shown; or of a
            dense layer, ``(in, out)``, with `shape`.
        shape: height and width of the picture that a dense layer reads.
        columns: pictures side by side.

    Raises:
        ArgumentError: the array has another shape.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> figure = sd.plots.filters(model.parameters["first.W"], shape=(28, 28))  # doctest: +SKIP
    """
    array = np.asarray(weights, dtype=float)
    if array.ndim == 4 and shape is None:
        pictures = array.mean(axis=1)
    elif array.ndim == 2 and shape is not None and array.shape[0] == shape[0] * shape[1]:
        pictures = array.T.reshape(-1, *shape)
    else:
        raise ArgumentError(
            "these are no filters",
            shapes={"weights": array.shape, "shape": shape},
            cure="pass (out, in, height, width), or (in, out) with shape=(height, width)",
        )
    figure, all_axes = panels(len(pictures), columns=columns, width=1.05, height=1.05)
    most = float(np.abs(pictures).max()) or 1.0
    for axes, picture in zip(all_axes, pictures, strict=True):
        shown = axes.imshow(picture, cmap=_DIVERGING, vmin=-most, vmax=most)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#d5d9de")
    bar = figure.colorbar(shown, ax=all_axes, shrink=0.8, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=GREY)
    return figure


def confusion_matrix(
    true: ArrayLike, predicted: ArrayLike, *, classes: Sequence[str] | None = None, share: bool = False
) -> Any:
    """Draw how many samples of each class were taken for which.

    Args:
        true: labels, ``(n,)``.
        predicted: labels, ``(n,)``; or scores of the classes, ``(n, classes)``, of which the largest counts.
        classes: names, in the order of the labels; by default their numbers.
        share: colour and write shares of each true class instead of counts.

    Raises:
        ArgumentError: labels are no whole numbers from 0 on, or the arrays do not fit.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> figure = sd.plots.confusion_matrix(data["t"], model.predict(X=data["X"]))
    """
    rows, guesses = np.asarray(true), np.asarray(predicted)
    guesses = guesses.argmax(axis=1) if guesses.ndim == 2 else guesses
    whole = rows.dtype.kind in "iu" and guesses.dtype.kind in "iu"
    if (
        not whole
        or rows.ndim != 1
        or rows.shape != guesses.shape
        or not rows.size
        or min(rows.min(), guesses.min()) < 0
    ):
        raise ArgumentError(
            "these are no labels of one set of samples",
            shapes={"true": rows.shape, "predicted": np.shape(predicted)},
            cure="pass whole numbers from 0 on, of shape (n,), or scores of shape (n, classes)",
        )
    count = max(int(rows.max()), int(guesses.max()), len(classes or ()) - 1) + 1
    names = list(classes) if classes is not None else list(map(str, range(count)))
    if len(names) != count:
        raise ArgumentError(f"there are {count} classes and {len(names)} names", cure="name all of them")
    counts = np.zeros((count, count))
    np.add.at(counts, (rows, guesses), 1)
    values = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if share else counts
    side = max(3.6, 0.44 * count + 1.6)
    figure, (axes,) = panels(1, width=side, height=side)
    axes.imshow(values, cmap=_SEQUENTIAL, vmin=0, vmax=values.max() or 1)
    right = float(np.trace(counts) / counts.sum())
    quiet(
        axes,
        grid=False,
        xlabel="predicted",
        ylabel="true",
        title=f"{right:.1%} of {int(counts.sum()):,} right",
    )
    turned = 90 if max(map(len, names)) > 3 and count > 6 else 0
    axes.set_xticks(range(count), names, rotation=turned)
    axes.set_yticks(range(count), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for row, column in np.argwhere(counts > 0) if count <= _MOST_NUMBERS else ():
        text = f"{values[row, column]:.0%}" if share else f"{int(counts[row, column])}"
        dark = values[row, column] > 0.55 * values.max()
        axes.text(
            column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "#2a2e34"
        )
    return figure


def attention(
    weights: ArrayLike, *, queries: Sequence[str] | None = None, keys: Sequence[str] | None = None
) -> Any:
    """Draw attention maps: how much each query takes from each key, a panel for each head.

    Args:
        weights: ``(queries, keys)`` or ``(heads, queries, keys)``.
        queries, keys: the words at the axes; keys are those of the queries if there are as many.

    Raises:
        ArgumentError: the array has another shape, or the words are not as many.
        MissingExtraError: matplotlib is not installed.
    """
    array = np.asarray(weights, dtype=float)
    array = array[None] if array.ndim == 2 else array
    keys = queries if keys is None and queries is not None and array.shape[-1:] == (len(queries),) else keys
    sizes = [len(words) for words in (queries, keys) if words is not None]
    if array.ndim != 3 or sizes != [
        n for n, w in zip(array.shape[1:], (queries, keys), strict=True) if w is not None
    ]:
        raise ArgumentError(
            "these are no attention maps, or the words do not fit",
            shapes={"weights": array.shape, "words": sizes},
            cure="pass (queries, keys) or (heads, queries, keys), and a word for each",
        )
    figure, all_axes = panels(len(array), columns=4, width=3.1, height=3.1)
    for head, (axes, one) in enumerate(zip(all_axes, array, strict=True), 1):
        shown = axes.imshow(one, cmap=_SEQUENTIAL, vmin=0, vmax=array.max() or 1, aspect="auto")
        title = f"head {head}" if len(array) > 1 else ""
        quiet(axes, grid=False, xlabel="key", ylabel="query", title=title)
        axes.spines[:].set_visible(False)
        for words, place, turned in ((keys, axes.set_xticks, 90), (queries, axes.set_yticks, 0)):
            if words is not None and len(words) <= _MOST_WORDS:
                place(range(len(words)), words, rotation=turned)
    bar = figure.colorbar(shown, ax=all_axes, shrink=0.8, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    return figure
