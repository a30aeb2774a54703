"""Arrays that belong to an expression: the weights of classes, a filter, a table.

Enters: a NumPy array. Leaves: a tensor of role ``constant`` that holds a copy of it. It is data: no equation
and no kernel depends on its values, so a thousand numbers cost no more to derive and to compile than one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.errors import ExpressionError
from symdl.express.tensors import Tensor


def constant(values: Any, *, name: str | None = None) -> Tensor:
    """An array as a tensor: ``sd.constant([0.1, 0.5, 0.9])``; nothing needs to be passed for it at a call.

    NumPy arrays in expressions become constants by themselves: ``array * X``, ``X @ array``, ``X[array]``.
    Integers and truth values are int64, all else is real. Values are copied; they do not learn.

    Args:
        values: an array, or (nested) lists of numbers.
        name: by which it is shown.

    Raises:
        ExpressionError: `values` is no array of real numbers.
    """
    try:
        array = np.array(values)
    except ValueError as error:
        raise ExpressionError(f"no array: {error}", cure="pass rows of equal length") from None
    if array.dtype.kind not in "biuf":
        raise ExpressionError(f"an array of {array.dtype} cannot be a constant", cure="pass real numbers")
    whole = array.dtype.kind in "biu"
    tensor = Tensor(name, array.shape, dtype="int64" if whole else "real", role="constant")
    tensor.value = array.astype("int64" if whole else "float64")
    tensor.value.flags.writeable = False
    return tensor


def with_constants(operand: Any) -> Any:
    """Return a NumPy array with axes as a constant, and everything else as it is."""
    return constant(operand) if isinstance(operand, np.ndarray) and operand.ndim else operand
