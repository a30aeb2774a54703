"""Weights taken from arrays by name.

Enters: a model's arrays and those of a file. Leaves: values for the model, checked, and a report of what was
taken, what is missing and what nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import ArgumentError, DataError


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the arrays of a file.

    Attributes:
        taken: names of the model's arrays that have new values.
        missing: names of the model's arrays that the file does not have, or in another shape.
        unexpected: names in the file that the model does not have.
    """

    taken: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{len(self.taken)} arrays taken"]
        for word, names in (("missing", self.missing), ("unexpected", self.unexpected)):
            parts += [f"{word}: {', '.join(names)}"] if names else []
        return "; ".join(parts)


def take(
    wanted: Mapping[str, Any],
    found: Mapping[str, Any],
    *,
    where: str,
    strict: bool = True,
    rename: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], Taken]:
    """Return new values for arrays, and what became of what was found.

    Args:
        wanted: the model's arrays by name, whose shapes and types decide.
        found: arrays by name.
        where: what they were found in, for messages.
        strict: whether names and shapes must be the model's; if not, those that are its are taken.
        rename: names in `found`, and the model's names for them. A name that ends with a dot stands for all
            names that begin with it.

    Raises:
        DataError: names or shapes are not the model's.
        ArgumentError: `rename` names what is not there.
    """
    arrays = renamed(found, rename or {}, where)
    fits = {name: name in arrays and _fits(arrays[name], like) for name, like in wanted.items()}
    unexpected = tuple(name for name in arrays if name not in wanted)
    missing = tuple(name for name, fit in fits.items() if not fit)
    if strict and (missing or unexpected):
        raise _misfit(wanted, arrays, (*missing, *unexpected)[0], where)
    values = {n: np.asarray(arrays[n]).astype(wanted[n].dtype) for n, fit in fits.items() if fit}
    return values, Taken(tuple(values), missing, unexpected)


def _fits(array: Any, like: Any) -> bool:
    return tuple(np.shape(array)) == tuple(like.shape) and np.asarray(array).dtype.kind == "f"


def renamed(found: Mapping[str, Any], rename: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return what was found under the model's names; see `take`."""
    unused = set(rename)
    arrays: dict[str, Any] = {}
    for name, array in found.items():
        fitting = [old for old in rename if name == old or (old.endswith(".") and name.startswith(old))]
        old = max(fitting, key=len, default="")
        unused.discard(old)
        arrays[rename[old] + name.removeprefix(old) if old else name] = array
    if unused:
        raise ArgumentError(
            f"rename={{{min(unused)!r}: ...}}, but {where} has no such name",
            cure=f"it has {', '.join(found)}",
        )
    if len(arrays) < len(found):
        raise ArgumentError("rename gives two arrays one name", cure="give each its own")
    return arrays


def _misfit(wanted: Mapping[str, Any], arrays: Mapping[str, Any], name: str, where: str) -> DataError:
    cure = "build the model that was saved, or load(path, strict=False) or rename={...} to take what fits"
    if name in wanted and name in arrays:
        shapes = {"model": tuple(wanted[name].shape), "file": tuple(np.shape(arrays[name]))}
        return DataError(f"{where}: the parameter {name!r} does not fit", shapes=shapes, cure=cure)
    side = "the file has no" if name in wanted else "the model has no"
    return DataError(f"{where} was saved from another model: {side} parameter {name!r}", cure=cure)
