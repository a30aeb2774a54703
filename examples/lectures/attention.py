"""Attention: softmax of scaled scores, and the gradients of queries, keys and values.

python -m examples.lectures.attention [--out FOLDER] [--pdf]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import symdl as sd
from examples.lectures import pack
from symdl.explain.documents.derivation import Derivation


def derivations() -> list[Derivation]:
    """Return the derivations of the lecture, in its order."""
    n, m, d = sd.Dim("n"), sd.Dim("m"), sd.Dim("d")
    Q, K = sd.tensor("Q", (n, d)), sd.tensor("K", (m, d))
    V, G = sd.tensor("V", (m, d)), sd.tensor("G", (n, d))
    loss = (sd.softmax(Q @ K.T / sd.sqrt(d), name="A") @ V * G).sum()
    return [sd.derive(loss, wrt) for wrt in (V, Q, K)]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("attention", "Attention", derivations, arguments)


if __name__ == "__main__":
    main()
