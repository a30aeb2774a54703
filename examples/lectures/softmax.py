"""Softmax and cross-entropy: the Jacobian of the softmax, the gradient of the loss, softmax regression.

python -m examples.lectures.softmax [--out FOLDER] [--pdf]
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
    z = sd.tensor("z", (k,))
    X, W = sd.tensor("X", (n, d)), sd.tensor("W", (d, 10))
    labels = sd.tensor("t", (n,), dtype="int64")
    return [
        sd.derive(sd.softmax(z), z),
        sd.derive(sd.nn.cross_entropy(X @ W, labels), W),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("softmax", "Softmax and cross-entropy", derivations, arguments)


if __name__ == "__main__":
    main()
