"""The printed tree: what templates print of a kernel's body.

Enters: nothing. Leaves: the nodes. Each has a `kind`, which names the macro that prints it in the
``statements.jinja`` of a target; finished strings; and, if it is a block, what is inside. All begin with
the blanks in front of their lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias, get_args


@dataclass(frozen=True, slots=True)
class Comment:
    """A line for people."""

    kind: ClassVar[str] = "comment"
    indent: str
    text: str


@dataclass(frozen=True, slots=True)
class Loop:
    """``var`` runs from 0 to before ``extent``."""

    kind: ClassVar[str] = "loop"
    indent: str
    var: str
    extent: str
    body: tuple[Printed, ...]


@dataclass(frozen=True, slots=True)
class SimdLoop:
    """A loop over layout blocks: `live` is the number of samples from a layout block's first one on.

    `row`, where it is not empty, is what holds the numbers of the samples in their layout block.
    """

    kind: ClassVar[str] = "simd_loop"
    indent: str
    var: str
    extent: str
    live: str
    row: str
    body: tuple[Printed, ...]


@dataclass(frozen=True, slots=True)
class Stride:
    """``var`` runs from ``first`` to before ``extent`` in steps: others take what is between."""

    kind: ClassVar[str] = "stride"
    indent: str
    var: str
    first: str
    extent: str
    step: str
    body: tuple[Printed, ...]


@dataclass(frozen=True, slots=True)
class When:
    """What is done where a condition holds."""

    kind: ClassVar[str] = "when"
    indent: str
    condition: str
    body: tuple[Printed, ...]


@dataclass(frozen=True, slots=True)
class Declare:
    """Locals of one kind: ``real``, ``whole``, ``flag`` or ``double``."""

    kind: ClassVar[str] = "declare"
    indent: str
    holds: str
    names: str


@dataclass(frozen=True, slots=True)
class Let:
    """A value gets a name."""

    kind: ClassVar[str] = "let"
    indent: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Start:
    """A running value before its first step; `at`, if there is one, is the position of the largest one."""

    kind: ClassVar[str] = "start"
    indent: str
    name: str
    value: str
    at: str = ""
    first: str = ""


@dataclass(frozen=True, slots=True)
class Accumulate:
    """A step of a sum or a product, in a local or in memory: `sign` is ``+`` or ``*``."""

    kind: ClassVar[str] = "accumulate"
    indent: str
    place: str
    sign: str
    value: str


@dataclass(frozen=True, slots=True)
class Combine:
    """A step of a running value by a function of two."""

    kind: ClassVar[str] = "combine"
    indent: str
    place: str
    function: str
    value: str


@dataclass(frozen=True, slots=True)
class Larger:
    """A step towards the largest value and its position; a NaN, if there can be one, stays."""

    kind: ClassVar[str] = "larger"
    indent: str
    name: str
    at: str
    value: str
    position: str
    nan: bool


@dataclass(frozen=True, slots=True)
class Store:
    """A value is written to memory."""

    kind: ClassVar[str] = "store"
    indent: str
    array: str
    place: str
    value: str


@dataclass(frozen=True, slots=True)
class StoreSamples:
    """A value of each sample of a layout block is written to memory, where samples lie side by side."""

    kind: ClassVar[str] = "store_samples"
    indent: str
    array: str
    place: str
    value: str


@dataclass(frozen=True, slots=True)
class StoreRows:
    """The same where the values of two samples are `step` elements apart."""

    kind: ClassVar[str] = "store_rows"
    indent: str
    array: str
    place: str
    step: str
    value: str


@dataclass(frozen=True, slots=True)
class Call:
    """Something that is done for its effect alone."""

    kind: ClassVar[str] = "call"
    indent: str
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """A test that `count` positions in an array are at least 0 and less than `below`."""

    kind: ClassVar[str] = "check"
    indent: str
    array: str
    count: str
    below: str


@dataclass(frozen=True, slots=True)
class Copy:
    """An array is written to another one."""

    kind: ClassVar[str] = "copy"
    indent: str
    target: str
    source: str
    count: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """An operand of a product: a matrix in an array, or one for each element of a batch.

    Attributes:
        array: that it is in.
        at: where it begins, the first one of a batch.
        row, step: how far rows, and elements of a row, lie apart.
        steps: the counter of each axis of the batch, and how far its matrices lie apart.
        shape, strides: of all axes, those of the batch first.
        whole: rows and columns as they lie in memory, if it is all of its array.
        transposed: whether it is used transposed then.
    """

    array: str
    at: str
    row: str
    step: str
    steps: tuple[tuple[str, str], ...]
    shape: str
    strides: str
    whole: str
    transposed: bool


@dataclass(frozen=True, slots=True)
class Product:
    """``result = factor * left @ right``, for each element of a batch: counters, and how far they run."""

    kind: ClassVar[str] = "product"
    indent: str
    m: str
    n: str
    k: str
    factor: str
    scaled: bool
    left: Matrix
    right: Matrix
    result: Matrix
    batch: tuple[tuple[str, str], ...]


Block: TypeAlias = Loop | SimdLoop | Stride | When
BLOCKS = get_args(Block)
Line: TypeAlias = (
    Comment | Declare | Let | Start | Accumulate | Combine | Larger | Store | StoreSamples | StoreRows | Call
)
OfPrograms: TypeAlias = Check | Copy | Product
"""What stands between calls of kernels."""
Printed: TypeAlias = Block | Line | OfPrograms
