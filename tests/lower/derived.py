"""Derive and lower varied losses, and print the programs and the generated sources.

Enters: nothing. Leaves: text, one part a loss, that `test_processes` compares between processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import sympy as sp

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.emit.source import module_source
from symdl.targets import CPU
from tests.lowering import lower
from tests.totality import layers, losses, sequences

LAYERS = frozenset("nn.batch_norm nn.conv nn.layer_norm nn.lstm nn.max_pool nn.multi_head_attention".split())


def named() -> Iterator[tuple[str, sd.Tensor, tuple[sd.Tensor, ...]]]:
    """Yield losses, each with its name and what it is differentiated by."""
    for case in (*losses.CASES, *layers.CASES, *sequences.CASES):
        if case.order and (case in losses.CASES or case.operation in LAYERS):
            built = case.build()
            yield case.id, built.loss(), built.moving
    n = sd.Dim("n")
    points = tuple(sd.tensor(name, (n, 3)) for name in "abcdef")
    apart = [sd.sqrt(((p - q) ** 2).sum(axis=1)) for p, q in pairwise(points)]
    yield "norms in one equation", sd.elementwise(lambda *d: sp.Add(*d) * sp.Max(*d), *apart).sum(), points
    sums = [sd.exp(p).sum(axis=1) for p in points]
    logs = sd.elementwise(lambda *s: sp.Add(*(sp.log(q) * n for n, q in enumerate(s, 1))), *sums)
    yield "logarithms in one equation", (logs**2).sum(), points
    X, t = sd.tensor("X", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    W, b = sd.parameter("W", (4, 3)), sd.parameter("b", (3,))
    yield "a network", sd.nn.cross_entropy(sd.tanh(X @ W + b), t), (W, b)


def main() -> None:
    """Print."""
    for name, loss, wanted in named():
        program = differentiate(loss, wanted).program
        print(f"## {name}\n{program}\n{module_source(lower(program), syntax=CPU.syntax, dtype='float32')}")
    x, y = sp.symbols("x y")
    print(f"## a formula\n{sd.compile(sp.sin(x * y) + sp.exp(y), wrt=[x, y]).source}")


if __name__ == "__main__":
    main()
