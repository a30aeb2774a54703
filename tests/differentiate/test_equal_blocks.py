"""What equal blocks of a network have in common is derived once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sympy as sp

import symdl as sd
from symdl.differentiate.names import Names
from symdl.differentiate.prepare import prepare
from symdl.express.equations import Equation
from symdl.express.program import Program, collect

n = sd.Dim("n")


def chain(blocks: int, activation: Callable[[sp.Expr], sp.Expr], *, named: bool) -> Program:
    """Blocks of an activation and a formula of it, which reaches across its name if it has one."""
    i, j = sd.indices("i j")
    h = sd.tensor("X", (n, 4))
    for at in range(blocks):
        z = sd.nn.dense(h, 4, name=f"d{at}")
        a = sd.define(f"a{at}" if named else None, (i, j), activation(z[i, j]))
        h = sd.define(None, (i, j), sp.log(1 + a[i, j]) * (1 - a[i, j]) - h[i, j])
    return collect([h.sum()])


def residual(blocks: int) -> Program:
    h = sd.tensor("X", (n, 4))
    for at in range(blocks):
        h = sd.relu(sd.nn.layer_norm(sd.nn.dense(h, 4, name=f"d{at}"), name=f"n{at}") + h)
    return collect([h.sum()])


PROGRAMS = {
    "softplus": lambda: chain(3, sp.exp, named=True),
    "gates": lambda: chain(3, lambda z: 1 / (1 + sp.exp(-z)), named=True),
    "no names": lambda: chain(3, sp.tanh, named=False),
    "residual": lambda: residual(5),
}


def bodies(program: Program) -> list[tuple[str, str]]:
    return [(str(e.lhs.name), str(e.body)) for e in program.equations]


@pytest.mark.parametrize("which", PROGRAMS)
def test_what_is_known_of_a_form_changes_no_equation(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROGRAMS[which]()
    found, _ = prepare(program)
    monkeypatch.setattr(Names, "form", lambda *_: object())  # equal to no other
    monkeypatch.setattr(Names, "written", lambda *_: object())
    wanted, _ = prepare(program)
    assert bodies(found) == bodies(wanted)


def test_the_work_does_not_grow_with_equal_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Equation] = []
    gain = Names.gain

    def counted(names: Names, equation: Equation, chosen: frozenset[sd.Tensor]) -> int:
        looked.append(equation)
        return gain(names, equation, chosen)

    monkeypatch.setattr(Names, "gain", counted)
    counts = []
    for blocks in (12, 24):
        looked.clear()
        prepare(residual(blocks))
        counts.append(len(looked))
    assert counts[0] == counts[1] > 0
