"""Logistic regression: the sigmoid, the gradient of the cross-entropy, its Hessian.

python -m examples.lectures.logistic_regression [--out FOLDER] [--pdf]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sympy as sp

import symdl as sd
from examples.lectures import pack
from symdl.explain.documents.derivation import Derivation


def derivations() -> list[Derivation]:
    """Return the derivations of the lecture, in its order."""
    n, d = sd.Dim("n"), sd.Dim("d")
    X, w, y = sd.tensor("X", (n, d)), sd.tensor("w", (d,)), sd.tensor("y", (n,))
    x = sp.Symbol("x")
    p = sd.sigmoid(X @ w, name="p")
    loss = -(y * sd.log(p) + (1 - y) * sd.log(1 - p)).mean()
    return [
        sd.derive(1 / (1 + sp.exp(-x)), x, name="sigma"),
        sd.derive(loss, w),
        sd.derive(loss, w, order=2),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("logistic_regression", "Logistic regression", derivations, arguments)


if __name__ == "__main__":
    main()
