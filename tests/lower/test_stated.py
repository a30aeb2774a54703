"""What people are told of an equation is data: lowered programs hold nothing of SymPy, and no function."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import pytest

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.program import Program, collect
from symdl.lower.cpu.lowering import CPU
from symdl.lower.freeze.freeze import freeze
from symdl.lower.pipeline import lower
from symdl.lower.python.lowering import PYTHON

TARGETS = {"cpu": CPU, "python": PYTHON}
n = sd.Dim("n")


def convolution() -> Program:
    x, t = sd.tensor("x", (n, 2, 6, 6)), sd.tensor("t", (n,), dtype="int64")
    hidden = sd.nn.conv2d(x, 4, kernel_size=3, activation=sd.relu, name="c")
    loss = sd.nn.cross_entropy(sd.nn.dense(sd.nn.flatten(hidden), 3, name="d"), t)
    return differentiate(loss, collect([loss]).parameters, exact=True).program


def matrices() -> Program:
    return collect([sd.logdet(sd.tensor("A", (n, 3, 3)))])


def held(value: object) -> Iterator[object]:
    """Yield everything that a value holds."""
    yield value
    parts: list[object] = []
    if dataclasses.is_dataclass(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, tuple | list | set | frozenset):
        parts = [*value]
    for part in parts:
        yield from held(part)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("program", [convolution, matrices])
def test_lowered_programs_hold_data_only(program: object, target: str) -> None:
    assert callable(program)
    lowered = lower(program(), lowering=TARGETS[target], batch="n")
    known = {"builtins", "fractions"}
    kinds = {type(v) for v in held(lowered)}
    assert not [k for k in kinds if k.__module__ not in known and not k.__module__.startswith("symdl.lower.")]
    assert not [k for k in kinds if k.__name__ == "function"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("program", [convolution, matrices])
def test_every_equation_that_is_computed_is_told(program: object, target: str) -> None:
    assert callable(program)
    lowered = lower(program(), lowering=TARGETS[target], batch="n")
    numbers = {number for step in lowered.steps for number in step.equations}
    assert numbers <= lowered.program.stated.keys()
    assert all(lowered.program.stated[number].text for number in numbers)


def test_index_variables_keep_their_names() -> None:
    i, j, k = sd.indices("i j k")
    A = sd.tensor("A", (n, 3))
    program = freeze(collect([sd.define("C", (i, j), sd.Sum(A[i, k] * A[j, k], k), shape=(n, n))]))
    assert program.stated[0].text == "C[i,j] = sum_{k} A[i,k]*A[j,k]"
    assert program.stated[0].indices == ("i", "j", "k")
    equation = program.equations[0]
    assert len(program.stated[0].indices) == len(equation.free) + len(equation.bound)
