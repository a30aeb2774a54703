"""Generated code beside the equations that it computes.

Enters: a built program, its profile. Leaves: for each kernel its equations and its lines, each line with the
number of the equation that it computes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from symdl.emit.lines import Line, lines_of
from symdl.emit.syntax import Syntax
from symdl.lower.kernels import KernelCall, ProductCall, SortCall
from symdl.lower.lowered import Lowered
from symdl.run.profiling.result import Profile

_BEGINS = re.compile(r"def (kernel_\d+)")
_COMMENT = re.compile(r"\s*(#|//)")


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation: its number, and how it is told."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A kernel: its name, what else is said of it, its equations, its lines as a template takes them."""

    name: str
    note: str
    equations: tuple[Equation, ...]
    lines: tuple[dict[str, Any], ...]


def kernels_of(lowered: Lowered, profile: Profile, *, syntax: Syntax, dtype: str) -> tuple[Shown, ...]:
    """Return the kernels of a program in order."""
    calls: dict[int, list[KernelCall]] = {}
    for call in lowered.calls:
        if isinstance(call, KernelCall):
            calls.setdefault(call.kernel, []).append(call)
    found = []
    blocks = _blocks(lines_of(lowered, syntax=syntax, dtype=dtype))
    for kernel in lowered.kernels:
        mine = calls.get(kernel.number, [])
        numbers = dict.fromkeys(e for call in mine[:1] for e in call.equations)
        others = [e for call in mine[1:] for e in call.equations]
        share = profile.by_kernel.get(kernel.name, 0.0) / (profile.measured or 1.0)
        note = f"{share:.1%} of the time"
        if others:
            note += f"; {len(mine)} calls share it, for {len(others)} equations more"
        found.append(
            Shown(kernel.name, note, _told(lowered, numbers), tuple(map(_line, blocks.get(kernel.name, ()))))
        )
    return tuple(found)


def others_of(lowered: Lowered) -> tuple[Equation, ...]:
    """Return the equations that no kernel computes, but matrix products and sorting."""
    numbers = [e for c in lowered.calls if isinstance(c, ProductCall | SortCall) for e in c.equations]
    return _told(lowered, dict.fromkeys(numbers))


def _told(lowered: Lowered, numbers: dict[int, None]) -> tuple[Equation, ...]:
    stated = lowered.program.stated
    return tuple(Equation(n, stated[n].text) for n in numbers if n in stated)


def _blocks(lines: tuple[Line, ...]) -> dict[str, list[Line]]:
    """Return the lines of each kernel, with all its forms."""
    found: dict[str, list[Line]] = {}
    present: list[Line] = []
    for at, line in enumerate(lines):
        begins = _BEGINS.match(line.text)
        if begins:
            present = found.setdefault(begins[1], [])
            present += [line] if not present else [Line("", -1), line]
        elif line.text and not line.text.startswith((" ", "\t", "}", ")")):
            present = []
        elif line.text or _goes_on(lines, at):
            present.append(line)
    return found


def _goes_on(lines: tuple[Line, ...], at: int) -> bool:
    """Say whether an empty line stands inside a function."""
    return at + 1 < len(lines) and lines[at + 1].text.startswith(" ")


def _line(line: Line) -> dict[str, Any]:
    known = (
        {"number": line.equation, "marked": True} if line.equation >= 0 else {"number": "", "marked": False}
    )
    return {"text": line.text or " ", "comment": bool(_COMMENT.match(line.text)), **known}
