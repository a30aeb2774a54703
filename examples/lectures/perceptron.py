"""A multi-layer perceptron with two layers: the gradients of both layers' weights and of a bias.

python -m examples.lectures.perceptron [--out FOLDER] [--pdf]
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
    X, labels = sd.tensor("X", (n, 784)), sd.tensor("t", (n,), dtype="int64")
    hidden = sd.nn.dense(X, 100, activation=sd.tanh, name="first")
    loss = sd.nn.cross_entropy(sd.nn.dense(hidden, 10, name="second"), labels)
    return [sd.derive(loss, name) for name in ("second.W", "first.W", "first.b")]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("perceptron", "A multi-layer perceptron", derivations, arguments)


if __name__ == "__main__":
    main()
