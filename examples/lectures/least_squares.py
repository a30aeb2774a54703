"""Least squares and ridge regression: the gradient in index form, in matrix form and by differentials.

python -m examples.lectures.least_squares [--out FOLDER] [--pdf]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import symdl as sd
from examples.lectures import pack
from symdl.explain.documents.derivation import Derivation


def derivations() -> list[Derivation]:
    """Return the derivations of the lecture, in its order."""
    n, d = sd.Dim("n"), sd.Dim("d")
    X, w, y = sd.tensor("X", (n, d)), sd.tensor("w", (d,)), sd.tensor("y", (n,))
    residual = X @ w - y
    squares = (residual**2).sum() / 2
    ridge = squares + sd.tensor("lambda", ()) * (w**2).sum() / 2
    return [
        sd.derive(squares, w, let={"r": residual}),
        sd.derive(squares, w, form="differential"),
        sd.derive(ridge, w, let={"r": residual}),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("least_squares", "Least squares and ridge", derivations, arguments)


if __name__ == "__main__":
    main()
