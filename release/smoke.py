"""What must work wherever symdl is installed: a derivation, a kernel, a training step, the templates.

    python release/smoke.py

Nothing of a checkout is imported: this file may lie anywhere. Prints where symdl and its templates lie.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdl as sd
from symdl.templating import template_root


def main() -> None:
    """Run all of it, and say where it ran."""
    x = sp.Symbol("x")
    assert sd.derive(sp.sin(x**2), x).result == 2 * x * sp.cos(x**2)
    value, slopes = sd.compile(sp.sin(x), wrt=[x])(x=0.0)
    assert (value, slopes["x"]) == (0.0, 1.0), (value, slopes)

    n = sd.Dim("n")
    X, t = sd.tensor("X", (n, 2)), sd.tensor("t", (n,), dtype="int64")
    logits = sd.nn.dense(X, 2, name="out")
    loss = sd.nn.cross_entropy(logits, t)
    points = np.random.default_rng(0).normal(size=(64, 2))
    data = {"X": points, "t": (points[:, 0] > 0).astype(int)}
    model = sd.Model(loss, output=logits)
    history = model.fit(data, optimizer=sd.nn.Adam(0.1), epochs=5, progress=False)
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert "def " in sd.compile(loss, target="cuda").source

    root = template_root()
    assert any(entry.name.endswith(".jinja") for entry in (root / "cpu").iterdir()), root
    print(f"symdl {sd.__version__} works: {sd.__file__}, templates in {root}")


if __name__ == "__main__":
    main()
