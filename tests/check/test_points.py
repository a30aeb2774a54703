"""Points that are drawn: every input has an array that its loss can be computed with."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.check.points import random_point
from symdl.errors import ArgumentError
from symdl.express.program import collect
from symdl.express.properties import insist

N, D = sd.Dim("n"), sd.Dim("d")


def drawn(loss: sd.Tensor, seed: int = 0, **options):
    filled = {"known": {}, "sizes": {}, **options}
    return random_point(collect([loss]), rng=np.random.default_rng(seed), **filled)


@pytest.mark.parametrize("seed", range(20))
def test_labels_choose_among_the_fewest_classes(seed: int) -> None:
    t, scores = sd.tensor("t", (N,), dtype="int64"), sd.tensor("S", (N, 3))
    E = sd.parameter("E", (2, 4))
    point = drawn(sd.nn.cross_entropy(scores, t) + sd.sum(sd.take(E, t)), seed, sizes={"n": 9})
    assert point["t"].shape == (9,) and set(point["t"]) <= {0, 1}


FLAGS = ("symmetric", "positive_definite", "orthogonal", "diagonal")


@pytest.mark.parametrize("flags", [*combinations(FLAGS, 1), *combinations(FLAGS, 2), FLAGS])
def test_matrices_are_what_they_were_declared_to_be(flags: tuple[str, ...]) -> None:
    options: dict[str, Any] = dict.fromkeys(flags, True)
    S = sd.tensor("S", (D, D), **options)
    for limits in (None, (0.5, 1.5)):
        insist(S, drawn(sd.sum(S * S), between=limits)["S"])


def test_sizes_are_those_of_what_is_given() -> None:
    X, w, b = sd.tensor("X", (N, D)), sd.tensor("w", (D,)), sd.tensor("b", (N,))
    loss = sd.sum((X @ w + b) ** 2)
    point = drawn(loss, known={"X": np.ones((7, 3)), "b": 2.0})
    assert point["w"].shape == (3,) and point["b"].tolist() == [2.0] * 7
    assert drawn(loss, sizes={"n": 1, "d": 6})["X"].shape == (1, 6)
    for wrong in ({"known": {"Y": 1.0}}, {"sizes": {"m": 2}}):
        with pytest.raises(ArgumentError, match="there are"):
            drawn(loss, **wrong)
