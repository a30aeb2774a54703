"""What is named inside loops: index variables, loop variables, locals, sizes, arrays.

Enters: nothing. Leaves: small values that can be compared, hashed and put into an order. A pass asks for
their type or a field, never for their text; how each is written stands here, once, as its ``str``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NewType, TypeAlias

TensorId = NewType("TensorId", int)
"""The number of a tensor of a program; kernels know arrays instead, by `Slot`."""

Reason = Literal["row", "range", "block", "step", "each", "read", "term", "part"]
"""Why there is another loop or local like one that was there before:

- *row*: a step of a short loop that became statements,
- *range*: the part of a loop from a position on,
- *block*: a loop over blocks of a loop, or what is left beside them,
- *step*: one of the steps that a loop takes at once,
- *each*: a loop over these steps,
- *read*: what a running value reads before its condition, and *term*: the same for one in memory,
- *part*: what several statements need.
"""

Copies: TypeAlias = tuple[tuple[Reason, int], ...]
"""The reasons one after another, each with a number that tells its copies apart."""

_MARKS = {
    "row": "u",
    "range": "p",
    "block": "b",
    "step": "s",
    "each": "e",
    "read": "r",
    "term": "t",
    "part": "v",
}


class Var:
    """An integer that changes from step to step of a loop: what every `Variable` is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Index(Var):
    """An index variable of an equation; free ones are numbered before bound ones."""

    number: int

    def __str__(self) -> str:
        return f"v{self.number}"


@dataclass(frozen=True, slots=True)
class LoopVar(Var):
    """The variable of a loop."""

    number: int
    copies: Copies = ()

    def copy(self, reason: Reason, number: int) -> LoopVar:
        """Return the variable of another loop like this one's."""
        return LoopVar(self.number, (*self.copies, (reason, number)))

    def __str__(self) -> str:
        return f"i{self.number}{_marked(self.copies)}"


@dataclass(frozen=True, slots=True)
class Lane(Var):
    """The number of a sample in its layout block; of a `row`, memory may end inside the last layout block."""

    row: bool = False

    def __str__(self) -> str:
        return "row" if self.row else "lane"


LANE, ROW = Lane(), Lane(row=True)


@dataclass(frozen=True, slots=True)
class Local(Var):
    """A local of a kernel: a value, or of a running ``argmax`` the position where it was found.

    As a variable it is an integer. What a running value in memory reads goes by the number of its equation.
    """

    number: int
    copies: Copies = ()
    part: Literal["value", "position"] = "value"

    @property
    def position(self) -> Local:
        """Where the value was found."""
        return Local(self.number, self.copies, "position")

    @property
    def value(self) -> Local:
        """What was found at a position."""
        return Local(self.number, self.copies)

    def copy(self, reason: Reason, number: int) -> Local:
        """Return another local like this one."""
        return Local(self.number, (*self.copies, (reason, number)), self.part)

    @property
    def is_part(self) -> bool:
        """Whether this is what several statements need."""
        return bool(self.copies) and self.copies[-1][0] == "part"

    def is_step(self, other: Local) -> bool:
        """Say whether this is `other` or belongs to one of the steps that are taken of it at once."""
        begin = len(other.copies)
        own = self.copies[begin : begin + 1]
        mine = self.number == other.number and self.copies[:begin] == other.copies
        return mine and (not own or own[0][0] == "step")

    def __str__(self) -> str:
        return f"x{self.number}{_marked(self.copies)}{'_at' if self.part == 'position' else ''}"


def _marked(copies: Copies) -> str:
    return "".join(f"{_MARKS[reason]}{number}" for reason, number in copies)


Variable: TypeAlias = Index | LoopVar | Lane | Local


@dataclass(frozen=True, slots=True)
class Param:
    """An integer parameter of a kernel, by its place among them."""

    number: int

    def __str__(self) -> str:
        return f"n{self.number}"


@dataclass(frozen=True, slots=True)
class Slot:
    """An array parameter of a kernel, by its place among them, or those of its elements that a thread has."""

    number: int
    part: Literal["array", "vector"] = "array"

    @property
    def vector(self) -> Slot:
        """Elements that a thread has of it."""
        return Slot(self.number, "vector")

    def __str__(self) -> str:
        return f"b{self.number}{'_vector' if self.part == 'vector' else ''}"


@dataclass(frozen=True, slots=True)
class StepNumber:
    """The present step of a recurrence, by the recurrence's number."""

    recurrence: int

    def __str__(self) -> str:
        return f"@{self.recurrence}"


@dataclass(frozen=True, slots=True)
class StepsDone:
    """How many steps a recurrence has taken."""

    recurrence: int

    def __str__(self) -> str:
        return f"@{self.recurrence} done"


@dataclass(frozen=True, slots=True)
class Rows:
    """How many samples a block of a batch has; the size of the batch itself goes by its own name."""

    batch: str

    def __str__(self) -> str:
        return f"{self.batch} rows"


@dataclass(frozen=True, slots=True)
class FirstSample:
    """The position of a batch in the order of all samples."""

    def __str__(self) -> str:
        return "first sample"


SizeName: TypeAlias = str | StepNumber | StepsDone | Rows | FirstSample
"""What a size goes by: a text is the name that a user gave it."""
