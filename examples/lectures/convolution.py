"""Convolution: the gradients of the kernel, a correlation, and of the input.

python -m examples.lectures.convolution [--out FOLDER] [--pdf]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import symdl as sd
from examples.lectures import pack
from symdl.explain.documents.derivation import Derivation


def derivations() -> list[Derivation]:
    """Return the derivations of the lecture, in its order."""
    n = sd.Dim("n")
    X, Y = sd.tensor("X", (n, 1, 6, 6)), sd.tensor("Y", (n, 2, 4, 4))
    loss = ((sd.nn.conv2d(X, 2, kernel_size=3, name="conv") - Y) ** 2).sum()
    return [sd.derive(loss, wrt) for wrt in ("conv.W", "conv.b", X)]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("convolution", "Convolution", derivations, arguments)


if __name__ == "__main__":
    main()
