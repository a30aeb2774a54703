"""Every pass over equations keeps every value: exactly, and at hard points in floating point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.check.strategies.programs import loss as random_loss
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.lower import passes

from .passes import ROUNDED, changes, checked, compared, lost

n = sd.Dim("n")
A, B, C = (sd.tensor(name, (n, n)) for name in "ABC")
x = sd.tensor("x", (n,))
AT: tuple[Mapping[str, int], Mapping[str, Any]] = {"n": 3}, {"t": np.array([1, 0, 1])}
"""The sizes and integers of the programs below."""


def moving(loss: Tensor) -> list[Tensor]:
    return [t for t in collect([loss]).inputs if t.dtype == "real" and t.value is None and t.role != "state"]


@pytest.mark.parametrize("seed", range(20))
def test_random_programs(seed: int) -> None:
    drawn = random_loss(Random(seed), steps=(2, 6), batches=(3,))
    assert checked(drawn.loss, moving(drawn.loss), {"n": 3}, drawn.values)["prepare"] == 1


def network() -> Tensor:
    h = sd.nn.dense(sd.tensor("X", (n, 3)), 4, activation=sd.relu, name="a")
    return sd.nn.cross_entropy(sd.nn.dense(h, 2, name="b"), sd.tensor("t", (n,), dtype="int64"))


def masked() -> Tensor:
    i, j, k = sd.indices("i j k")
    t = sd.tensor("t", (n,), dtype="int64")
    chosen = sp.Piecewise((A[i, k] * B[k, j], sp.Eq(t[k], 1)), (0, True))
    return (sd.define("Z", (i, j), sd.Sum(chosen, k)) ** 2).sum()


def normalised() -> Tensor:
    X = sd.tensor("X", (n, 3))
    return (sd.nn.layer_norm(X, name="norm") * sd.tensor("u", (n, 3))).sum()


def named_twice() -> Tensor:
    i, j, k = sd.indices("i j k")
    one, other = (sd.define(name, (i, j), sd.Sum(A[i, k] * B[k, j], k)) for name in "PQ")
    return (sd.tanh(one) * sd.exp(other)).sum()


def remembered() -> Tensor:
    return (sd.nn.rnn(sd.tensor("X", (n, 6, 2)), 2, name="r", checkpoint=3) ** 2).sum()


FOR: Mapping[str, Callable[[], Tensor]] = {
    "clean": network,
    "compact": normalised,
    "split_transforms": lambda: (sd.fft(sd.tensor("v", (24,))).re ** 2).sum(),
    "scale_norms": lambda: sd.sqrt((x * x).sum()),
    "use_signs": network,
    "lay_out_masks": masked,
    "collect_factors": lambda: ((A @ B + A @ C) ** 2).sum(),
    "order_contractions": lambda: (x @ ((A @ B) @ x)) ** 2,
    "share_equations": named_twice,
    "checkpoint_recurrences": remembered,
}
"""A loss that each pass has something to do for."""


@pytest.mark.parametrize("name", ["clean", "compact", *(step.name for step in passes.PROGRAM)])
def test_every_pass_has_something_to_do(name: str) -> None:
    """A new pass over SymPy's equations needs a program here, or no test of it means anything."""
    loss = FOR[name]()
    assert checked(loss, moving(loss), *AT)[name] == 1


@pytest.mark.parametrize("name", [name for name in FOR if name not in ROUNDED])
def test_a_wrong_coefficient_is_seen_that_is_too_small_for_floating_point(name: str) -> None:
    loss = FOR[name]()
    change = next(c for c in changes(loss, moving(loss)) if c.name == name)
    after, nearly = change.after, sp.Rational(10**13 + 1, 10**13)
    broken = next(e for e in reversed(after.equations) if e.lhs in after.outputs)
    equations = tuple(replace(e, body=e.body * nearly) if e is broken else e for e in after.equations)
    wrong = replace(change, after=replace(after, equations=equations))
    assert not lost(wrong, *AT, 1.0)
    assert compared(wrong, *AT).wrong
    assert not compared(change, *AT).wrong
