"""Lowering is a list of passes: each has a name, says what it does, is verified, and can be watched."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest
import sympy as sp
from hypothesis import given, settings

import symdl as sd
from symdl.errors import InternalError
from symdl.express.operators import elementwise
from symdl.express.program import Program, collect
from symdl.lower.cpu.lowering import CPU
from symdl.lower.ir.integers import constant
from symdl.lower.ir.loops import Store
from symdl.lower.ir.names import Local
from symdl.lower.ir.scalars import Body, Node
from symdl.lower.pipeline import lower, passes
from symdl.lower.python.lowering import PYTHON
from symdl.lower.show import shown
from symdl.lower.state import Level, Pass, State
from symdl.lower.target import Lowering
from symdl.lower.verify import verify, verify_calls
from symdl.run.compiled import Compiled

from .programs import Arrays, programs

n = sd.Dim("n")
X = sd.tensor("X", (n, 3))
TARGETS = {"cpu": CPU, "python": PYTHON}


def convolution() -> Program:
    x = sd.tensor("x", (n, 2, 6, 6))
    return collect([sd.nn.conv2d(x, 4, kernel_size=3, activation=sd.relu, name="c").sum()])


@pytest.mark.parametrize("target", TARGETS)
def test_the_list_can_be_read(target: str) -> None:
    found = passes(TARGETS[target])
    assert len({p.name for p in found}) == len(found)
    for step in found:
        verb, _, rest = step.name.partition("_")
        assert verb.isalpha() and rest, step.name
        assert step.purpose[0].isalpha() and step.purpose.endswith(".")
        assert step.purpose.count(". ") == 0
    levels = [get_args(Level).index(p.level) for p in found]
    assert all(a <= b for a, b in pairwise(levels))


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=15, deadline=None)
@given(programs())
def test_every_pass_leaves_what_its_level_asks_for(target: str, case: tuple[Program, Arrays]) -> None:
    for schedule in ("fused", "naive"):
        lower(case[0], lowering=TARGETS[target], schedule=schedule, check=True)


@pytest.mark.parametrize("target", TARGETS)
def test_each_pass_is_told_in_order_and_can_be_shown(target: str) -> None:
    told: list[str] = []

    def observer(step: Pass, state: State, seconds: float) -> None:
        told.append(step.name)
        assert seconds >= 0
        assert shown(step, state)

    lower(convolution(), lowering=TARGETS[target], batch="n", observer=observer)
    assert told == [p.name for p in passes(TARGETS[target])]
    told.clear()
    lower(convolution(), lowering=TARGETS[target], schedule="naive", observer=observer)
    assert told == [p.name for p in passes(TARGETS[target]) if p.naive]


def test_only_a_processor_has_samples_innermost() -> None:
    cpu, plain = (lower(convolution(), lowering=t, batch="n") for t in (CPU, PYTHON))
    assert any(info.sample_layout for info in cpu.program.tensors)
    assert not any(info.sample_layout for info in plain.program.tensors)
    assert "gemm" in plain.structures


def test_the_pass_that_breaks_something_is_named() -> None:
    def dropped(state: State) -> State:
        return replace(state, steps=state.steps[:-1])

    drop = Pass("drop_steps", "loops", "Nothing good.", dropped)
    with pytest.raises(InternalError, match=r"never written, after drop_steps"):
        lower(convolution(), lowering=replace(PYTHON, loops=(drop,)), check=True)

    def moved(state: State) -> State:
        steps = (replace(state.steps[0], work=state.steps[-1].work), *state.steps[1:])
        return replace(state, steps=steps)

    shuffle = Pass("shuffle_steps", "memory", "Nothing good.", moved)
    with pytest.raises(InternalError, match="after shuffle_steps"):
        lower(collect([X.sum(0), X.sum() * X]), lowering=replace(PYTHON, binding=(shuffle,)), check=True)

    def reversed_(state: State) -> State:
        return replace(state, source=replace(state.source, equations=state.source.equations[::-1]))

    turn = Pass("turn_round", "program", "Nothing good.", reversed_)
    with pytest.raises(InternalError, match="read before it is defined, after turn_round"):
        verify(turn, turn.apply(State(convolution())))


def test_a_target_is_a_record() -> None:
    counted: list[int] = []

    def count(state: State) -> State:
        counted.append(len(state.equations))
        return state

    toy = Lowering(equations=(Pass("count_equations", "equations", "Counts.", count),), cut=False)
    lowered = lower(convolution(), lowering=toy, batch="n", check=True)
    assert counted[0] >= 3
    assert "gemm" not in lowered.structures
    assert not lowered.splits


def test_a_kernel_that_reads_an_unknown_local_is_refused() -> None:
    lowered = lower(collect([elementwise(sp.exp, X)]), lowering=CPU)
    (kernel,) = lowered.kernels
    bad = Store(kernel.arrays[-1].slot, (constant(0),), Body((Node("local", (), Local(99)),)))
    broken = replace(kernel, items=(*kernel.items, bad))
    with pytest.raises(InternalError, match="x99 is not visible"):
        verify_calls(replace(lowered, kernels=(broken,)))


def test_passes_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SYMDL_SHOW", "passes")
    monkeypatch.setenv("SYMDL_CHECK", "1")
    Compiled(collect([elementwise(sp.tanh, X).sum()]), dtype="float64", target="python", schedule="fused")
    printed = capsys.readouterr().err
    heads = [line.split()[1] for line in printed.splitlines() if line.startswith("== ")]
    assert heads == [p.name for p in passes(PYTHON)]
    assert "tanh(" in printed and " ms)" in printed
