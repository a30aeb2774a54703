"""The results of derivations, beside the textbook's: their text, their value, how many are closed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.explain.notation.tree import Item
from symdl.explain.sections import Lines
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs

from .closed.case import Case, is_closed, last, length, shown
from .closed.collection import CASES
from .matrices import as_columns
from .shown import Shown, dims_of

SIZES = {"n": 5, "d": 3, "k": 2, "m": 4}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_line_is_the_expected_one(case: Case) -> None:
    assert shown(case.derived()) == case.expected


@pytest.mark.parametrize("case", [c for c in CASES if c.is_array()], ids=lambda case: case.name)
def test_the_line_has_the_value_of_the_gradient(case: Case) -> None:
    told, (loss, _) = case.derived(), case.make()
    assert told.program is not None
    given = [t for t in (*collect([loss]).inputs, *told.program.inputs) if t.value is None]
    inputs = {t.name: t for t in given}
    at = {name: drawn(t, case) for name, t in inputs.items()}
    program = collect([told.result])
    gradient = outputs(program, {t.name: at[t.name] for t in program.inputs if t.value is None})[0]
    arrays = {t: at[t.name] for t in given}
    named = [e.lhs for e in collect([loss]).equations if e.lhs.name]
    whole = collect(named)
    arrays |= dict(zip(named, outputs(whole, {t.name: at[t.name] for t in whole.inputs}), strict=True))
    for step in (s for x in told.sections if isinstance(x, Lines) for s in x.steps if "one-hot" in s.rule):
        assert isinstance(step.left, Item)
        arrays[step.left.tensor] = np.eye(SIZES["k"])[next(a for a in at.values() if a.dtype == "int64")]
    here = Shown(arrays, dims_of(arrays))
    value = np.asarray(here.value(last(told).right), dtype=float)
    assert np.allclose(np.broadcast_to(value, as_columns(gradient).shape), as_columns(gradient), rtol=1e-8)


def drawn(tensor: Tensor, case: Case) -> Any:
    """Values that have the properties which were declared: far from singular where they are square."""
    rng = np.random.default_rng(sum(map(ord, str(tensor.name))))
    shape = tuple(SIZES.get(str(size)) or int(size) for size in tensor.shape)
    if tensor.dtype == "int64":
        return rng.integers(0, 2, shape)
    values = rng.normal(size=shape)
    if tensor.name in case.positive.split():
        return np.abs(values) + 0.1
    if tensor.name in case.shares.split():
        return np.exp(values) / np.exp(values).sum(-1, keepdims=True)
    if len(shape) == 2 and shape[0] == shape[1]:
        if "orthogonal" in tensor.properties:
            return np.linalg.qr(values)[0]
        values = values @ values.T + 2 * np.eye(shape[0])
        return values if "symmetric" in tensor.properties else values + 0.1 * rng.normal(size=shape)
    return values


def test_most_are_closed_and_no_longer_than_the_textbook() -> None:
    rows = [(case, case.derived()) for case in CASES]
    closed = [case for case, told in rows if is_closed(told)]
    short = [case for case, told in rows if is_closed(told) and length(shown(told)) <= length(case.book)]
    assert len(closed) == len(CASES)
    assert len(short) == len(CASES)


def test_a_longer_line_counts_as_longer() -> None:
    assert length("Σ⁻¹ (x - μ)") < length("1/2·(Σ⁻¹ (x - μ) - Σ⁻ᵀ (μ - x))")
    assert not is_closed(sd.derive(*_without_a_matrix_form()))


def _without_a_matrix_form() -> tuple[Tensor, Tensor]:
    T = sd.tensor("T", (2, 3, 4))
    return sd.sum(T * T), T
