"""An LSTM: backpropagation through time, of the input and recurrent weights.

python -m examples.lectures.lstm [--out FOLDER] [--pdf]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import symdl as sd
from examples.lectures import pack
from symdl.explain.documents.derivation import Derivation


def derivations() -> list[Derivation]:
    """Return the derivations of the lecture, in its order."""
    n, T = sd.Dim("n"), sd.Dim("T")
    X, Y = sd.tensor("X", (n, T, 3)), sd.tensor("Y", (n, T, 2))
    states, _ = sd.nn.lstm(X, 2, name="lstm")
    loss = ((states - Y) ** 2).sum()
    names = [str(parameter.name) for parameter in sd.parameters(loss)]
    return [sd.derive(loss, name) for name in names]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write slides, handout, worksheet and key."""
    return pack.write("lstm", "Backpropagation through time", derivations, arguments)


if __name__ == "__main__":
    main()
