"""Equations that are computed in stages.

Enters: a program, and what says of an equation which equations take its place. Leaves: the program with their
tensors and numbers. Equations of recurrences stay as they are: their steps are short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Stated, TensorInfo

Numbered: TypeAlias = Callable[[str], int]
"""From what an equation is of another one, in words before that one's text, to its number."""

Cut: TypeAlias = Callable[[FrozenEquation, list[TensorInfo], Numbered], list[FrozenEquation] | None]
"""From an equation and the tensors, which grow, to the stages, or None where it stays whole."""


def in_stages(
    program: FrozenProgram, equations: Sequence[FrozenEquation], cut: Cut
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with stages in place of those that are cut, and the program with their tensors."""
    tensors, stated = list(program.tensors), dict(program.stated)
    repeated = {number for recurrence in program.recurrences for number in recurrence.members}
    made: list[FrozenEquation] = []
    for equation in equations:
        named = partial(_number, stated, equation.number)
        stages = None if equation.number in repeated else cut(equation, tensors, named)
        made += [equation] if stages is None else stages
    return replace(program, tensors=tuple(tensors), stated=stated), made


def _number(stated: dict[int, Stated], whole: int, what: str) -> int:
    number = len(stated)
    stated[number] = Stated(f"{what} {stated[whole].text}")
    return number
