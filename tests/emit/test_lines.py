"""Lines of generated code and the equations that they compute."""

from __future__ import annotations

from typing import Any

import pytest

import symdl as sd
from symdl.emit.lines import lines_of
from symdl.targets import CPU, CUDA, PYTHON

n = sd.Dim("n")


def network() -> Any:
    X, t = sd.tensor("X", (n, 5)), sd.tensor("t", (n,), dtype="int64")
    hidden = sd.nn.dense(X, 7, activation=sd.relu, name="first")
    return sd.nn.cross_entropy(sd.nn.dense(hidden, 3, name="second"), t)


@pytest.mark.parametrize("target", [PYTHON, CPU, CUDA], ids=lambda target: target.name)
def test_lines_are_those_of_the_module_and_know_their_equations(target: Any) -> None:
    built = sd.compile(network(), wrt="parameters", dtype="float32", target=target).built
    found = lines_of(built.lowered, syntax=target.syntax, dtype="float32")
    assert [line.text for line in found] == built.text.splitlines()
    computed = {e for kernel in built.lowered.kernels for e in kernel.equations}
    assert {line.equation for line in found} == {-1, *computed}
    for line in found:
        for equation, stated in built.lowered.program.stated.items():
            if line.text.strip() == f"# {stated.text}":
                assert line.equation == equation


def test_what_a_line_writes_is_what_its_equation_defines() -> None:
    built = sd.compile(network(), wrt="parameters", dtype="float32", target=PYTHON).built
    program = built.lowered.program
    named = {e.number: program.tensors[e.lhs].name.replace(".", "_") for e in program.equations}
    stores = [
        line
        for line in lines_of(built.lowered, syntax=PYTHON.syntax, dtype="float32")
        if ("] = " in line.text or "] += " in line.text) and "#" not in line.text
    ]
    assert len(stores) > 5
    for line in stores:
        if line.equation in built.lowered.kernels[0].equations:  # not named after another call
            assert line.text.strip().startswith(f"{named[line.equation]}["), line
