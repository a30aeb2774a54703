"""Batch normalisation: the gradients of its input, its gain and its shift.

python -m examples.lectures.batch_norm [--out FOLDER] [--pdf]
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
    X, G = sd.tensor("X", (n, 4)), sd.tensor("G", (n, 4))
    loss = (sd.nn.batch_norm(X, name="bn") * G).sum()
    return [sd.derive(loss, wrt) for wrt in (X, "bn.gain", "bn.shift")]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("batch_norm", "Batch normalisation", derivations, arguments)


if __name__ == "__main__":
    main()
