"""What does not fit: the errors of all that bind arrays to declared inputs.

Enters: names, shapes, sizes. Leaves: an `ArgumentError` in the same words, whoever found it: a compiled
function, the interpreter, or data for training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symdl.errors import ArgumentError


def shape_text(sizes: Sequence[Any]) -> str:
    """Return a shape for people."""
    shown = ", ".join(map(str, sizes))
    return f"({shown},)" if len(sizes) == 1 else f"({shown})"


def wrong_names(
    given: Iterable[Any], wanted: Mapping[str, str], also: Iterable[str] = frozenset()
) -> ArgumentError:
    """Return the error for missing or unknown names.

    Args:
        wanted: the shape of each input, as text.
        also: names that may be given and need not be.
    """
    names = list(map(str, given))
    missing = [name for name in wanted if name not in names]
    unknown = [name for name in names if name not in wanted and name not in also]
    parts = [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"unknown: {', '.join(unknown)}"] if unknown else []
    return ArgumentError(
        f"the arguments do not fit ({'; '.join(parts)})",
        shapes=wanted or None,
        cure="pass every input by its name; names with dots go through **{'a.b': array}"
        if missing
        else f"leave out {', '.join(unknown)}: no result depends on it",
    )


def unnamed(call: str, given: Sequence[Any], names: Sequence[str]) -> ArgumentError:
    """Return the error for arrays that were given by position: `call` takes them by name."""
    named = ", ".join(f"{name}=..." for name in names if name.isidentifier())
    others = ", ".join(f"{name!r}: ..." for name in names if not name.isidentifier())
    inside = ", ".join([*([named] if named else []), *([f"**{{{others}}}"] if others else [])])
    return ArgumentError(
        f"{call} takes arrays by name, and {len(given)} came without",
        cure=f"write {call}({inside})" if inside else "pass none",
    )


def wrong_shape(name: str, shape: tuple[int, ...], wanted: str, dims: Mapping[Any, int]) -> ArgumentError:
    """Return the error for an array of another shape, where `dims` are the sizes known from other arrays."""
    sizes = ", ".join(f"{dim} = {value}" for dim, value in dims.items())
    return ArgumentError(
        f"{name} has shape {shape}, expected {wanted}" + (f" where {sizes}" if sizes else ""),
        shapes={name: shape, "expected": wanted},
        cure=_cure(name, shape, wanted, dims),
    )


def _cure(name: str, shape: tuple[int, ...], wanted: str, dims: Mapping[Any, int]) -> str:
    """Return what makes an array fit, where one knows the usual ways in which they do not."""
    sizes = [size.strip() for size in wanted.strip("()").split(",") if size.strip()]
    known = {str(dim): value for dim, value in dims.items()}

    def fits(given: Sequence[int]) -> bool:
        exact = zip(given, (known.get(size, size) for size in sizes), strict=False)
        return len(given) == len(sizes) and all(
            str(size) == str(want) or not str(want).isdigit() for size, want in exact
        )

    if len(shape) > 2 and fits((shape[0], shape[-1], *shape[1:-1])):
        return f"channels are the second axis: np.moveaxis({name}, -1, 1)"
    if fits((1, *shape)):
        return f"the first axis runs over samples; a single sample is {name}[None]"
    if shape and shape[-1] == 1 and fits(shape[:-1]):
        return f"drop the last axis: {name}[..., 0]"
    if len(sizes) == 1 and fits(shape[:-1]):
        return f"of rows with a single 1, labels are the numbers of columns: {name}.argmax(axis=-1)"
    return "sizes of one name must agree, and be at least 1"


def no_elements(name: str, shape: tuple[int, ...], axis: Any) -> ArgumentError:
    """Return the error for an axis without elements."""
    return ArgumentError(
        f"{name} has no elements along the axis {axis}",
        shapes={name: shape},
        cure="pass at least one sample",
    )
