"""The rows of the launch list: what each operation is, and what stands in its row.

Enters: nothing. Leaves: `Operation`, the codes that `symdl.emit.launch_list` writes and the loops over the
launch list (`symdl.run.loops`) read. A row is a line of integers: the code, then what the operation needs.
Below, a *buffer* is its position among the places of all buffers, a *size* its position among the evaluated
sizes, a *factor* its position among the evaluated factors; what is in quotes is the number itself.
"""

from __future__ import annotations

from enum import IntEnum


class Operation(IntEnum):
    """What a row does, and what follows the code in it."""

    CHECK = 0
    """Stop unless positions are in range: buffer of the positions, size: their number, size: the bound."""
    PRODUCT = 1
    """Matrix products ``result = factor * left @ right``, one for each element of two axes of a batch.

    Buffers: left, right, result; factor; "transposed": 1 if left is, 2 if right is, 3 for both. Sizes: m, n,
    k; distances of rows in left, right, result; lengths of both axes; offsets in left, right, result;
    distances of elements of the first axis in left, right, result; the same of the second axis.
    """
    REPEAT = 2
    """End of a step of a recurrence: size: steps done, size: steps, "the row to go back to"."""
    SHIFT = 3
    """A position that moves with the steps: size that moves, size: how far, size: times how much."""
    COMBINE = 4
    """Add partial sums to reals: buffer, buffer of the parts, sizes: elements, parts, distance of parts."""
    TOTAL = 5
    """Add a value to a total of an epoch: buffer, buffer of totals, "which total", size: its samples.

    With samples below 0, the total is the largest value so far.
    """
    KERNEL = 6
    """Call a kernel: "its number, or address", "its arrays", "its arguments", then their buffers and sizes.

    The number of arguments is one of `ARGUMENTS`, or 0 if it has more.
    """
    GATHER_SINGLE_REALS = 7
    """Samples of one real each: buffer of all samples, buffer of the batch, buffer of the order of samples.

    Then the size that says where the batch begins in that order, "the first sample of it", "how many".
    """
    GATHER_SINGLE_INTEGERS = 8
    """The same for integers."""
    GATHER_REALS = 9
    """Samples of several reals: as `GATHER_SINGLE_REALS`, then "elements", "elements of a sample", "the first
    one"."""
    GATHER_INTEGERS = 10
    """The same for integers."""
    COMBINE_INTEGERS = 11
    """`COMBINE` for integers, which wrap around."""
    SORT = 12
    """Sort positions by their keys, as `symdl.lower.equations.sorting` says.

    Buffers: keys, order, segments. Sizes: how many positions, how many keys. "The first key."
    """
    GATHER_SINGLE_BYTES = 13
    """`GATHER_SINGLE_REALS` for samples of one byte each."""
    GATHER_BYTES = 14
    """`GATHER_REALS` for samples of narrow elements, counted in bytes."""


INTEGER = (Operation.COMBINE_INTEGERS, Operation.GATHER_SINGLE_INTEGERS, Operation.GATHER_INTEGERS)
"""Operations on integers, whatever the type of reals."""
BYTES = (Operation.GATHER_SINGLE_BYTES, Operation.GATHER_BYTES)
"""Operations on bytes, whatever the type of reals."""
FIRST_PLACE = 4
"""Where the arguments of a kernel begin in its row."""
ARGUMENTS = (8, 16, 32, 64)
"""With how many arguments kernels are called by address: those after their own are ignored.

One with more finds them itself.
"""
