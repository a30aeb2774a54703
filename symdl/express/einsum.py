"""Contractions in Einstein's notation.

Enters: tensors and which of their axes belong together. Leaves: their contraction, one sum of a product; in
which order more than two factors are contracted is found when it is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, Index
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, joint, normal_axes
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor

_SPARE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@takes_tensors
def einsum(subscripts: str, *tensors: Tensor, name: str | None = None) -> Tensor:
    """Contract tensors: ``einsum("ij,jk->ik", A, B)``.

    Args:
        subscripts: one letter an axis, factors separated by commas; ``...`` stands for axes that all
            factors share. Without ``->`` the result has the letters that occur once, in their order. A
            letter twice in one factor reads its diagonal.
        tensors: one for each factor.
        name: of the result.

    Raises:
        ExpressionError: the text does not fit the tensors.
        ShapeError: one letter stands for two sizes.

    Example:
        >>> A, B = sd.tensor("A", (2, 3)), sd.tensor("B", (3, 4))
        >>> print(sd.formula(sd.einsum("ij,jk->ik", A, B)))
        A B
    """
    if not isinstance(subscripts, str):
        raise ExpressionError("einsum needs subscripts first", cure='write einsum("ij,jk->ik", A, B)')
    factors, result = _parse(subscripts, tensors)
    sizes = _sizes(factors, tensors)
    unknown = [letter for letter in result if letter not in sizes]
    if unknown or len(set(result)) < len(result):
        raise ExpressionError(f"einsum cannot give the axes {result!r}", expression=subscripts)
    return _contract(list(zip(tensors, factors, strict=True)), result, sizes, name)


def _parse(subscripts: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    factors = left.split(",")
    if len(factors) != len(tensors) or not tensors:
        raise ExpressionError(
            f"einsum got {len(tensors)} tensors for {len(factors)} factors", expression=subscripts
        )
    shared = [t.rank - len(f.replace("...", "")) for f, t in zip(factors, tensors, strict=True) if "..." in f]
    batch = "".join(letter for letter in _SPARE if letter not in text)[: max(shared, default=0)]
    full = [
        f.replace("...", batch[len(batch) - max(t.rank - len(f) + 3, 0) :] if "..." in f else "")
        for f, t in zip(factors, tensors, strict=True)
    ]
    for letters, tensor in zip(full, tensors, strict=True):
        if not all(x.isalpha() for x in letters) or len(letters) != tensor.rank:
            raise ExpressionError(
                f"{letters!r} does not fit {tensor}", expression=subscripts, cure="one letter for each axis"
            )
    if arrow:
        return full, result.replace("...", batch)
    once = [x for x in sorted(set("".join(factors).replace(".", ""))) if "".join(factors).count(x) == 1]
    return full, batch + "".join(once)


def _sizes(factors: Sequence[str], tensors: Sequence[Tensor]) -> dict[str, Extent]:
    sizes: dict[str, Extent] = {}
    for letters, tensor in zip(factors, tensors, strict=True):
        for letter, size in zip(letters, tensor.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ShapeError(
                    f"einsum: {letter} stands for {sizes[letter]} and for {size}",
                    shapes={f: t.shape for f, t in zip(factors, tensors, strict=True)},
                )
    return sizes


def _contract(
    factors: Sequence[tuple[Tensor, str]], result: str, sizes: Mapping[str, Extent], name: str | None
) -> Tensor:
    letters = "".join(dict.fromkeys("".join(text for _, text in factors)))
    names = {letter: Index(letter) for letter in letters}
    product = 1
    for tensor, text in factors:
        product = product * tensor.at(*(names[letter] for letter in text))
    summed = [(names[letter], sizes[letter]) for letter in letters if letter not in result]
    where = tuple(names[letter] for letter in result)
    body = Sum(product, *summed) if summed else product
    shape, dtype = [sizes[x] for x in result], joint(*(tensor for tensor, _ in factors))
    return define(name, where, body, shape=shape, dtype=dtype, origin=Origin("einsum"))


@takes_tensors
def tensordot(
    left: Tensor, right: Tensor, axes: int | tuple[int | Sequence[int], int | Sequence[int]] = 2
) -> Tensor:
    """Sum products over paired axes: the last `axes` of `left` with the first of `right`, or two lists.

    Raises:
        ShapeError: paired axes of different sizes.

    Example:
        >>> A, B = sd.tensor("A", (2, 3, 4)), sd.tensor("B", (4, 3, 5))
        >>> sd.tensordot(A, B, axes=([1, 2], [1, 0])).shape
        (2, 5)
    """
    if isinstance(axes, int):
        pairs = list(zip(range(left.rank - axes, left.rank), range(axes), strict=True))
    else:
        ends = [(side,) if isinstance(side, int) else tuple(side) for side in axes]
        if len(ends[0]) != len(ends[1]):
            raise ShapeError(f"tensordot cannot pair the axes {axes}")
        firsts = [normal_axes(a, left.rank)[0] for a in ends[0]]
        pairs = list(zip(firsts, (normal_axes(b, right.rank)[0] for b in ends[1]), strict=True))
    if any(not (0 <= a < left.rank and 0 <= b < right.rank) for a, b in pairs) or any(
        left.shape[a] != right.shape[b] for a, b in pairs
    ):
        raise ShapeError(
            f"tensordot cannot pair the axes {pairs}", shapes={"left": left.shape, "right": right.shape}
        )
    names = axis_indices(left.rank + right.rank - len(pairs))
    first = names[: left.rank]
    spare = iter(names[left.rank :])
    joined = {b: first[a] for a, b in pairs}
    second = [joined[b] if b in joined else next(spare) for b in range(right.rank)]
    summed = [(first[a], left.shape[a]) for a, _ in pairs]
    kept = [(i, s) for i, s in zip((*first, *second), (*left.shape, *right.shape), strict=True)]
    free = [(i, s) for i, s in dict(kept).items() if i not in dict(summed)]
    body = left.at(*first) * right.at(*second)
    body = Sum(body, *summed) if summed else body
    where, shape = ([pair[at] for pair in free] for at in (0, 1))
    return define(None, where, body, shape=shape, dtype=joint(left, right), origin=Origin("tensordot"))
