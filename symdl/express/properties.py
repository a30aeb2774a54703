"""Declared properties of matrices: symmetric, positive definite, orthogonal, diagonal.

Enters: flags and a shape. Leaves: the set of what they say, which a tensor carries as data; a test of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from symdl.errors import ArgumentError, ShapeError
from symdl.express.dims import Extent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symdl.express.tensors import Tensor

Property = Literal["symmetric", "positive_definite", "orthogonal", "diagonal", "invertible"]

_IMPLIED: Mapping[Property, tuple[Property, ...]] = {
    "positive_definite": ("symmetric", "invertible"),
    "orthogonal": ("invertible",),
    "diagonal": ("symmetric",),
}
_WORDS: Mapping[Property, str] = {
    "symmetric": "symmetric",
    "positive_definite": "positive definite",
    "orthogonal": "orthogonal",
    "diagonal": "diagonal",
    "invertible": "invertible",
}


def declared(name: str, shape: Sequence[Extent], **flags: bool) -> frozenset[Property]:
    """Return the properties that are set, and what they imply.

    Raises:
        ShapeError: one is set, and the last two axes are no square.
    """
    chosen: list[Any] = [flag for flag, on in flags.items() if on]
    if chosen and (len(shape) < 2 or shape[-1] != shape[-2]):
        raise ShapeError(
            f"{name} cannot be {_WORDS[chosen[0]]}: its last two axes are no square",
            shapes={name: tuple(shape)},
            cure="give it two equal sizes, or leave the declaration out",
        )
    return frozenset({*chosen, *(more for one in chosen for more in _IMPLIED.get(one, ()))})


def in_words(properties: frozenset[Property]) -> str:
    """Return the properties in words, without those that follow from others."""
    implied = {more for one in properties for more in _IMPLIED.get(one, ())}
    return " and ".join(word for one, word in _WORDS.items() if one in properties and one not in implied)


def insist(tensor: Tensor, array: NDArray[Any], tolerance: float = 1e-9) -> None:
    """Make sure that an array has the properties that its tensor was declared to have.

    Raises:
        ArgumentError: it lacks one.
    """
    import numpy as np

    for one in sorted(tensor.properties):
        if not _holds(one, np.asarray(array, dtype="float64"), tolerance):
            raise ArgumentError(
                f"{tensor.name} is declared {_WORDS[one]}, and the array given for it is not",
                shapes={str(tensor.name): np.shape(array)},
                cure=f"pass an array that is {_WORDS[one]}, or leave the declaration out",
            )


def _holds(one: Property, array: NDArray[Any], tolerance: float) -> bool:
    import numpy as np

    turned = np.swapaxes(array, -1, -2)
    size = max(float(np.max(np.abs(array), initial=0.0)), 1e-300)
    if one == "symmetric":
        return bool(np.max(np.abs(array - turned), initial=0.0) <= tolerance * size)
    if one == "positive_definite":
        return bool(np.all(np.linalg.eigvalsh((array + turned) / 2) > 0))
    unit = np.eye(array.shape[-1])
    if one == "orthogonal":
        return bool(np.max(np.abs(turned @ array - unit), initial=0.0) <= tolerance)
    if one == "invertible":
        return bool(np.all(np.linalg.svd(array, compute_uv=False)[..., -1] > 0))
    return not np.any(array * (1 - unit))


__all__ = ["Property", "declared", "in_words", "insist"]
