"""What is found wrong while PTX runs: what, where, which equation, which threads."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import dropwhile, islice, takewhile
from pathlib import Path
from typing import Literal, TypeAlias

from tests.cuda.ptx.syntax import Instruction, Place
from tests.cuda.ptx.types import Ids

Wrong: TypeAlias = Literal[
    "wrong address",
    "misaligned access",
    "unwritten read",
    "data race",
    "divergent barrier",
    "inactive lane",
    "launch order",
]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one instruction.

    `thread` is (block, number in the block) of the first thread seen, `offset` its byte in `array`; `times`
    counts threads and passes. `equation` is the comment above the generated line, where there is one; `text`
    the PTX, where `tests.cuda.lines` may be asked which line that is; `called` says that it is in a function
    which is called behind that line.
    """

    kind: Wrong
    kernel: str
    instruction: str
    place: Place
    thread: tuple[int, int]
    array: str = ""
    offset: int | None = None
    detail: str = ""
    equation: str = ""
    times: int = 1
    text: str = field(default="", repr=False)
    called: bool = False

    def __str__(self) -> str:
        where = f" {self.array}" if self.array else ""
        at = "" if self.offset is None else f" at byte {self.offset}"
        lines = [
            f"{self.kind}:{where}{at}{f': {self.detail}' if self.detail else ''}",
            f"  line {self.place.line} of the PTX: {self.instruction}",
            f"  in {self.kernel}, block {self.thread[0]}, thread {self.thread[1]}"
            + (f", and {self.times - 1} times more" if self.times > 1 else ""),
        ]
        if self.place.source:
            read = _lines(self.place.file)[self.place.source - 1 : self.place.source]
            said = "".join(f": {line.strip()}" for line in read)
            behind = "a function called behind " if self.called else ""
            lines.append(f"  from {behind}{self.place.file}:{self.place.source}{said}")
        if self.equation:
            lines.append(f"  computing {self.equation}")
        return "\n".join(lines)


@cache
def _lines(file: str) -> tuple[str, ...]:
    path = Path(file)
    return tuple(path.read_text("utf-8").splitlines()) if file and path.is_file() else ()


def equation_of(place: Place, source: str | None = None, kernel: str = "") -> str:
    """Return the comment nearest above the generated line that states an equation, or nothing.

    Where PTX does not tell the line, as that which symdl makes to be run, all equations of the kernel.
    """
    lines = _lines(place.file) if source is None else tuple(source.splitlines())
    if not place.source and kernel:
        below = dropwhile(lambda line: not line.startswith(f"def {kernel}("), lines)
        inside = takewhile(lambda line: not line or line[0].isspace(), islice(below, 1, None))
        return "; or ".join(text for line in inside if (text := _stated(line)))
    for line in reversed(lines[: place.source]):
        if text := _stated(line):
            return text
        if line.lstrip().startswith("def "):
            break
    return ""


def _stated(line: str) -> str:
    """Return the equation that a comment states, or nothing."""
    text = line.strip()
    return text.lstrip("# ") if text.startswith("#") and "=" in text else ""


def generated_source(entry: str) -> str | None:
    """Return the text of the generated module of a kernel, which is part of its name in PTX."""
    found = re.search(r"symdl_kernels_[0-9a-f]{32}", entry)
    module = sys.modules.get(found[0]) if found else None
    return None if module is None else "\n".join(_lines(str(module.__file__)))


@dataclass
class Log:
    """Collects findings, one for each kind and instruction."""

    kernel: str
    block: int
    """Threads a block."""
    source: str | None = None
    found: dict[tuple[Wrong, int], Finding] = field(default_factory=dict)

    def add(
        self,
        kind: Wrong,
        instruction: Instruction,
        threads: Ids,
        *,
        array: str = "",
        offset: int | None = None,
        detail: str = "",
    ) -> None:
        """Note that `kind` happened to `threads` (numbers in the grid); `offset` is that of the first."""
        key = (kind, instruction.place.line)
        before = self.found.get(key)
        if before is not None:
            self.found[key] = replace(before, times=before.times + len(threads))
            return
        first = divmod(int(threads[0]), self.block)
        equation = equation_of(instruction.place, self.source, self.kernel)
        self.found[key] = Finding(
            kind,
            self.kernel,
            str(instruction),
            instruction.place,
            first,
            array,
            offset,
            detail,
            equation,
            len(threads),
        )
