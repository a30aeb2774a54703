"""Figures that look alike.

Enters: how large, how many panels; then what is to be written where. Leaves: a ``matplotlib.figure.Figure``
with quiet axes, legends beside what is drawn, and PNG files. Nothing of matplotlib's global state is changed,
and no window opens. Needs the extra ``train``.
"""

from __future__ import annotations

import os
from typing import Any

from symdl.errors import require_extra
from symdl.files import replacing

COLOURS = ("#0b5fa5", "#c2571a", "#1f7a4d", "#7b3fa0", "#b3261e", "#6b6f76")
"""Of lines, in order; they differ in brightness, too."""
GREY = "#8a9099"
_SIZES = {"font": 9.5, "title": 10.5}


def panels(count: int, *, columns: int = 2, width: float = 5.2, height: float = 3.4) -> tuple[Any, list[Any]]:
    """Return a figure with so many axes, some side by side.

    Args:
        width, height: of each, in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    columns = max(1, min(count, columns))
    rows = -(-count // columns)
    figure = require_extra("matplotlib.figure", "train").Figure(
        figsize=(width * columns, height * rows), layout="constrained"
    )
    found = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in found[count:]:
        axes.remove()
    for axes in found[:count]:
        axes.set_prop_cycle(color=COLOURS)
    return figure, found[:count]


def quiet(axes: Any, *, grid: bool = True, **words: str) -> None:
    """Take away what is no data, and set title and labels.

    Args:
        words: ``title``, ``xlabel``, ``ylabel``.
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(color=GREY, labelsize=_SIZES["font"])
    if grid:
        axes.grid(axis="y", color="#e3e6ea", lw=0.8)
        axes.set_axisbelow(True)
    if words.get("title"):
        axes.set_title(words["title"], fontsize=_SIZES["title"], loc="left", fontweight="bold", pad=10)
    axes.set_xlabel(words.get("xlabel", ""), fontsize=_SIZES["font"])
    axes.set_ylabel(words.get("ylabel", ""), fontsize=_SIZES["font"])


def beside(axes: Any) -> None:
    """Put the legend above the axes, where nothing runs through it."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
        style = {"frameon": False, "fontsize": _SIZES["font"] - 1, "handlelength": 1.6, "columnspacing": 1.2}
        axes.legend(handles, labels, ncols=min(len(labels), 4), **place, **style)


def write_png(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure, whole or not at all.

    Raises:
        DataError: `path` cannot be written.
    """
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=150)
