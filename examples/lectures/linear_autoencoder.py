"""Principal components as a maximum, and the linear autoencoder that finds their space.

python -m examples.lectures.linear_autoencoder [--out FOLDER] [--pdf]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import symdl as sd
from examples.lectures import pack
from symdl.explain.documents.derivation import Derivation


def derivations() -> list[Derivation]:
    """Return the derivations of the lecture, in its order."""
    n, d, k = sd.Dim("n"), sd.Dim("d"), sd.Dim("k")
    X, W, S = sd.tensor("X", (n, d)), sd.tensor("W", (d, k)), sd.tensor("S", (d, d), symmetric=True)
    w = sd.tensor("w", (d,))
    return [
        sd.derive(sd.quadratic(w, S) / sd.inner(w, w), w),
        sd.derive(((X @ W @ W.T - X) ** 2).sum(), W),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write(
        "linear_autoencoder", "Principal components and the linear autoencoder", derivations, arguments
    )


if __name__ == "__main__":
    main()
