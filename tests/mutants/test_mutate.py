"""Mutants: one fault each, in the place that is named, and modules that can still be read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import symdl
from tests.mutants.mutate import mutants
from tests.mutants.rooms import ROOMS, files_for

SOURCE = '''\
"""A comparison such as 1 < 2 in a docstring is none."""


@decorated(frozen=True)
def first(values: "int | None", größe: int = 3) -> bool:
    """Do."""
    for value in values:
        if (value
                < größe and value is not None):
            continue
        touch(value, "a + b", f"{1 + 1}")
    return -größe * 2 not in values
'''
FAULTS = {
    (5, "constant", "größe: int = 4"),
    (8, "condition", "if ((not (value"),
    (9, "comparison", "<= größe and"),
    (9, "connective", "größe or value"),
    (9, "comparison", "value is None"),
    (10, "statement", "            pass"),
    (11, "statement", "        pass"),
    (12, "sign", "(größe) * 2"),
    (12, "operator", "-größe + 2"),
    (12, "constant", "* 3 not in"),
    (12, "comparison", "2 in values"),
}


def test_every_fault_is_made_and_no_other() -> None:
    found = mutants(SOURCE)
    assert len(found) == len(FAULTS)
    for line, kind, text in FAULTS:
        assert any(
            m.line in (line, line - 1) and m.kind == kind and text in m.applied(SOURCE) for m in found
        ), text


def test_a_test_of_its_own_name_comes_first() -> None:
    assert files_for("symdl/lower/memory/buffers.py")[0] == "tests/lower/test_buffers.py"
    assert files_for("symdl/run/cuda/steps.py")[0] == "tests/cuda/test_steps.py"
    assert files_for("symdl/schedule/cost.py")[0] == "tests/schedule/test_cost.py"


@pytest.mark.parametrize("room", ROOMS)
def test_mutants_can_be_read_and_have_tests(room: str) -> None:
    root = Path(symdl.__file__).parent
    for path in sorted((root / room).rglob("*.py"))[::4]:
        source = path.read_text(encoding="utf-8")
        for mutant in mutants(source)[::20]:
            changed = mutant.applied(source)
            assert changed != source
            ast.parse(changed)
        for wanted in files_for(f"symdl/{path.relative_to(root).as_posix()}"):
            assert (root.parent / wanted).exists(), wanted
