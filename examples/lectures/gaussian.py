"""The Gaussian: the likelihood by its mean and covariance, and the Kullback-Leibler divergence of two.

python -m examples.lectures.gaussian [--out FOLDER] [--pdf]
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
    X, mu = sd.tensor("X", (n, d)), sd.tensor("mu", (d,))
    C = sd.tensor("C", (d, d), positive_definite=True)
    P = sd.tensor("P", (d, d), positive_definite=True)
    likelihood = -sd.trace((X - mu) @ sd.inv(C) @ (X - mu).T) / 2 - n * sd.logdet(C) / 2
    m = sd.tensor("m", (d,))
    divergence = (sd.trace(sd.inv(P) @ C) + sd.quadratic(m - mu, sd.inv(P)) + sd.logdet(P) - sd.logdet(C)) / 2
    return [
        sd.derive(likelihood, mu),
        sd.derive(likelihood, C),
        sd.derive(divergence, mu),
        sd.derive(divergence, C),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("gaussian", "The Gaussian likelihood and a divergence", derivations, arguments)


if __name__ == "__main__":
    main()
