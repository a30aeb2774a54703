"""Lookups by position: rows of a learned table, and bags of them.

Enters: positions. Leaves: rows of the table, or one row for each bag of positions.
"""

from __future__ import annotations

from typing import Literal

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import parameter
from symdl.express.conditions import as_condition, compare, not_equal, where
from symdl.express.doors import takes_tensors
from symdl.express.operators import elementwise
from symdl.express.options import Mask
from symdl.express.selecting import take
from symdl.express.statistics import reduction
from symdl.express.tensors import Tensor
from symdl.nn.initializers import Initializer, uniform


@takes_tensors
def embedding(
    ids: Tensor,
    count: int,
    size: int,
    *,
    padding: int | None = None,
    name: str,
    init: Initializer | None = None,
) -> Tensor:
    """Rows of a learned table: ``Y[..., d] = E[ids[...], d]``.

    Args:
        ids: int64 positions from 0 to ``count - 1``, any shape; checked when values are known.
        count: the number of rows.
        size: the length of a row.
        padding: a position that stands for nothing: it gives zeros, and its row is not learned.
        name: the path of the table ``name.E`` (count, size), and the name of the result.
        init: of the table; uniform in ±0.1 by default.

    Returns:
        The shape of `ids` with an axis of `size` at the end.

    Example:
        >>> ids = sd.tensor("ids", (sd.Dim("n"), 10), dtype="int64")
        >>> sd.nn.embedding(ids, 100, 8, name="words").shape
        (n, 10, 8)
    """
    table = _table(count, size, name, init)
    if padding is None:
        return take(table, ids, name=name)
    rows: Tensor = where(not_equal(ids, padding)[..., None], take(table, ids), 0, name=name)
    return rows


@takes_tensors
def embedding_bag(
    ids: Tensor,
    count: int,
    size: int,
    *,
    op: Literal["mean", "sum", "max"] = "mean",
    mask: Mask = None,
    name: str,
    init: Initializer | None = None,
) -> Tensor:
    """One row for a bag of positions: the mean, the sum or the maximum of their rows in a learned table.

    Args:
        ids: int64 positions of shape ``(..., bag)``, as in `embedding`.
        count: the number of rows.
        size: the length of a row.
        op: how the rows of a bag become one.
        mask: which positions count, a condition or an int64 tensor of zeros and ones of the shape of `ids`;
            a bag of none gives zeros.
        name: the path of the table ``name.E`` (count, size), and the name of the result.
        init: of the table; uniform in ±0.1 by default.

    Returns:
        shape ``(..., size)``.

    Raises:
        ExpressionError: another `op`.
        ShapeError: `ids` without an axis, or a mask that does not fit.

    Example:
        >>> ids = sd.tensor("ids", (sd.Dim("n"), 10), dtype="int64")
        >>> sd.nn.embedding_bag(ids, 100, 8, name="words").shape
        (n, 8)
    """
    if op not in ("mean", "sum", "max"):
        raise ExpressionError(f"op = {op!r}", cure="use 'mean', 'sum' or 'max'")
    if not ids.rank:
        raise ShapeError(f"embedding bag {name}: {ids} has no axis of positions", cure="pass (..., bag)")
    rows = take(_table(count, size, name, init), ids)
    if mask is None:
        return reduction(op, rows, -2, name=name)
    counts = as_condition(mask)
    if counts.shape != ids.shape:
        raise ShapeError(f"embedding bag {name}", shapes={"mask": counts.shape, "ids": ids.shape})
    kept = reduction(op, rows, -2, where=counts[..., None])
    if op == "sum":
        return elementwise(lambda v: v, kept, name=name, rule="embedding bag")
    some = reduction("sum", counts, -1)
    filled: Tensor = where(compare("greater", some, 0)[..., None], kept, 0, name=name)
    return filled


def _table(count: int, size: int, name: str, init: Initializer | None) -> Tensor:
    return parameter(f"{name}.E", (count, size), init=uniform(-0.1, 0.1) if init is None else init)
