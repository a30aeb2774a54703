"""The types of options that operations share.

Leaves: `Axes`, `Mask`, `Ties`. Nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from symdl.express.conditions import Condition
    from symdl.express.tensors import Tensor

Axes: TypeAlias = "int | Sequence[int] | None"
"""The axes of a reduction; None for all."""
Mask: TypeAlias = "Condition | Tensor | None"
"""Where elements count: a comparison, or an int64 tensor of zeros and ones; None for everywhere."""
Ties = Literal["first", "split"]
"""Who gets the gradient of a maximum among equals: the first, or all in equal shares."""
