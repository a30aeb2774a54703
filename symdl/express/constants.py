"""Arrays that belong to an expression: the weights of classes, a filter, a table.

Enters: a NumPy array. Leaves: a tensor of role ``constant`` that holds a copy of it. It is data: no equation
and no kernel depends on its values, so a thousand numbers cost no more to derive and to compile than one.
"""

from __future__ import annotations

from typing import Any

from symdl.errors import ExpressionError
from symdl.express.tensors import Tensor
from symdl.express.values import numbers


def constant(values: Any, *, name: str | None = None, what: str = "the constant") -> Tensor:
    """An array as a tensor: ``sd.constant([0.1, 0.5, 0.9])``; nothing needs to be passed for it at a call.

    Arrays become constants by themselves wherever a tensor is expected: ``array * X``, ``X @ array``,
    ``sd.softmax(array)``, ``X[array]``; see `symdl.express.doors`.
    Integers and truth values are int64, all else is real. Values are copied; they do not learn.

    Args:
        values: an array, or (nested) lists of numbers.
        name: by which it is shown.
        what: what it is called in an error.

    Raises:
        ExpressionError: `values` is no array of real numbers.

    Example:
        >>> c = sd.constant([0.1, 0.5, 0.9])
        >>> sd.compile(2*c, target="python")()
        array([0.2, 1. , 1.8])
    """
    array = numbers(values, what, error=ExpressionError)
    if array.dtype.itemsize > 8:
        raise ExpressionError(
            f"{what} holds {array.dtype}, and a constant has 64 bits", cure="pass .astype('float64') of it"
        )
    if array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63:
        raise ExpressionError(f"{what} holds {array.max()}, too large for int64", cure="pass real numbers")
    whole = array.dtype.kind in "biu"
    tensor = Tensor(name, array.shape, dtype="int64" if whole else "real", role="constant")
    tensor.value = array.astype("int64" if whole else "float64", order="C")
    tensor.value.flags.writeable = False
    return tensor
